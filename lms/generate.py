"""The two engines that write unprompted texts: Hugging Face's `generate` (the default: every text has its own random
numbers, so a text does not depend on its batch) and vLLM (several times faster on a GPU, with vLLM's own random numbers
seeded per text: other texts than the first engine's, from the same distribution)."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from foretell.errors import ConfigError
from lms.record import Record
from lms.settings import SampleSettings
from lms.weights import LoadedModel, fetch_weights, load_model


@dataclass(frozen=True)
class GeneratedText:
    """One unprompted text: its number, its `n_tokens` without end-of-text, and what ended it."""

    index: int
    text: str
    n_tokens: int
    ended: Literal["eos", "length"]


class Generator(Protocol):
    """An engine with a loaded model. `batch_size` is the number of texts written at once; it only ever shrinks."""

    batch_size: int

    def texts(self, indices: Sequence[int]) -> list[GeneratedText]:
        """The texts of these numbers, in their order."""
        ...


def model_key(record: Record) -> str:
    """What a model's random numbers are derived from: its id and revision."""
    return f"{record.model_id}@{record.revision}"


def first_token(tokenizer: Any, config: Any) -> int:
    """The token an unprompted text begins after: beginning-of-text, or where a tokenizer has none, end-of-text.

    Raises ConfigError if there is neither.
    """
    for token in (tokenizer.bos_token_id, config.bos_token_id, tokenizer.eos_token_id, config.eos_token_id):
        if token is not None:
            return int(token[0] if isinstance(token, list) else token)
    raise ConfigError("the tokenizer has neither a beginning-of-text nor an end-of-text token: no unprompted texts.")


def _text(index: int, tokens: list[int], ends: set[int], tokenizer: Any) -> GeneratedText:
    end = next((position for position, token in enumerate(tokens) if token in ends), None)
    kept = tokens if end is None else tokens[:end]
    text = tokenizer.decode(kept, skip_special_tokens=True)
    return GeneratedText(index, text, len(kept), "length" if end is None else "eos")


class HuggingFaceGenerator:
    """`generate` on CPU or GPU. Out of memory halves the batch and goes on; on the CPU the texts stay the same to the
    byte, on a GPU the distribution does (matrix kernels round differently for other batch sizes)."""

    def __init__(self, loaded: LoadedModel, record: Record, settings: SampleSettings) -> None:
        self._loaded = loaded
        self._settings = settings
        self._key = model_key(record)
        self.batch_size = settings.batch_size

    def texts(self, indices: Sequence[int]) -> list[GeneratedText]:
        """The texts of these numbers, in their order. Raises torch.OutOfMemoryError if not even one fits."""
        import torch

        done: list[GeneratedText] = []
        while len(done) < len(indices):
            batch = indices[len(done) : len(done) + self.batch_size]
            try:
                done.extend(self._batch(batch))
            except torch.OutOfMemoryError:
                if self.batch_size == 1:
                    raise
                self.batch_size = max(1, self.batch_size // 2)
                if self._loaded.device == "cuda":
                    torch.cuda.empty_cache()
        return done

    def _batch(self, indices: Sequence[int]) -> list[GeneratedText]:
        import torch
        from transformers import GenerationConfig, LogitsProcessorList

        from lms.drawing import OwnDraws, text_uniforms

        model, tokenizer, settings = self._loaded.model, self._loaded.tokenizer, self._settings
        config = model.config
        ends = set(_as_list(tokenizer.eos_token_id) + _as_list(config.eos_token_id))
        begin = first_token(tokenizer, config)
        uniforms = text_uniforms(self._key, settings.seed, indices, settings.max_tokens)
        # The model's own generation settings (penalties, top-k) must not steer the texts.
        model.generation_config = GenerationConfig(
            do_sample=False,
            max_new_tokens=settings.max_tokens,
            bos_token_id=begin,
            eos_token_id=sorted(ends) or None,
            pad_token_id=min(ends, default=begin),
        )
        start = torch.full((len(indices), 1), begin, device=self._loaded.device)
        with torch.inference_mode():
            written = model.generate(
                start,
                attention_mask=torch.ones_like(start),
                logits_processor=LogitsProcessorList([OwnDraws(uniforms, settings.temperature, settings.top_p)]),
            )
        rows = written[:, 1:].tolist()
        return [_text(index, row, ends, tokenizer) for index, row in zip(indices, rows, strict=True)]


def _as_list(token: int | list[int] | None) -> list[int]:
    if token is None:
        return []
    return list(token) if isinstance(token, list) else [token]


class VllmGenerator:
    """vLLM on a GPU; it finds its own batch, so `batch_size` says nothing here."""

    def __init__(self, record: Record, settings: SampleSettings) -> None:
        if importlib.util.find_spec("vllm") is None:
            raise ConfigError("sample.backend is vllm, which is not installed: pip install vllm, or set backend to hf.")
        from vllm import LLM

        self._settings = settings
        self._key = model_key(record)
        self.batch_size = settings.batch_size
        self._engine = LLM(
            model=str(fetch_weights(record)),
            dtype=record.dtype,
            seed=settings.seed,
            trust_remote_code=False,
            load_format="auto" if record.unsafe_weights else "safetensors",
            max_model_len=settings.max_tokens + 1,
            generation_config="vllm",
        )

    def _seed(self, index: int) -> int:
        digest = hashlib.sha256(f"{self._key}\0{self._settings.seed}\0{index}".encode()).digest()
        return int.from_bytes(digest[:4], "little")

    def texts(self, indices: Sequence[int]) -> list[GeneratedText]:
        """The texts of these numbers, in their order, each with a seed of its own."""
        from vllm import SamplingParams

        tokenizer = self._engine.get_tokenizer()
        config = self._engine.llm_engine.model_config.hf_config
        ends = set(_as_list(tokenizer.eos_token_id) + _as_list(config.eos_token_id))
        parameters = [
            SamplingParams(
                temperature=self._settings.temperature,
                top_p=self._settings.top_p,
                max_tokens=self._settings.max_tokens,
                seed=self._seed(index),
                detokenize=False,
            )
            for index in indices
        ]
        prompts: Iterable[dict[str, list[int]]] = [{"prompt_token_ids": [first_token(tokenizer, config)]}] * len(
            indices
        )
        outputs = self._engine.generate(list(prompts), parameters, use_tqdm=False)
        return [
            _text(index, list(output.outputs[0].token_ids), ends, tokenizer)
            for index, output in zip(indices, outputs, strict=True)
        ]


def open_generator(record: Record, settings: SampleSettings, device: str) -> Generator:
    """The engine `settings.backend` names, with the record's model loaded."""
    if settings.backend == "vllm":
        return VllmGenerator(record, settings)
    return HuggingFaceGenerator(load_model(record, device), record, settings)
