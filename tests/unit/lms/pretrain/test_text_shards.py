"""Documents and their tokens on disk: order, split, and the same bytes after a kill and with any number of workers."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from foretell.errors import ConfigError, DataError

pytestmark = pytest.mark.usefixtures("libraries")

from lms.pretrain import shards  # noqa: E402
from lms.pretrain.shards import DataSettings, changed_files, open_documents, read_manifest, tokenise  # noqa: E402
from lms.pretrain.text import FolderSource, HubSource, is_held_out, read_documents  # noqa: E402
from lms.pretrain.tokenizer import LoadedTokenizer, TrainedTokenizer, load_encoder  # noqa: E402


def write_text(folder: Path, n: int, word: str) -> Path:
    folder.mkdir(parents=True)
    lines = [json.dumps({"text": f"{word} number {i} says {word * (i % 5)}, and é."}) for i in range(n)]
    (folder / "b.jsonl").write_text("\n".join(lines[: n // 2]) + "\n", encoding="utf-8")
    with gzip.open(folder / "c.jsonl.gz", "wt", encoding="utf-8") as file:
        file.write("\n".join(lines[n // 2 :]) + "\n")
    (folder / "a.txt").write_text(f"the first {word}\nin one document", encoding="utf-8")
    (folder / "left.md").write_text("not read", encoding="utf-8")
    return folder


@pytest.fixture
def settings(tmp_path: Path) -> DataSettings:
    sources = tuple(FolderSource(name, str(write_text(tmp_path / name, 40, name))) for name in ("cat", "dog"))
    return DataSettings(sources, TrainedTokenizer(300, 2_000), 0.2, 7)


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_documents_come_by_path_then_by_line(tmp_path: Path) -> None:
    documents = list(read_documents(FolderSource("cat", str(write_text(tmp_path / "cat", 6, "cat")))))
    assert documents[0] == "the first cat\nin one document"
    assert [text.split()[2] for text in documents[1:]] == list("012345")


def test_every_token_comes_back_and_no_document_is_on_both_sides(settings: DataSettings, tmp_path: Path) -> None:
    tokenise(settings, tmp_path / "tokens")
    from tokenizers import Tokenizer

    encoder = load_encoder(tmp_path / "tokens" / "tokenizer")
    tokenizer = Tokenizer.from_file(str(tmp_path / "tokens" / "tokenizer" / "tokenizer.json"))
    texts = list(read_documents(settings.sources[0]))
    for split, held_out in (("train", False), ("held_out", True)):
        expected = [text for text in texts if is_held_out(text, 0.2) == held_out]
        documents = open_documents(tmp_path / "tokens", "cat", split)
        found = [documents.tokens(i, 0, int(length)) for i, length in enumerate(documents.lengths)]
        assert {(int(row[0]), int(row[-1])) for row in found} == {(encoder.begin, encoder.end)}
        assert [tokenizer.decode(row[1:-1].tolist()) for row in found] == expected
        assert documents.n_bytes == sum(len(text.encode()) for text in expected)
        assert read_manifest(tmp_path / "tokens", "cat")["splits"][split]["tokens"] == sum(map(len, found))


def test_the_held_out_share_is_near_what_was_asked() -> None:
    held_out = np.mean([is_held_out(f"document {i}", 0.1) for i in range(4000)])
    assert held_out == pytest.approx(0.1, abs=4 * np.sqrt(0.09 / 4000))
    assert not any(is_held_out(f"document {i}", 0.0) for i in range(1000))


@pytest.mark.slow  # starts processes
def test_two_workers_write_the_bytes_of_one(settings: DataSettings, tmp_path: Path) -> None:
    tokenise(settings, tmp_path / "one")
    tokenise(settings, tmp_path / "two", workers=2)
    assert content(tmp_path / "one") == content(tmp_path / "two")


def test_a_stopped_tokenisation_keeps_its_shards_and_ends_in_the_same_bytes(
    settings: DataSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenise(settings, tmp_path / "whole")
    written, write = [], shards._write_shard

    def stop_after(limit: int) -> None:
        def counted(shard: Path, *rest: object) -> None:
            if len(written) == limit:
                raise KeyboardInterrupt
            write(shard, *rest)  # type: ignore[arg-type]
            written.append(shard)

        monkeypatch.setattr(shards, "_write_shard", counted)

    for limit in (2, 5):
        stop_after(limit)
        with pytest.raises(KeyboardInterrupt):
            tokenise(settings, tmp_path / "stopped")
    with pytest.raises(DataError, match="not complete"):
        open_documents(tmp_path / "stopped", "dog", "train")
    stop_after(1000)
    tokenise(settings, tmp_path / "stopped")
    assert len(written) == len(set(written)) == 12
    assert content(tmp_path / "stopped") == content(tmp_path / "whole")


def test_other_text_or_settings_are_tokenised_anew(settings: DataSettings, tmp_path: Path) -> None:
    tokenise(settings, tmp_path / "tokens")
    before = content(tmp_path / "tokens")
    tokenise(settings, tmp_path / "tokens")
    assert content(tmp_path / "tokens") == before
    tokenise(replace(settings, documents_per_shard=20), tmp_path / "tokens")
    assert len(list((tmp_path / "tokens" / "cat").glob("shard-*"))) == 3
    tokenise(settings, tmp_path / "tokens")
    assert content(tmp_path / "tokens") == before


def test_a_damaged_shard_is_named(settings: DataSettings, tmp_path: Path) -> None:
    tokenise(settings, tmp_path / "tokens")
    assert list(changed_files(tmp_path / "tokens", ["cat", "dog"])) == []
    damaged = tmp_path / "tokens" / "cat" / "shard-00001" / "train.npy"
    damaged.write_bytes(damaged.read_bytes()[:-2] + b"xx")
    assert list(changed_files(tmp_path / "tokens", ["cat", "dog"])) == [damaged]


def test_a_loaded_tokenizer_is_used_as_it_is(settings: DataSettings, tmp_path: Path) -> None:
    tokenise(settings, tmp_path / "first")
    loaded = LoadedTokenizer(str(tmp_path / "first" / "tokenizer"), "made here")
    tokenise(replace(settings, tokenizer=loaded), tmp_path / "second")
    first, second = (open_documents(tmp_path / name, "cat", "train") for name in ("first", "second"))
    assert all(np.array_equal(a, b) for a, b in zip(first.shards, second.shards, strict=True))


def test_a_data_set_in_the_hubs_layout_is_read(tmp_path: Path) -> None:
    rows = "".join(json.dumps({"body": f"row {i}"}) + "\n" for i in range(5))
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "train.jsonl").write_text(rows, encoding="utf-8")
    source = HubSource("web", str(tmp_path / "set"), "", "train", "local", "body", 3)
    assert list(read_documents(source)) == ["row 0", "row 1", "row 2"]
    with pytest.raises(DataError, match="column 'text'"):
        list(read_documents(replace(source, field="text")))


def test_a_revision_that_can_move_is_refused() -> None:
    with pytest.raises(ConfigError, match="40 hex digits"):
        HubSource("web", "someone/set", "", "train", "main", "text", 0)


@pytest.mark.parametrize(
    ("name", "written", "message"),
    [
        ("a.jsonl", b'{"text": "fine"}\n{"body": 1}\n', "a.jsonl, line 2"),
        ("a.txt", b"\xff\xfe", "UTF-8"),
        ("a.jsonl.gz", b"no gzip", "not readable"),
        ("a.md", b"text", "no documents"),
    ],
)
def test_what_is_not_text_is_named(tmp_path: Path, name: str, written: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(written)
    with pytest.raises(DataError, match=message):
        list(read_documents(FolderSource("x", str(tmp_path))))


def test_a_missing_folder_and_equal_names_are_refused(settings: DataSettings, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no folder"):
        tokenise(replace(settings, sources=(FolderSource("x", "nowhere"),)), tmp_path / "tokens")
    with pytest.raises(DataError, match="different names"):
        tokenise(replace(settings, sources=(settings.sources[0],) * 2), tmp_path / "tokens")
