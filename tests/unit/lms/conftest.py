"""Two tiny language models and benchmark data for all tasks, made once a session; skipped where torch is missing."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

import pytest
from tiny_benchmarks import write_benchmark_data

# Before anything imports these libraries: no test may ask the network.
os.environ.update(
    HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", HF_DATASETS_OFFLINE="1", HF_HUB_DISABLE_PROGRESS_BARS="1"
)

TEXT = Path(__file__).parents[2] / "fixtures" / "tiny_text.txt"


@pytest.fixture(scope="session")
def libraries() -> None:
    """Skip where the gpu extra is not installed."""
    missing = [
        name for name in ("torch", "transformers", "lm_eval", "datasets") if importlib.util.find_spec(name) is None
    ]
    if missing:
        pytest.skip(f"needs the gpu extra; not installed: {', '.join(missing)}")


@pytest.fixture(scope="session")
def benchmark_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_benchmark_data(tmp_path_factory.mktemp("benchmark_data"))


@pytest.fixture(scope="session")
def tiny_records(libraries: None, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Records of a Llama and a GPT-NeoX of under a million parameters, their weights in a local folder."""
    import torch

    from lms.record import make_records, weights_sha256
    from lms.settings import RecordSettings
    from lms.tiny import build_tiny_model

    torch.set_num_threads(2)
    os.environ.setdefault("HF_DATASETS_CACHE", str(tmp_path_factory.mktemp("datasets_cache")))
    folder = tmp_path_factory.mktemp("tiny_models")
    texts = TEXT.read_text(encoding="utf-8").splitlines()
    weights = {}
    for architecture in ("gpt_neox", "llama"):
        path = build_tiny_model(folder / architecture, architecture, texts)
        weights[f"tiny--{architecture}"] = {
            "model_id": f"tiny/{architecture}",
            "path": str(path),
            "revision": weights_sha256(path),
            "dtype": "float32",
        }
    return make_records(RecordSettings.model_validate({"regenerate": list(weights), "weights": weights}))
