"""Texts that one model prefers over another: sampled, token by token, from p_preferred^lambda / p_other, so that what a
small model has learned and a large one has left behind can be read (Xia et al. 2023, arXiv:2212.09803, section 4), or
the reverse (contrastive decoding, Li et al. 2022, arXiv:2210.15097). Every text has its own random numbers, the same
for every exponent and both directions, so that a comparison of settings is not one of luck; a finished shard is a file,
so that a run that was killed resumes at the next one."""

from __future__ import annotations

import hashlib
import json
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from foretell.errors import ConfigError
from lms.checkpoints import Checkpoint
from lms.files import open_work, write_once, write_whole
from lms.fingerprint import job_fingerprint
from lms.generate import first_token, model_key
from lms.machine import find_device, runtime_environment
from lms.token_losses import LossSettings, losses_of_tokens
from lms.weights import LoadedModel, context_length, load_model

if TYPE_CHECKING:
    import torch

JOB = "contrast"


@dataclass(frozen=True)
class ContrastText:
    """A text that one model prefers over another: `tokens` (ids, end-of-text included where it was drawn), `n_tokens`
    (without it), and of both models the mean loss over `tokens` and exp of it."""

    index: int
    text: str
    tokens: list[int]
    n_tokens: int
    ended: Literal["eos", "length"]
    loss_preferred_nats: float
    perplexity_preferred: float
    loss_other_nats: float
    perplexity_other: float


@dataclass(frozen=True)
class ContrastSettings:
    """`exponent`: lambda of the preferred model. `plausibility` alpha in [0, 1]: only tokens with p_preferred >= alpha
    max p_preferred are drawn (Li et al. 2022, equation 2; they use 0.1); 0 keeps the whole vocabulary. `top_p`: the
    nucleus of the contrast that is drawn from; 1 keeps all of it, and one near 0 is greedy. `n_texts` texts of at most
    `max_tokens` tokens, `batch_size` at once and to a shard. `rule_out_begin`: the token that texts begin after is not
    drawn again, unless it also ends them (a tiny model may repeat it, and the contrast then writes nothing else)."""

    exponent: float = 1.0
    plausibility: float = 0.0
    top_p: float = 1.0
    n_texts: int = 300
    max_tokens: int = 256
    batch_size: int = 16
    seed: int = 0
    rule_out_begin: bool = False

    def __post_init__(self) -> None:
        wrong = [
            name
            for name, good in (
                ("exponent", 0 < self.exponent < math.inf),
                ("plausibility", 0 <= self.plausibility <= 1),
                ("top_p", 0 < self.top_p <= 1),
                ("n_texts", self.n_texts >= 1),
                ("max_tokens", self.max_tokens >= 1),
                ("batch_size", self.batch_size >= 1),
                ("seed", self.seed >= 0),
            )
            if not good
        ]
        if wrong:
            raise ConfigError(f"{self}: {', '.join(wrong)} out of range (see lms.contrast.ContrastSettings)")


def contrast_log_probabilities(
    preferred_logits: torch.Tensor, other_logits: torch.Tensor, exponent: float, plausibility: float = 0.0
) -> torch.Tensor:
    """log p(w) = exponent log p_preferred(w) - log p_other(w) - log Z over the plausible tokens w, -inf on the others;
    both (rows, vocabulary) -> (rows, vocabulary), in float64, each row's exp sums to 1.

    Plausible: p_preferred(w) >= plausibility max p_preferred; with 0, all. Softmax makes every finite logit's
    probability positive, so nothing is divided by 0; a token the preferred model rules out (-inf) is never drawn.
    Raises ConfigError where the shapes differ.
    """
    import torch

    if preferred_logits.shape != other_logits.shape:
        raise ConfigError(f"logits of shapes {tuple(preferred_logits.shape)} and {tuple(other_logits.shape)} differ")
    preferred = torch.log_softmax(preferred_logits.double(), dim=-1)
    other = torch.log_softmax(other_logits.double(), dim=-1)
    ruled_out = torch.isneginf(preferred)
    if plausibility > 0:
        ruled_out |= preferred < preferred.max(dim=-1, keepdim=True).values + math.log(plausibility)
    scores = (exponent * preferred - other).masked_fill(ruled_out, -math.inf)
    return torch.log_softmax(scores, dim=-1)


def _ends(loaded: LoadedModel) -> set[int]:
    ends: set[int] = set()
    for token in (loaded.tokenizer.eos_token_id, loaded.model.config.eos_token_id):
        ends.update(token if isinstance(token, list) else [] if token is None else [token])
    return ends


def require_shared_tokenizer(first: LoadedModel, second: LoadedModel, names: tuple[str, str]) -> int:
    """Size of the vocabulary the two models share, as tokens 0..n-1. A model may have more rows of logits than its
    tokenizer has tokens (padding, which differs by size within a suite); those rows are left out.

    Raises ConfigError if a token stands for another string, the texts begin or end with other tokens, or a model has
    fewer rows of logits than there are tokens: probabilities of different things cannot be divided.
    """
    vocabulary, other_vocabulary = first.tokenizer.get_vocab(), second.tokenizer.get_vocab()
    if vocabulary != other_vocabulary:
        tokens = vocabulary.keys() | other_vocabulary.keys()
        unequal = sorted(token for token in tokens if vocabulary.get(token) != other_vocabulary.get(token))
        raise ConfigError(
            f"{names[0]} and {names[1]} do not share a tokenizer: {len(vocabulary)} and {len(other_vocabulary)} "
            f"tokens, {len(unequal)} differ ({', '.join(map(repr, unequal[:5]))}); take two models of one suite"
        )
    marks = [(first_token(item.tokenizer, item.model.config), sorted(_ends(item))) for item in (first, second)]
    if marks[0] != marks[1]:
        raise ConfigError(f"{names[0]} and {names[1]} begin and end texts with other tokens: {marks[0]}, {marks[1]}")
    size = max(vocabulary.values()) + 1
    for item, name in ((first, names[0]), (second, names[1])):
        rows = item.model.get_output_embeddings().weight.shape[0]
        if rows < size:
            raise ConfigError(f"{name} has {rows} rows of logits for {size} tokens; is it this tokenizer's model?")
    return size


class ContrastSampler:
    """Two loaded models that write texts the first prefers over the second. Unprompted, as the house's generations
    are; on the CPU a text does not depend on its batch."""

    def __init__(self, preferred: LoadedModel, other: LoadedModel, keys: tuple[str, str], settings: ContrastSettings):
        """`keys` name the two models in errors and, in sorted order, seed the texts. Raises ConfigError as
        `require_shared_tokenizer`, or if a text of max_tokens does not fit a model's context."""
        self._models = (preferred, other)
        self._settings = settings
        self._key = "|".join(sorted(keys))
        self._vocabulary = require_shared_tokenizer(preferred, other, keys)
        for loaded in self._models:
            context_length(loaded.model.config, settings.max_tokens)

    def texts(self, indices: Sequence[int]) -> list[ContrastText]:
        """The texts of these numbers, in their order."""
        rows = self._draw(indices)
        ends = _ends(self._models[0])
        texts: list[ContrastText] = []
        for index, row in zip(indices, rows, strict=True):
            end = next((position for position, token in enumerate(row) if token in ends), None)
            tokens = row if end is None else row[: end + 1]
            kept = row if end is None else row[:end]
            preferred_nats, other_nats = (self._mean_loss(loaded, tokens) for loaded in self._models)
            texts.append(
                ContrastText(
                    index=index,
                    text=self._models[0].tokenizer.decode(kept, skip_special_tokens=True),
                    tokens=tokens,
                    n_tokens=len(kept),
                    ended="length" if end is None else "eos",
                    loss_preferred_nats=_rounded(preferred_nats),
                    perplexity_preferred=_rounded(math.exp(preferred_nats)),
                    loss_other_nats=_rounded(other_nats),
                    perplexity_other=_rounded(math.exp(other_nats)),
                )
            )
        return texts

    def _mean_loss(self, loaded: LoadedModel, tokens: list[int]) -> float:
        """In nats per token. One text at a time: matrix kernels round differently for other batch sizes."""
        (losses,) = losses_of_tokens(loaded, [tokens], LossSettings(batch_size=1, context=self._window(loaded)))
        return float(losses.mean())

    def _window(self, loaded: LoadedModel) -> int:
        return self._settings.max_tokens if getattr(loaded.model.config, "max_position_embeddings", None) is None else 0

    def _draw(self, indices: Sequence[int]) -> list[list[int]]:
        import torch

        from lms.drawing import draw_tokens, text_uniforms

        settings, device = self._settings, self._models[0].device
        uniforms = torch.from_numpy(text_uniforms(self._key, settings.seed, indices, settings.max_tokens))
        begin = first_token(self._models[0].tokenizer, self._models[0].model.config)
        ends = torch.tensor(sorted(_ends(self._models[0])), dtype=torch.long, device=device)
        given = torch.full((len(indices), 1), begin, device=device)
        finished = torch.zeros(len(indices), dtype=torch.bool, device=device)
        caches: list[Any] = [None, None]
        drawn: list[torch.Tensor] = []
        with torch.inference_mode():
            for step in range(settings.max_tokens):
                logits = []
                for number, loaded in enumerate(self._models):
                    outcome = loaded.model(given, past_key_values=caches[number], use_cache=True)
                    caches[number] = outcome.past_key_values
                    logits.append(outcome.logits[:, -1, : self._vocabulary])
                if settings.rule_out_begin and begin not in ends:
                    logits[0][:, begin] = -math.inf
                contrast = contrast_log_probabilities(logits[0], logits[1], settings.exponent, settings.plausibility)
                tokens = draw_tokens(contrast, uniforms[:, step].to(device), 1.0, settings.top_p)
                drawn.append(tokens)
                finished |= torch.isin(tokens, ends)
                if bool(finished.all()):
                    break
                given = tokens.unsqueeze(-1)
        return torch.stack(drawn, dim=1).tolist()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _rounded(value: float) -> float:
    return float(f"{value:.7g}")


def contrast_models(
    preferred: Checkpoint,
    other: Checkpoint,
    settings: ContrastSettings,
    work_root: Path,
    out: Path,
    say: Callable[[str], None] = _say,
) -> list[ContrastText]:
    """Sample `settings.n_texts` texts that `preferred` likes better than `other`; write `out` (JSON lines, as
    `ContrastSampler.texts`) and `<out>.json` (from what, and medians), and return the texts. Shards that an interrupted
    run finished are used.

    Raises ConfigError if the models do not share a tokenizer, a text does not fit, or the libraries are missing.
    """
    device = find_device()
    stated = {**asdict(settings), "other": asdict(other.record)}
    fingerprint = job_fingerprint(preferred.record, stated, __name__)
    pair = "\0".join(model_key(item.record) for item in (preferred, other))
    key = f"{preferred.record.slug}.{hashlib.sha256(pair.encode()).hexdigest()[:12]}.{fingerprint[:8]}"
    environment = runtime_environment(device)
    work = open_work(work_root, JOB, key, fingerprint, environment)
    starts = range(0, settings.n_texts, settings.batch_size)
    sampler: ContrastSampler | None = None
    texts: list[ContrastText] = []
    for number, start in enumerate(starts):
        shard = work / f"shard-{number:05d}.jsonl"
        if not shard.is_file():
            if sampler is None:
                models = (load_model(preferred.record, device), load_model(other.record, device))
                sampler = ContrastSampler(*models, (model_key(preferred.record), model_key(other.record)), settings)
            drawn = sampler.texts(range(start, min(start + settings.batch_size, settings.n_texts)))
            lines = "".join(json.dumps(asdict(text), ensure_ascii=False) + "\n" for text in drawn)
            write_once(shard, lines.encode())
            say(f"contrast {preferred.name} over {other.name}: shard {number + 1}/{len(starts)}")
        # Of bytes: a text may hold U+2028 and others, which only `str` takes for the end of a line.
        texts.extend(ContrastText(**json.loads(line)) for line in shard.read_bytes().splitlines())
    write_whole(out, "".join(json.dumps(asdict(text), ensure_ascii=False) + "\n" for text in texts).encode())
    summary = {
        "preferred": asdict(preferred),
        "other": asdict(other),
        "settings": asdict(settings),
        "environment": environment,
        "n_texts": len(texts),
        "n_ended": sum(text.ended == "eos" for text in texts),
        "median_perplexity_preferred": _rounded(float(np.median([text.perplexity_preferred for text in texts]))),
        "median_perplexity_other": _rounded(float(np.median([text.perplexity_other for text in texts]))),
    }
    write_whole(out.with_name(f"{out.name}.json"), (json.dumps(summary, indent=2, sort_keys=True) + "\n").encode())
    return texts
