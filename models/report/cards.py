"""The words beside the numbers: Markdown descriptions of the experiment, of runs and of registered predictors (model
cards), so that the MLflow pages can be read without a manual."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from features.schema import BENCHMARKS

TITLES = {
    "median": "median",
    "log_linear": "log-linear",
    "power_law": "power law (Kaplan form)",
    "scale_only": "scale only (trees)",
    "every_design": "every design feature (trees)",
    "selected_design": "selected design features (trees)",
    "all_features": "all features, selected (trees)",
    "law_plus_trees": "power law + trees on the rest",
    "scale_only_lightgbm": "scale only (LightGBM)",
    "all_features_lightgbm": "all features, selected (LightGBM)",
}

EXPERIMENT_CARD = """# foretell
What will a language model score, before anyone trains it? One run per benchmark and predictor, every run on the same
seeds and folds.

- *Views*, *foretell* shows the table's columns: `mae_mean` (over 50 seeds), `improvement_pct` (over scale only),
  `family_mae` (whole model families held out), `coverage` of the 90 % interval, `benchmark`, `predictor`, `view` (of
  the facts) and `data.version`.
- Compare a benchmark's `scale_only` run with its `all_features` or `selected_design` run: `mae` has one point per
  seed (step = seed), so the chart shows both distributions.
- The registered models `foretell-<benchmark>` take raw design words and answer with score, interval, support verdict,
  nearest known models and per-feature contributions.
"""


def run_card(benchmark: str, predictor: str, figures: Mapping[str, float], features: Sequence[str], view: str) -> str:
    """What one run is, in a few lines."""
    about = BENCHMARKS[benchmark]
    unit = "Brier score, 0-2, lower is better" if about.lower_is_better else "accuracy, 0-1, higher is better"
    lines = [
        f"**{about.title}** predicted by **{TITLES[predictor]}** ({view} facts; {unit}).",
        f"Mean absolute error {figures['mae']:.4f} (95 % interval over seeds {figures['mae_low']:.4f} to "
        f"{figures['mae_high']:.4f}).",
    ]
    if "family_mae" in figures:
        lines.append(f"On held-out families: {figures['family_mae']:.4f}.")
    if "improvement_pct" in figures:
        lines.append(f"Error removed against trees on parameters and tokens: {figures['improvement_pct']:+.1f} %.")
    if features:
        lines.append(f"Features: {', '.join(features)}.")
    return "\n\n".join(lines)


def model_card(card: Mapping[str, Any], figures: Mapping[str, float], coverage: Mapping[str, Any], data: str) -> str:
    """The model card of a registered predictor."""
    verdict = (
        "Its predictor beats the median on held-out families."
        if card["predictable"]
        else "**Not predictable from design**: on held-out families its predictor does not beat the median."
    )
    return f"""# foretell: {card["title"]}
Predicts the {card["metric"]} of a decoder-only language model on {card["title"]} from its design, before training.
{verdict}

| | |
|---|---|
| mean absolute error, random folds | {figures["mae"]:.4f} |
| mean absolute error, held-out families | {figures["family_mae"]:.4f} |
| {card["level"]:.0%} interval covers | {coverage["random"]["coverage"]:.1%} of held-out models, \
{coverage["family"]["coverage"]:.1%} of models of held-out families |
| trained on | {card["n_models"]} models of {card["n_families"]} families, {card["encoding"]["view"]} facts |
| data version | {data} |
| features | {", ".join(card["features"])} |

**Input**: one row per design; raw words and units (`rope`, `swiglu`, percent, billions of tokens). Every column may be
empty or absent. **Output**: score, low, high, support (inside, edge, outside), nearest models, contributions.

**Limits**: dense decoder-only transformers from 11M to 111B parameters, mostly English, released 2021 to early 2025.
The models are observational data: a contribution is no causal effect. Outside the range of the training models trees
repeat their outermost answer; the support verdict says so.
"""
