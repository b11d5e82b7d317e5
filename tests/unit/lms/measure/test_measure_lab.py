"""A laboratory run's checkpoints on passages, from folders as the training loop writes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bigram_model import P, save

from foretell.errors import DataError
from foretell.experiments.choice import choice_losses
from lms.measure.lab import OPTION_COLUMNS, measure_runs
from lms.measure.settings import MeasureSettings, PassageSettings
from lms.probe import LabRun

SETTINGS = MeasureSettings(
    PassageSettings(items_per_source=20, n_options=3, prompt_tokens=2, option_tokens=4, seed=0), batch_size=16
)


def _run(folder: Path, seed: int) -> LabRun:
    for step in (0, 50, 100):
        save(folder / "checkpoints" / f"step-{step:06d}")
    (folder / "curve.csv").write_text("step,tokens,loss_nats\n" + "".join(f"{n},{n * 64},1.0\n" for n in range(1, 101)))
    return LabRun("code=40", seed, folder)


def _text(seed: int) -> list[int]:
    """Words that follow each other as the model's own table says."""
    rng, words = np.random.default_rng(seed), [0]
    for _ in range(299):
        words.append(int(rng.choice(len(P), p=P[words[-1]])))
    return words


def test_a_runs_checkpoints(libraries: None, tmp_path: Path) -> None:
    runs = [_run(tmp_path / f"seed-{seed}", seed) for seed in (0, 1)]
    texts = {"books": [_text(0)], "code": [_text(1)]}
    measured = measure_runs("code_share", runs, texts, SETTINGS, tmp_path / "work")
    metrics = measured.metrics
    assert metrics.columns.tolist() == ["experiment", "setting", "seed", "step", "tokens", "metric", "value"]
    assert sorted(metrics.metric.unique()) == [
        f"{name}/{source}" for name in ("accuracy", "average_loss", "gap") for source in ("books", "code")
    ]
    assert set(zip(metrics.step, metrics.tokens, strict=True)) == {(50, 3200), (100, 6400)}  # none at step 0
    assert len(metrics) == 2 * 2 * 6
    assert measured.options.columns.tolist() == OPTION_COLUMNS
    assert len(measured.options) == 2 * 2 * 2 * 20 * 3
    # The same means from the options that were kept.
    books = measured.options.query("source == 'books' and seed == 1")
    losses = choice_losses(books)
    values = metrics.query("seed == 1 and step == 100").set_index("metric").value
    assert values["average_loss/books"] == pytest.approx(losses.right_nats[-1].mean(), rel=1e-4)
    gap = losses.wrong_nats[-1].min(axis=1) - losses.right_nats[-1]
    assert values["gap/books"] == pytest.approx(gap.mean(), rel=1e-4, abs=1e-5)
    assert values["accuracy/books"] == pytest.approx((gap > 0).mean())
    # The run's weights never change, and neither do its losses.
    assert losses.right_nats[0].tolist() == losses.right_nats[1].tolist()


def test_a_run_without_checkpoints_is_named(libraries: None, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no checkpoint after step 0"):
        measure_runs("sizes", [LabRun("tiny", 0, tmp_path)], {"books": [_text(0)]}, SETTINGS, tmp_path / "work")
