"""What a training run costs, before it starts: parameters, FLOPs and hours of one H100, by arithmetic."""

from __future__ import annotations

from lms.cost import PEAK_FLOPS, SCORING_UTILISATION, USD_PER_HOUR
from lms.pretrain.settings import ModelSettings

# Assumed, not measured: the part of the GPU's peak that training reaches; the middle value is that of lms/cost.py.
UTILISATION = (0.20, SCORING_UTILISATION, 0.40)
BYTES_PER_PARAMETER = 16  # weight, gradient and two moments in float32


def parameter_count(model: ModelSettings) -> int:
    """Parameters of a Llama of this shape: embeddings (twice unless tied), per layer the four attention matrices, three
    of the gated MLP and two normalisation weights, and one last normalisation weight."""
    embeddings = model.vocabulary * model.hidden * (1 if model.tied else 2)
    key_value = model.hidden * model.hidden // model.heads * model.key_value_heads
    attention = 2 * model.hidden**2 + 2 * key_value
    layer = attention + 3 * model.hidden * model.feed_forward + 2 * model.hidden
    return embeddings + model.layers * layer + model.hidden


def flops_per_token(model: ModelSettings) -> float:
    """FLOPs of one token's forward and backward pass, 6 N + 12 L d T (Kaplan et al. 2020; attention as in Chowdhery et
    al. 2022, appendix B): N the parameters that are multiplied (an input embedding of its own is only looked up), L
    layers of width d, context T. Attention counts every pair of tokens, as is usual, though half are masked."""
    looked_up = 0 if model.tied else model.vocabulary * model.hidden
    return 6.0 * (parameter_count(model) - looked_up) + 12.0 * model.layers * model.hidden * model.context


def gpu_hours(model: ModelSettings, tokens: int, utilisation: float) -> float:
    """Hours of one H100 that training on `tokens` tokens takes at this part of its peak."""
    return flops_per_token(model) * tokens / (utilisation * PEAK_FLOPS) / 3600


def cost_lines(model: ModelSettings, tokens: int, runs: int = 1) -> list[str]:
    """The cost of `runs` runs of `tokens` tokens, in lines for a person."""
    low, middle, high = (runs * gpu_hours(model, tokens, part) for part in reversed(UTILISATION))
    dollars = (low * USD_PER_HOUR[0], high * USD_PER_HOUR[1])
    parameters = parameter_count(model)
    return [
        f"{parameters:,} parameters, {tokens:,} tokens, {flops_per_token(model) * tokens:.3g} FLOPs a run; "
        f"{parameters * BYTES_PER_PARAMETER / 2**30:.1f} GiB of memory for weights, gradients and moments",
        f"{runs} run{'s' if runs > 1 else ''}: {low:,.2f} to {high:,.2f} hours of one H100 in bfloat16 ({middle:,.2f} "
        f"at {UTILISATION[1]:.0%} of its peak; {UTILISATION[0]:.0%} to {UTILISATION[2]:.0%} assumed), "
        f"{dollars[0]:,.2f} to {dollars[1]:,.2f} US dollars",
    ]
