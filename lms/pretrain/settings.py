"""What a training run is described by: the model's shape, the optimiser and the loop. Every field is required."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from foretell.errors import ConfigError
from foretell.settings import Count, Positive, Seed, settings

Amount = Annotated[float, Field(ge=0)]
Steps = Annotated[int, Field(ge=0)]
Momentum = Annotated[float, Field(ge=0, lt=1)]


@settings
class ModelSettings:
    """Shape of a Llama: `vocabulary` tokens, `context` positions, `hidden` width, `feed_forward` width of the gated
    MLP, `tied` input and output embeddings. `heads` divides `hidden` into even parts, `key_value_heads` divides
    `heads`."""

    vocabulary: Count
    context: Count
    hidden: Count
    layers: Count
    heads: Count
    key_value_heads: Count
    feed_forward: Count
    tied: bool

    def __post_init__(self) -> None:
        if self.hidden % (2 * self.heads):
            raise ConfigError(f"hidden {self.hidden}, heads {self.heads}: expected a multiple of 2 x heads")
        if self.heads % self.key_value_heads:
            raise ConfigError(f"key_value_heads {self.key_value_heads}: expected a divisor of heads ({self.heads})")


@settings
class OptimiserSettings:
    """AdamW with decoupled weight decay on matrices (not on normalisation weights), and its learning rate: linear over
    `warm_up_steps` to `learning_rate`, then a cosine that reaches `final_learning_rate` at `horizon_steps`, which may
    lie beyond the end of the run (schedule.py). Gradients are scaled to a norm of at most `clip`; 0: not clipped."""

    learning_rate: Positive
    final_learning_rate: Amount
    warm_up_steps: Steps
    horizon_steps: Count
    beta1: Momentum
    beta2: Momentum
    weight_decay: Amount
    clip: Amount

    def __post_init__(self) -> None:
        if self.warm_up_steps >= self.horizon_steps:
            raise ConfigError(f"warm_up_steps {self.warm_up_steps}: expected fewer than horizon_steps")
        if self.final_learning_rate > self.learning_rate:
            raise ConfigError(f"final_learning_rate {self.final_learning_rate}: expected at most learning_rate")


@settings
class LoopSettings:
    """`steps` of the optimiser. A batch is computed in `micro_batches` parts per process (the gradient is the same up
    to rounding). `dtype` bfloat16: weights stay float32, multiplications run in bfloat16. `threads` of torch on a CPU:
    another number gives other last bits."""

    steps: Count
    optimiser: OptimiserSettings
    micro_batches: Count
    dtype: Literal["float32", "bfloat16"]
    seed: Seed
    threads: Count
