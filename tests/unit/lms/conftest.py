"""Two tiny language models and benchmark data for all tasks, made once a session; skipped where torch is missing."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pytest
from tiny_benchmarks import write_benchmark_data

from lms.record import Record

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
def tiny_records(libraries: None, tmp_path_factory: pytest.TempPathFactory) -> list[Record]:
    """Records of a Llama and a GPT-NeoX of under a million parameters, their weights in a local folder."""
    import torch
    from tiny_models import build_tiny_model

    from lms.record import make_records, weights_sha256
    from lms.settings import RecordSettings

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


STEPS = (4, 8, 16, 24, 32, 40, 48)


@pytest.fixture(scope="session")
def trained(libraries: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A YAML list of checkpoints of a tiny Llama trained on the fixture text for 48 steps, called `tiny`, its weights
    saved at each of STEPS."""
    import torch
    from ruamel.yaml import YAML
    from tiny_models import build_tiny_model
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from lms.record import weights_sha256

    torch.set_num_threads(1)  # tensors this small lose by more
    folder = tmp_path_factory.mktemp("trained")
    start = build_tiny_model(folder / "start", "llama", TEXT.read_text(encoding="utf-8").splitlines(), context=64)
    model, tokenizer = AutoModelForCausalLM.from_pretrained(start), AutoTokenizer.from_pretrained(start)
    tokens = tokenizer(TEXT.read_text(encoding="utf-8"), return_tensors="pt", verbose=False).input_ids[0]
    rows = torch.stack([tokens[at : at + 64] for at in range(0, len(tokens) - 64, 32)])
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    entries = []
    for step in range(1, STEPS[-1] + 1):
        model(rows, labels=rows).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if step in STEPS:
            saved = folder / f"step-{step}"
            model.save_pretrained(saved)
            tokenizer.save_pretrained(saved)
            entries.append(
                {
                    "model": "tiny",
                    "step": step,
                    "model_id": "tiny/llama",
                    "path": str(saved),
                    "revision": weights_sha256(saved),
                    "dtype": "float32",
                }
            )
    YAML().dump(entries, folder / "models.yaml")
    return folder / "models.yaml"
