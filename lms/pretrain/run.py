"""One pretraining run: from described text and settings to a curve, held-out losses by source, checkpoints and their
lineage. `read_run` reads a description, `tokenise` (shards.py) makes its tokens, `pretrain` trains."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from foretell.errors import ConfigError, DataError
from foretell.settings import Count, Seed, problems, settings
from lms.files import open_work, write_whole
from lms.fingerprint import code_hashes
from lms.machine import find_device, runtime_environment
from lms.pretrain.held_out import measure_sources
from lms.pretrain.loop import Schedule, build_model, train
from lms.pretrain.mixture import Phase, open_mixture
from lms.pretrain.settings import LoopSettings, ModelSettings, OptimiserSettings
from lms.pretrain.shards import TOKENIZER, DataSettings, read_manifest
from lms.pretrain.tokenizer import load_encoder, tokenizer_sha256

JOB = "pretrain"
CPU_MAX_PARAMETERS = 100_000_000
Step = Annotated[int, Field(ge=0)]


@settings
class RunSettings:
    """A whole run. Batches have `sequences` sequences of `model.context` tokens; `phases` follow each other. Held-out
    loss is measured on `held_out_sequences` sequences of every source, `held_out_rows` at once, after the numbers of
    steps in `measure_at`; checkpoints are kept at `checkpoint_at`. `compiled`: torch.compile, on a GPU only."""

    model: ModelSettings
    data: DataSettings
    phases: tuple[Phase, ...]
    sequences: Count
    optimiser: OptimiserSettings
    micro_batches: Count
    dtype: Literal["float32", "bfloat16"]
    seed: Seed
    threads: Count
    compiled: bool
    measure_at: tuple[Step, ...]
    checkpoint_at: tuple[Step, ...]
    state_every: Count
    held_out_sequences: Count
    held_out_rows: Count

    @property
    def loop(self) -> LoopSettings:
        """The training loop's part."""
        return LoopSettings(
            steps=sum(phase.steps for phase in self.phases),
            optimiser=self.optimiser,
            micro_batches=self.micro_batches,
            dtype=self.dtype,
            seed=self.seed,
            threads=self.threads,
        )

    @property
    def tokens(self) -> int:
        """Tokens the run is trained on."""
        return self.loop.steps * self.sequences * self.model.context


def read_run(where: str, content: Mapping[str, Any]) -> RunSettings:
    """The run that `content` (read from YAML) describes. Raises ConfigError, one line, naming `where` and every key
    that is missing, unknown or impossible."""
    try:
        return TypeAdapter(RunSettings).validate_python(content)
    except ValidationError as error:
        raise ConfigError(f"{where}: {'; '.join(problems(error))}") from None


def run_fingerprint(settings: RunSettings, tokens: Path) -> str:
    """16 hex digits that change with what decides the run's numbers: settings, tokens and code. Where the text lies on
    this machine does not matter."""
    stated = {
        "settings": {name: value for name, value in asdict(settings).items() if name != "data"},
        "tokens": _token_hashes(settings, tokens),
        "code": code_hashes(__name__),
    }
    return hashlib.sha256(json.dumps(stated, sort_keys=True).encode()).hexdigest()[:16]


def open_run(root: Path, name: str, settings: RunSettings, tokens: Path) -> Path:
    """The folder of this run's unfinished work below `root` (lms/files.py), where `pretrain` goes on."""
    return open_work(root, JOB, name, run_fingerprint(settings, tokens), runtime_environment(find_device()))


def pretrain(settings: RunSettings, tokens: Path, folder: Path) -> None:
    """Train the model of `settings` on the tokenised sources below `tokens`, or go on where it was killed.

    Writes into `folder` what the training loop writes (loop.py: curve.csv, metrics.csv with held-out losses by source,
    checkpoints with their tokenizer, finished.json) and lineage.json: settings, fingerprint, hashes of tokens, what
    each source gave, library versions.

    Raises ConfigError when the tokenizer has more tokens than the model, DataError when tokens are missing, `folder`
    holds another run, or the run diverges.
    """
    encoder = load_encoder(tokens / TOKENIZER)
    if encoder.size > settings.model.vocabulary:
        raise ConfigError(f"model.vocabulary {settings.model.vocabulary}: the tokenizer has {encoder.size} tokens")
    names = [source.name for source in settings.data.sources]
    data = open_mixture(tokens, settings.phases, settings.model.context, settings.sequences, settings.seed)
    lineage = {
        "fingerprint": run_fingerprint(settings, tokens),
        "settings": asdict(settings),
        "tokens": _token_hashes(settings, tokens),
        "used": data.used(),
        "environment": runtime_environment(find_device()),
    }
    _state_lineage(folder, lineage)
    measure = measure_sources(
        tokens, names, settings.model.context, settings.held_out_sequences, settings.held_out_rows
    )
    model = build_model(settings.model, settings.seed)
    model.config.bos_token_id, model.config.eos_token_id = encoder.begin, encoder.end
    if settings.compiled and find_device() == "cuda":
        model.compile()
    schedule = Schedule(settings.measure_at, settings.checkpoint_at, settings.state_every)
    train(model, data, settings.loop, schedule, measure, folder)
    for checkpoint in sorted((folder / "checkpoints").glob("step-*")):
        for file in sorted((tokens / TOKENIZER).iterdir()):
            if not (checkpoint / file.name).is_file():
                write_whole(checkpoint / file.name, file.read_bytes())


def require_gpu(n_parameters: int, anyway: bool) -> None:
    """Raise ConfigError, one line, when a model of this size would be trained without a GPU, unless `anyway`."""
    if n_parameters > CPU_MAX_PARAMETERS and not anyway and find_device() == "cpu":
        raise ConfigError(
            f"{n_parameters:,} parameters and no GPU: a CPU would take months; run this on a GPU machine, or start it "
            "all the same with --yes"
        )


def _state_lineage(folder: Path, lineage: dict[str, Any]) -> None:
    path = folder / "lineage.json"
    if path.is_file() and json.loads(path.read_text(encoding="utf-8"))["fingerprint"] != lineage["fingerprint"]:
        raise DataError(f"{folder}: holds a run of other settings, text or code; choose another folder or remove it")
    write_whole(path, (json.dumps(lineage, indent=2, sort_keys=True) + "\n").encode())


def _token_hashes(settings: RunSettings, tokens: Path) -> dict[str, str]:
    """SHA-256 of the tokenizer and of each source's list of shard hashes."""
    hashes = {TOKENIZER: tokenizer_sha256(tokens / TOKENIZER)}
    for source in settings.data.sources:
        files = json.dumps(read_manifest(tokens, source.name)["sha256_by_file"], sort_keys=True)
        hashes[source.name] = hashlib.sha256(files.encode()).hexdigest()
    return hashes
