"""The laboratory's text experiments trained: the runs that the section `lab` of params.yaml declares."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from foretell.parallel import Spread
from lms.corpus.packages import SOURCES
from lms.lab_settings import LabSettings
from lms.pretrain.mixture import Phase
from lms.pretrain.run import RunSettings, open_run, pretrain
from lms.pretrain.shards import DataSettings
from lms.pretrain.text import FolderSource

COPIED = ("curve.csv", "metrics.csv", "finished.json", "lineage.json")


@dataclass(frozen=True)
class LabFolders:
    """Where the laboratory's files are: the `corpus` (a folder per source), its `tokens` and unfinished `work`."""

    corpus: Path
    tokens: Path
    work: Path


def data_settings(lab: LabSettings, corpus: Path) -> DataSettings:
    """The corpus as text to tokenise: the sources of lms.corpus, each a folder of it."""
    return DataSettings(
        sources=tuple(FolderSource(name=name, folder=str(corpus / name)) for name in SOURCES),
        tokenizer=lab.data.tokenizer,
        held_out_share=lab.data.held_out_share,
        documents_per_shard=lab.data.documents_per_shard,
    )


def run_settings(lab: LabSettings, run: str, seed: int, corpus: Path) -> RunSettings:
    """The whole description of one seed of a run."""
    cell, training = lab.runs[run], lab.training
    schedule = lab.schedules[cell.experiment]
    return RunSettings(
        model=lab.models[cell.model],
        data=data_settings(lab, corpus),
        phases=(Phase(steps=schedule.steps, weights=cell.weights),),
        sequences=schedule.sequences,
        optimiser=schedule.optimiser,
        micro_batches=training.micro_batches,
        dtype=training.dtype,
        seed=seed,
        threads=training.threads,
        compiled=False,
        measure_at=schedule.measure_at,
        checkpoint_at=schedule.checkpoint_at,
        state_every=training.state_every,
        held_out_sequences=training.held_out_sequences,
        held_out_rows=training.held_out_rows,
    )


def train_run(lab: LabSettings, run: str, folders: LabFolders, out: Path, spread: Spread) -> None:
    """Train every seed of a run, side by side, into `out`/seed-<n>/: curve.csv, metrics.csv, finished.json,
    lineage.json and checkpoints. What a killed call or an earlier one finished below `folders.work` is used.

    Raises DataError when tokens are missing or a run diverges.
    """

    def train(seed: int) -> Path:
        described = run_settings(lab, run, seed, folders.corpus)
        folder = open_run(folders.work, f"{run}-seed-{seed}", described, folders.tokens)
        pretrain(described, folders.tokens, folder)
        return folder

    finished = spread.map(train, lab.seeds(run))
    for seed, folder in zip(lab.seeds(run), finished, strict=True):
        target = out / f"seed-{seed}"
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(folder / "checkpoints", target / "checkpoints")
        for name in COPIED:
            shutil.copyfile(folder / name, target / name)
