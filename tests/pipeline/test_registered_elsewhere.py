"""A registered predictor in a stranger's program: it keeps its own packages, two versions keep their own code, and
`mlflow models serve` and `foretell.load_predictor` answer the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from registered import DESIGN, Registered, registered_predictor  # noqa: F401 - the fixture
from team import ask, served

import foretell
from foretell.errors import TrackingError

pytestmark = pytest.mark.slow
NAME = "foretell-lambada_0shot"
PREAMBLE = f"import json, sys, mlflow, pandas as pd\ndesign = pd.DataFrame([{DESIGN!r}])\n"


def program(folder: Path, store: str, code: str) -> str:
    """What a program in `folder`, which has packages of its own called models, features and foretell, prints."""
    for package in ("models", "features", "foretell"):
        (folder / package).mkdir(exist_ok=True)
        (folder / package / "__init__.py").write_text(f"OWNER = 'the stranger, {package}'\n")
        (folder / package / "errors.py").write_text("OWN = True\n")
    (folder / "program.py").write_text(PREAMBLE + textwrap.dedent(code))
    left_out = ("PYTHONPATH", "PYTHONSAFEPATH")
    environment = {key: value for key, value in os.environ.items() if key not in left_out}
    environment |= {"MLFLOW_TRACKING_URI": store, "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false"}
    finished = subprocess.run(
        [sys.executable, "program.py"], cwd=folder, env=environment, capture_output=True, text=True, timeout=240
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


LOAD = f'answer = mlflow.pyfunc.load_model("models:/{NAME}@champion").predict(design)["score"][0]\n'
IMPORT = "import foretell, models, features, foretell.errors, models.errors\n"
REPORT = """
names = [name for name in sys.modules if name.split(".")[0] in ("foretell", "models", "features")]
print(json.dumps([float(answer), foretell.OWNER, models.OWNER, features.OWNER, foretell.errors.OWN, sorted(names)]))
"""


@pytest.mark.parametrize("code", [IMPORT + LOAD, LOAD + IMPORT], ids=["own packages first", "predictor first"])
def test_a_program_keeps_its_own_packages(registered: Registered, tmp_path: Path, code: str) -> None:
    before = "path, found = list(sys.path), set(sys.modules)\n"
    after = "assert sys.path == path, sys.path\n"
    answer, *owners, names = json.loads(program(tmp_path, registered.store, before + code + after + REPORT))
    assert owners == ["the stranger, foretell", "the stranger, models", "the stranger, features", True]
    assert names == ["features", "foretell", "foretell.errors", "models", "models.errors"]
    assert answer == pytest.approx(foretell.load_predictor(registered.folder).predict(DESIGN).score, abs=1e-9)


def test_two_versions_answer_in_one_process_each_with_its_own_code(registered: Registered, tmp_path: Path) -> None:
    code = f"""
    loaded = [mlflow.pyfunc.load_model(f"models:/{NAME}/{{number}}") for number in (1, 2, 1)]
    scores = [model.predict(design)["score"][0] for model in (*loaded, *loaded)]
    private = sorted({{name.split(".")[0] for name in sys.modules if name.startswith("_foretell_")}})
    print(json.dumps([[float(score) for score in scores], private]))
    """
    scores, private = json.loads(program(tmp_path, registered.store, code))
    first = foretell.load_predictor(registered.folder).predict(DESIGN).score
    assert scores == pytest.approx([first, first + 0.25, first] * 2, abs=1e-9)
    assert len(private) == 2


def test_a_wrong_query_is_the_callers_error(registered: Registered, tmp_path: Path) -> None:
    code = f"""
    model = mlflow.pyfunc.load_model("models:/{NAME}@champion")
    try:
        model.predict(design.assign(pct_cod=3))
    except mlflow.MlflowException as error:
        print(error.error_code, error)
    """
    output = program(tmp_path, registered.store, code)
    assert output.startswith("INVALID_PARAMETER_VALUE")
    assert "unknown feature 'pct_cod'" in output


def test_mlflow_serves_both_versions_beside_foreign_packages(registered: Registered, tmp_path: Path) -> None:
    program(tmp_path, registered.store, "")  # makes the foreign packages
    environment = {**os.environ, "MLFLOW_TRACKING_URI": registered.store, "MLFLOW_DISABLE_TELEMETRY": "true"}
    first = foretell.load_predictor(registered.folder).predict(DESIGN).score
    for number, expected in ((1, first), (2, first + 0.25)):
        with served(Path(sys.executable), f"models:/{NAME}/{number}", environment | {"PWD": str(tmp_path)}) as address:
            status, body = ask(address, {"dataframe_records": [DESIGN]})
            assert status == 200, body
            assert body["predictions"][0]["score"] == pytest.approx(expected, abs=1e-9)
            status, body = ask(address, {"dataframe_records": [{"pct_cod": 1}]})
            assert status == 400
            assert "unknown feature" in json.dumps(body)


@pytest.mark.parametrize(
    ("source", "version", "number"),
    [
        ("lambada_0shot", "", "1"),
        ("lambada_0shot", "candidate", "2"),
        ("lambada_0shot", "2", "2"),
        (f"models:/{NAME}@champion", "", ""),
        (f"models:/{NAME}/2", "", ""),
        ("run", "", ""),
        ("run uri", "", ""),
    ],
)
def test_load_predictor_finds_it(registered: Registered, source: str, version: str, number: str) -> None:
    run = {"run": registered.runs[1], "run uri": f"runs:/{registered.runs[0]}/predictor"}
    name = run.get(source, source)
    predictor = foretell.load_predictor(name, store=registered.store, version=version)
    assert predictor.predict(DESIGN) == foretell.load_predictor(registered.folder).predict(DESIGN)
    if number:
        assert f"{NAME} version {number}" in repr(predictor)


def test_load_predictor_finds_the_store_above_this_folder(
    registered: Registered, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    below = Path(registered.store.removeprefix("sqlite:///")).parent / "a" / "b"
    below.mkdir(parents=True, exist_ok=True)
    monkeypatch.chdir(below)
    assert "version 1 (champion)" in repr(foretell.load_predictor("lambada_0shot"))
    assert "selected_design" in repr(foretell.load_predictor("lambada_0shot/selected_design"))


@pytest.mark.parametrize(
    ("source", "version", "problem"),
    [
        ("no_such_benchmark", "", "there is no champion or candidate of foretell-no_such_benchmark"),
        ("lambada_0shot", "7", "there is no 7 of foretell-lambada_0shot"),
        ("lambada_0shot", "no alias", "there is no no alias of foretell-lambada_0shot"),
        ("lambada_0shot/scale_only", "", "there is no run lambada_0shot/scale_only"),
        ("0" * 32, "", "there is no run"),
        ("it's/a run", "", "there is no run it's/a run"),
        ("models:/foretell-lambada_0shot/99", "", "there is no version 99 of foretell-lambada_0shot"),
        ("models:/m-0", "", "models:/m-0: "),
        ("runs:/0/predictor", "", "there is no run 0"),
    ],
)
def test_what_is_not_there_is_said_in_one_line(registered: Registered, source: str, version: str, problem: str) -> None:
    with pytest.raises(TrackingError) as caught:
        foretell.load_predictor(source, store=registered.store, version=version)
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)
