"""The table of runs as MLflow's page shows it: a saved view, which MLflow keeps as a tag of the experiment. Without one
the page shows when a run was made and not what it found, and every reader would have to tick the same columns."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Sequence

VIEW = "foretell"
TAG = f"mlflow.sharedViewState.{VIEW}"
PAGE = f"#/experiments/{{experiment_id}}/runs?viewStateShareKey={VIEW}"
"""Where the page opens in this view, behind the server's address."""
COLUMNS = (
    "params.`benchmark`",
    "params.`predictor`",
    "params.`view`",
    "metrics.`mae_mean`",
    "metrics.`improvement_pct`",
    "metrics.`family_mae`",
    "metrics.`coverage`",
    "tags.`data.version`",
)
SAVED_MS = 1_767_225_600_000  # a fixed moment (2026-01-01), so that saving the view again changes nothing


def saved_view(columns: Sequence[str] = COLUMNS) -> str:
    """The value of the tag: a name, and the page's state as MLflow 3.17 writes it (zlib-compressed JSON in base64)."""
    state = {
        "searchFilter": "",
        "orderByKey": columns[0],
        "orderByAsc": True,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "datasetsFilter": [],
        "modelVersionFilter": "All Runs",
        "selectedColumns": list(columns),
        "columnOrder": [],
        "columnWidths": {},
        "runsHiddenMode": "FIRST_10_RUNS",
        "viewMaximized": False,
        "runListHidden": False,
        "isAccordionReordered": False,
        "useGroupedValuesInCharts": True,
        "hideEmptyCharts": True,
        "groupBy": None,
        "groupsExpanded": {},
        "globalLineChartConfig": {"xAxisKey": "step", "lineSmoothness": 0, "selectedXAxisMetricKey": ""},
    }
    packed = base64.b64encode(zlib.compress(json.dumps(state).encode())).decode()
    saved = {"name": VIEW, "createdAt": SAVED_MS, "updatedAt": SAVED_MS, "state": f"deflate;{packed}"}
    return json.dumps(saved)
