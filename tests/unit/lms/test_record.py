"""Records: pinned, safe to use as file names, and a function of their settings alone."""

import json
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from foretell.errors import ConfigError, DataError
from lms import fingerprint
from lms.fingerprint import job_fingerprint
from lms.machine import n_parameters
from lms.record import (
    check_model_id,
    check_slug,
    make_records,
    read_record,
    record_text,
    slug_of,
    weights_sha256,
)
from lms.settings import RecordSettings
from lms.weights import fetch_weights

COMMIT = "0123456789abcdef0123456789abcdef01234567"
PYTHIA = {"model_id": "EleutherAI/pythia-70m", "revision": COMMIT}


def _settings(**changes: Any) -> RecordSettings:
    weights = {"eleutherai--pythia-70m": {**PYTHIA, **changes}}
    return RecordSettings(regenerate=["eleutherai--pythia-70m"], weights=weights)


def test_a_record_says_which_weights(tmp_path: Path) -> None:
    (record,) = make_records(_settings())
    assert record.location == "EleutherAI/pythia-70m"
    assert (record.source, record.revision, record.dtype) == ("hub", COMMIT, "bfloat16")
    path = tmp_path / "record.json"
    path.write_text(record_text(record))
    assert read_record(path) == record
    assert make_records(_settings(dtype="float32"))[0].settings_sha256 != record.settings_sha256
    assert make_records(RecordSettings()) == []


@pytest.mark.parametrize(
    "model_id",
    [
        "../x",
        "a/../b",
        "/etc/passwd",
        "a/b/c",
        "a--b/c",
        "a b",
        "a;rm",
        "",
        "a/",
        ".hidden/x",
        "a/$(x)",
        "-x",
        "a\n",
        "ä/b",
    ],
)
def test_ids_that_are_refused(model_id: str) -> None:
    with pytest.raises(ConfigError, match="model_id"):
        check_model_id(model_id)


@given(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}(/[A-Za-z0-9][A-Za-z0-9._-]{0,20})?", fullmatch=True))
def test_a_slug_is_a_safe_file_name(model_id: str) -> None:
    if ".." in model_id or "--" in model_id:
        with pytest.raises(ConfigError):
            slug_of(model_id)
    else:
        assert check_slug(slug_of(model_id)) == slug_of(model_id)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"revision": "main"}, "does not pin"),
        ({"revision": COMMIT.upper()}, "does not pin"),
        ({"path": "weights/here"}, "64 hex digits"),
        ({"model_id": "EleutherAI/pythia-160m"}, "has the slug"),
    ],
)
def test_records_that_are_refused(changes: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make_records(_settings(**changes))


def test_slugs_without_weights_or_named_twice() -> None:
    with pytest.raises(ConfigError, match="no entry"):
        make_records(RecordSettings(regenerate=["a--b"]))
    with pytest.raises(ConfigError, match="more than once"):
        make_records(
            RecordSettings(regenerate=["a--b", "a--b"], weights={"a--b": {"model_id": "a/b", "revision": COMMIT}})
        )


def test_unknown_settings_are_refused() -> None:
    with pytest.raises(ValidationError, match="trust_remote_code"):
        _settings(trust_remote_code=True)


def test_a_broken_record_file(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    with pytest.raises(DataError, match="not a readable record"):
        read_record(path)
    path.write_text('{"slug": "a"}')
    with pytest.raises(DataError, match="exactly the fields"):
        read_record(path)


def _write_weights(folder: Path, shape: list[int]) -> None:
    header = json.dumps(
        {"w": {"dtype": "F32", "shape": shape, "data_offsets": [0, 0]}, "__metadata__": {"format": "pt"}}
    )
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header.encode())


def test_local_weights_are_checked_against_their_pin(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no weights"):
        weights_sha256(tmp_path)
    _write_weights(tmp_path, [3, 5])
    assert n_parameters(tmp_path) == 15
    pin = weights_sha256(tmp_path)
    settings = _settings(path=str(tmp_path), revision=pin)
    (record,) = make_records(settings)
    assert fetch_weights(record) == tmp_path
    (tmp_path / "README.md").write_text("does not matter")
    assert weights_sha256(tmp_path) == pin
    _write_weights(tmp_path, [3, 6])
    with pytest.raises(DataError, match="the record pins"):
        fetch_weights(record)


def test_pickled_weights_are_not_weights(tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").write_bytes(b"pickle")
    with pytest.raises(DataError, match="safetensors"):
        weights_sha256(tmp_path)
    assert len(weights_sha256(tmp_path, unsafe_weights=True)) == 64


def test_fingerprint_follows_record_settings_and_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fingerprint, "ROOT", tmp_path)
    monkeypatch.setattr(fingerprint, "job_code", fingerprint.job_code.__wrapped__)
    (tmp_path / "lms").mkdir()
    (tmp_path / "lms" / "job.py").write_text("from lms import numbers\nfrom lms.files import write\n")
    decides, plumbing = tmp_path / "lms" / "numbers.py", tmp_path / "lms" / "files.py"
    decides.write_text("a = 1")
    plumbing.write_text("a = 1")
    (record,) = make_records(_settings())
    first = job_fingerprint(record, {"a": 1, "b": 2}, "lms.job")
    assert first == job_fingerprint(record, {"b": 2, "a": 1}, "lms.job")
    assert first != job_fingerprint(record, {"a": 1, "b": 3}, "lms.job")
    assert first != job_fingerprint(replace(record, dtype="float32"), {"a": 1, "b": 2}, "lms.job")
    plumbing.write_text("a = 2")
    assert first == job_fingerprint(record, {"a": 1, "b": 2}, "lms.job")
    decides.write_text("a = 2")
    assert first != job_fingerprint(record, {"a": 1, "b": 2}, "lms.job")
