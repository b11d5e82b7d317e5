"""`foretell forecast`: register, settle, list, report; in a checkout of forty models with one registered predictor."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from forecast_checkout import TARGET, done, forecast_checkout, one_registered_predictor, run  # noqa: F401

from features.tabulate import Tables
from foretell.errors import DataError, TrackingError
from models.ledger.entries import FROM_COMPARISON, FROM_INTERVALS, WIN
from models.ledger.sealed import opened, sealed
from pipelines import forecast_registration, forecast_tracking
from pipelines.cli.answers import RegisteredPredictor
from pipelines.files import write_text
from pipelines.forecast_registration import register_forecast
from pipelines.forecasts import Record, read_record, read_records, settle_forecast
from pipelines.paths import FORECASTS, SETTLED

OPTIONS = ("--params", "7e9", "--tokens", "1e12", "--code", "15", "--activation", "swiglu")
DESIGN = {"total_params": 7e9, "tokens_billions": 1000.0, "pct_code": 15.0, "activation": "swiglu"}


def results(text: str) -> str:
    Path("results.csv").write_text(text)
    return "results.csv"


def known_scores(small_tables: Tables) -> dict[str, float]:
    own = small_tables.scores[small_tables.scores["benchmark"] == TARGET]
    return dict(zip(own["model_id"], own["score"], strict=True))


def test_a_forecast_is_registered_settled_listed_and_reported(by: RegisteredPredictor) -> None:
    printed = done("register", "Planned 7B", *OPTIONS)
    path = FORECASTS / "planned-7b.json"
    values, sha256 = opened(path.read_text(), str(path))
    assert sha256 in printed
    assert values["design"] == DESIGN
    answer = by.predictor.predict(DESIGN)
    target = values["targets"][TARGET]
    assert (target["point"], target["low"], target["high"]) == (answer.score, answer.low, answer.high)
    assert (target["version"], target["data_version"], target["stage_hash"]) == ("3", "0a1b2c3d", "f" * 32)
    registered = path.read_bytes()
    score = min(answer.high + 0.05, 1.0)
    printed = done("settle", "planned-7b", results(f"target,score\n{TARGET},{score!r}\n"))
    assert str(SETTLED / "planned-7b.json") in printed
    assert path.read_bytes() == registered  # what was said is never touched
    settled = json.loads((SETTLED / "planned-7b.json").read_text())
    assert settled["forecast_sha256"] == sha256
    assert settled["targets"][TARGET]["inside"] is (score <= answer.high)
    again = (SETTLED / "planned-7b.json").read_bytes()
    assert "same numbers" in done("settle", "Planned 7B", "results.csv")
    assert (SETTLED / "planned-7b.json").read_bytes() == again
    assert "Planned 7B" in done("list")
    assert "LAMBADA" in done("list", "planned-7b")
    [listed] = json.loads(done("list", "--json"))
    assert listed["settlement"]["targets"][TARGET]["score"] == score
    done("report", "--out", "report")
    assert {item.name for item in Path("report").iterdir()} == {"report.md", "calibration.csv", "calibration.png"}
    table = json.loads(done("report", "--json"))
    assert [row["n"] for row in table] == [1, 1]


def test_a_record_is_never_overwritten() -> None:
    done("register", "Planned 7B", *OPTIONS)
    before = (FORECASTS / "planned-7b.json").read_bytes()
    with pytest.raises(DataError, match=r"planned-7b.json: there is a forecast of this name"):
        register_forecast("planned 7b", {"total_params": 1e9})
    assert (FORECASTS / "planned-7b.json").read_bytes() == before


def test_a_record_that_another_process_wrote_meanwhile_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    other = FORECASTS / "planned.json"
    monkeypatch.setattr(forecast_registration, "check_rivals", lambda names, targets: write_text(other, "theirs"))
    with pytest.raises(DataError, match="there is a forecast of this name"):
        register_forecast("planned", DESIGN)
    assert other.read_text() == "theirs"


def test_every_read_notices_a_change_and_names_the_file() -> None:
    register_forecast("planned", DESIGN)
    path = FORECASTS / "planned.json"
    whole = path.read_text()
    path.write_text(whole.replace("swiglu", "gelu"))
    for words in (("list",), ("list", "planned"), ("settle", "planned", results(f"target,score\n{TARGET},0.5\n")),
                  ("report",), ("register", "other", *OPTIONS, "--rival", "planned")):  # fmt: skip
        error = run(*words).exception
        assert isinstance(error, DataError), words
        assert f"{path}: changed since it was written" in str(error)
        assert "git checkout" in str(error)
    path.write_text(whole)
    path.rename(FORECASTS / "renamed.json")
    with pytest.raises(DataError, match=r"renamed.json: holds the forecast planned; move it back"):
        read_records()


def test_what_is_settled_is_checked_too() -> None:
    register_forecast("planned", DESIGN)
    settle_forecast("planned", Path(results(f"target,score\n{TARGET},0.5\n")))
    path = SETTLED / "planned.json"
    whole = path.read_text()
    path.write_text(whole.replace('"score": 0.5', '"score": 0.6'))
    with pytest.raises(DataError, match=f"{path}: changed"):
        read_records()
    values, _ = opened(whole, str(path))
    path.write_text(sealed({**values, "forecast_sha256": "0" * 64}))
    with pytest.raises(DataError, match="one of them was replaced"):
        read_records()
    path.write_text(whole)
    (FORECASTS / "planned.json").unlink()
    with pytest.raises(DataError, match="settles a forecast that is not there"):
        read_records()


def test_settling_with_other_numbers_is_refused() -> None:
    register_forecast("planned", DESIGN)
    settle_forecast("planned", Path(results(f"target,score\n{TARGET},0.5\n")))
    with pytest.raises(DataError, match=r"settled with 0.5 on .*, now 0.51"):
        settle_forecast("planned", Path(results(f"target,score\n{TARGET},0.51\n")))
    with pytest.raises(DataError, match=r"results.csv: not a readable CSV"):
        settle_forecast("planned", Path(results("")))
    with pytest.raises(DataError, match=r"no forecast called 'plan'.*there are: planned"):
        read_record("plan")


def outlook(record: Record, rival: str):
    return record.forecast.targets[TARGET].rivals[rival]


def test_rivals_that_are_known_models(small_tables: Tables) -> None:
    scores = known_scores(small_tables)
    worst = min(scores, key=lambda name: scores[name])
    record = register_forecast("planned", DESIGN, rivals=[worst.split("/")[-1]])
    own, seen = record.forecast.targets[TARGET], outlook(record, worst)
    assert (seen.kind, seen.score) == ("recorded", scores[worst])
    assert seen.difference.low == pytest.approx(own.low - scores[worst])
    assert seen.verdict == (WIN if own.low > scores[worst] else "uncertain")
    settled, new = settle_forecast("planned", Path(results(f"target,score\n{TARGET},0.99\n")))
    assert new
    assert settled.settlement.targets[TARGET].rivals[worst].outcome == WIN
    assert worst in done("list", "planned")
    assert "1 of 1" in done("list")


def test_rivals_that_are_forecasts(by: RegisteredPredictor) -> None:
    smaller = {**DESIGN, "tokens_billions": 100.0}
    first = register_forecast("smaller", smaller)
    seen = outlook(register_forecast("larger", DESIGN, rivals=["smaller"]), "smaller")
    compared = by.predictor.compare(smaller, DESIGN)
    assert seen.difference.basis == FROM_COMPARISON
    assert tuple(seen.difference[:3]) == (
        compared.difference.difference, compared.difference.low, compared.difference.high,
    )  # fmt: skip
    assert seen.difference.chance_better == compared.chance_better
    assert seen.rival_sha256 == first.sha256
    file = results(f"target,score\n{TARGET},0.6\n")
    assert settle_forecast("larger", Path(file))[0].settlement.targets[TARGET].rivals["smaller"].outcome is None
    settle_forecast("smaller", Path(results(f"target,score\n{TARGET},0.5\n")))
    record, new = settle_forecast("larger", Path(results(f"target,score\n{TARGET},0.6\n")))
    assert new
    assert record.settlement.targets[TARGET].rivals["smaller"].outcome == WIN


def test_a_rival_of_another_predictor_is_met_with_both_intervals(by: RegisteredPredictor) -> None:
    first = register_forecast("earlier", DESIGN)
    values, _ = opened(first.path.read_text(), "")
    values["targets"][TARGET]["point"] -= 1e-3  # as an earlier version of the predictor would have said
    write_text(first.path, sealed(values))
    seen = outlook(register_forecast("later", DESIGN, rivals=["earlier"]), "earlier")
    assert (seen.difference.basis, seen.difference.chance_better) == (FROM_INTERVALS, None)


def test_what_cannot_be_forecast_is_refused(small_tables: Tables) -> None:
    known = next(iter(known_scores(small_tables)))
    with pytest.raises(DataError, match=f"{known} has been measured on {TARGET}"):
        register_forecast(known, DESIGN)
    with pytest.raises(DataError, match="rival 'nobody': neither a forecast"):
        register_forecast("planned", DESIGN, rivals=["nobody"])
    with pytest.raises(DataError, match="unknown feature"):
        register_forecast("planned", {"total_param": 7e9})
    with pytest.raises(DataError, match="nothing is known of it"):
        register_forecast("planned", {})
    assert not FORECASTS.exists()


def test_a_design_from_a_file_and_options_that_replace_it() -> None:
    Path("a.yaml").write_text("total_params: 7e9\ntokens_billions: 100\nactivation: swiglu\n")
    done("register", "planned", "--design", "a.yaml", "--tokens", "1e12", "--code", "15", "--level", "0.5")
    forecast = read_record("planned").forecast
    assert dict(forecast.design) == DESIGN
    assert forecast.targets[TARGET].level == 0.5
    assert json.loads(done("register", "other", *OPTIONS, "--json"))["design"] == DESIGN
    assert isinstance(run("register", "third", "--code", "120").exception, DataError)


def test_settling_without_mlflow_warns_and_succeeds(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def unreachable() -> list[str]:
        raise TrackingError("server does not answer")

    monkeypatch.setattr(forecast_tracking, "track_forecasts", unreachable)
    monkeypatch.setattr(forecast_tracking.LOG, "propagate", True)
    register_forecast("planned", DESIGN)
    done("settle", "planned", results(f"target,score\n{TARGET},0.5\n"))
    assert "foretell track" in caplog.text


def test_nothing_on_record_is_said() -> None:
    assert "no forecast on record" in done("list")
    assert "no forecast is settled" in done("report")


def test_shares_come_from_a_file_and_options_replace_them() -> None:
    Path("mixture.yaml").write_text("pct_code: 30\npct_web: 60\n")
    done("register", "planned", *OPTIONS, "--data", "mixture.yaml")
    assert dict(read_record("planned").forecast.design) == {**DESIGN, "pct_web": 60}
