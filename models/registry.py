"""MLflow, in one room: makes a store match the run descriptions of `models/runs.py`, holds the registry's versions and
aliases, and answers what is champion, candidate and history. Everything here may be repeated: a run or a version that
is there is found by its `dvc.stage_hash`, a partial one is completed, and nothing is made twice."""

from __future__ import annotations

import contextlib
import math
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
os.environ.setdefault("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")

import mlflow
import pandas as pd
from mlflow.entities import Dataset as MlflowDataset
from mlflow.entities import DatasetInput, InputTag, Metric, Param, Run, RunTag
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature, infer_signature
from mlflow.tracking import MlflowClient
from mlflow.types.schema import ColSpec, Schema

from features.errors import TrackingError
from models.runs import RunSpec, VersionSpec

EXPERIMENT = "foretell"
CHAMPION, CANDIDATE = "champion", "candidate"
STAGE_HASH, STATE, COMPLETE = "dvc.stage_hash", "foretell.state", "complete"
NOTE = "mlflow.note.content"
SERVING_REQUIREMENTS = ("mlflow", "numpy", "pandas", "ruamel.yaml", "xgboost-cpu")
SERVING_CODE = ("features", "models")


@dataclass(frozen=True)
class Found:
    """What became of a description: the id (run id or version number) and whether it was made, completed or found."""

    id: str
    outcome: str


class Store:
    """An MLflow tracking server and registry: the one that MLFLOW_TRACKING_URI names, or a SQLite file `mlflow.db`
    with its artifacts in `mlartifacts/`, both in the repository. Raises TrackingError when it cannot be reached."""

    def __init__(self, root: Path = Path()):
        self.root = root.resolve()
        self.uri = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{self.root / 'mlflow.db'}"
        mlflow.set_tracking_uri(self.uri)
        mlflow.set_registry_uri(self.uri)
        with _readable(self.uri):
            self.client = MlflowClient(self.uri, registry_uri=self.uri)
            self.experiment_id = self._experiment()

    def _experiment(self) -> str:
        found = self.client.get_experiment_by_name(EXPERIMENT)
        if found is not None:
            return str(found.experiment_id)
        local = self.uri.startswith("sqlite")
        location = (self.root / "mlartifacts").as_uri() if local else None
        try:
            return str(self.client.create_experiment(EXPERIMENT, artifact_location=location))
        except MlflowException:
            found = self.client.get_experiment_by_name(EXPERIMENT)  # another process was first
            if found is None:
                raise
            return str(found.experiment_id)

    def describe(self, text: str) -> None:
        """Set the experiment's description (Markdown)."""
        with _readable(self.uri):
            self.client.set_experiment_tag(self.experiment_id, NOTE, text)

    # -- runs -----------------------------------------------------------------------------------------------------

    def track(self, spec: RunSpec) -> Found:
        """Make the store hold the run that `spec` describes, once: found by its stage hash, completed when partial."""
        _check_finite(spec)
        with _readable(self.uri):
            run = self._find_run(spec.stage_hash, spec.benchmark, spec.predictor)
            if run is not None and run.data.tags.get(STATE) == COMPLETE:
                return Found(run.info.run_id, "found")
            outcome = "made" if run is None else "completed"
            identity = {STAGE_HASH: spec.stage_hash, "benchmark": spec.benchmark, "predictor": spec.predictor}
            if run is None:
                run = self.client.create_run(self.experiment_id, run_name=spec.name, tags=identity)
            self._fill(run.info.run_id, spec)
            self.client.set_tag(run.info.run_id, STATE, COMPLETE)
            self.client.set_terminated(run.info.run_id, "FINISHED")
            return Found(run.info.run_id, outcome)

    def _find_run(self, stage_hash: str, benchmark: str, predictor: str) -> Run | None:
        wanted = {STAGE_HASH: stage_hash, "benchmark": benchmark, "predictor": predictor}
        query = " and ".join(f"tags.`{key}` = '{value}'" for key, value in wanted.items())
        runs = self.client.search_runs([self.experiment_id], query, max_results=1, order_by=["attribute.start_time"])
        return runs[0] if runs else None

    def _fill(self, run_id: str, spec: RunSpec) -> None:
        now = int(time.time() * 1000)
        logged = {key for key in spec.history if self.client.get_metric_history(run_id, key)}
        points = {(key, 0): value for key, value in spec.metrics.items() if key not in spec.history}
        done = set(self.client.get_run(run_id).data.metrics)
        fresh = [Metric(key, value, now, step) for (key, step), value in points.items() if key not in done]
        for key, pairs in spec.history.items():
            steps = {m.step for m in self.client.get_metric_history(run_id, key)} if key in logged else set()
            fresh += [Metric(key, value, now, step) for step, value in pairs if step not in steps]
        params = [Param(key, value) for key, value in spec.params.items()]
        tags = [RunTag(key, value) for key, value in {**spec.tags, NOTE: spec.description}.items()]
        self.client.log_batch(run_id, metrics=fresh, params=params, tags=tags)
        inputs = [
            DatasetInput(
                MlflowDataset(data.name, data.md5, "local", f'{{"uri": "{data.path}"}}'),
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
        with _readable(self.uri):
            return list(self.client.search_runs([self.experiment_id], query, max_results=5000))

    def run(self, name_or_id: str) -> Run:
        """The newest complete run with this id or name; TrackingError lists close names when there is none."""
        runs = self.runs()
        for run in runs:
            if name_or_id in (run.info.run_id, run.info.run_name):
                return run
        names = sorted({str(run.info.run_name) for run in runs})
        hint = ", ".join(name for name in names if name_or_id.split("/")[0] in name) or ", ".join(names[:5])
        raise TrackingError(f"no run called {name_or_id!r} in {self.uri}; there are: {hint or 'none (run dvc repro)'}")

    def history_of(self, run_id: str, metric: str) -> dict[int, float]:
        """A metric's value per step (seed)."""
        with _readable(self.uri):
            return {point.step: point.value for point in self.client.get_metric_history(run_id, metric)}

    # -- registry ---------------------------------------------------------------------------------------------------

    def register(self, spec: VersionSpec) -> Found:
        """Make the registry hold a version of `spec` with alias `candidate`, once: found by its stage hash."""
        with _readable(self.uri):
            version = self._find_version(spec.model_name, spec.run.stage_hash)
            outcome = "found"
            if version is None:
                version, outcome = self._new_version(spec), "made"
            current = self.alias(spec.model_name, CANDIDATE)
            if current is None or current.version != version.version:
                self.client.set_registered_model_alias(spec.model_name, CANDIDATE, str(version.version))
            return Found(str(version.version), outcome)

    def _find_version(self, name: str, stage_hash: str) -> ModelVersion | None:
        for version in self.versions(name):
            if version.tags.get(STAGE_HASH) == stage_hash:
                return version
        return None

    def _new_version(self, spec: VersionSpec) -> ModelVersion:
        from models.predictor import Predictor

        run = self._find_run(spec.run.stage_hash, spec.run.benchmark, spec.run.predictor)
        if run is None:
            raise TrackingError(f"{spec.model_name}: its run {spec.run.name} is not tracked yet")
        predictor = Predictor.load(spec.folder)
        example = example_query(predictor)
        info = mlflow.pyfunc.log_model(
            name="predictor",
            python_model=str(Path(__file__).with_name("serving.py")),
            artifacts={"predictor": str(spec.folder)},
            signature=_signature(predictor, example),
            input_example=example,
            pip_requirements=[_pinned(name) for name in SERVING_REQUIREMENTS],
            code_paths=[str(Path(__file__).parents[1] / package) for package in SERVING_CODE],
            run_id=run.info.run_id,
        )
        try:
            self.client.create_registered_model(spec.model_name, description=spec.card)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            self.client.update_registered_model(spec.model_name, spec.card)
        tags = {STAGE_HASH: spec.run.stage_hash, **dict(spec.run.tags)}
        return self.client.create_model_version(
            spec.model_name, info.model_uri, run.info.run_id, tags=tags, description=spec.card, model_id=info.model_id
        )

    def versions(self, name: str) -> list[ModelVersion]:
        """Versions of a registered model, newest first; empty when it does not exist."""
        with _readable(self.uri):
            found = self.client.search_model_versions(f"name = '{name}'", max_results=1000)
            return sorted(found, key=lambda version: -int(version.version))

    def alias(self, name: str, alias: str) -> ModelVersion | None:
        """The version that `alias` points to, or None."""
        with _readable(self.uri):
            try:
                return self.client.get_model_version_by_alias(name, alias)
            except MlflowException as error:
                if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                    return None
                raise

    def move_alias(self, name: str, alias: str, version: str, tags: Mapping[str, str] | None = None) -> None:
        """Point `alias` at `version` and add `tags` to it; TrackingError when there is no such version."""
        known = [str(v.version) for v in self.versions(name)]
        if version not in known:
            raise TrackingError(f"{name} has no version {version}; there are: {', '.join(known) or 'none'}")
        with _readable(self.uri):
            for key, value in (tags or {}).items():
                self.client.set_model_version_tag(name, version, key, value)
            self.client.set_registered_model_alias(name, alias, version)

    def drop_alias(self, name: str, alias: str) -> None:
        """Remove `alias`."""
        with _readable(self.uri):
            self.client.delete_registered_model_alias(name, alias)

    def download(self, version: ModelVersion) -> Path:
        """A local folder with the predictor files of a registered version."""
        with _readable(self.uri):
            root = Path(mlflow.artifacts.download_artifacts(f"models:/{version.name}/{version.version}"))
        folders = [path.parent for path in root.rglob("predictor.yaml")]
        if not folders:
            raise TrackingError(f"{version.name} version {version.version}: its artifacts hold no predictor.yaml")
        return folders[0]


def serve_pages(port: int) -> None:
    """Serve the local store's pages on 127.0.0.1 until interrupted; one worker and no background jobs, so that it is up
    in seconds. Raises TrackingError when the store is on a server, which has its own pages."""
    store = Store()
    if store.uri.startswith("http"):
        raise TrackingError(f"MLFLOW_TRACKING_URI is {store.uri}: open that address in a browser")
    environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", store.uri, "--workers", "1"]
    command += ["--default-artifact-root", (store.root / "mlartifacts").as_uri()]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    print(f"MLflow on http://127.0.0.1:{port} (Ctrl-C ends it)", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        subprocess.run(command, env=environment, check=False)


def example_query(predictor: Any) -> pd.DataFrame:
    """Two rows of raw design words and numbers for the predictor's features: a training model's own values."""
    rows = predictor.card["examples"]
    return pd.DataFrame(rows)[list(predictor.features)]


def _signature(predictor: Any, example: pd.DataFrame) -> ModelSignature:
    """Every input column is optional: an absent design fact is unknown, not an error."""
    answer = infer_signature(example, predictor.predict(example))
    inputs: list[Any] = [ColSpec(c.type, c.name, required=False) for c in answer.inputs.inputs]
    return ModelSignature(inputs=Schema(inputs), outputs=answer.outputs)


def _check_finite(spec: RunSpec) -> None:
    values = {**spec.metrics, **{f"{k}[{step}]": v for k, pairs in spec.history.items() for step, v in pairs}}
    broken = [key for key, value in values.items() if not math.isfinite(value)]
    if broken:
        raise TrackingError(f"run {spec.name}: metrics that are not finite are not logged: {', '.join(broken[:5])}")


def _pinned(name: str) -> str:
    from importlib.metadata import version

    return f"{name}=={version(name)}"


@contextlib.contextmanager
def _readable(uri: str) -> Iterator[None]:
    """Turn MLflow's errors of reachability and permission into one TrackingError that says how to mend them."""
    shown = uri.split("@")[-1]
    try:
        yield
    except MlflowException as error:
        text = str(error).strip().splitlines()[0]
        unreachable = any(word in text for word in ("Connection", "Max retries", "timed out", "API request to"))
        if unreachable:
            raise TrackingError(f"MLflow server {shown} does not answer: {text[:200]}") from None
        if "UNAUTHENTICATED" in text or "401" in text or "PERMISSION_DENIED" in text:
            hint = "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
            raise TrackingError(f"MLflow server {shown} refuses: {text[:200]}; {hint}") from None
        raise TrackingError(f"MLflow ({shown}): {text[:300]}") from error
