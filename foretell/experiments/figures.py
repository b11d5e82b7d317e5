"""All figures of the laboratory's study."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from foretell.experiments.figures_dynamics import dynamics_figures
from foretell.experiments.figures_shares import best_share_figure, share_figure
from foretell.experiments.figures_tokens import (
    stagnated_classes_figure,
    text_curves_figure,
    token_overlap_figure,
    token_shares_figure,
)


def lab_figures(metrics: pd.DataFrame, tables: Mapping[str, pd.DataFrame]) -> dict[str, Figure]:
    """Name -> figure, from the recorded metrics and the tables of `study.examine`."""
    return {
        "code_share": share_figure(tables["share_losses"], tables["share_effects"]),
        "best_share": best_share_figure(tables["best_share"]),
        **dynamics_figures(metrics, tables["learning"]),
        "token_shares": token_shares_figure(tables["token_trend_shares"], tables["token_stage_shares"]),
        "stagnated_classes": stagnated_classes_figure(tables["token_stagnated_classes"]),
        "token_overlap": token_overlap_figure(tables["token_overlap"]),
        "text_curves": text_curves_figure(tables["token_text_curves"]),
    }
