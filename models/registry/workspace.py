"""Where a checkout keeps what runs and promotions are made from, as one object that the pipeline makes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from models.catalogue import CATALOGUE
from models.registry.dvc_lock import DvcLock


@dataclass(frozen=True)
class Workspace:
    """Paths relative to `root`, spelled as dvc.lock spells them.

    lock: dvc.lock.
    facts: folders of facts that no computation made (raw tables; figures that a GPU measured).
    validation: the report that says whether the raw tables may be used.
    errors: per benchmark the folder with errors.csv and predictions.parquet (stage `evaluate`).
    backtests: per benchmark the folder with forecasts.parquet and choices.csv (stage `backtest`).
    explained: per benchmark and tree predictor the SHAP files (stage `explain`).
    predictors: per benchmark the predictor's files (stage `fit`).
    figures: per benchmark and predictor the figures of its run (stage `compare`).
    """

    lock: Path
    facts: tuple[Path, ...]
    validation: Path
    errors: Path
    backtests: Path
    explained: Path
    predictors: Path
    figures: Path
    root: Path = Path()

    def read_lock(self) -> DvcLock:
        """dvc.lock as it is now; DataError when it is missing."""
        return DvcLock.read(self.root / self.lock)

    def facts_read(self, lock: DvcLock, stages: list[str]) -> dict[str, str]:
        """Path -> MD5 of the facts that `stages` were computed from (DvcLock.facts_read)."""
        folders = [folder.as_posix() for folder in self.facts]
        return lock.facts_read(stages, folders, [self.validation.as_posix()])

    def artifacts(self, benchmark: str, predictor: str) -> tuple[tuple[Path, str], ...]:
        """(file, folder inside the run) of everything that a predictor's run keeps."""
        errors = self.root / self.errors / benchmark
        backtest = sorted((self.root / self.backtests / benchmark).glob("*")) if keeps_backtest(predictor) else []
        figures = sorted((self.root / self.figures / benchmark / predictor).glob("*.png"))
        shap = sorted((self.root / self.explained / benchmark / predictor).glob("*"))
        return (
            (errors / "errors.csv", "errors"),
            (errors / "predictions.parquet", "errors"),
            *((path, "backtest") for path in backtest),
            *((path, "figures") for path in figures),
            *((path, "shap") for path in shap),
        )


def keeps_backtest(predictor: str) -> bool:
    """Whether a predictor's run keeps its benchmark's backtest: one that may be registered is promoted by it, and the
    forecast's members are measured nowhere else."""
    entry = CATALOGUE[predictor]
    return entry.registrable or entry.is_forecaster
