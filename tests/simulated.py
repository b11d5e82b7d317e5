"""Models with a known generating law, for tests of what a forecast recovers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from features.targets import read_targets
from foretell.answering.encoding import RELEASE_MONTH, Encoding, Feature
from foretell.answering.offsets import log_compute, scores_of
from models.task import Task

FEATURES = ("total_params", "tokens_billions", "pct_code", "activation", "sequence_length")
ENCODING = Encoding(
    "verified",
    (
        Feature("total_params", "scale", "log", "parameters", "", 1e5, 2e12),
        Feature("tokens_billions", "scale", "log", "billion tokens", "", 1e-3, 5e4),
        Feature("pct_code", "data", "number", "percent", "", 0.0, 100.0),
        Feature("activation", "architecture", "word", "", "", words=("gelu", "swiglu")),
        Feature("sequence_length", "architecture", "number", "tokens", "", 64, 1e7),
    ),
    shares=("pct_code",),
)
SLOPE = 0.35  # log odds per e-fold of compute
CODE, SWIGLU = 0.02, 0.5  # log odds per percent of code; of the activation
FAMILY_NOISE, NOISE = 0.15, 0.15  # standard deviations in log odds


def simulated_task(seed: int, n: int = 150, progress: float = 0.0, shuffle_dates: bool = False) -> Task:
    """`n` models in families of three, released from 2021 to 2025, growing with time, whose log odds are a line in
    compute, two effects of design, `progress` per month, and noise, part of it the family's; with `shuffle_dates` the
    months of release that are told are dealt anew."""
    rng = np.random.default_rng(seed)
    family = np.arange(n) // 3
    month = np.sort(rng.integers(0, 50, n // 3 + 1))[family]
    params = np.exp(rng.uniform(np.log(1e8), np.log(3e9), n) + 0.05 * month)
    tokens = np.exp(rng.uniform(np.log(50), np.log(400), n) + 0.04 * month)
    code = rng.uniform(0, 40, family.max() + 1)[family]
    swiglu = (rng.uniform(size=family.max() + 1) < 0.3 + 0.01 * month[::3][: family.max() + 1])[family]
    compute = log_compute(np.log(params), np.log(tokens))
    log_odds = -0.5 + SLOPE * (compute - np.log(1e22)) + CODE * (code - 20) + SWIGLU * swiglu
    log_odds += progress * (month - 25)
    log_odds += FAMILY_NOISE * rng.normal(size=family.max() + 1)[family] + NOISE * rng.normal(size=n)
    if shuffle_dates:
        month = rng.permutation(month)
    design = pd.DataFrame(
        {
            "model_id": [f"model{i:03d}" for i in range(n)],
            "family": [f"family{number:03d}" for number in family],
            RELEASE_MONTH: [f"{2021 + m // 12:04d}-{m % 12 + 1:02d}" for m in month.tolist()],
            "total_params": params,
            "tokens_billions": tokens,
            "pct_code": code,
            "activation": np.where(swiglu, "swiglu", "gelu"),
            "sequence_length": rng.choice([1024.0, 2048.0, 4096.0], n),
        }
    )
    target = replace(read_targets()["mmlu_5shot"], low=0.0, high=1.0)
    scores = pd.DataFrame({"model_id": design["model_id"], "score": scores_of(log_odds, (0.0, 1.0))})
    return Task.of(target, design, scores, ENCODING)
