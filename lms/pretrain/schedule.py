"""The learning rate of every step."""

from __future__ import annotations

import math

from lms.pretrain.settings import OptimiserSettings


def learning_rate(step: int, settings: OptimiserSettings) -> float:
    """Learning rate of the step that follows `step` finished ones (0: the first).

    With warm-up w, horizon h, peak a and final rate b: a (step + 1) / w while step < w; then
    b + (a - b) (1 + cos(pi p)) / 2 with p = (step - w) / (h - w), and b from the horizon on.
    """
    peak, final = settings.learning_rate, settings.final_learning_rate
    if step < settings.warm_up_steps:
        return peak * (step + 1) / settings.warm_up_steps
    part = min(1.0, (step - settings.warm_up_steps) / (settings.horizon_steps - settings.warm_up_steps))
    return final + (peak - final) * (1 + math.cos(math.pi * part)) / 2
