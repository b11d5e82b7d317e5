"""Whole-or-absent files, and unfinished work that is never mixed with another making's."""

from pathlib import Path

from lms.files import open_work, write_once, write_whole

VERSIONS = {"torch": "2", "device": "cpu"}


def test_the_first_writer_stays(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file"
    assert write_once(path, b"first")
    assert not write_once(path, b"second")
    assert path.read_bytes() == b"first"
    write_whole(path, b"third")
    assert path.read_bytes() == b"third"
    assert [file.name for file in path.parent.iterdir()] == ["file"]


def test_work_is_kept_for_the_same_making(tmp_path: Path) -> None:
    work = open_work(tmp_path, "score", "a", "f1", VERSIONS)
    write_once(work / "unit.json", b"{}")
    (work / ".unit.json.x.tmp").write_bytes(b"half")
    assert open_work(tmp_path, "score", "a", "f1", VERSIONS) == work
    assert sorted(file.name for file in work.iterdir()) == ["environment.json", "unit.json"]


def test_work_of_other_settings_or_versions_is_removed(tmp_path: Path) -> None:
    old = open_work(tmp_path, "score", "a", "f1", VERSIONS)
    other_model = open_work(tmp_path, "score", "a-b", "f1", VERSIONS)
    new = open_work(tmp_path, "score", "a", "f2", VERSIONS)
    assert not old.exists()
    assert other_model.exists()
    write_once(new / "unit.json", b"{}")
    assert not (open_work(tmp_path, "score", "a", "f2", {**VERSIONS, "torch": "3"}) / "unit.json").exists()
