"""Unprompted generations of one language model: what it writes after nothing but the beginning-of-text token shows
what it was trained on. Texts are numbered, each with its own random numbers, and kept in shards of JSON lines; a
finished shard is a file, so that a run that was killed resumes at the next one, and the manifest, written last, says
the set is whole."""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from foretell.errors import DataError
from lms.files import open_work, work_folder, write_once, write_whole
from lms.fingerprint import job_fingerprint, lineage_text
from lms.generate import GeneratedText, Generator, open_generator
from lms.machine import require_runnable, runtime_environment
from lms.record import Record
from lms.settings import SampleSettings

JOB = "sample"


def shard_name(number: int) -> str:
    """File name of shard `number`, counted from 0."""
    return f"shard-{number:05d}.jsonl"


def shard_indices(settings: SampleSettings) -> list[range]:
    """The text numbers of each shard."""
    return [
        range(start, min(start + settings.shard_size, settings.n_texts))
        for start in range(0, settings.n_texts, settings.shard_size)
    ]


def sample_fingerprint(record: Record, settings: SampleSettings) -> str:
    """Key of a sampling run: changes with the record and with every setting that can change a text."""
    return job_fingerprint(record, settings.model_dump(exclude={"cpu_max_parameters"}), __name__)


@dataclass(frozen=True)
class Shard:
    """A shard as the manifest names it."""

    file: str
    n_texts: int
    sha256: str


def _shard_text(texts: Sequence[GeneratedText]) -> str:
    return "".join(json.dumps(asdict(text), ensure_ascii=False) + "\n" for text in texts)


def _shard_texts(content: bytes) -> list[GeneratedText]:
    # Of bytes, not of text: a generated text may hold U+2028 and others, which only `str` takes for the end of a line.
    return [GeneratedText(**json.loads(line)) for line in content.splitlines()]


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def sample_missing_shards(
    record: Record,
    settings: SampleSettings,
    work_root: Path,
    device: str,
    make_generator: Callable[[Record, SampleSettings, str], Generator] = open_generator,
    say: Callable[[str], None] = _say,
) -> Path:
    """Generate every shard that has no file yet and return the work folder. This is what runs on a GPU, here or on a
    worker. The model is loaded only if something is missing. Tokens per second are shown after each shard."""
    work = open_work(work_root, JOB, record.slug, sample_fingerprint(record, settings), runtime_environment(device))
    shards = shard_indices(settings)
    missing = [number for number in range(len(shards)) if not (work / shard_name(number)).is_file()]
    if not missing:
        return work
    # A batch that once did not fit is not tried again after a restart: the same batches, hence the same bytes.
    remembered = work / "batch_size.json"
    generator = make_generator(record, settings, device)
    if remembered.is_file():
        generator.batch_size = json.loads(remembered.read_text(encoding="utf-8"))
    for number in missing:
        started = time.perf_counter()
        before = generator.batch_size
        texts = generator.texts(shards[number])
        if generator.batch_size != before:
            write_whole(remembered, json.dumps(generator.batch_size).encode())
            say(f"sample {record.slug}: out of memory, now {generator.batch_size} texts at once instead of {before}")
        seconds = time.perf_counter() - started
        write_once(work / shard_name(number), _shard_text(texts).encode())
        n_tokens = sum(text.n_tokens for text in texts)
        say(
            f"sample {record.slug}: shard {number + 1}/{len(shards)}, {len(texts)} texts, {n_tokens} tokens "
            f"in {seconds:.1f} s, {n_tokens / seconds:.0f} tokens/s"
        )
    return work


def all_shards_sampled(record: Record, settings: SampleSettings, work_root: Path) -> Path | None:
    """The work folder if every shard is there (made here or by workers on a shared disk), else None."""
    work = work_folder(work_root, JOB, record.slug, sample_fingerprint(record, settings))
    whole = all((work / shard_name(number)).is_file() for number in range(len(shard_indices(settings))))
    return work if whole else None


@dataclass(frozen=True)
class SampleFiles:
    """The outputs of a sampling run: a folder of shards with their manifest, and the lineage (JSON)."""

    generations: Path
    lineage: Path


def write_sample_files(record: Record, settings: SampleSettings, work: Path, files: SampleFiles) -> None:
    """Copy a finished run's shards, then write the manifest, then the lineage. The manifest holds nothing but what
    the shards were made from and their hashes: equal shards, equal bytes."""
    shards = []
    n_tokens = 0
    wanted = {shard_name(number) for number in range(len(shard_indices(settings)))}
    (files.generations / "manifest.json").unlink(missing_ok=True)
    for old in files.generations.glob("shard-*.jsonl"):
        if old.name not in wanted:
            old.unlink()
    for number, indices in enumerate(shard_indices(settings)):
        content = (work / shard_name(number)).read_bytes()
        n_tokens += sum(text.n_tokens for text in _shard_texts(content))
        write_whole(files.generations / shard_name(number), content)
        shards.append(Shard(shard_name(number), len(indices), hashlib.sha256(content).hexdigest()))
    manifest = {
        "record": asdict(record),
        "settings": settings.model_dump(exclude={"cpu_max_parameters"}),
        "fingerprint": sample_fingerprint(record, settings),
        "n_texts": settings.n_texts,
        "n_tokens": n_tokens,
        "shards": [asdict(shard) for shard in shards],
    }
    write_whole(files.generations / "manifest.json", (json.dumps(manifest, indent=2, sort_keys=True) + "\n").encode())
    environment = json.loads((work / "environment.json").read_text(encoding="utf-8"))
    fingerprint = sample_fingerprint(record, settings)
    write_whole(files.lineage, lineage_text(record, JOB, fingerprint, settings.backend, environment).encode())


def sample_model(record: Record, settings: SampleSettings, work_root: Path, files: SampleFiles) -> None:
    """Generate one language model's texts and write its files; what an interrupted run finished is used.

    Raises ConfigError, one line, if something is left to generate and this machine cannot run the model.
    """
    work = all_shards_sampled(record, settings, work_root)
    if work is None:
        device = require_runnable(JOB, record, settings.cpu_max_parameters)
        work = sample_missing_shards(record, settings, work_root, device)
    write_sample_files(record, settings, work, files)


def read_generations(folder: Path) -> list[GeneratedText]:
    """All texts of a sampling run in the order of their numbers.

    Raises DataError if the manifest is missing (the run is unfinished) or a shard is not the one it names.
    """
    stated = folder / "manifest.json"
    if not stated.is_file():
        raise DataError(
            f"{folder}: no manifest.json, so the generations are not complete; `dvc repro sample` finishes them."
        )
    texts: list[GeneratedText] = []
    for entry in json.loads(stated.read_text(encoding="utf-8"))["shards"]:
        shard = Shard(**entry)
        content = (folder / shard.file).read_bytes() if (folder / shard.file).is_file() else b""
        if hashlib.sha256(content).hexdigest() != shard.sha256:
            raise DataError(
                f"{folder / shard.file}: missing, or not the file its manifest names; `dvc checkout` restores it."
            )
        texts.extend(_shard_texts(content))
    return texts
