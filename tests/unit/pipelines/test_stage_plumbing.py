"""Atomic writes with equal bytes, the stage lock, the error boundary, and records that let a stage go on."""

import json
import math
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from foretell.errors import ConfigError, DataError, TrackingError
from foretell.files import atomic
from pipelines import stage as _stage
from pipelines.files import read_json, read_parquet, write_csv, write_json, write_parquet, write_yaml
from pipelines.progress import Recorder, inputs_key
from pipelines.stage import argument, run_stage, stage_lock


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


TABLE = pd.DataFrame({"model": ["b", "a", "c"], "score": [0.1 + 0.2, math.nan, 1e-300], "n": [3, 1, 2]})


@pytest.mark.parametrize(("write", "name"), [(write_csv, "t.csv"), (write_parquet, "t.parquet")])
def test_equal_tables_are_equal_bytes_whatever_their_order(tmp_path: Path, write, name: str) -> None:
    one, other = tmp_path / f"one-{name}", tmp_path / f"other-{name}"
    write(one, TABLE, ["model"])
    write(other, TABLE.sample(frac=1, random_state=3), ["model"])
    assert one.read_bytes() == other.read_bytes()
    write(other, TABLE.assign(n=[3, 1, 4]), ["model"])
    assert one.read_bytes() != other.read_bytes()


def test_csv_rounds_to_ten_digits_and_ends_lines_with_a_newline(tmp_path: Path) -> None:
    write_csv(tmp_path / "t.csv", TABLE, ["model"])
    assert (tmp_path / "t.csv").read_bytes() == b"model,score,n\na,,1\nb,0.3,3\nc,1e-300,2\n"


def test_json_is_sorted_rounded_and_has_no_nan(tmp_path: Path) -> None:
    value = {"z": [np.float64(0.1) + 0.2, math.inf], "a": {"n": np.int64(3), "x": math.nan}, "t": (1, True, None)}
    write_json(tmp_path / "v.json", value)
    text = (tmp_path / "v.json").read_text()
    assert json.loads(text) == {"z": [0.3, None], "a": {"n": 3, "x": None}, "t": [1, True, None]}
    assert text.index('"a"') < text.index('"t"') < text.index('"z"')
    write_json(tmp_path / "w.json", dict(reversed(value.items())))
    assert (tmp_path / "w.json").read_bytes() == (tmp_path / "v.json").read_bytes()


def test_yaml_keeps_the_order_of_keys(tmp_path: Path) -> None:
    write_yaml(tmp_path / "v.yaml", {"z": 0.1 + 0.2, "a": ["x", None]})
    assert (tmp_path / "v.yaml").read_text().startswith("z: 0.3\na:\n- x\n-")


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "out.txt"
    with atomic(path) as temporary:
        temporary.write_text("old")
    with pytest.raises(ZeroDivisionError), atomic(path) as temporary:
        temporary.write_text("half of the ne")
        raise ZeroDivisionError
    assert path.read_text() == "old"
    assert [item.name for item in path.parent.iterdir()] == ["out.txt"]
    assert path.stat().st_mode & 0o777 == 0o644


def test_reading_what_is_not_there_or_broken_says_how_to_make_it(tmp_path: Path) -> None:
    for read, name in ((read_json, "x.json"), (read_parquet, "x.parquet")):
        with pytest.raises(DataError, match="not there yet; `dvc repro` writes it"):
            read(tmp_path / name)
        (tmp_path / name).write_text("{ broken")
        with pytest.raises(DataError, match="delete it and run `dvc repro`"):
            read(tmp_path / name)


@pytest.mark.parametrize(("error", "code"), [(DataError, 3), (ConfigError, 4), (TrackingError, 5)])
def test_a_known_error_is_one_message_and_its_code(
    error: type[Exception], code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["stage"])

    def main() -> None:
        raise error("table x: row 3: expected y")

    with pytest.raises(SystemExit) as end:
        run_stage(main)
    assert end.value.code == code
    assert capsys.readouterr().err == "foretell: table x: row 3: expected y\n"


def test_an_unknown_error_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["stage"])
    with pytest.raises(ZeroDivisionError):
        run_stage(lambda: print(1 / 0))


def test_the_lock_keeps_a_second_run_out(tmp_path: Path) -> None:
    with (
        stage_lock("select-x"),
        pytest.raises(ConfigError, match="stage select-x has been running elsewhere"),
        stage_lock("select-x", timeout_seconds=0.1),
    ):
        pytest.fail("two runs of one stage at once")
    with stage_lock("select-x", timeout_seconds=0.1), stage_lock("select-y", timeout_seconds=0.1):
        assert (tmp_path / _stage.LOCKS).is_dir()


@pytest.mark.parametrize("given", [[], ["mmlu"], ["lambada_0shot", "x"], ["../x"]])
def test_an_argument_must_be_a_known_one(given: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["stage.py", *given])
    with pytest.raises(ConfigError, match=r"stage\.py takes one of: lambada_0shot, mmlu_5shot; got"):
        argument(("lambada_0shot", "mmlu_5shot"))


def test_records_are_kept_for_the_same_inputs_only() -> None:
    steps = [{"mae": 0.1 + 0.2, "added": "pct_code"}]
    key = inputs_key(np.arange(3.0), "rule")
    Recorder("select-x", key).keep(steps, "step 1")
    assert Recorder("select-x", key).done == steps  # to the last bit
    assert Recorder("select-x", inputs_key(np.arange(3.0) + 1e-16, "rule")).done == []
    assert Recorder("select-x", inputs_key(np.arange(3.0) * 2, "rule")).done == []
    assert Recorder("select-y", key).done == []
    Path(".progress/select-x.json").write_text("{ half a rec")
    assert Recorder("select-x", key).done == []
    Recorder("select-x", key).keep(steps, "step 1")
    Recorder("select-x", key).clear()
    assert Recorder("select-x", key).done == []
