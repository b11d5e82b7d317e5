"""The words beside the numbers: Markdown descriptions of the experiment, of runs and of registered predictors (model
cards), so that the MLflow pages can be read without a manual."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from features.targets import Target
from foretell.markdown import markdown_table
from models.backtest.coverage import schemes_covered
from models.catalogue import ALL_FEATURES, SCALE_ONLY, SELECTED_DESIGN, Entry

EXPERIMENT_CARD = f"""# foretell
What will a language model score, before anyone trains it? One run per benchmark and predictor, every run on the same
seeds and folds.

- *Views*, *foretell* shows the table's columns: `mae_mean` (over 50 seeds), `improvement_pct` (over scale only),
  `family_mae` (whole model families held out), `coverage` of the 90 % interval, `benchmark`, `predictor`, `view` (of
  the facts) and `data.version`.
- Compare a benchmark's `{SCALE_ONLY}` run with its `{ALL_FEATURES}` or `{SELECTED_DESIGN}` run: `mae` has one point per
  seed (step = seed), so the chart shows both distributions.
- The registered models `foretell-<benchmark>` take raw design words and answer with score, interval, support verdict,
  nearest known models and per-feature contributions.
"""


def run_card(target: Target, predictor: Entry, figures: Mapping[str, float], features: Sequence[str], view: str) -> str:
    """What one run is, in a few lines."""
    better = "lower" if target.lower_is_better else "higher"
    unit = f"{target.metric_words}, {target.low:g} to {target.high:g}, {better} is better"
    lines = [
        f"**{target.title}** predicted by **{predictor.title}** ({view} facts; {unit}).",
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
    facts = {
        "mean absolute error, random folds": f"{figures['mae']:.4f}",
        "mean absolute error, held-out families": f"{figures['family_mae']:.4f}",
        **{
            f"{card['level']:.0%} interval, {scheme.held_out}": (
                f"covers {measured['coverage']:.1%}, mean width {measured['mean_width']:.3f}, "
                f"mean absolute error {measured['mae']:.4f} ({measured['n']:.0f} forecasts{by_verdict(measured)})"
            )
            for scheme, measured in schemes_covered(coverage).items()
        },
        "trained on": (f"{card['n_models']} models of {card['n_families']} families, {card['encoding']['view']} facts"),
        "data version": data,
        "features": ", ".join(card["features"]),
    }
    table = markdown_table([{"fact": name, "value": value} for name, value in facts.items()])
    beyond = (
        "Beyond the training models the forecast follows its members' lines and laws in training compute; the interval "
        "widens and the support verdict says so."
        if card["blend"]
        else "Beyond the training models trees repeat their outermost answer; the support verdict says so."
    )
    return f"""# foretell: {card["title"]}
Predicts the {card["metric"]} of a decoder-only language model on {card["title"]} from its design, before training.
{verdict}

{table}

**Input**: one row per design; raw words and units (`rope`, `swiglu`, percent, billions of tokens). Every column may be
empty or absent. **Output**: score, low, high, support (inside, edge, outside), nearest models, contributions.

**Limits**: dense decoder-only transformers from 11M to 111B parameters, mostly English, released 2021 to early 2025.
The models are observational data: a contribution is no causal effect. {beyond}
"""


def by_verdict(measured: Mapping[str, Any]) -> str:
    """Coverage and error by verdict, as the end of a list in parentheses."""
    return "".join(
        f"; {word}: {figures['coverage']:.0%} of {figures['n']:.0f}, error {figures['mae']:.3f}"
        for word, figures in measured["verdicts"].items()
    )
