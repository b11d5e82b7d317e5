"""Every kind of broken raw table gets one clear line that names table, row, column, rule and value.

Great Expectations takes seconds to import and seconds to check seven tables, so defects that do not touch each other
are planted together in one copy and validated once; each test then looks for its own line."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
from conftest import write_raw

from expectations.run import Problem, Report, validate
from expectations.suites import suite_for
from features.schema import MODELS, RAW_TABLES

Text = dict[str, pd.DataFrame]


@dataclass(frozen=True)
class Defect:
    """A cell of the `at`-th row (or rows that `where` matches) of a table gets `value`; the line that must follow."""

    name: str
    table: str
    at: int
    column: str
    value: str
    rule: str
    shown_column: str = ""
    shown_value: str | None = None


DEFECTS = (
    Defect("nan as text", "pretraining", 0, "tokens_billions", "nan", "a number"),
    Defect("infinity", "pretraining", 1, "tokens_billions", "inf", "a number"),
    Defect("text in a number", "pretraining", 2, "tokens_billions", "two trillion", "a number"),
    Defect("130 percent", "pretraining", 3, "pct_code", "130", "from 0 to 100 percent"),
    Defect("negative share", "pretraining", 4, "pct_web", "-1", "from 0 to 100 percent"),
    Defect("negative tokens", "pretraining", 5, "tokens_billions", "-3", "from 0.001 to 50000 billion tokens"),
    Defect("no tokens", "pretraining", 6, "tokens_billions", "", "not empty", shown_value="(empty)"),
    Defect("decimal comma", "pretraining", 7, "tokens_billions", "1,5", "a number"),
    Defect("unknown category", "models", 0, "activation", "tanh", "one of geglu, gelu, relu, silu, swiglu"),
    Defect("unknown flag", "models", 1, "tied_embeddings", "yes", "one of true, false"),
    Defect("half a layer", "models", 2, "n_layers", "12.5", "a integer"),
    Defect("not a month", "models", 3, "release_month", "March 2023", "a date"),
    Defect("no JSON", "models", 4, "config_json", "{oops", "a JSON object"),
    Defect("empty category", "models", 5, "layer_norm_type", "", "not empty", shown_value="(empty)"),
    Defect("impossible width", "models", 6, "d_model", "8", "from 16 to 65536 units"),
    Defect("unknown model", "scores", 0, "model_id", "nobody/nothing-7b", "a model_id of the models table"),
    Defect("empty key", "scores", 1, "model_id", "", "not empty", shown_value="(empty)"),
    Defect("accuracy 1.2", "scores", 2, "score", "1.2", "accuracy from 0 to 1"),
    Defect("negative accuracy", "scores", 3, "score", "-0.1", "accuracy from 0 to 1"),
    Defect("accuracy 1.2 at a checkpoint", "checkpoint_scores", 0, "score", "1.2", "accuracy from 0 to 1"),
    Defect("loss below 0", "item_losses", 0, "loss_nats", "-0.5", "from 0 to 1000 nats"),
    Defect("weights over 1", "mixture_losses", 0, "weight_arxiv", "0.5", "the weights sum to", "weights_sum", "1.5"),
    Defect("unknown kind", "corrections", 0, "kind", "typo", "one of corpus_size_not_tokens_seen"),
    Defect("unknown domain", "corpora", 0, "category", "poetry", "one of academic, books"),
    Defect("130 percent of a corpus", "corpora", 1, "share_pct", "130", "from 0 to 100 percent"),
    Defect("unknown model generated", "generations", 0, "model_id", "nobody/at-all", "a model_id of the models table"),
    Defect("published width", "published_design", 0, "d_model", "0", "from 16 to 65536 units"),
)


def row_key(frame: pd.DataFrame, table: str, at: int) -> str:
    cells = [frame.loc[at, name] for name in RAW_TABLES[table].key]
    return " / ".join("(empty)" if pd.isna(cell) or cell == "" else str(cell) for cell in cells)


def params_off_by(frame: pd.DataFrame, at: int, factor: float) -> None:
    frame.loc[at, "total_params"] = str(round(int(frame.loc[at, "total_params"]) * factor))


@dataclass(frozen=True)
class Broken:
    """What the validator said about a copy, and that copy's tables."""

    report: Report
    tables: Text

    def about(self, table: str, row: str) -> list[Problem]:
        return [p for p in self.report.problems if p.table == table and p.row == row]


@pytest.fixture(scope="module")
def broken(small_text: Text, tmp_path_factory: pytest.TempPathFactory) -> Broken:
    """All cell defects in one copy, each on a row of its own."""
    tables = {name: frame.copy() for name, frame in small_text.items()}
    scores = tables["scores"]  # accuracies first
    tables["scores"] = scores.sort_values("metric", key=lambda m: m != "accuracy", ignore_index=True, kind="stable")
    for defect in DEFECTS:
        tables[defect.table].loc[defect.at, defect.column] = defect.value
    tables["pretraining"].loc[8, ["pct_web", "pct_code"]] = ["70", "60"]
    tables["pretraining"].loc[9, ["pct_web", "pct_code", "pct_books", "pct_reference"]] = "25"
    tables["pretraining"].loc[9, ["pct_academic", "pct_other"]] = ["0.2", "0.2"]
    params_off_by(tables["models"], 7, 1.05)
    params_off_by(tables["models"], 8, 0.95)
    params_off_by(tables["models"], 9, 1.005)
    tables["scores"].loc[5, ["metric", "score"]] = ["brier_score", "2.5"]
    tables["scores"].loc[6, ["metric", "score"]] = ["brier_score", "1.9"]
    models = tables["models"]
    tables["models"] = pd.concat([models, models.iloc[[20]]], ignore_index=True)
    tables["scores"] = pd.concat([tables["scores"], tables["scores"].iloc[[10]]], ignore_index=True)
    root = tmp_path_factory.mktemp("broken")
    write_raw(root, tables)
    return Broken(validate(root), tables)


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_a_broken_cell_is_named(broken: Broken, defect: Defect) -> None:
    row = row_key(broken.tables[defect.table], defect.table, defect.at)
    found = broken.about(defect.table, row)
    wanted = [p for p in found if p.rule.startswith(defect.rule) and p.column == (defect.shown_column or defect.column)]
    assert len(wanted) == 1, found
    assert wanted[0].value == (defect.value if defect.shown_value is None else defect.shown_value)
    line = str(wanted[0])
    assert "\n" not in line
    for part in (defect.table, row, defect.shown_column or defect.column, wanted[0].rule, wanted[0].value):
        assert part in line


def test_a_defect_is_reported_once(broken: Broken) -> None:
    for defect in DEFECTS:
        row = row_key(broken.tables[defect.table], defect.table, defect.at)
        found = broken.about(defect.table, row)
        if defect.name not in ("130 percent", "impossible width", "negative accuracy"):  # break a second rule too
            assert len(found) == 1, found


def test_shares_over_100_percent_are_summed(broken: Broken) -> None:
    row = broken.tables["pretraining"].loc[8, "model_id"]
    [problem] = broken.about("pretraining", row)
    assert "is at most 100.5 percent" in problem.rule
    assert float(problem.value) > 129.9
    within_rounding = broken.tables["pretraining"].loc[9, "model_id"]
    assert broken.about("pretraining", within_rounding) == []


@pytest.mark.parametrize(("at", "ratio"), [(7, "1.05"), (8, "0.95")])
def test_a_count_off_by_five_percent_is_named(broken: Broken, at: int, ratio: str) -> None:
    row = broken.tables["models"].loc[at, "model_id"]
    [problem] = broken.about("models", row)
    assert problem.rule.startswith("total_params agrees within 1 %")
    assert problem.value.startswith(ratio)


def test_a_count_within_one_percent_passes(broken: Broken) -> None:
    assert broken.about("models", broken.tables["models"].loc[9, "model_id"]) == []


def test_brier_scores_have_bounds_of_their_own(broken: Broken) -> None:
    scores = broken.tables["scores"]
    [problem] = broken.about("scores", row_key(scores, "scores", 5))
    assert (problem.column, problem.value) == ("score", "2.5")
    assert problem.rule == "brier_score from 0 to 2"
    assert broken.about("scores", row_key(scores, "scores", 6)) == []


@pytest.mark.parametrize(("table", "at"), [("models", 20), ("scores", 10)])
def test_a_duplicate_row_is_named(broken: Broken, table: str, at: int) -> None:
    found = broken.about(table, row_key(broken.tables[table], table, at))
    assert [p.rule for p in found] == ["rows are unique"]


def test_nothing_else_is_said(broken: Broken) -> None:
    rows = {(d.table, row_key(broken.tables[d.table], d.table, d.at)) for d in DEFECTS}
    rows |= {("pretraining", broken.tables["pretraining"].loc[8, "model_id"])}
    rows |= {("models", broken.tables["models"].loc[at, "model_id"]) for at in (7, 8, 20)}
    rows |= {("scores", row_key(broken.tables["scores"], "scores", at)) for at in (5, 10)}
    assert {(p.table, p.row) for p in broken.report.problems} == rows
    counted = sum(table["problems"] for table in broken.report.summary["tables"].values())
    assert counted == broken.report.summary["problems"] == len(broken.report.problems)


def drop_column(path: Path) -> None:
    pd.read_csv(path, dtype=str).drop(columns="d_model").to_csv(path, index=False)


def add_column(path: Path) -> None:
    pd.read_csv(path, dtype=str).assign(mood="fine").to_csv(path, index=False)


def byte_order_mark(path: Path) -> None:
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())


def latin_1(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    path.write_bytes(text.replace("\n", " \u00fcber\n", 2).encode("latin-1", errors="replace"))


def header_only(path: Path) -> None:
    path.write_text(path.read_text().splitlines()[0] + "\n")


def nothing(path: Path) -> None:
    path.write_text("")


def surplus_fields(path: Path) -> None:
    head, *rows = path.read_text().splitlines()
    path.write_text("\n".join([head, *(row + ",surplus" for row in rows)]) + "\n")


def one_surplus_field(path: Path) -> None:
    lines = path.read_text().splitlines()
    lines[5] += ",surplus"
    path.write_text("\n".join(lines) + "\n")


def swapped_columns(path: Path) -> None:
    frame = pd.read_csv(path, dtype=str)
    frame[[*frame.columns[1::-1], *frame.columns[2:]]].to_csv(path, index=False)


# a defect of a whole file, the table it is planted in, and what the line must say; each tuple is one validated copy
FILES: tuple[dict[str, tuple[Callable[[Path], None], str]], ...] = (
    {
        "models": (drop_column, "missing columns ['d_model']; expected exactly model_id, family"),
        "pretraining": (add_column, "unknown columns ['mood']; expected exactly model_id, tokens_billions"),
        "corpora": (byte_order_mark, "starts with a byte-order mark; save it as UTF-8 without BOM"),
        "published_design": (header_only, "expected at least one row: 0"),
        "corrections": (surplus_fields, "line 2 has more fields than the header's 7"),
        "generations": (latin_1, "not UTF-8 at byte"),
        "scores": (Path.unlink, "no such file; `dvc pull data/raw/scores.csv` fetches it"),
    },
    {
        "models": (header_only, "expected at least one row: 0"),
        "corpora": (nothing, "not a CSV table: No columns to parse from file"),
        "published_design": (swapped_columns, "expected columns as the schema: ['d_model', 'model_id',"),
        "corrections": (one_surplus_field, "Expected 7 fields in line 6, saw 8"),
    },
)
CASES = [(copy, table) for copy, defects in enumerate(FILES) for table in defects]


@pytest.fixture(scope="module")
def broken_files(small_root: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Report]:
    reports = []
    for defects in FILES:
        root = tmp_path_factory.mktemp("files") / "copy"
        shutil.copytree(small_root, root)
        for table, (break_file, _) in defects.items():
            break_file(root / RAW_TABLES[table].path)
        reports.append(validate(root))
    return reports


@pytest.mark.parametrize(("copy", "table"), CASES, ids=[f"{FILES[c][t][0].__name__}-{t}" for c, t in CASES])
def test_a_broken_file_gets_one_line(broken_files: list[Report], copy: int, table: str) -> None:
    found = [str(problem) for problem in broken_files[copy].problems if problem.table == table]
    assert len(found) == 1, found
    assert FILES[copy][table][1] in found[0]
    assert "Traceback" not in found[0]
    assert "\n" not in found[0]


def test_a_missing_models_table_does_not_accuse_every_other_row(broken_files: list[Report]) -> None:
    assert [len(report.problems) for report in broken_files] == [len(defects) for defects in FILES]


def test_no_suite_is_empty(raw: dict[str, pd.DataFrame]) -> None:
    for table in RAW_TABLES.values():
        suite = suite_for(table, {"models": list(raw["models"]["model_id"])})
        assert len(suite.on_text) >= 4
        assert suite.on_numbers
        assert all(rule.meta["rule"] for rule in (*suite.on_text, *suite.on_numbers))


def test_an_empty_suite_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("expectations.suites._EXTRA", {"models": lambda suite: suite.on_text.clear()})
    with pytest.raises(AssertionError, match="the suite of models is empty"):
        suite_for(MODELS, {"models": ["a/b"]})


def validate_in(root: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """Exit code of the stage `validate` run in `root`, in this process (importing again would take seconds)."""
    from pipelines.stage import run_stage
    from pipelines.stages import validate as stage

    monkeypatch.chdir(root)
    monkeypatch.setattr(sys, "argv", ["validate"])
    try:
        run_stage(stage.main)
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_the_stage_stops_on_bad_data(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = workspace / "data/raw/scores.csv"
    scores = pd.read_csv(path, dtype=str)
    accuracies = scores.index[scores["metric"] == "accuracy"][:30]
    scores.loc[accuracies, "score"] = "1.2"
    scores.to_csv(path, index=False)
    assert validate_in(workspace, monkeypatch) == 3
    said = capsys.readouterr().err
    assert said.startswith("foretell: 30 problems in the raw tables (all of them: reports/validation_problems.csv)")
    assert len(said.splitlines()) == 22  # the count, twenty problems, how many more
    assert said.rstrip().endswith("... and 10 more")
    assert "Traceback" not in said
    assert not (workspace / "reports/validation.json").exists()
    listed = pd.read_csv(workspace / "reports/validation_problems.csv")
    assert list(listed.columns) == ["table", "row", "column", "rule", "value"]
    assert len(listed) == 30


@pytest.mark.slow
def test_the_stage_writes_equal_bytes_for_equal_tables(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    summaries = []
    for _ in range(2):
        assert validate_in(workspace, monkeypatch) == 0
        summaries.append((workspace / "reports/validation.json").read_bytes())
    assert summaries[0] == summaries[1]
    assert b'"problems": 0' in summaries[0]
    assert not (workspace / "reports/validation_problems.csv").exists()
    assert (workspace / "reports/data_docs/index.html").is_file()
