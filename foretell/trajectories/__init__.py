"""Training trajectories: how the losses of single items and the scores of benchmarks move over checkpoints, how fast
skills are learned, and which findings of the literature hold.

Classify items by the trend of their loss (the false discovery rate is held over all items):

>>> import numpy as np
>>> from foretell.trajectories import classify_trends
>>> steps = np.arange(1, 35) * 1000
>>> x = np.log(steps / 1000)
>>> losses = np.stack([4 - 0.3 * x, 3 + 0.1 * x, np.full(34, 2.5)], axis=1)  # one column per item, nats
>>> classify_trends(steps, losses).trend.tolist()
['downward', 'upward', 'stagnated']

Tokens until half of the way from chance to the final accuracy, with an interval from the accuracies' standard errors:

>>> from foretell.trajectories import learning_speed
>>> tokens = np.geomspace(1e7, 1e11, 41)
>>> accuracy = 0.25 + 0.5 / (1 + (1e9 / tokens) ** 2)
>>> speed = learning_speed(tokens, accuracy, chance=0.25, stderr=np.full(41, 0.005))
>>> print(f"{speed.tokens.estimate / 1e9:.2f}B tokens")
1.00B tokens

The length of the code that a training run's loss curve stands for:

>>> from foretell.trajectories import code_length
>>> code = code_length([0, 5e9, 10e9], [4.0, 3.0, 2.8], raw_bits_per_token=16.6)
>>> print(f"{code.mean_bits_per_token:.2f} bits per token, {code.compression_ratio:.2f} times shorter")
4.62 bits per token, 3.60 times shorter

Sources: Xia et al. 2023 (arXiv:2212.09803), Nakkiran et al. 2020 (arXiv:1912.02292), Blier and Ollivier 2018
(arXiv:1802.07044), Heineman et al. 2025 (arXiv:2508.13144).

Each name below is imported when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from foretell.trajectories.descent import (
        DoubleDescent,
        RiseAndFall,
        double_descent,
        rise_then_fall,
    )
    from foretell.trajectories.figures import (
        curves_figure,
        learning_figure,
        overlap_figure,
        scores_figure,
        steering_figure,
        trend_shares_figure,
    )
    from foretell.trajectories.findings import check_findings
    from foretell.trajectories.learning import (
        CodeLength,
        Composition,
        JumpOrLine,
        LearningSpeed,
        LogPowerFit,
        checkpoint_noise,
        code_length,
        composed_accuracy,
        composition_test,
        first_crossing,
        fit_log_power,
        jump_or_line,
        learning_speed,
        tokens_to_loss,
    )
    from foretell.trajectories.perplexity import (
        HeldOutError,
        ItemDistance,
        MatchedGap,
        design_predictors,
        error_difference,
        item_distance,
        leave_one_size_out,
        matched_gap,
    )
    from foretell.trajectories.settings import TraceSettings
    from foretell.trajectories.steering import (
        ChoiceSplit,
        SteeringNoise,
        choice_split,
        steering_noise,
    )
    from foretell.trajectories.study import Trace, trace
    from foretell.trajectories.trends import (
        DOWNWARD,
        STAGNATED,
        TRENDS,
        UPWARD,
        Overlap,
        StageShares,
        Trends,
        classify_trends,
        classify_window,
        set_overlap,
        shares_by_stage,
        window,
    )
    from foretell.trajectories.verdict import Finding, findings_table

__all__ = [
    "DOWNWARD",
    "STAGNATED",
    "TRENDS",
    "UPWARD",
    "ChoiceSplit",
    "CodeLength",
    "Composition",
    "DoubleDescent",
    "Finding",
    "HeldOutError",
    "ItemDistance",
    "JumpOrLine",
    "LearningSpeed",
    "LogPowerFit",
    "MatchedGap",
    "Overlap",
    "RiseAndFall",
    "StageShares",
    "SteeringNoise",
    "Trace",
    "TraceSettings",
    "Trends",
    "check_findings",
    "checkpoint_noise",
    "choice_split",
    "classify_trends",
    "classify_window",
    "code_length",
    "composed_accuracy",
    "composition_test",
    "curves_figure",
    "design_predictors",
    "double_descent",
    "error_difference",
    "findings_table",
    "first_crossing",
    "fit_log_power",
    "item_distance",
    "jump_or_line",
    "learning_figure",
    "learning_speed",
    "leave_one_size_out",
    "matched_gap",
    "overlap_figure",
    "rise_then_fall",
    "scores_figure",
    "set_overlap",
    "shares_by_stage",
    "steering_figure",
    "steering_noise",
    "tokens_to_loss",
    "trace",
    "trend_shares_figure",
    "window",
]

_NAMES = {
    "descent": "DoubleDescent RiseAndFall double_descent rise_then_fall",
    "figures": "curves_figure learning_figure overlap_figure scores_figure steering_figure trend_shares_figure",
    "findings": "check_findings",
    "learning": (
        "CodeLength Composition JumpOrLine LearningSpeed LogPowerFit checkpoint_noise code_length "
        "composed_accuracy composition_test first_crossing fit_log_power jump_or_line learning_speed "
        "tokens_to_loss"
    ),
    "perplexity": (
        "HeldOutError ItemDistance MatchedGap design_predictors error_difference item_distance leave_one_size_out "
        "matched_gap"
    ),
    "settings": "TraceSettings",
    "steering": "ChoiceSplit SteeringNoise choice_split steering_noise",
    "study": "Trace trace",
    "trends": (
        "DOWNWARD Overlap STAGNATED StageShares TRENDS Trends UPWARD classify_trends classify_window set_overlap "
        "shares_by_stage window"
    ),
    "verdict": "Finding findings_table",
}
_MODULE_OF = {name: module for module, names in _NAMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    """Import the module that `name` belongs to, when it is first used (PEP 562)."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
