"""The laboratory's runs shown in MLflow."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from features.raw import read_raw
from features.schema import LAB_CURVES, LAB_METRICS, LAB_RUNS
from models.registry.lab import lab_runs, lab_specs
from models.registry.lineage import read_lineage
from pipelines.params import load_params
from pipelines.workspace import WORKSPACE


def track_lab(folder: Path) -> int:
    """Make the MLflow store hold a run per training run that the tables lab_runs, lab_curves and lab_metrics in
    `folder` describe; their number. Raises DataError where a table is missing."""
    tables = [replace(table, path=folder / table.path.name) for table in (LAB_RUNS, LAB_CURVES, LAB_METRICS)]
    runs, curves, metrics = (read_raw(table) for table in tables)
    lineage = read_lineage(WORKSPACE, load_params().model_dump(mode="json"))
    specs = lab_specs(runs, curves, metrics, [table.path for table in tables], lineage)
    return len(lab_runs(create=True).match(specs))
