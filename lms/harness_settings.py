"""The settings of an evaluation that make its scores those of another thing than the finished model, measured as the
recorded ones are: part of the items, a checkpoint, an adapter, fewer bits, a chat format."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

COMMIT = re.compile(r"[0-9a-f]{7,40}")
# Values of a setting that say that it is off.
_OFF = ("", "none", "null", "false", "0", "no")
_ADAPTERS = ("peft", "delta", "adapter", "lora", "lora_local_path")
_FEWER_BITS = (
    "load_in_4bit", "load_in_8bit", "quantization", "quantization_config", "quantize", "autogptq", "gptq", "gptqmodel",
    "awq", "gguf_file", "bnb_4bit_quant_type",
)  # fmt: skip
_CHAT = ("apply_chat_template", "chat_template", "chat_template_sha", "use_chat_template")


def model_arguments(config: Mapping[str, Any]) -> dict[str, str]:
    """The arguments that the model was loaded with: a mapping, or "pretrained=org/name,dtype=bfloat16"."""
    stated = config.get("model_args") or {}
    if isinstance(stated, str):
        stated = dict(pair.split("=", 1) for pair in stated.split(",") if "=" in pair)
    if not isinstance(stated, Mapping):
        return {}
    return {str(key).strip(): str(value).strip() for key, value in stated.items()}


def objections(document: Mapping[str, Any], finished_revision: str = "") -> list[str]:
    """Why no score of a results file can be recorded, one reason per setting; empty if nothing stands against it.

    `finished_revision` is a branch or tag of the weights that is known to be the finished model.
    """
    config = _mapping(document.get("config"))
    arguments = model_arguments(config)
    reasons = []
    if _is_on(config.get("limit")):
        reasons.append(f"limit={config['limit']}: only part of the items was scored")
    for name in _ADAPTERS:
        if _is_on(arguments.get(name)):
            reasons.append(f"{name}={arguments[name]}: an adapter was loaded on top of the model")
    for name in _FEWER_BITS:
        if _is_on(arguments.get(name)):
            reasons.append(f"{name}={arguments[name]}: the weights were quantized")
    precision = str(config.get("model_dtype") or arguments.get("dtype") or "")
    if re.search(r"int8|int4|4bit|8bit|gptq|awq|gguf|nf4|fp8|float8", precision, re.IGNORECASE):
        reasons.append(f"dtype={precision}: the weights were quantized")
    # The harness names the tokenizer's template in every file; it was used only where its fingerprint is stated too.
    for name in _CHAT:
        stated = [where.get(name) for where in (document, config, arguments)]
        if name == "chat_template" and "chat_template_sha" in document:
            continue
        if any(_is_on(value) for value in stated):
            reasons.append(f"{name}: the prompts were put in a chat format")
            break
    if _is_on(document.get("system_instruction")) or _is_on(config.get("system_instruction")):
        reasons.append("system_instruction: the prompts began with a system prompt")
    if any(_is_on(where.get("fewshot_as_multiturn")) for where in (document, config)):
        reasons.append("fewshot_as_multiturn: the examples were put as turns of a conversation")
    revision = stated_revision(config)
    if revision and not COMMIT.fullmatch(revision) and revision not in ("main", "master", finished_revision):
        reasons.append(
            f"revision={revision}: may be an unfinished checkpoint; if it is the finished model, "
            f"give --finished-revision {revision}"
        )
    return reasons


def stated_revision(config: Mapping[str, Any]) -> str:
    """The revision of the weights that was asked for: a branch, tag or commit; "" for none."""
    revision = str(model_arguments(config).get("revision") or config.get("model_revision") or "")
    return revision if _is_on(revision) else ""


def short_of_items(document: Mapping[str, Any], task: str) -> str:
    """Why a task's score is that of part of its items; "" if it is not, or the file does not count them."""
    counts = _mapping(_mapping(document.get("n-samples")).get(task))
    original, effective = counts.get("original"), counts.get("effective")
    if isinstance(original, int) and isinstance(effective, int) and effective < original:
        return f"only {effective} of {original} items were scored"
    return ""


def _is_on(value: Any) -> bool:
    return value is not None and str(value).strip().lower() not in _OFF


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
