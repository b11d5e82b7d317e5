"""How long asking takes, with the predictors that are registered in this checkout: `python -m benchmarks.asking_speed`.

Prints the processor and wall-clock seconds of whole `foretell predict` calls, one after the other (the first may have
to download), and how many designs of a table are answered per second once the predictors are loaded."""

from __future__ import annotations

import resource
import subprocess
import sys
import time

import numpy as np
import pandas as pd

from foretell.panel import Panel
from pipelines.cli.answers import registered_predictors

CALL = ("-m", "pipelines.cli", "predict", "--params", "7e9", "--tokens", "2e12", "--code", "20", "--web", "70")
N_CALLS, N_DESIGNS = 4, 2000


def time_call() -> tuple[float, float]:
    """(processor, wall-clock) seconds of one `foretell predict` in a process of its own."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, *CALL], check=True, stdout=subprocess.DEVNULL)
    after, ended = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, ended - began


def random_designs(n: int, seed: int = 0) -> pd.DataFrame:
    """`n` designs of seven features, within the bounds of every one of them; a quarter does not give the code share."""
    draw = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "model_id": [f"design-{number}" for number in range(n)],
            "total_params": np.exp(draw.uniform(np.log(1e8), np.log(7e10), n)),
            "tokens_billions": np.exp(draw.uniform(np.log(50), np.log(15_000), n)),
            "pct_code": np.where(draw.random(n) < 0.25, np.nan, draw.uniform(0, 30, n)),
            "pct_web": draw.uniform(20, 70, n),
            "d_model": draw.integers(512, 8192, n),
            "biases": draw.choice(["none", "all"], n),
            "sequence_length": 2048,
        }
    )


def main() -> None:
    """Measure and print."""
    for call in range(N_CALLS):
        processor, wall = time_call()
        print(f"foretell predict, call {call + 1}: {processor:.2f} s of processor time, {wall:.2f} s")
    panel = Panel({by.predictor.card.benchmark: by.predictor for by in registered_predictors([], [])})
    designs = random_designs(N_DESIGNS)
    began = time.process_time()
    answers = panel.predict(designs)
    took = time.process_time() - began
    rates = f"{len(designs) / took:.0f} designs or {len(answers) / took:.0f} answers per second"
    print(f"{len(designs)} designs on {len(panel)} targets: {took:.2f} s of processor time, {rates}")


if __name__ == "__main__":
    main()
