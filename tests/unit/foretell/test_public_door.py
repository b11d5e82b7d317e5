"""`import foretell`: what it offers, how little it loads, and predictors as a person uses them in Python."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from registered import DESIGN, FEATURES, ROOT, save_predictor

import foretell
from foretell.answering.card import FORMAT
from foretell.answering.predictor import Predictor
from foretell.errors import DataError, TrackingError
from models.registry.package import ANSWERING_CODE, FORETELL, copy_answering_code
from models.task import Task

HEAVY = (
    "mlflow",
    "numba",
    "optuna",
    "great_expectations",
    "lightgbm",
    "shap",
    "dvc",
    "torch",
    "matplotlib",
)


@pytest.fixture(scope="module")
def folder(small_task: Task, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("door") / "predictor"
    save_predictor(path, small_task)
    return path


@pytest.fixture(scope="module")
def predictor(folder: Path) -> Predictor:
    return foretell.load_predictor(folder)


def python(code: str, *options: str, cwd: Path = ROOT, path: Path = ROOT) -> str:
    """What a fresh interpreter with `path` importable prints."""
    command = [sys.executable, *options, "-c", code]
    finished = subprocess.run(
        command, cwd=cwd, env={"PYTHONPATH": str(path)}, capture_output=True, text=True, timeout=120, check=False
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def test_every_public_name_is_there_and_only_those() -> None:
    assert sorted(foretell.__all__) == dir(foretell)
    for name in foretell.__all__:
        assert getattr(foretell, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'predict'"):
        foretell.predict  # noqa: B018


def test_importing_it_loads_nothing() -> None:
    code = "import sys, foretell; foretell.__version__; print(sorted({m.split('.')[0] for m in sys.modules}))"
    assert {"numpy", "pandas", *HEAVY} & set(eval(python(code))) == set()


def test_a_predictors_folder_is_read_without_mlflow() -> None:
    code = f"import sys, foretell; foretell.load_predictor; print([m for m in {HEAVY!r} if m in sys.modules])"
    assert python(code) == "[]\n"


def test_one_design_gets_one_answer(predictor: Predictor) -> None:
    answer = predictor.predict(DESIGN)
    row = predictor.predict(pd.DataFrame([DESIGN])).iloc[0]
    assert (answer.score, answer.low, answer.high) == (row["score"], row["low"], row["high"])
    assert answer.low <= answer.score <= answer.high
    assert answer.benchmark == "lambada_0shot"
    assert set(answer.contributions) == {"base", "bounds", *FEATURES}
    assert sum(answer.contributions.values()) == pytest.approx(answer.score, abs=1e-6)
    assert answer.nearest
    assert str(answer).startswith("LAMBADA (0-shot): 0.")
    assert "90% interval" in str(answer)
    wide = predictor.predict(DESIGN, level=0.95)
    assert wide.high - wide.low >= answer.high - answer.low
    assert answer.to_dict()["contributions"]["base"] == answer.contributions["base"]


def test_nothing_known_is_answered_as_outside(predictor: Predictor) -> None:
    assert predictor.predict({}).support == "outside"


def test_an_explanation_adds_up_and_begins_with_the_largest_effect(predictor: Predictor) -> None:
    explained = predictor.explain({**DESIGN, "pct_code": None})
    parts = explained.contributions["contribution"]
    assert explained.base + parts.sum() == pytest.approx(explained.score, abs=1e-6)
    assert parts.abs().is_monotonic_decreasing
    assert explained.contributions.loc["activation", "value"] == "swiglu"
    assert "pct_code (unknown)" in str(explained)
    assert "total_params (7000000000.0" in str(explained)


def test_a_wrong_design_gets_one_line(predictor: Predictor) -> None:
    for ask in (predictor.predict, predictor.explain):
        with pytest.raises(DataError, match="unknown feature 'pct_cod'; known: pct_code"):
            ask({"pct_cod": 20})
    with pytest.raises(DataError, match="level"):
        predictor.predict(DESIGN, level=90)


def test_an_answer_does_not_depend_on_the_projects_catalogue(
    folder: Path, predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    import features.catalogue

    monkeypatch.setattr(features.catalogue, "FEATURES", {"verified": (), "published": ()})
    assert foretell.load_predictor(folder).predict(DESIGN) == predictor.predict(DESIGN)


def test_a_folder_of_another_format_says_what_reads_it(folder: Path, tmp_path: Path) -> None:
    text = (folder / "predictor.yaml").read_text()
    old = tmp_path / "old"
    old.mkdir()
    (old / "predictor.yaml").write_text(text.replace(f"format: {FORMAT}", "format: 1"))
    with pytest.raises(DataError, match=r"format 1 of predictor\.yaml.*mlflow\.pyfunc\.load_model"):
        foretell.load_predictor(old)


def test_without_a_store_it_says_so_and_makes_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(TrackingError, match=r"no such store; name one .*mlflow\.db"):
        foretell.load_predictor("lambada_0shot")
    assert not list(tmp_path.iterdir())


def test_the_code_that_ships_answers_alone_and_is_small(folder: Path, predictor: Predictor, tmp_path: Path) -> None:
    copy_answering_code(tmp_path / "shipped")
    code = f"""
import sys
from pathlib import Path
from shipped.answering.predictor import Predictor
print(Predictor.load(Path({str(folder)!r})).predict({DESIGN!r}).score)
print([name for name in ("foretell", "models", "features", *{HEAVY!r}) if name in sys.modules])
"""
    score, loaded = python(code, "-P", cwd=tmp_path, path=tmp_path).splitlines()
    assert float(score) == predictor.predict(DESIGN).score
    assert loaded == "[]"
    sources = [FORETELL / name for name in ANSWERING_CODE]
    files = [file for source in sources for file in ([source] if source.is_file() else source.rglob("*.py"))]
    assert sum(file.stat().st_size for file in files) < 110_000


def test_version_without_a_checkout(tmp_path: Path) -> None:
    call = "import sys; sys.argv = ['foretell', *{}]; from foretell.command import main; main()"
    assert python(call.format(["--version"]), cwd=tmp_path) == f"foretell {foretell.__version__}\n"
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "foretell").symlink_to(ROOT / "foretell")
    command = [sys.executable, "-P", "-c", call.format(["predict"])]
    finished = subprocess.run(
        command, cwd=tmp_path, env={"PYTHONPATH": str(tmp_path / "lib")}, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 4
    assert "is not inside a checkout of foretell" in finished.stderr
    assert len(finished.stderr.splitlines()) == 1
