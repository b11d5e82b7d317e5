"""Sampling: the right distribution, texts that depend on nothing but their number, shards that survive a kill."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from foretell.errors import ConfigError, DataError
from lms.generate import HuggingFaceGenerator, first_token, open_generator
from lms.record import Record
from lms.sample import (
    SampleFiles,
    read_generations,
    sample_fingerprint,
    sample_model,
    shard_indices,
    shard_name,
    write_sample_files,
)
from lms.settings import SampleSettings
from lms.weights import load_model

ROOT = Path(__file__).parents[3]
SETTINGS = SampleSettings(n_texts=20, shard_size=8, batch_size=8, max_tokens=40)


def _bytes(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*"))}


def test_shards_cover_every_text_once() -> None:
    shards = shard_indices(SETTINGS)
    assert [len(shard) for shard in shards] == [8, 8, 4]
    assert [index for shard in shards for index in shard] == list(range(20))
    assert shard_name(3) == "shard-00003.jsonl"


def test_a_text_with_unicode_line_ends_is_one_line(tmp_path: Path) -> None:
    line = (
        json.dumps({"index": 0, "text": "a\u2028b\x85c\nd", "n_tokens": 3, "ended": "eos"}, ensure_ascii=False) + "\n"
    )
    (tmp_path / shard_name(0)).write_bytes(line.encode())
    shard = {"file": shard_name(0), "n_texts": 1, "sha256": hashlib.sha256(line.encode()).hexdigest()}
    (tmp_path / "manifest.json").write_text(json.dumps({"shards": [shard]}))
    assert [text.text for text in read_generations(tmp_path)] == ["a\u2028b\x85c\nd"]


def test_vllm_is_asked_for_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    settings = SETTINGS.model_copy(update={"backend": "vllm"})
    with pytest.raises(ConfigError, match="vllm, which is not installed"):
        open_generator({"model_id": "a/b", "revision": "r"}, settings, "cuda")


class _Tokens:
    bos_token_id: int | None = None
    eos_token_id: Any = None


def test_first_token_is_the_beginning_or_else_the_end() -> None:
    tokenizer, config = _Tokens(), _Tokens()
    with pytest.raises(ConfigError, match="neither"):
        first_token(tokenizer, config)
    config.eos_token_id = [7, 8]
    assert first_token(tokenizer, config) == 7
    tokenizer.bos_token_id = 0
    assert first_token(tokenizer, config) == 0


@pytest.mark.usefixtures("libraries")
def test_drawn_tokens_follow_the_nucleus_of_transformers() -> None:
    import torch
    from transformers import TemperatureLogitsWarper, TopPLogitsWarper

    from lms.drawing import draw_tokens

    torch.manual_seed(0)
    logits = torch.randn(1, 40) * 2
    warped = TopPLogitsWarper(0.9)(None, TemperatureLogitsWarper(0.8)(None, logits.clone()))
    expected = torch.softmax(warped.double(), dim=-1)[0].numpy()
    n = 20_000
    uniforms = torch.from_numpy((np.arange(n) + 0.5) / n)
    drawn = draw_tokens(logits.expand(n, -1), uniforms, 0.8, 0.9).numpy()
    frequency = np.bincount(drawn, minlength=40) / n
    # Equally spaced uniforms give each token its probability to within one spacing.
    np.testing.assert_allclose(frequency, expected, atol=1.5 / n)
    assert set(np.flatnonzero(frequency)) <= set(np.flatnonzero(expected))


@pytest.mark.usefixtures("libraries")
def test_drawing_at_the_ends_of_the_unit_interval() -> None:
    import torch

    from lms.drawing import draw_tokens, text_uniforms

    logits = torch.log(torch.tensor([[0.5, 0.3, 0.15, 0.05]]))
    assert draw_tokens(logits, torch.tensor([0.0]), 1.0, 0.9).item() == 0
    assert draw_tokens(logits, torch.tensor([1 - 1e-12], dtype=torch.float64), 1.0, 0.9).item() == 2
    assert draw_tokens(logits, torch.tensor([1 - 1e-12], dtype=torch.float64), 1.0, 1.0).item() == 3
    assert draw_tokens(logits, torch.tensor([0.9]), 1.0, 0.1).item() == 0
    one, two = text_uniforms("m", 0, [3], 5), text_uniforms("m", 0, [1, 2, 3], 5)
    np.testing.assert_array_equal(one[0], two[2])
    assert not np.array_equal(text_uniforms("m", 1, [3], 5), one)
    assert not np.array_equal(text_uniforms("other", 0, [3], 5), one)


@pytest.fixture
def sampled(tiny_records: list[Record], tmp_path: Path) -> Callable[..., Path]:
    def run(name: str, record: Record = tiny_records[1], **changes: Any) -> Path:
        settings = SETTINGS.model_copy(update=changes)
        files = SampleFiles(tmp_path / name, tmp_path / f"{name}.json")
        sample_model(record, settings, tmp_path / f"{name}.work", files)
        return files.generations

    return run


@pytest.mark.slow
def test_texts_do_not_depend_on_the_batch(sampled: Callable[..., Path], capfd: pytest.CaptureFixture[str]) -> None:
    texts = read_generations(sampled("eight"))
    assert "tokens/s" in capfd.readouterr().err
    assert [text.index for text in texts] == list(range(20))
    assert len({text.text for text in texts}) == 20
    assert all(0 < text.n_tokens <= 40 for text in texts)
    assert any(text.ended == "eos" for text in texts) or all(text.n_tokens == 40 for text in texts)
    for batch_size in (1, 3, 20):
        assert read_generations(sampled(f"batch{batch_size}", batch_size=batch_size)) == texts
    assert read_generations(sampled("sharded", shard_size=5)) == texts
    assert read_generations(sampled("seeded", seed=1)) != texts


@pytest.mark.slow
def test_models_do_not_share_random_numbers(sampled: Callable[..., Path], tiny_records: list[Record]) -> None:
    first = sampled("llama")
    renamed = replace(tiny_records[1], model_id="tiny/other")
    assert read_generations(first) != read_generations(sampled("renamed", record=renamed))


@pytest.mark.slow
def test_out_of_memory_halves_the_batch_and_keeps_the_texts(
    tiny_records: list[Record], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    import torch

    batch = HuggingFaceGenerator._batch
    tried: list[int] = []

    def fits_three(self: HuggingFaceGenerator, indices: Sequence[int]) -> list[dict[str, Any]]:
        tried.append(len(indices))
        if len(indices) > 3:
            raise torch.OutOfMemoryError("injected")
        return batch(self, indices)

    record = tiny_records[0]
    plain = SampleFiles(tmp_path / "plain", tmp_path / "plain.json")
    sample_model(record, SETTINGS, tmp_path / "plain.work", plain)
    monkeypatch.setattr(HuggingFaceGenerator, "_batch", fits_three)
    small = SampleFiles(tmp_path / "small", tmp_path / "small.json")
    sample_model(record, SETTINGS, tmp_path / "small.work", small)
    assert _bytes(small.generations) == _bytes(plain.generations)
    assert tried[:3] == [8, 4, 2]
    assert max(tried[2:]) == 2, "a batch that did not fit is not tried again"
    assert "now 2 texts at once instead of 8" in capfd.readouterr().err
    assert json.loads(next((tmp_path / "small.work").glob("*/batch_size.json")).read_text()) == 2


@pytest.mark.slow
def test_one_text_that_does_not_fit_is_an_error(tiny_records: list[Record], monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    def never(self: HuggingFaceGenerator, indices: Sequence[int]) -> list[dict[str, Any]]:
        raise torch.OutOfMemoryError("injected")

    monkeypatch.setattr(HuggingFaceGenerator, "_batch", never)
    generator = HuggingFaceGenerator(load_model(tiny_records[0], "cpu"), tiny_records[0], SETTINGS)
    with pytest.raises(torch.OutOfMemoryError):
        generator.texts(range(4))


@pytest.mark.slow
def test_generations_are_checked_against_the_manifest(sampled: Callable[..., Path]) -> None:
    folder = sampled("checked")
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["n_texts"] == 20
    assert manifest["n_tokens"] == sum(text.n_tokens for text in read_generations(folder))
    shard = folder / shard_name(1)
    shard.write_bytes(shard.read_bytes().replace(b"index", b"indxe", 1))
    with pytest.raises(DataError, match="not the file its manifest names"):
        read_generations(folder)
    (folder / "manifest.json").unlink()
    with pytest.raises(DataError, match="not complete"):
        read_generations(folder)


@pytest.mark.slow
def test_killed_in_the_middle_resumes_with_the_same_bytes(tiny_records: list[Record], tmp_path: Path) -> None:
    record = tiny_records[1]
    settings = SETTINGS.model_copy(update={"n_texts": 240, "shard_size": 8, "max_tokens": 96})
    specification = tmp_path / "specification.json"
    specification.write_text(json.dumps({"record": asdict(record), "settings": settings.model_dump()}))
    command = [sys.executable, str(Path(__file__).with_name("run_job.py")), "sample", str(specification)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    work = tmp_path / "work" / f"sample@{record.slug}@{sample_fingerprint(record, settings)}"
    child = subprocess.Popen([*command, str(tmp_path / "work")], env=environment, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 90
    while not (work / shard_name(2)).is_file():
        assert child.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    done = {path.name: path.stat().st_mtime_ns for path in work.glob("shard-*")}
    assert 3 <= len(done) < 30
    subprocess.run([*command, str(tmp_path / "work")], env=environment, check=True, stderr=subprocess.DEVNULL)
    subprocess.run([*command, str(tmp_path / "whole")], env=environment, check=True, stderr=subprocess.DEVNULL)
    assert {name: (work / name).stat().st_mtime_ns for name in done} == done, "a finished shard was made again"
    resumed = SampleFiles(tmp_path / "resumed", tmp_path / "resumed.json")
    undisturbed = SampleFiles(tmp_path / "undisturbed", tmp_path / "undisturbed.json")
    write_sample_files(record, settings, work, resumed)
    write_sample_files(record, settings, tmp_path / "whole" / work.name, undisturbed)
    assert _bytes(resumed.generations) == _bytes(undisturbed.generations)
    assert len(_bytes(resumed.generations)) == 31
