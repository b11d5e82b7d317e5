"""A run of a few steps for torchrun: `two_processes.py FOLDER`. Each process notes the batches that it read."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path

import numpy as np

from lms.pretrain.devices import open_devices
from lms.pretrain.loop import Batch, Schedule, build_model, train
from lms.pretrain.settings import LoopSettings, ModelSettings, OptimiserSettings


class Noted:
    def __init__(self) -> None:
        self.read: dict[int, str] = {}

    def batch(self, step: int) -> Batch:
        tokens = (np.random.default_rng(step).integers(0, 32, (5, 1)) + np.arange(12)) % 32
        labels = tokens.copy()
        labels[0, :9] = -100  # processes score different numbers of tokens
        self.read[step] = hashlib.sha256(tokens.tobytes()).hexdigest()
        return Batch(tokens, labels)


def main(folder: Path) -> None:
    model = ModelSettings(
        vocabulary=32, context=16, hidden=16, layers=2, heads=2, key_value_heads=2, feed_forward=24, tied=True
    )
    optimiser = OptimiserSettings(
        learning_rate=1e-2,
        final_learning_rate=1e-2,
        warm_up_steps=0,
        horizon_steps=1,
        beta1=0.9,
        beta2=0.95,
        weight_decay=0.1,
        clip=1.0,
    )
    settings = LoopSettings(steps=12, optimiser=optimiser, micro_batches=2, dtype="float32", seed=0, threads=1)
    data = Noted()
    schedule = Schedule((0, 6, 12), (12,), state_every=4, say_every_seconds=0)
    train(build_model(model, 0), data, settings, schedule, weights, folder)
    open_devices("float32").close()
    (folder / f"read-{os.environ.get('RANK', '0')}.json").write_text(json.dumps(data.read), encoding="utf-8")


def weights(model: object, step: int) -> dict[str, float]:
    return {"weights": sum(p.detach().norm().item() for p in model.parameters())}  # type: ignore[attr-defined]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
