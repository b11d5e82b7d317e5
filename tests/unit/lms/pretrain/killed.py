"""Do the same work twice: undisturbed, and killed with -9 at random moments until it is done. A program of its own,
because its children are forks and must not inherit a test runner's threads.

`python killed.py {training,tokenisation} FOLDER KILLS SEED` prints how many kills hit and whether all bytes are equal.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

os.environ["TOKENIZERS_PARALLELISM"] = "false"

import accelerate  # noqa: F401  # imported before the forks, or every child would spend its time on it
import tokenizers  # noqa: F401
import transformers.models.llama.modeling_llama
from transformers import PreTrainedTokenizerFast  # noqa: F401

from lms.pretrain.loop import Batch, Schedule, build_model, train
from lms.pretrain.settings import LoopSettings, ModelSettings, OptimiserSettings
from lms.pretrain.shards import DataSettings, tokenise
from lms.pretrain.text import FolderSource
from lms.pretrain.tokenizer import TrainedTokenizer


class Random:
    def batch(self, step: int) -> Batch:
        tokens = np.random.default_rng(step).integers(0, 32, (4, 16))
        return Batch(tokens, tokens)


def do_training(folder: Path) -> None:
    model = ModelSettings(
        vocabulary=32, context=16, hidden=16, layers=1, heads=2, key_value_heads=1, feed_forward=24, tied=False
    )
    optimiser = OptimiserSettings(
        learning_rate=1e-2,
        final_learning_rate=1e-3,
        warm_up_steps=3,
        horizon_steps=100,
        beta1=0.9,
        beta2=0.95,
        weight_decay=0.1,
        clip=1.0,
    )
    settings = LoopSettings(steps=60, optimiser=optimiser, micro_batches=2, dtype="float32", seed=0, threads=1)
    schedule = Schedule(tuple(range(0, 61, 7)), (10, 40, 60), state_every=2, say_every_seconds=0)
    train(build_model(model, 0), Random(), settings, schedule, lambda model, step: {"weights": norm(model)}, folder)


def norm(model: transformers.models.llama.modeling_llama.LlamaForCausalLM) -> float:
    return sum(parameter.norm().item() for parameter in model.parameters())


def do_tokenisation(folder: Path) -> None:
    sources = tuple(FolderSource(name, str(folder.parent / "text" / name)) for name in ("one", "two"))
    tokenise(DataSettings(sources, TrainedTokenizer(280, 3_000), 0.2, 4), folder)


def write_text(folder: Path) -> None:
    for name in ("one", "two"):
        (folder / "text" / name).mkdir(parents=True)
        lines = [json.dumps({"text": f"{name}: text {i} and {i * i}"}) for i in range(120)]
        (folder / "text" / name / "a.jsonl").write_text("\n".join(lines), encoding="utf-8")


def in_child(work: Callable[[Path], None], folder: Path, kill_at: int | None) -> tuple[int, int]:
    """Run `work` in a fork, killed once it has made `kill_at` calls; its number of calls and the signal that ended
    it."""
    told, tell = os.pipe()
    child = os.fork()
    if child == 0:
        calls = 0

        def count(frame: object, event: str, argument: object) -> None:
            nonlocal calls
            calls += 1
            if calls == kill_at:
                os.write(tell, b"now\n")

        sys.setprofile(count)
        work(folder)
        sys.setprofile(None)
        os.write(tell, f"{calls}\n".encode())
        os._exit(0)
    os.close(tell)
    with os.fdopen(told) as lines:
        line = lines.readline()
        if line == "now\n":
            os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    return int(line) if line.strip().isdigit() else 0, os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def main(kind: str, folder: Path, kills: int, seed: int) -> None:
    work = {"training": do_training, "tokenisation": do_tokenisation}[kind]
    write_text(folder)
    n_calls, _ = in_child(work, folder / "undisturbed", None)
    # Together fewer calls than the whole work has: every kill meets unfinished work.
    moments = np.random.default_rng(seed).integers(1, n_calls // kills, kills)
    hits = [in_child(work, folder / "killed", int(moment))[1] for moment in moments]
    in_child(work, folder / "killed", None)
    same = content(folder / "killed") == content(folder / "undisturbed")
    print(json.dumps({"hits": hits.count(signal.SIGKILL), "same": same, "files": len(content(folder / "killed"))}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
