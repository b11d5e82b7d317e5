"""Correlation of generated with documented shares: by hand, against scipy, and what must not count."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from features.generation_validity import (
    DOMAINS,
    PILE_AND_REFINEDWEB,
    SHARES,
    STUDY_CORPORA,
    correlation,
    generation_validity,
)
from features.generation_validity_report import profile_summary, validity_json, validity_markdown, validity_plot
from features.raw import read_raw
from features.schema import GENERATIONS, PRETRAINING
from foretell.errors import DataError


def tables(n: int = 8, noise: float = 0.0, seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Models m0.. in pairs on corpora c0..; generated = 10 + documented / 2 + noise."""
    rng = np.random.default_rng(seed)
    documented = {f"pct_{share}": np.repeat(rng.uniform(0, 100, (n + 1) // 2), 2)[:n] for share in SHARES}
    pretraining = pd.DataFrame(
        {"model_id": [f"m{i}" for i in range(n)], "corpus": [f"c{i // 2}" for i in range(n)], **documented}
    )
    generated = {
        f"pct_generated_{share}": 10 + documented[f"pct_{share}"] / 2 + noise * rng.normal(size=n) for share in SHARES
    }
    return pd.DataFrame({"model_id": pretraining["model_id"], **generated}), pretraining


def test_a_linear_relation_correlates_fully() -> None:
    validity = generation_validity(*tables())
    assert validity.domains["share"].tolist() == list(SHARES)
    assert validity.domains["r"].to_numpy() == pytest.approx(1.0)
    assert validity.domains["n_models"].tolist() == [8] * 6
    assert validity.domains["n_corpora"].tolist() == [4] * 6
    assert validity.profiles["n_domains"].tolist() == [5] * 8
    assert validity.profiles["r"].to_numpy() == pytest.approx(1.0)
    assert validity.left_out.empty


def test_figures_equal_scipy_over_models_and_over_corpora() -> None:
    generations, pretraining = tables(20, noise=15)
    row = generation_validity(generations, pretraining).domains.set_index("share").loc["web"]
    expected = stats.pearsonr(pretraining["pct_web"], generations["pct_generated_web"])
    assert row["r"] == pytest.approx(expected.statistic)
    assert row["p"] == pytest.approx(expected.pvalue)
    interval = expected.confidence_interval(0.95)
    assert (row["low"], row["high"]) == (pytest.approx(interval.low), pytest.approx(interval.high))
    by_corpus = generations.groupby(pretraining["corpus"])["pct_generated_web"].mean()
    documented = pretraining.groupby("corpus")["pct_web"].first()
    assert row["r_corpora"] == pytest.approx(stats.pearsonr(documented, by_corpus).statistic)


def test_copies_of_a_corpus_do_not_add_to_the_figure_over_corpora() -> None:
    generations, pretraining = tables(12, noise=15)
    before = generation_validity(generations, pretraining).domains
    for table in ("generations", "pretraining"):
        frame = generations if table == "generations" else pretraining
        first_corpus = frame[frame["model_id"].isin(["m0", "m1"])]
        copies = [first_corpus.assign(model_id=first_corpus["model_id"] + f"_{i}") for i in range(5)]
        if table == "generations":
            generations = pd.concat([generations, *copies])
        else:
            pretraining = pd.concat([pretraining, *copies])
    after = generation_validity(generations, pretraining).domains
    np.testing.assert_allclose(after["r_corpora"], before["r_corpora"])
    assert not np.allclose(after["r"], before["r"])


def test_failed_classifications_and_undocumented_models_are_left_out_by_name() -> None:
    generations, pretraining = tables(8, noise=5)
    generations.loc[1, [f"pct_generated_{domain}" for domain in DOMAINS]] = 0.0
    generations.loc[2, [f"pct_generated_{domain}" for domain in DOMAINS]] = np.nan
    pretraining.loc[3, [f"pct_{share}" for share in SHARES]] = np.nan
    validity = generation_validity(generations, pretraining)
    reasons = validity.left_out.set_index("model_id")["reason"]
    assert reasons["m1"].startswith("all generated domain shares are 0")
    assert reasons["m2"] == "no domain shares of generations"
    assert reasons["m3"] == "no documented shares of the pretraining data"
    assert len(reasons) == 3
    assert set(validity.profiles["model_id"]) == {"m0", "m4", "m5", "m6", "m7"}


def test_only_the_corpora_asked_for() -> None:
    validity = generation_validity(*tables(8, noise=5), corpora=("c0", "c1"))
    assert set(validity.pairs["corpus"]) == {"c0", "c1"}
    assert validity.domains["reason"].eq("").all()
    assert validity.domains["r_corpora"].isna().all()  # two corpora are a line, not a correlation


def test_what_cannot_be_computed_is_nan_with_a_reason() -> None:
    constant = correlation(np.array([5.0, 5.0, 5.0]), np.array([1.0, 2.0, 3.0]))
    assert math.isnan(float(constant["r"]))
    assert constant["reason"] == "documented share does not vary"
    assert correlation(np.array([1.0, 2.0]), np.array([1.0, 2.0]))["reason"] == "fewer than 3 points (2)"


def test_a_model_named_twice_is_refused() -> None:
    generations, pretraining = tables()
    with pytest.raises(DataError, match="'m0' occurs more than once"):
        generation_validity(pd.concat([generations, generations[:1]]), pretraining)


def test_recorded_facts_give_the_documented_figures() -> None:
    """The figures of docs/generations.md."""
    root = Path(__file__).parents[3]
    if not (root / GENERATIONS.path).is_file() or not (root / PRETRAINING.path).is_file():
        pytest.skip("data/raw is not pulled (dvc pull)")
    generations, pretraining = read_raw(GENERATIONS, root), read_raw(PRETRAINING, root)
    every = generation_validity(generations, pretraining).domains.set_index("share")
    assert every["r"].round(3).to_dict() == {
        "web": 0.490, "code": 0.781, "books": -0.383, "reference": -0.073, "academic": 0.793, "english": 0.771,
    }  # fmt: skip
    study = generation_validity(generations, pretraining, STUDY_CORPORA).domains.set_index("share")
    assert (study.loc["web", "n_models"], round(study.loc["web", "r"], 3)) == (33, 0.392)
    # the study's 0.916 comes back only where Falcon stands alone against models of the Pile
    falcon = generation_validity(generations, pretraining, PILE_AND_REFINEDWEB).domains.set_index("share")
    assert round(falcon.loc["web", "r"], 3) == 0.917
    assert falcon.loc["web", "n_corpora"] == 2
    without = generations[generations["model_id"] != "tiiuae/falcon-7b"]
    alone = generation_validity(without, pretraining, PILE_AND_REFINEDWEB).domains.set_index("share")
    assert alone.loc["web", "reason"] == "documented share does not vary"


def test_report_and_plot(tmp_path: Path) -> None:
    generations, pretraining = tables(8, noise=20)
    generations.loc[1, [f"pct_generated_{domain}" for domain in DOMAINS]] = 0.0
    results = {"all": generation_validity(generations, pretraining)}
    page = validity_markdown(results)
    web = results["all"].domains.iloc[0]
    assert f"| web | 7 | {web['r']:.3f} |" in page
    assert "(1): m1." in page
    summary = profile_summary(results["all"])
    assert summary["n"] == 7
    written = validity_json(results)["all"]
    assert isinstance(written, dict)
    assert written["domains"][0]["r"] == web["r"]
    for name in ("a.png", "b.png"):
        validity_plot(results["all"], tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert (tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG"


def test_no_model_at_all_is_a_page_of_reasons() -> None:
    generations, pretraining = tables(2)
    validity = generation_validity(generations, pretraining, corpora=("elsewhere",))
    assert validity.domains["reason"].eq("fewer than 3 points (0)").all()
    assert profile_summary(validity)["n"] == 0
    assert "| web | 0 | - | - | - | - | 0 | - | - |" in validity_markdown({"none": validity})
