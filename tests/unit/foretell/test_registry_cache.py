"""Downloaded predictors on this machine: fetched once, damaged ones again, killed downloads never seen, two processes
at once without harm."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from registered import ROOT

from foretell.registry.cache import cache_folder, cached_files
from foretell.registry.version import RegisteredVersion

VERSION = RegisteredVersion("foretell-x_0shot", "3", "champion", "0" * 32, "models:/m-1")
STORE = "http://store"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FORETELL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "predictors"


class Download:
    """Writes two files, counting how often it is called."""

    def __init__(self, text: str = "whole") -> None:
        self.text, self.calls = text, 0

    def __call__(self, folder: Path) -> Path:
        self.calls += 1
        (folder / "predictor" / "deep").mkdir(parents=True)
        (folder / "predictor" / "a").write_text(self.text)
        (folder / "predictor" / "deep" / "b").write_text(self.text * 100)
        return folder / "predictor"


def content(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


WHOLE = {"a": "whole", "deep/b": "whole" * 100}


def test_a_version_is_downloaded_once(cache: Path) -> None:
    download = Download()
    first = cached_files(STORE, VERSION, download)
    assert content(first) == WHOLE
    assert cached_files(STORE, VERSION, download) == first
    assert download.calls == 1
    assert len(list(cache.iterdir())) == 1


@pytest.mark.parametrize(
    "other",
    [
        (STORE, replace(VERSION, number="4")),
        (STORE, replace(VERSION, source="models:/m-2")),
        (STORE, replace(VERSION, run_id="1" * 32)),
        (STORE, replace(VERSION, name="foretell-y_0shot")),
        ("http://other", VERSION),
    ],
)
def test_another_version_store_or_model_has_its_own_entry(other: tuple[str, RegisteredVersion]) -> None:
    cached_files(STORE, VERSION, Download())
    assert content(cached_files(*other, Download("other")))["a"] == "other"
    assert content(cached_files(STORE, VERSION, Download("unused"))) == WHOLE


def test_the_alias_is_no_part_of_an_entry() -> None:
    cached_files(STORE, VERSION, Download())
    download = Download()
    cached_files(STORE, replace(VERSION, alias="candidate"), download)
    assert download.calls == 0


@pytest.mark.parametrize("damage", ["changed", "shorter", "missing", "added", "no list", "empty list", "bad list"])
def test_a_damaged_entry_is_downloaded_anew(cache: Path, damage: str) -> None:
    files = cached_files(STORE, VERSION, Download())
    manifest = files.parent / "sha256.json"
    if damage == "changed":
        (files / "a").write_text("whale")
    elif damage == "shorter":
        (files / "deep" / "b").write_text("")
    elif damage == "missing":
        (files / "a").unlink()
    elif damage == "added":
        (files / "c").write_text("")
    elif damage == "no list":
        manifest.unlink()
    else:
        manifest.write_text("{}" if damage == "empty list" else "{")
    download = Download()
    assert content(cached_files(STORE, VERSION, download)) == WHOLE
    assert content(cached_files(STORE, VERSION, download)) == WHOLE
    assert download.calls == 1
    assert len(list(cache.iterdir())) == 1


def test_a_download_that_fails_leaves_nothing_and_says_why(cache: Path) -> None:
    def failing(folder: Path) -> Path:
        (folder / "a").write_text("half")
        raise ConnectionError("the server went away")

    with pytest.raises(ConnectionError, match="went away"):
        cached_files(STORE, VERSION, failing)
    assert list(cache.iterdir()) == []
    assert content(cached_files(STORE, VERSION, Download())) == WHOLE


KILLED = f"""
import sys, time
from pathlib import Path
from foretell.registry.cache import cached_files
from foretell.registry.version import RegisteredVersion

def slow(folder):
    (folder / "predictor").mkdir()
    (folder / "predictor" / "a").write_text("who")
    print("half-way", flush=True)
    time.sleep(60)

cached_files({STORE!r}, {VERSION!r}, slow)
"""


def test_a_download_that_is_killed_is_never_read(cache: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", KILLED], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "half-way\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    left = list(cache.iterdir())
    assert len(left) == 1
    assert content(cached_files(STORE, VERSION, Download())) == WHOLE
    long_ago = time.time() - 2 * 86400
    os.utime(left[0], (long_ago, long_ago))
    cached_files(STORE, replace(VERSION, number="4"), Download())  # cleans up after the dead
    assert not left[0].exists()


def test_of_two_that_download_at_once_both_read_whole_files(cache: Path) -> None:
    def overtaken(folder: Path) -> Path:
        cached_files(STORE, VERSION, Download())  # another process is done first
        return Download()(folder)

    assert content(cached_files(STORE, VERSION, overtaken)) == WHOLE
    assert len(list(cache.iterdir())) == 1


BOTH = f"""
import sys, time
from pathlib import Path
from foretell.registry.cache import cached_files
from foretell.registry.version import RegisteredVersion

def slow(folder):
    (folder / "predictor" / "deep").mkdir(parents=True)
    Path(sys.argv[1]).touch()
    while not Path(sys.argv[2]).exists():  # until the other one downloads too
        time.sleep(0.01)
    (folder / "predictor" / "a").write_text("whole")
    (folder / "predictor" / "deep" / "b").write_text("whole" * 100)
    return folder / "predictor"

files = cached_files({STORE!r}, {VERSION!r}, slow)
assert (files / "a").read_text() == "whole" and len((files / "deep" / "b").read_text()) == 500
print("read", flush=True)
"""


def test_two_processes_that_download_at_once_both_read_whole_files(cache: Path, tmp_path: Path) -> None:
    marks = [str(tmp_path / "one"), str(tmp_path / "two")]
    commands = [[sys.executable, "-c", BOTH, *order] for order in (marks, marks[::-1])]
    both = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for command in commands]
    assert [process.communicate(timeout=60)[0] for process in both] == ["read\n", "read\n"]
    assert len(list(cache.iterdir())) == 1
    download = Download()
    assert content(cached_files(STORE, VERSION, download)) == WHOLE
    assert download.calls == 0


def test_what_nobody_used_for_long_is_removed_and_what_is_not_ours_stays(cache: Path) -> None:
    old = cached_files(STORE, VERSION, Download()).parent
    (cache / "notes").mkdir()
    long_ago = time.time() - 400 * 86400
    for path in (old, cache / "notes"):
        os.utime(path, (long_ago, long_ago))
    cached_files(STORE, replace(VERSION, number="4"), Download())
    assert not old.exists()
    assert (cache / "notes").is_dir()


def test_a_cache_that_cannot_be_written_costs_a_download_and_no_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("FORETELL_CACHE", str(tmp_path / "file"))
    download = Download()
    for _ in range(2):
        assert content(cached_files(STORE, VERSION, download)) == WHOLE
    assert download.calls == 2


def test_a_name_cannot_leave_the_cache(cache: Path) -> None:
    files = cached_files(STORE, replace(VERSION, name="../../outside"), Download())
    assert files.resolve().is_relative_to(cache.resolve())


def test_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORETELL_CACHE", "/one")
    assert cache_folder() == Path("/one")
    monkeypatch.delenv("FORETELL_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/two")
    assert cache_folder() == Path("/two/foretell")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == Path.home() / ".cache" / "foretell"
