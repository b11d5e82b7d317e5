"""The pipeline as a whole, on two real benchmarks: what it ends with, that it does nothing twice, and that a change
re-runs what depends on it and nothing else."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import sqlite3
import sys
from pathlib import Path

import pandas as pd
import pytest
from clone import BENCHMARKS, ROOT, checked, reproduced_clone, shell  # noqa: F401 - the fixture

pytestmark = pytest.mark.slow
FORETELL = (sys.executable, "-m", "pipelines.cli")


@pytest.fixture
def copy(reproduced: Path, tmp_path: Path) -> Path:
    """A copy of the reproduced clone that a test may change."""
    return Path(shutil.copytree(reproduced, tmp_path / "copy", symlinks=True))


def test_repro_ends_by_naming_what_it_made(reproduced: Path) -> None:
    said = (reproduced.parent / "reproduced.ready").read_text()
    for benchmark in BENCHMARKS:
        assert f"foretell-{benchmark} v1" in said
    assert "reports/report.md" in said
    assert "make ui" in said


def test_second_repro_does_nothing(reproduced: Path) -> None:
    said = checked(reproduced, sys.executable, "-m", "dvc", "repro")
    assert "Running stage" not in said
    assert "Data and pipelines are up to date" in said


def test_tracking_twice_makes_nothing_new(reproduced: Path) -> None:
    def rows() -> list[int]:
        with sqlite3.connect(reproduced / "mlflow.db") as store:
            tables = ("runs", "metrics", "model_versions")
            return [store.execute(f"select count(*) from {name}").fetchone()[0] for name in tables]

    before = rows()
    checked(reproduced, *FORETELL, "track")
    assert rows() == before
    assert before[2] == len(BENCHMARKS)


def test_runs_name_the_files_that_they_were_computed_from(reproduced: Path) -> None:
    query = (
        "select r.name, d.dataset_source, d.digest from runs r join inputs i on i.destination_id = r.run_uuid "
        "join datasets d on d.dataset_uuid = i.source_id"
    )
    with sqlite3.connect(reproduced / "mlflow.db") as store:
        inputs = [(run, json.loads(source)["uri"], md5) for run, source, md5 in store.execute(query)]
    assert {hashlib.md5((reproduced / path).read_bytes()).hexdigest() == md5 for _, path, md5 in inputs} == {True}
    of_study = {path for run, path, _ in inputs if run == "study/trajectories"}
    assert of_study == {
        f"data/raw/{name}" for name in ("checkpoint_scores.csv", "item_losses.csv.gz", "loss_curves.csv")
    }
    assert "data/raw/scores.csv" in {path for run, path, _ in inputs if run == "lambada_0shot/scale_only"}


def test_predictors_belong_to_their_runs_and_one_that_was_packed_is_not_packed_again(copy: Path) -> None:
    """A registration cut short between packing and registering is completed with what was packed."""

    def packed() -> list[tuple[str, str]]:
        query = "select m.model_id, e.name from logged_models m join experiments e using (experiment_id)"
        with sqlite3.connect(copy / "mlflow.db") as store:
            return sorted(store.execute(query).fetchall())

    before = packed()
    assert [name for _, name in before] == ["foretell"] * len(BENCHMARKS)
    assert not (copy / "mlruns").exists()
    forget = (
        "from models.registry.store import Store; Store().client.delete_model_version('foretell-lambada_0shot', '1')"
    )
    checked(copy, sys.executable, "-c", forget)
    assert re.search(r"foretell-lambada_0shot version \d: made", shell(copy, *FORETELL, "track").stderr)
    assert packed() == before


def test_touched_errors_are_no_evidence_and_the_others_can_pass(copy: Path) -> None:
    with (copy / "data/errors/lambada_0shot/errors.csv").open("a") as stream:
        stream.write("\n")
    refused = shell(copy, *FORETELL, "promote", "--all")
    assert refused.returncode == 6
    assert "FAIL  files, tags and dvc.lock agree: files differ between the registry and the" in refused.stdout
    assert "data/errors/lambada_0shot/errors.csv" in refused.stdout
    assert "`--passing` promotes the others: humaneval_0shot" in refused.stderr
    both = shell(copy, *FORETELL, "promote", "--all", "--passing", "--force", "--reason", "as I like it")
    assert (both.returncode, "give one of the two" in both.stderr) == (2, True)
    passed = checked(copy, *FORETELL, "promote", "--all", "--passing")
    assert "left as they are: lambada_0shot" in passed
    assert "champion of humaneval_0shot: version 1" in passed
    assert "champion of lambada_0shot" not in passed


def test_one_changed_score_reruns_its_benchmark_only(copy: Path) -> None:
    path = copy / "data/raw/scores.csv"
    path.chmod(0o644)
    scores = pd.read_csv(path, dtype=str, keep_default_na=False)
    row = scores.index[(scores["benchmark"] == "humaneval") & (scores["score"] != "")][0]
    scores.loc[row, "score"] = "0.123456"
    scores.to_csv(path, index=False, lineterminator="\n")
    checked(copy, sys.executable, "-m", "dvc", "add", "-q", "data/raw/scores.csv")
    checked(copy, sys.executable, "-m", "dvc", "repro", "-q", "tabulate")
    stale = json.loads(checked(copy, sys.executable, "-m", "dvc", "status", "--json"))
    assert "select@humaneval_0shot" in stale
    assert not [name for name in stale if name.endswith("@lambada_0shot")]
    changes = checked(copy, *FORETELL, "data", "diff", "HEAD")
    assert "0.123456" in changes
    assert "1 fields changed" in changes


def test_metrics_diff_says_what_changed(copy: Path) -> None:
    checked(copy, "git", "add", "-A")
    checked(copy, "git", "commit", "-q", "-m", "results")
    said = checked(copy, sys.executable, "-m", "dvc", "exp", "run", "-q", "-S", "evaluate.seeds=4", "compare")
    told = checked(copy, sys.executable, "-m", "dvc", "metrics", "diff")
    assert "lambada_0shot.mae.scale_only" in told, said


def test_bad_data_stop_everything(copy: Path) -> None:
    path = copy / "data/raw/pretraining.csv"
    path.chmod(0o644)
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    table.loc[0, "pct_web"] = "130"
    table.to_csv(path, index=False, lineterminator="\n")
    checked(copy, sys.executable, "-m", "dvc", "add", "-q", "data/raw/pretraining.csv")
    done = shell(copy, sys.executable, "-m", "dvc", "repro")
    assert done.returncode != 0
    assert "pct_web" in done.stderr + done.stdout
    assert "Traceback" not in done.stderr
    assert "tabulate" not in done.stdout


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--tokens", "-5"], "--tokens: -5; expected a number above 0"),
        (["--tokens", "nan"], "--tokens: nan; expected a number above 0"),
        (["--code", "130"], "--code: 130; expected percent, 0 to 100"),
        (["--code", "60", "--web", "70"], "sum to at most 100"),
        (["--positions", "ropes"], "alibi, learned, rope, sinusoidal"),
        (["--benchmark", "chess"], "humaneval_0shot"),
    ],
)
def test_a_wrong_question_gets_one_line(reproduced: Path, options: list[str], words: str) -> None:
    done = shell(reproduced, *FORETELL, "predict", "--params", "7e9", *options)
    assert done.returncode in (3, 4)
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def readme_commands() -> list[str]:
    """Every `foretell` line inside the README's fenced blocks."""
    blocks = re.findall(r"^```\n(.*?)^```", (ROOT / "README.md").read_text(), flags=re.DOTALL | re.MULTILINE)
    return [line for block in blocks for line in block.splitlines() if line.startswith("foretell ")]


def test_readme_has_commands() -> None:
    assert len(readme_commands()) >= 4


@pytest.mark.parametrize("command", readme_commands())
def test_readme_command_runs(reproduced: Path, command: str) -> None:
    words = command.split("#")[0].split()[1:]
    assert checked(reproduced, *FORETELL, *words).strip()


def test_readme_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    named = set(re.findall(r"make ([a-z-]+)", (ROOT / "README.md").read_text()))
    assert named <= targets
