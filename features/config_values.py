"""The values of a Hugging Face config.json, read by any of their spellings and checked: a value of the wrong kind is
one clear DataError and never a wrong number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from foretell.errors import DataError

LAYERS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers")
WIDTH = ("hidden_size", "n_embd", "n_embed", "d_model", "hidden_dim")
HEADS = ("num_attention_heads", "n_head", "n_heads", "num_heads", "attention_heads")
KV_HEADS = ("num_key_value_heads", "num_kv_heads", "n_head_kv", "multi_query_group_num")
INNER = ("intermediate_size", "ffn_dim", "n_inner", "ffn_hidden_size")
VOCABULARY = ("padded_vocab_size", "vocab_size")
CONTEXT = (
    *("max_position_embeddings", "n_positions", "max_seq_len", "max_sequence_length", "seq_length", "seq_len"),
    "model_max_length",
)
POSITION_ROWS = ("n_positions", "max_position_embeddings", "max_seq_len")
ACTIVATION = ("activation_function", "hidden_activation", "hidden_act")
HIGHEST = 10**9  # no size in a configuration is larger


@dataclass(frozen=True)
class Config:
    """A configuration's `values`, as JSON gives them."""

    values: Mapping[str, Any]

    def has(self, *names: str) -> bool:
        """Whether any of `names` is given and not null."""
        return any(self.values.get(name) is not None for name in names)

    def raw(self, *names: str) -> Any:
        """The value of the first of `names` that is given and not null; None where none is."""
        return next((self.values[name] for name in names if self.values.get(name) is not None), None)

    def size(self, *names: str, default: int | None = None) -> int:
        """A whole number above 0. Raises DataError where it is something else, or missing without a `default`."""
        name = next((name for name in names if self.values.get(name) is not None), None)
        if name is None:
            if default is None:
                raise DataError(f"config.json: none of {', '.join(names)} is given")
            return default
        value = self.values[name]
        whole = isinstance(value, int | float) and not isinstance(value, bool) and value == value
        if not whole or not 0 < value <= HIGHEST or value != int(value):
            raise DataError(f"config.json: {name}: {_shown(value)}; expected a whole number above 0")
        return int(value)

    def number(self, name: str, default: float) -> float:
        """A number above 0, or the default. Raises DataError where it is something else."""
        value = self.values.get(name)
        if value is None:
            return default
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value <= HIGHEST:
            raise DataError(f"config.json: {name}: {_shown(value)}; expected a number above 0")
        return float(value)

    def flag(self, name: str, default: bool = False) -> bool:
        """true or false. Raises DataError where it is something else."""
        value = self.values.get(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise DataError(f"config.json: {name}: {_shown(value)}; expected true or false")
        return value

    def word(self, *names: str, default: str = "") -> str:
        """Text, or the default. Raises DataError where it is something else."""
        value = self.raw(*names)
        if value is None:
            return default
        if not isinstance(value, str):
            raise DataError(f"config.json: {' or '.join(names)}: {_shown(value)}; expected a word")
        return value

    def section(self, *names: str) -> Config:
        """A section of its own (`attn_config`, `rope_scaling`); empty where it is not given. Raises DataError where it
        is no section."""
        value = self.raw(*names)
        if value is None:
            return Config({})
        if not isinstance(value, Mapping):
            raise DataError(f"config.json: {' or '.join(names)}: {_shown(value)}; expected a section")
        return Config(value)


def _shown(value: Any) -> str:
    if isinstance(value, int) and abs(value) > HIGHEST**4:  # Python refuses to print thousands of digits
        return f"a number of about {value.bit_length() * 0.30103:.0f} digits"
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
