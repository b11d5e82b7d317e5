"""What every token of a text costs every checkpoint of a model: the table behind trend classes of single tokens (Xia et
al. 2023, arXiv:2212.09803, section 3), where answers of benchmarks are too coarse. Each checkpoint's losses are a file
of their own, written once, so that a run that was killed resumes at the next checkpoint.

A text longer than the context is read in windows by one rule. The text begins after the model's beginning-of-text
token; the first window fills the context; every further one moves on by `stride` tokens and scores only the tokens no
earlier window has scored. So each token is scored once, and beyond the first window it sees between context - stride
+ 1 and context tokens before it.
"""

from __future__ import annotations

import hashlib
import io
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foretell.errors import ConfigError, DataError
from lms.checkpoints import Checkpoint
from lms.files import open_work, work_folder, write_once, write_whole
from lms.fingerprint import job_fingerprint
from lms.generate import first_token
from lms.machine import find_device, runtime_environment
from lms.weights import LoadedModel, context_length, load_model

JOB = "token_losses"
COLUMNS = ["model", "step", "text_index", "position", "token_id", "token", "loss_nats"]
_KEYS = ["text_index", "position", "token_id"]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class LossSettings:
    """`context`: tokens a model sees at once (0: its own longest); `stride`: tokens a window moves on (0: half the
    context); `batch_size`: windows at once, halved when memory runs out. Other batch sizes give losses that agree to
    float32 rounding; the same settings give the same bytes."""

    context: int = 0
    stride: int = 0
    batch_size: int = 8

    def __post_init__(self) -> None:
        if self.context < 0 or self.stride < 0 or self.batch_size < 1:
            raise ConfigError(f"{self}: expected context and stride of 0 or more and a batch size of 1 or more")


@dataclass(frozen=True)
class Window:
    """Inputs `start` to `end` (exclusive) of beginning-of-text + tokens; input i predicts token i of the text, and
    the tokens from `first_scored` to `end` (exclusive) are scored."""

    start: int
    end: int
    first_scored: int


def windows(n_tokens: int, context: int, stride: int) -> list[Window]:
    """The windows over a text of `n_tokens` tokens, by the rule above. Raises ConfigError unless 1 <= stride <=
    context."""
    if not 1 <= stride <= context:
        raise ConfigError(f"stride {stride} with a context of {context} tokens: expected 1 <= stride <= context")
    if n_tokens < 1:
        return []
    windows = [Window(0, min(context, n_tokens), 0)]
    while windows[-1].end < n_tokens:
        end = min(windows[-1].end + stride, n_tokens)
        windows.append(Window(end - context, end, windows[-1].end))
    return windows


def read_texts(path: Path, allow_empty: bool = False) -> list[str]:
    """The texts of `path`: of `.jsonl`, one per line, a JSON string or an object with `text`; of any other name, the
    whole file as one UTF-8 text. Raises DataError on a missing file or one without texts, a line that is neither, and
    unless `allow_empty` on an empty text."""
    try:
        content = path.read_bytes()
        texts = _texts_of_lines(path, content) if path.suffix == ".jsonl" else [content.decode("utf-8")]
    except OSError as error:
        raise DataError(f"{path}: not readable ({error})") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 ({error})") from None
    empty = [] if allow_empty else [index for index, text in enumerate(texts) if not text]
    if not texts or empty:
        raise DataError(f"{path}: {f'texts {empty[:5]} are empty' if texts else 'no texts'}; take them out")
    return texts


def _texts_of_lines(path: Path, content: bytes) -> list[str]:
    texts = []
    for number, line in enumerate(content.splitlines(), start=1):
        try:
            value = json.loads(line)
        except ValueError:
            value = None
        text = value.get("text") if isinstance(value, dict) else value
        if not isinstance(text, str):
            raise DataError(f"{path}, line {number}: expected a JSON string or an object with `text`")
        texts.append(text)
    return texts


def encode(loaded: LoadedModel, text: str) -> list[int]:
    """The text's tokens without any that the tokenizer would add."""
    return list(loaded.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])


def _batch_losses(loaded: LoadedModel, inputs: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]) -> Any:
    """-log p of targets, (rows, longest), garbage beyond a row's own length. Rows are padded on the right, where a
    causal model does not look."""
    import torch

    longest = max(len(row) for row in inputs)
    shape = (len(inputs), longest)
    tokens, mask, wanted = (torch.zeros(shape, dtype=torch.long) for _ in range(3))
    for row, (given, next_tokens) in enumerate(zip(inputs, targets, strict=True)):
        tokens[row, : len(given)] = torch.tensor(given)
        mask[row, : len(given)] = 1
        wanted[row, : len(given)] = torch.tensor(next_tokens)
    with torch.inference_mode():
        logits = loaded.model(tokens.to(loaded.device), attention_mask=mask.to(loaded.device), use_cache=False).logits
        logits = logits.float()
        chosen = logits.gather(-1, wanted.to(loaded.device).unsqueeze(-1)).squeeze(-1)
        return (torch.logsumexp(logits, dim=-1) - chosen).double().cpu().numpy()


def losses_of_tokens(loaded: LoadedModel, texts: Sequence[Sequence[int]], settings: LossSettings) -> list[Floats]:
    """-ln p(token | tokens before it) in nats of every token of every text, each (n_tokens,), in their order.

    `texts` are token ids without beginning-of-text. Raises ConfigError on a context or stride that cannot be,
    torch.OutOfMemoryError if not even one window fits.
    """
    import torch

    context = context_length(loaded.model.config, settings.context)
    stride = settings.stride or max(1, context // 2)
    begin = first_token(loaded.tokenizer, loaded.model.config)
    losses = [np.full(len(text), np.nan) for text in texts]
    todo = [(index, window) for index, text in enumerate(texts) for window in windows(len(text), context, stride)]
    # Windows of like length together, so that little is padded.
    todo.sort(key=lambda item: (item[1].start - item[1].end, item[0], item[1].start))
    batch_size, done = settings.batch_size, 0
    while done < len(todo):
        batch = todo[done : done + batch_size]
        inputs = [[begin, *texts[index]][window.start : window.end] for index, window in batch]
        targets = [texts[index][window.start : window.end] for index, window in batch]
        try:
            rows = _batch_losses(loaded, inputs, targets)
        except torch.OutOfMemoryError:
            if batch_size == 1:
                raise
            batch_size = max(1, batch_size // 2)
            if loaded.device == "cuda":
                torch.cuda.empty_cache()
            continue
        for row, (index, window) in zip(rows, batch, strict=True):
            part = row[window.first_scored - window.start : window.end - window.start]
            losses[index][window.first_scored : window.end] = part
        done += len(batch)
    return losses


def checkpoint_losses(
    loaded: LoadedModel, checkpoint: Checkpoint, texts: Sequence[str], settings: LossSettings
) -> pd.DataFrame:
    """One checkpoint's rows of the table: model, step, text_index, position (0-based, in tokens), token_id, token (as
    the tokenizer spells it), loss_nats.

    Raises DataError if the model gives a loss that is not finite (named), ConfigError as `losses_of_tokens` does.
    """
    encoded = [encode(loaded, text) for text in texts]
    losses = losses_of_tokens(loaded, encoded, settings)
    flat = [token for tokens in encoded for token in tokens]
    table = pd.DataFrame(
        {
            "model": checkpoint.model,
            "step": np.int64(checkpoint.step or 0),
            "text_index": np.repeat(np.arange(len(encoded)), [len(tokens) for tokens in encoded]).astype(np.int64),
            "position": np.concatenate([np.arange(len(tokens)) for tokens in encoded]).astype(np.int64),
            "token_id": np.array(flat, dtype=np.int64),
            "token": loaded.tokenizer.convert_ids_to_tokens(flat),
            "loss_nats": np.concatenate(losses),
        }
    )
    wrong = table[~np.isfinite(table.loss_nats)]
    if len(wrong):
        where = wrong[["text_index", "position"]].head(3).to_dict("records")
        raise DataError(f"{checkpoint.name}: {len(wrong)} losses are not finite, the first at {where}; try float32")
    return table[COLUMNS]


def _parquet(table: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False, compression="zstd")
    return buffer.getvalue()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def token_losses(
    checkpoints: Sequence[Checkpoint],
    texts: Sequence[str],
    settings: LossSettings,
    work_root: Path,
    out: Path,
    say: Callable[[str], None] = _say,
) -> pd.DataFrame:
    """Losses of all `checkpoints` over `texts`, written to `out` (Parquet, with `<out>.json` beside it saying from
    what) and returned. What an interrupted run with the same texts, settings and libraries finished is used.

    Raises ConfigError if a checkpoint has no step or the libraries are missing, DataError as `checkpoint_losses`.
    """
    unknown = [checkpoint.name for checkpoint in checkpoints if checkpoint.step is None]
    if unknown or not checkpoints:
        raise ConfigError(f"checkpoints without a step: {unknown}; token losses need every checkpoint's step")
    device = find_device()
    text_hash = hashlib.sha256(json.dumps(list(texts)).encode()).hexdigest()
    environment = runtime_environment(device)
    parts = []
    for checkpoint in checkpoints:
        record = checkpoint.record
        stated = {**asdict(settings), "texts_sha256": text_hash, "model": checkpoint.model, "step": checkpoint.step}
        # A key per weights and texts: unfinished work on other texts or checkpoints of the model is left alone.
        key = f"{record.slug}.{record.revision[:12]}.{checkpoint.step}.{text_hash[:12]}"
        fingerprint = job_fingerprint(record, stated, __name__)
        part = work_folder(work_root, JOB, key, fingerprint) / "losses.parquet"
        open_work(work_root, JOB, key, fingerprint, environment)
        if not part.is_file():
            table = checkpoint_losses(load_model(record, device), checkpoint, texts, settings)
            write_once(part, _parquet(table))
            say(f"token losses {checkpoint.name}: {len(table)} tokens, mean {table.loss_nats.mean():.4f} nats")
        parts.append(pd.read_parquet(part))
    whole = pd.concat(parts, ignore_index=True)
    made_from = {
        "checkpoints": [asdict(checkpoint) for checkpoint in checkpoints],
        "settings": asdict(settings),
        "texts_sha256": text_hash,
        "n_texts": len(texts),
        "environment": environment,
    }
    write_whole(out, _parquet(whole))
    write_whole(out.with_name(f"{out.name}.json"), (json.dumps(made_from, indent=2, sort_keys=True) + "\n").encode())
    return whole


@dataclass(frozen=True)
class LossMatrix:
    """One model's losses as trend tests take them: `steps` (n_checkpoints,), increasing; `losses_nats`
    (n_checkpoints, n_tokens); `tokens` (n_tokens rows: text_index, position, token_id, token)."""

    steps: Floats
    losses_nats: Floats
    tokens: pd.DataFrame


def loss_matrix(table: pd.DataFrame, model: str) -> LossMatrix:
    """The losses of `model` in `table` (columns as `checkpoint_losses`), ready for
    `foretell.trajectories.trends.classify_trends`.

    Raises DataError if the model is not in the table or its checkpoints hold different tokens (their tokenizers
    differ), a token twice, or none.
    """
    rows = table[table.model == model]
    if rows.empty:
        raise DataError(f"model {model!r} is not in the table; it holds {sorted(table.model.unique())}")
    if rows.duplicated(["step", "text_index", "position"]).any():
        raise DataError(f"model {model!r}: a token is there twice at one step")
    wide = rows.pivot(index="step", columns=_KEYS, values="loss_nats").sort_index()
    if wide.isna().to_numpy().any():
        steps = sorted(wide.index[wide.isna().any(axis=1)])
        raise DataError(f"model {model!r}: the checkpoints do not share their tokens (steps {steps[:5]})")
    keys = wide.columns.to_frame(index=False)
    tokens = keys.merge(rows.drop_duplicates(_KEYS)[[*_KEYS, "token"]], on=_KEYS, how="left", validate="1:1")
    return LossMatrix(wide.index.to_numpy(dtype=float), wide.to_numpy(dtype=float), tokens)
