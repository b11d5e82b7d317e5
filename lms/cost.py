"""What regenerating language models costs, before a GPU is rented: hours of one H100 from model size, by arithmetic
on published hardware figures and a few assumptions, each marked. `python -m lms.cost` prints it for the models of the
raw tables. The assumptions are replaced by measured figures as soon as somebody runs the stages on a GPU."""

from __future__ import annotations

import math
from dataclasses import dataclass

# Cited: NVIDIA H100 SXM data sheet (dense bfloat16, HBM3 bandwidth, memory).
PEAK_FLOPS = 989e12
BYTES_PER_SECOND = 3.35e12
MEMORY_BYTES = 80e9
# Cited: Llama 3.1 8B in bfloat16 under vLLM on one H100, about 12,500 output tokens/s (morphllm.com/vllm-benchmarks,
# April 2026, a collection of third-party runs); scaled here by 8.03e9 / N, never above it.
VLLM_TOKENS_PER_SECOND, VLLM_PARAMETERS = 12_500.0, 8.03e9
# Cited: on-demand price of an H100 SXM at specialised providers, US dollars per hour (mercatus-ai.com/blog/
# cloud-gpu-pricing, May 2026).
USD_PER_HOUR = (2.50, 3.50)
# Assumed, not measured: the part of the peak that scoring reaches with padding and eager attention, the part of the
# bandwidth that a decoding step reaches, the shortest step Python can drive, reading weights from disk, start-up.
SCORING_UTILISATION = 0.30
DECODING_UTILISATION = 0.50
SHORTEST_STEP_SECONDS = 0.030
DISK_BYTES_PER_SECOND = 1e9
START_SECONDS = 60.0


@dataclass(frozen=True)
class Work:
    """What one unit asks of a model: `items` (published size of the split), `sequences` evaluated per item (options,
    one where one-token options share their prompt), `prompt` tokens per sequence (assumed) and `generated` tokens per
    item (assumed: the limit is reached)."""

    items: int
    sequences: float
    prompt: int
    generated: int = 0


WORK: dict[str, Work] = {
    "anli_0shot": Work(3_200, 1, 130),
    "arc_challenge_25shot": Work(1_172, 4, 900),
    "gsm8k_5shot": Work(2 * 1_319, 1, 850, 256),
    "hellaswag_10shot": Work(10_042, 4, 950),
    "humaneval_0shot": Work(164, 1, 170, 1_024),
    "lambada_0shot": Work(2 * 5_153, 1, 100),
    "logiqa2_0shot": Work(1_572, 4, 260),
    "mathqa_0shot": Work(2_985, 5, 75),
    "mmlu_0shot": Work(14_042, 1, 130),
    "mmlu_5shot": Work(14_042, 1, 720),
    "truthfulqa_0shot": Work(817, 12, 230),
    "winogrande_5shot": Work(1_267, 2, 170),
    "xnli_0shot": Work(15 * 2_490, 3, 90),
}


def fits_one_gpu(n_parameters: float, bytes_per_parameter: int = 2, room: float = 0.85) -> bool:
    """Whether the weights take at most `room` of one H100's memory; the rest is for activations and the cache."""
    return n_parameters * bytes_per_parameter <= room * MEMORY_BYTES


def step_seconds(n_parameters: float, bytes_per_parameter: int = 2) -> float:
    """One decoding step of a batch: the weights are read once, t = max(t_min, b N / (u B))."""
    read = n_parameters * bytes_per_parameter / (DECODING_UTILISATION * BYTES_PER_SECOND)
    return max(SHORTEST_STEP_SECONDS, read)


def scoring_hours(n_parameters: float, batch_size: int = 64) -> float:
    """Hours to score all thirteen targets: start + load + 2 N T / (u F) for T prompt tokens, and decoding steps for
    the two benchmarks that generate. 2 N is the FLOPs of one token's forward pass (Kaplan et al. 2020)."""
    prompt_tokens = sum(work.items * work.sequences * work.prompt for work in WORK.values())
    reading = 2 * n_parameters * prompt_tokens / (SCORING_UTILISATION * PEAK_FLOPS)
    steps = sum(math.ceil(work.items / batch_size) * work.generated for work in WORK.values())
    return (_start(n_parameters) + reading + steps * step_seconds(n_parameters)) / 3600


def sampling_hours(n_parameters: float, n_texts: int = 5000, max_tokens: int = 256, batch_size: int = 64) -> float:
    """Hours to generate with transformers: start + load + ceil(texts / batch) * tokens * step."""
    steps = math.ceil(n_texts / batch_size) * max_tokens
    return (_start(n_parameters) + steps * step_seconds(n_parameters)) / 3600


def vllm_sampling_hours(n_parameters: float, n_texts: int = 5000, max_tokens: int = 256) -> float:
    """The same under vLLM: start + load + tokens / min(v, v N_v / N)."""
    rate = VLLM_TOKENS_PER_SECOND * min(1.0, VLLM_PARAMETERS / n_parameters)
    return (_start(n_parameters) + n_texts * max_tokens / rate) / 3600


def _start(n_parameters: float, bytes_per_parameter: int = 2) -> float:
    return START_SECONDS + n_parameters * bytes_per_parameter / DISK_BYTES_PER_SECOND


def cost_lines(parameters: list[float]) -> list[str]:
    """The tables of docs/gpu.md as Markdown: hours by size, and the sum for models of these `parameters`, scaled to
    100."""
    lines = ["| parameters | scoring, h | sampling, h | sampling under vLLM, h |", "|---|---|---|---|"]
    for size in (0.16e9, 1e9, 2.8e9, 7e9, 13e9, 34e9):
        hours = (scoring_hours(size), sampling_hours(size), vllm_sampling_hours(size))
        lines.append(f"| {size / 1e9:g}B | " + " | ".join(f"{hour:.2f}" for hour in hours) + " |")
    fitting = [size for size in parameters if fits_one_gpu(size)]
    per_model = 100 / len(fitting)
    scoring = sum(scoring_hours(size) for size in fitting) * per_model
    sampling = sum(sampling_hours(size) for size in fitting) * per_model
    faster = sum(vllm_sampling_hours(size) for size in fitting) * per_model
    mean = sum(fitting) / len(fitting) / 1e9
    low, high = (price * (scoring + sampling) for price in USD_PER_HOUR)
    return [
        *lines,
        "",
        f"{len(fitting)} of {len(parameters)} models fit one H100 in bfloat16, mean {mean:.1f}B. "
        f"100 such models: scoring {scoring:.0f} h, sampling {sampling:.0f} h (vLLM: {faster:.0f} h), "
        f"together {scoring + sampling:.0f} GPU hours, {low:.0f} to {high:.0f} US dollars.",
    ]


def main() -> None:
    """Print the tables for the language models of data/raw/models.csv."""
    from features.raw import read_raw
    from features.schema import MODELS

    sizes = read_raw(MODELS)["total_params"].dropna().astype(float).tolist()
    print("\n".join(cost_lines(sizes)))


if __name__ == "__main__":
    main()
