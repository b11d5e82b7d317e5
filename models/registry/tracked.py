"""Runs: the store made to match a description, once, however often that is repeated and wherever it was interrupted."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path

import mlflow
from mlflow.entities import Dataset as MlflowDataset
from mlflow.entities import DatasetInput, InputTag, Metric, Param, Run, RunTag

from foretell.errors import TrackingError
from models.registry.connection import COMPLETE, NOTE, STAGE_HASH, STATE, Connection, readable
from models.registry.runs import RunSpec

MOST_METRICS = 500  # in one call; MLflow takes at most 1,000 metrics, parameters and tags at once


@dataclass(frozen=True)
class Outcome:
    """What became of a description: the id (run id or version number), and whether it was made, completed or found."""

    id: str
    action: str


class Runs(Connection):
    """The tracking half of a store."""

    def track(self, spec: RunSpec) -> Outcome:
        """Make the store hold the run that `spec` describes, once: found by its stage hash, completed when partial.

        Raises TrackingError when a metric is not finite.
        """
        _check_finite(spec)
        with readable(self.uri):
            run = self._find_run(spec)
            if run is not None and run.data.tags.get(STATE) == COMPLETE and self._has_files(run, spec):
                return Outcome(run.info.run_id, "found")
            action = "made" if run is None else "completed"
            run = run or self._new_run(spec)
            self._fill(run.info.run_id, spec)
            self.client.set_terminated(run.info.run_id, "FINISHED")
            self.client.set_tag(run.info.run_id, STATE, COMPLETE)  # last: a call killed before it is repeated
            return Outcome(run.info.run_id, action)

    def _new_run(self, spec: RunSpec) -> Run:
        identity = {STAGE_HASH: spec.stage_hash, "benchmark": spec.benchmark, "predictor": spec.predictor}
        made = self.client.create_run(self.experiment_id, run_name=spec.name, tags=identity)
        first = self._find_run(spec)
        if first is not None and first.info.run_id != made.info.run_id:  # another process was first
            self.client.delete_run(made.info.run_id)
            return first
        return made

    def _find_run(self, spec: RunSpec) -> Run | None:
        wanted = {STAGE_HASH: spec.stage_hash, "benchmark": spec.benchmark, "predictor": spec.predictor}
        query = " and ".join(f"tags.`{key}` = '{value}'" for key, value in wanted.items())
        oldest = ["attribute.start_time", "attribute.run_id"]
        runs = self.client.search_runs([self.experiment_id], query, max_results=1, order_by=oldest)
        return runs[0] if runs else None

    def _has_files(self, run: Run, spec: RunSpec) -> bool:
        """Are the artifact folders there? A store's files can be lost while its database is not."""
        wanted = {folder for _, folder in spec.artifacts}
        return wanted <= {item.path for item in self.client.list_artifacts(run.info.run_id)}

    def _fill(self, run_id: str, spec: RunSpec) -> None:
        now = int(time.time() * 1000)
        done = set(self.client.get_run(run_id).data.metrics)
        fresh = [Metric(key, value, now, 0) for key, value in spec.metrics.items() if key not in done]
        for key, pairs in spec.history.items():
            steps = {m.step for m in self.client.get_metric_history(run_id, key)} if key in done else set()
            fresh += [Metric(key, value, now, step) for step, value in pairs if step not in steps]
        params = [Param(key, value) for key, value in spec.params.items()]
        tags = [RunTag(key, value) for key, value in {**spec.tags, NOTE: spec.description}.items()]
        self.client.log_batch(run_id, metrics=fresh[:MOST_METRICS], params=params, tags=tags)
        for start in range(MOST_METRICS, len(fresh), MOST_METRICS):
            self.client.log_batch(run_id, metrics=fresh[start : start + MOST_METRICS])
        inputs = [
            DatasetInput(
                MlflowDataset(data.name, data.md5, "local", data.source),
                [InputTag("mlflow.data.context", data.context)],
            )
            for data in spec.datasets
        ]
        if inputs:
            self.client.log_inputs(run_id, inputs)
        for path, folder in spec.artifacts:
            self.client.log_artifact(run_id, str(path), folder)

    def runs(self, benchmark: str = "") -> list[Run]:
        """Complete runs, newest first, of one benchmark or of all."""
        query = f"tags.`{STATE}` = '{COMPLETE}'" + (f" and tags.benchmark = '{benchmark}'" if benchmark else "")
        with readable(self.uri):
            return list(self.client.search_runs([self.experiment_id], query, max_results=5000))

    def run(self, name_or_id: str) -> Run:
        """The newest complete run with this name or id, or whose id alone begins so (eight digits or more);
        TrackingError lists close names when there is none."""
        runs = self.runs()
        for run in runs:
            if name_or_id in (run.info.run_id, run.info.run_name):
                return run
        short = [run for run in runs if len(name_or_id) >= 8 and str(run.info.run_id).startswith(name_or_id)]
        if len(short) == 1:
            return short[0]
        names = sorted({str(run.info.run_name) for run in runs})
        hint = ", ".join(name for name in names if name_or_id.split("/")[0] in name)
        hint = hint or ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
        raise TrackingError(
            f"no run called {name_or_id!r} in {self.shown}; there are: {hint or 'none (run dvc repro)'}"
        )

    def has_run_file(self, run_id: str, path: str) -> bool:
        """Whether a run keeps a file at `path` (folder/name)."""
        folder = path.rpartition("/")[0]
        with readable(self.uri):
            return path in {item.path for item in self.client.list_artifacts(run_id, folder)}

    def run_file(self, run_id: str, path: str) -> Path:
        """A local copy of one of a run's files; TrackingError when it has none at `path`."""
        with readable(self.uri):
            return Path(mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path=path))


def _check_finite(spec: RunSpec) -> None:
    values = {**spec.metrics, **{f"{k}[{step}]": v for k, pairs in spec.history.items() for step, v in pairs}}
    broken = [key for key, value in values.items() if not math.isfinite(value)]
    if broken:
        raise TrackingError(f"run {spec.name}: metrics that are not finite are not logged: {', '.join(broken[:5])}")
