"""Scoring with the real harness on tiny models, offline: all thirteen benchmarks, a kill in the middle, and machines
that cannot run a model."""

from __future__ import annotations

import gzip
import json
import math
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from known_targets import PAPER

from features.regenerated import merge_scores, read_regenerated_scores
from features.schema import SCORE_BOUNDS, SCORES
from features.targets import read_targets
from foretell.errors import ConfigError, DataError
from lms.benchmarks import harness_configuration, score_units
from lms.brier import brier_score
from lms.machine import require_runnable
from lms.programs import NOT_ALLOWED
from lms.record import Record
from lms.results import score_table
from lms.results_file import read_results_file
from lms.sample import SampleFiles, read_generations, sample_model
from lms.score import ScoreFiles, score_fingerprint, score_model, write_score_files
from lms.settings import RecordSettings, SampleSettings, ScoreSettings
from lms.status import language_model_states
from lms.tag_settings import TagSettings

ROOT = Path(__file__).parents[3]


def _settings(data: Path, benchmarks: list[str], **changes: Any) -> ScoreSettings:
    return ScoreSettings(benchmarks=benchmarks, data_folder=str(data), max_batch_size=8, **changes)


def _files(folder: Path, slug: str) -> ScoreFiles:
    return ScoreFiles(
        folder / "scores" / f"{slug}.csv", folder / f"{slug}.jsonl.gz", folder / "lineage" / f"{slug}.score.json"
    )


def _items(files: ScoreFiles) -> list[dict[str, Any]]:
    return [json.loads(line) for line in gzip.decompress(files.items.read_bytes()).splitlines()]


@pytest.mark.slow
def test_the_chain_on_two_tiny_models(tiny_records: list[Record], benchmark_data: Path, tmp_path: Path) -> None:
    """Record -> score -> sample -> merge on both, offline, every benchmark."""
    score = _settings(benchmark_data, list(PAPER), run_generated_code=True)
    sample = SampleSettings(n_texts=16, shard_size=8, batch_size=8, max_tokens=32)
    lineage = tmp_path / "lineage"
    for record in tiny_records:
        slug = record.slug
        score_model(record, score, tmp_path / "work", _files(tmp_path, slug))
        files = SampleFiles(tmp_path / "generations" / slug, lineage / f"{slug}.sample.json")
        sample_model(record, sample, tmp_path / "work", files)
        assert len(read_generations(files.generations)) == 16
    regenerated = read_regenerated_scores(tmp_path / "scores", lineage, ["tiny--gpt_neox", "tiny--llama"])
    assert set(regenerated["model_id"]) == {"tiny/gpt_neox", "tiny/llama"}
    for target in PAPER.values():
        rows = regenerated[
            (regenerated["benchmark"] == target.benchmark)
            & (regenerated["n_shot"] == target.n_shot)
            & (regenerated["metric"] == target.metric)
        ]
        low, high = SCORE_BOUNDS[target.metric]
        assert len(rows) >= 2, target.slug
        assert rows["score"].between(low, high).all(), target.slug
        assert rows["score"].notna().all(), target.slug
        if target.metric == "accuracy":
            assert rows["stderr"].notna().all(), target.slug
    merged = merge_scores(regenerated.iloc[:0].reindex(columns=SCORES.names), regenerated)
    assert len(merged.table) == len(regenerated)
    _check_items_against_rows(
        _items(_files(tmp_path, "tiny--llama")), regenerated[regenerated["model_id"] == "tiny/llama"]
    )
    settings = {
        record.slug: {
            "model_id": record.model_id,
            "path": record.location,
            "revision": record.revision,
            "dtype": "float32",
        }
        for record in tiny_records
    }
    wanted = RecordSettings.model_validate({"regenerate": list(settings), "weights": settings})
    states = language_model_states(["org/recorded"], wanted, score, sample, TagSettings(), lineage)
    made = states[states["job"] != "tag"]
    assert set(states.loc[states["model_id"] == "tiny/llama"].query("job == 'tag'")["state"]) == {"stale"}
    assert made.groupby("model_id")["state"].agg(set).to_dict() == {
        "org/recorded": {"recorded"},
        "tiny/gpt_neox": {"regenerated"},
        "tiny/llama": {"regenerated"},
    }
    changed = sample.model_copy(update={"temperature": 1.0})
    again = language_model_states([], wanted, score, changed, TagSettings(), lineage).set_index(["model_id", "job"])[
        "state"
    ]
    assert again["tiny/llama", "score"] == "regenerated"
    assert again["tiny/llama", "sample"] == "stale"


def _check_items_against_rows(items: list[dict[str, Any]], rows: pd.DataFrame) -> None:
    """The kept items give the rows' scores again: accuracy is the largest log-likelihood, Brier the softmax."""
    score = rows.set_index(["subtask", "n_shot", "metric"])["score"]
    by_task: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for item in items:
        by_task.setdefault((item["task"], item["n_shot"]), []).append(item)
    for task in ("arc_challenge", "hellaswag", "winogrande", "truthfulqa_mc1", "mmlu_anatomy"):
        ((_, n_shot), kept) = next(entry for entry in by_task.items() if entry[0][0] == task)
        right = [item["log_likelihoods"].index(max(item["log_likelihoods"])) == item["right"] for item in kept]
        assert score[task, n_shot, "accuracy"] == pytest.approx(sum(right) / len(right)), task
    for task in ("anli_r2", "xnli_sw", "logiqa2", "mathqa"):
        kept = by_task[task, 0]
        mean, _ = brier_score([(item["log_likelihoods"], item["right"]) for item in kept])
        assert score[task, 0, "brier_score"] == pytest.approx(mean, rel=1e-4), task
    assert {len(item["log_likelihoods"]) for item in by_task["arc_challenge", 25]} == {3, 4, 5}
    assert {len(item["log_likelihoods"]) for item in by_task["mathqa", 0]} == {5}


@pytest.mark.slow
def test_files_of_the_real_harness_give_the_same_rows(
    tiny_records: list[Record], benchmark_data: Path, tmp_path: Path
) -> None:
    """What somebody scored with the harness's own command is imported as what we would have made of it."""
    from lm_eval import simple_evaluate
    from lm_eval.loggers import EvaluationTracker
    from lm_eval.tasks import TaskManager

    units = score_units(["anli_0shot", "arc_challenge_25shot", "mathqa_0shot", "winogrande_5shot"])
    record = tiny_records[1]
    files = _files(tmp_path, "ours")
    settings = _settings(benchmark_data, [unit.slug for unit in units])
    score_model(record, settings, tmp_path / "work", files)
    ours = pd.read_csv(files.scores)
    for unit in units:
        tracker = EvaluationTracker(output_path=str(tmp_path / unit.slug))
        results = simple_evaluate(
            model="hf",
            model_args={"pretrained": record.location, "dtype": "float32"},
            tasks=[harness_configuration(task, unit.n_shot, benchmark_data) for task in unit.benchmark.tasks.values()],
            task_manager=TaskManager(include_defaults=False),
            device="cpu",
            batch_size=8,
            evaluation_tracker=tracker,
        )
        samples = results.pop("samples")
        tracker.save_results_aggregated(results=results, samples=samples)
        for task in samples:
            tracker.save_results_samples(task_name=task, samples=samples[task])
        (path,) = (tmp_path / unit.slug).rglob("results_*.json")
        imported = read_results_file(path, read_targets(), "tiny/llama")
        assert imported.left_out == []
        assert (imported.precision, imported.harness_version, imported.backend) == ("float32", version("lm_eval"), "hf")
        theirs = score_table(imported.rows)
        expected = ours[ours["benchmark"] == unit.benchmark.name].reset_index(drop=True)
        keys = ["model_id", "subtask", "n_shot", "metric"]
        pd.testing.assert_frame_equal(theirs[keys], expected[keys], check_dtype=False)
        assert theirs["score"].to_numpy() == pytest.approx(expected["score"].to_numpy(), rel=1e-4)
        assert theirs["stderr"].to_numpy() == pytest.approx(expected["stderr"].to_numpy(), rel=1e-4)


@pytest.mark.usefixtures("libraries")
def test_a_hub_repository_that_cannot_be_reached(
    tiny_records: list[Record], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lms.weights import fetch_weights

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    hub = replace(tiny_records[0], source="hub", location="org/name", revision="0" * 40)
    with pytest.raises(ConfigError, match=r"org/name at 0{40} cannot be fetched") as error:
        fetch_weights(hub)
    assert "\n" not in str(error.value)


@pytest.mark.slow
def test_programs_do_not_run_unless_allowed(
    tiny_records: list[Record], benchmark_data: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    files = _files(tmp_path, "tiny--llama")
    score_model(tiny_records[1], _settings(benchmark_data, ["humaneval_0shot"]), tmp_path / "work", files)
    (row,) = pd.read_csv(files.scores).to_dict("records")
    assert math.isnan(row["score"])
    assert row["reason"] == NOT_ALLOWED
    assert "set score.run_generated_code" in capfd.readouterr().err
    assert _items(files) == []


@pytest.mark.slow
def test_killed_in_the_middle_resumes_with_the_same_bytes(
    tiny_records: list[Record], benchmark_data: Path, tmp_path: Path
) -> None:
    record = tiny_records[0]
    settings = _settings(benchmark_data, ["anli_0shot", "gsm8k_5shot", "lambada_0shot", "xnli_0shot"])
    specification = tmp_path / "specification.json"
    specification.write_text(json.dumps({"record": asdict(record), "settings": settings.model_dump()}))
    command = [sys.executable, str(Path(__file__).with_name("run_job.py")), "score", str(specification)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    name = f"score@{record.slug}@{score_fingerprint(record, settings)}"
    work = tmp_path / "work" / name
    child = subprocess.Popen([*command, str(tmp_path / "work")], env=environment, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not (work / "anli_0shot.json").is_file():
        assert child.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    done = {path.name: path.stat().st_mtime_ns for path in work.glob("*shot.json")}
    assert 1 <= len(done) < 4
    for root in ("work", "whole"):
        subprocess.run([*command, str(tmp_path / root)], env=environment, check=True, capture_output=True)
    assert {name: (work / name).stat().st_mtime_ns for name in done} == done, "a finished unit was scored again"
    resumed, whole = _files(tmp_path / "resumed", "a"), _files(tmp_path / "undisturbed", "a")
    write_score_files(record, settings, work, resumed)
    write_score_files(record, settings, tmp_path / "whole" / name, whole)
    assert resumed.scores.read_bytes() == whole.scores.read_bytes()
    assert resumed.items.read_bytes() == whole.items.read_bytes()


@pytest.mark.slow
def test_finished_work_is_put_together_without_the_model(
    tiny_records: list[Record], benchmark_data: Path, tmp_path: Path
) -> None:
    settings = _settings(benchmark_data, ["lambada_0shot"])
    first, second = _files(tmp_path / "first", "a"), _files(tmp_path / "second", "a")
    score_model(tiny_records[1], settings, tmp_path / "work", first)
    refused = settings.model_copy(update={"cpu_max_parameters": 0})
    score_model(tiny_records[1], refused, tmp_path / "work", second)
    assert first.scores.read_bytes() == second.scores.read_bytes()


@pytest.mark.usefixtures("libraries")
def test_a_machine_that_cannot_run_a_model_says_so_in_one_line(
    tiny_records: list[Record], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    hub = replace(tiny_records[0], source="hub", location="org/name", slug="org--name", revision="0" * 40)
    with pytest.raises(ConfigError) as absent:
        require_runnable("score", hub, 10**9)
    with pytest.raises(ConfigError) as large:
        require_runnable("sample", tiny_records[0], 1000)
    for error, stage in ((absent, "score@org--name"), (large, "sample@tiny--gpt_neox")):
        message = str(error.value)
        assert "\n" not in message
        assert f"{stage} is stale and cannot run here" in message
        assert f"run `dvc repro {stage}` on a GPU machine, then `dvc push`" in message
    assert require_runnable("score", tiny_records[0], 10**6) == "cpu"


def test_missing_libraries_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lms.machine.REQUIRED", ("surely_not_installed",))
    with pytest.raises(ConfigError, match=r"not installed: surely_not_installed; pip install 'foretell\[gpu\]'"):
        require_runnable("score", Record("a", "a", "hub", "a", "0" * 40, "float32", False, ""), 0)


@pytest.mark.usefixtures("libraries")
def test_pickled_weights_are_not_loaded(tiny_records: list[Record], tmp_path: Path) -> None:
    import shutil

    import torch
    from safetensors.torch import load_file

    from lms.weights import load_model

    source = Path(tiny_records[1].location)
    folder = tmp_path / "pickled"
    shutil.copytree(source, folder)
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(DataError, match="safetensors"):
        load_model(replace(tiny_records[1], location=str(folder)), "cpu")


@pytest.mark.usefixtures("libraries")
def test_code_of_a_model_repository_is_not_run(tiny_records: list[Record], tmp_path: Path) -> None:
    import shutil

    from lms.record import weights_sha256
    from lms.weights import load_model

    folder = tmp_path / "with_code"
    shutil.copytree(Path(tiny_records[1].location), folder)
    config = json.loads((folder / "config.json").read_text())
    config.update(model_type="own_kind", auto_map={"AutoConfig": "own.Config", "AutoModelForCausalLM": "own.Model"})
    (folder / "config.json").write_text(json.dumps(config))
    marker = tmp_path / "ran"
    (folder / "own.py").write_text(f"open({str(marker)!r}, 'w').write('ran')\n")
    with pytest.raises(ConfigError, match="cannot be loaded safely"):
        load_model(replace(tiny_records[1], location=str(folder), revision=weights_sha256(folder)), "cpu")
    assert not marker.exists()
