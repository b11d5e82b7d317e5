"""The catalogue of predictors: every way of predicting a benchmark's scores that this project evaluates, in the order
in which tables and figures show them. Tables, figures, gates, runs and parameters read an entry's fields; nothing
parses a name. A new predictor is a new entry (and, for a baseline, its function in `models/baselines.py`).

Importing this module is cheap: the command line reads it to check params.yaml.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from features.catalogue import View

LearnerName = Literal["engine", "xgboost", "lightgbm"]


class Source(Enum):
    """What a predictor learns from."""

    NOTHING = "the training scores alone"
    SCALE = "parameters and training tokens"
    EVERY_DESIGN = "every design feature"
    SELECTION = "features chosen by forward selection"


@dataclass(frozen=True, repr=False)
class Entry:
    """One predictor.

    name: as in files, runs and params.yaml.
    title: as in tables and figures; `label` is shorter, for column heads.
    source: what it learns from.
    selection: whose selection of features it uses: a key of `select.groups` in params.yaml ("" where nothing is
        selected).
    learner: which learner of `models/learners.py` grows its trees; None for a baseline, which has no grid.
    offset: the baseline whose errors the trees learn; None: they learn the scores themselves.
    reference: the predictor over which its improvement is reported; None: it is compared with none.
    cross_check_of: the predictor that it repeats with another library, on random folds only.
    registrable: whether `fit.predictor` may name it: its features are known before training, and its trees learn the
        scores themselves.
    shown: whether it has a column in the report's table of errors and a colour in the figure of errors.
    explained: whether stage `explain` computes its SHAP values.
    member: whether it is one of the forecasters that the forecast blends: an offset in scale, and trees on the rest.
    blended: whether it is the forecast. Members and forecast are measured by stage `backtest`, not by `evaluate`.
    """

    name: str
    title: str
    source: Source
    label: str = ""
    selection: str = ""
    learner: LearnerName | None = None
    offset: Entry | None = None
    reference: Entry | None = None
    cross_check_of: Entry | None = None
    registrable: bool = False
    shown: bool = True
    explained: bool = False
    member: bool = False
    blended: bool = False

    @property
    def is_baseline(self) -> bool:
        """True for a predictor without trees."""
        return self.learner is None and not self.is_forecaster

    @property
    def is_forecaster(self) -> bool:
        """True for the forecast and its members."""
        return self.member or self.blended

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"<predictor {self.name}>"


MEDIAN = Entry("median", "median", Source.NOTHING)
LOG_LINEAR = Entry("log_linear", "log-linear", Source.SCALE)
POWER_LAW = Entry("power_law", "power law (Kaplan form)", Source.SCALE)
SCALE_ONLY = Entry(
    "scale_only", "scale only (trees)", Source.SCALE, "scale", learner="engine", registrable=True, explained=True
)
EVERY_DESIGN = Entry(
    "every_design",
    "every design feature (trees)",
    Source.EVERY_DESIGN,
    learner="engine",
    reference=SCALE_ONLY,
    registrable=True,
    shown=False,
    explained=True,
)
SELECTED_DESIGN = Entry(
    "selected_design",
    "selected design features (trees)",
    Source.SELECTION,
    "design",
    selection="selected_design",
    learner="engine",
    reference=SCALE_ONLY,
    registrable=True,
    explained=True,
)
ALL_FEATURES = Entry(
    "all_features",
    "all features, selected (trees)",
    Source.SELECTION,
    "all",
    selection="all_features",
    learner="engine",
    reference=SCALE_ONLY,
    explained=True,
)
LAW_PLUS_TREES = Entry(
    "law_plus_trees",
    "power law + trees on the rest",
    Source.SELECTION,
    selection=SELECTED_DESIGN.selection,
    learner="engine",
    offset=POWER_LAW,
    reference=SCALE_ONLY,
)
SCALE_ONLY_LIGHTGBM = Entry(
    "scale_only_lightgbm",
    "scale only (LightGBM)",
    Source.SCALE,
    learner="lightgbm",
    cross_check_of=SCALE_ONLY,
    shown=False,
)
ALL_FEATURES_LIGHTGBM = Entry(
    "all_features_lightgbm",
    "all features, selected (LightGBM)",
    Source.SELECTION,
    selection=ALL_FEATURES.selection,
    learner="lightgbm",
    reference=SCALE_ONLY_LIGHTGBM,
    cross_check_of=ALL_FEATURES,
    shown=False,
)
LINE_EXTRA_TREES = Entry(
    "line_extra_trees",
    "line in log odds + extra trees on the rest",
    Source.EVERY_DESIGN,
    "line + extra trees",
    shown=False,
    member=True,
)
LAW_EXTRA_TREES = Entry(
    "law_extra_trees",
    "power law + extra trees on the rest",
    Source.EVERY_DESIGN,
    "law + extra trees",
    shown=False,
    member=True,
)
LINE_BOOSTED_TREES = Entry(
    "line_boosted_trees",
    "line in log odds + boosted trees on the rest",
    Source.EVERY_DESIGN,
    "line + boosted trees",
    shown=False,
    member=True,
)
FORECAST = Entry(
    "forecast",
    "forecast (blend)",
    Source.EVERY_DESIGN,
    "forecast",
    reference=SCALE_ONLY,
    registrable=True,
    shown=False,
    explained=True,
    blended=True,
)

PREDICTORS = (
    MEDIAN,
    LOG_LINEAR,
    POWER_LAW,
    SCALE_ONLY,
    EVERY_DESIGN,
    SELECTED_DESIGN,
    ALL_FEATURES,
    LAW_PLUS_TREES,
    SCALE_ONLY_LIGHTGBM,
    ALL_FEATURES_LIGHTGBM,
    LINE_EXTRA_TREES,
    LAW_EXTRA_TREES,
    LINE_BOOSTED_TREES,
    FORECAST,
)
CATALOGUE: Mapping[str, Entry] = {entry.name: entry for entry in PREDICTORS}
EVALUATED = tuple(entry for entry in PREDICTORS if not entry.is_forecaster)
"""The predictors of the study's comparison, which stage `evaluate` measures over its seeds."""
FORECASTERS = tuple(entry for entry in PREDICTORS if entry.is_forecaster)
"""The forecast and its members, which stage `backtest` measures."""
MEMBERS = tuple(entry for entry in PREDICTORS if entry.member)
"""What the forecast blends."""
SELECTED = tuple(entry for entry in PREDICTORS if entry.selection == entry.name)
"""The predictors whose features stage `select` chooses; others may share their choice."""


def features_of(entry: Entry, view: View, selections: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """The features that a predictor of one benchmark learns from, parameters and tokens first.

    `selections` maps each selection's name to the features that stage `select` chose for the benchmark.
    """
    from features.catalogue import DESIGN_GROUPS, SCALE, feature_names  # loads pandas, which params.yaml does not need

    if entry.source is Source.SELECTION:
        return tuple(selections[entry.selection])
    return {
        Source.NOTHING: (),
        Source.SCALE: SCALE,
        Source.EVERY_DESIGN: feature_names(view, DESIGN_GROUPS),
    }[entry.source]
