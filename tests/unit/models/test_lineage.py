"""A run's inputs are the facts that its stages read, as dvc.lock records them, and hashes are DVC's own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from known_targets import TARGETS

from foretell.errors import DataError
from models.catalogue import MEDIAN
from models.registry.dvc_lock import DvcLock
from models.registry.hashes import file_md5, files_md5, folder_md5
from models.registry.lineage import Dataset, Lineage, data_version
from models.registry.runs import PredictorResults, StudyResults, run_spec, study_spec, version_stages
from pipelines.workspace import WORKSPACE

ROOT = Path(__file__).resolve().parents[3]
MODELS, SCORES, LOSSES = "data/raw/models.csv", "data/raw/scores.csv", "data/raw/item_losses.csv.gz"
BENCHMARK = "lambada_0shot"


def entry(deps: Mapping[str, str], outs: Mapping[str, str]) -> dict[str, Any]:
    """A stage's entry in dvc.lock."""
    files = {
        kind: [{"path": path, "hash": "md5", "md5": md5} for path, md5 in paths.items()]
        for kind, paths in (("deps", deps), ("outs", outs))
    }
    return {"cmd": "python -m x", **files}


def made_up_stages() -> dict[str, dict[str, Any]]:
    """A small pipeline: validation reads every table, the benchmark two of them, a study the third."""
    facts = {MODELS: "m", SCORES: "s"}
    report, design, folder = "reports/validation.json", "data/tables/design.parquet", "data/tables/benchmarks"
    one = f"{folder}/{BENCHMARK}.parquet"
    return {
        "validate": entry({**facts, LOSSES: "l", "features/raw.py": "x"}, {report: "r"}),
        "tabulate": entry(
            {**facts, report: "r", "data/scores": "e.dir", "data/tags": "t.dir"}, {design: "d", folder: "b.dir"}
        ),
        f"evaluate@{BENCHMARK}": entry({design: "d", one: "o"}, {f"data/errors/{BENCHMARK}": "e.dir"}),
        f"backtest@{BENCHMARK}": entry({design: "d", one: "o"}, {f"data/backtests/{BENCHMARK}": "k.dir"}),
        f"explain@{BENCHMARK}": entry({f"data/errors/{BENCHMARK}": "e.dir"}, {f"data/explained/{BENCHMARK}": "x.dir"}),
        f"fit@{BENCHMARK}": entry({f"data/errors/{BENCHMARK}": "e.dir"}, {f"data/predictors/{BENCHMARK}": "p.dir"}),
        "trace": entry({report: "r", LOSSES: "l"}, {"reports/trajectories": "j.dir"}),
        "compare": entry({"data/errors": "all.dir"}, {"reports/report.md": "w"}),
    }


def lineage(stages: Mapping[str, Any]) -> Lineage:
    params = {
        "tabulate": {"view": "verified"},
        "protocol": {"outer_folds": 5},
        "evaluate": {"family_seeds": 2},
        "trace": {"alpha": 0.05},
    }
    return Lineage("c0ffee", False, DvcLock(stages, "lock"), params, WORKSPACE)


def paths(stages: Mapping[str, Any], *names: str) -> dict[str, str]:
    return {data.path: data.md5 for data in lineage(stages).datasets(names)}


def test_facts_are_found_through_other_stages_outputs_and_not_through_validation() -> None:
    stages = made_up_stages()
    assert paths(stages, *version_stages(BENCHMARK)) == {MODELS: "m", SCORES: "s"}
    assert paths(stages, "trace") == {LOSSES: "l"}
    assert paths(stages, "validate") == {MODELS: "m", SCORES: "s", LOSSES: "l"}
    assert paths(stages, "compare") == {MODELS: "m", SCORES: "s"}  # through a folder that holds stages' outputs


def test_measured_figures_are_facts_once_a_stage_made_them() -> None:
    stages = made_up_stages()
    stages["score@a--b"] = entry({"data/records/a--b.json": "r"}, {"data/scores/a--b.csv": "q", "data/x.json": "y"})
    read = lineage(stages).datasets(version_stages(BENCHMARK))
    assert {data.name: data.md5 for data in read} == {"models": "m", "scores": "s", "scores/a--b": "q"}
    assert data_version(read) != data_version(lineage(made_up_stages()).datasets(version_stages(BENCHMARK)))


def test_a_stage_that_used_another_version_of_a_file_is_refused() -> None:
    stages = made_up_stages()
    stages["tabulate"]["outs"][0]["md5"] = "newer"
    with pytest.raises(DataError, match=r"evaluate@lambada_0shot used another version of data/tables/design\.parquet"):
        paths(stages, *version_stages(BENCHMARK))
    with pytest.raises(DataError, match="no stage mix; `dvc repro` writes it"):
        paths(stages, "mix")


def test_a_run_and_a_study_carry_their_own_inputs(tmp_path: Path) -> None:
    about = lineage(made_up_stages())
    figures = {"mae": 0.1, "mae_low": 0.09, "mae_high": 0.11, "benchmark": BENCHMARK, "unknown": float("nan")}
    results = PredictorResults(TARGETS[BENCHMARK], MEDIAN, ["total_params"], figures, [0.1, 0.2], {"coverage": 0.9})
    run = run_spec(results, about)
    assert [(data.name, data.path) for data in run.datasets] == [("models", MODELS), ("scores", SCORES)]
    assert {key for key in run.tags if key.endswith(".md5")} == {"data.models.md5", "data.scores.md5"}
    assert run.tags["data.version"] == data_version(run.datasets)
    assert run.history == {"mae": [(0, 0.1), (1, 0.2)]}
    assert run.metrics == {"mae_mean": 0.1, "mae_low": 0.09, "mae_high": 0.11, "coverage": 0.9}
    study = study_spec(StudyResults("trajectories", "trace", "words", {"held": 3.0}, tmp_path), about)
    assert [(data.name, data.path) for data in study.datasets] == [("item_losses", LOSSES)]
    assert json.loads(study.datasets[0].source) == {"uri": LOSSES}
    assert study.tags["data.version"] != run.tags["data.version"]
    assert study.params == {"study": "trajectories", "trace.alpha": "0.05"}


def test_a_table_that_a_run_does_not_read_leaves_its_version_alone() -> None:
    def version(stages: Mapping[str, Any], *names: str) -> str:
        return data_version(lineage(stages).datasets(names))

    changed = made_up_stages()
    for stage in ("validate", "trace"):
        changed[stage]["deps"] = [{**d, "md5": "new"} if d["path"] == LOSSES else d for d in changed[stage]["deps"]]
    assert version(changed, *version_stages(BENCHMARK)) == version(made_up_stages(), *version_stages(BENCHMARK))
    assert version(changed, "trace") != version(made_up_stages(), "trace")


def test_the_repository_s_own_lock() -> None:
    lock = DvcLock.read(ROOT / "dvc.lock")
    known = lock.dependencies("validate")

    def read(*stages: str) -> list[str]:
        facts = WORKSPACE.facts_read(lock, list(stages))
        assert facts == {path: known[path] for path in facts}  # the hashes that were validated
        return [Dataset(path, md5).name for path, md5 in facts.items()]

    benchmark = ["doubts", "generations", "models", "pretraining", "published_design", "scores", "subtasks", "targets"]
    assert read(*version_stages(BENCHMARK)) == benchmark
    assert read("fit_laws") == sorted([*benchmark, "loss_points"])
    assert read("trace") == ["checkpoint_scores", "item_losses", "loss_curves"]
    assert read("mix") == ["mixture_domains", "mixture_losses"]
    assert read("check_generations") == ["generations", "pretraining", "published_design"]
    facts = lock.facts_read(["trace"], ["data/raw"], ["reports/validation.json"])
    assert LOSSES in facts  # the path with its ending, as the file is called


def test_the_stage_hash_changes_with_what_is_behind_a_run() -> None:
    stages = made_up_stages()
    names = version_stages(BENCHMARK)
    before = DvcLock(stages, "").stage_hash(names, "median")
    assert before != DvcLock(stages, "").stage_hash(names, "scale_only")
    stages["trace"]["deps"][0]["md5"] = "new"
    assert before == DvcLock(stages, "other").stage_hash(names, "median")
    stages[names[2]]["params"] = {"params.yaml": {"fit.seeds": 3}}
    assert before != DvcLock(stages, "").stage_hash(names, "median")


def test_a_missing_or_broken_lock_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file; `dvc repro` writes it"):
        DvcLock.read(tmp_path / "dvc.lock")
    for text in ("stages: [", "", "schema: '2.0'"):
        (tmp_path / "dvc.lock").write_text(text)
        with pytest.raises(DataError, match=r"not a dvc\.lock"):
            DvcLock.read(tmp_path / "dvc.lock")


def test_hashes_are_dvc_s(tmp_path: Path) -> None:
    from dvc_data.hashfile.tree import Tree

    (tmp_path / "below").mkdir()
    (tmp_path / "b.txt").write_text("b")
    (tmp_path / "below" / "a.txt").write_text("a")
    assert file_md5(tmp_path / "b.txt") == hashlib.md5(b"b").hexdigest()
    tree = Tree()
    from dvc_data.hashfile.hash_info import HashInfo
    from dvc_data.hashfile.meta import Meta

    for name, md5 in files_md5(tmp_path).items():
        tree.add(tuple(name.split("/")), Meta(), HashInfo("md5", md5))
    tree.digest()
    assert folder_md5(tmp_path) == tree.hash_info.value
