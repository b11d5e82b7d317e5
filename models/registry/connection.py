"""Reaching an MLflow store: where it is, whether it answers, and its errors as one line that says how to mend them."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import mlflow
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from foretell.errors import TrackingError
from foretell.loading import EXPERIMENT
from models.registry.views import PAGE, TAG, saved_view

STAGE_HASH, STATE, COMPLETE = "dvc.stage_hash", "foretell.state", "complete"
NOTE = "mlflow.note.content"
MAKE = "`make repro` makes and fills it, or `foretell track` where the results are there"
ANSWER_SECONDS = 5.0  # a server that has not answered its health page by then counts as down
SETTINGS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # by default a server that is down holds each call for minutes
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
}
"""MLflow's settings while a store is used, unless the environment sets them. MLflow reads them at each call."""


class Connection:
    """An MLflow tracking server and registry: the one that MLFLOW_TRACKING_URI names, or a SQLite file `mlflow.db`
    with its artifacts in `mlartifacts/`, both in the repository. Raises TrackingError when it cannot be reached, and
    when nothing is tracked there yet, unless it may `create` the store and its `experiment`: reading makes nothing."""

    def __init__(self, root: Path = Path(), create: bool = False, experiment: str = EXPERIMENT):
        for setting, value in SETTINGS.items():
            os.environ.setdefault(setting, value)
        self.root, self.experiment = root.resolve(), experiment
        self.uri = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{self.root / 'mlflow.db'}"
        self.local = self.uri.startswith("sqlite")
        if self.local:
            database = Path(self.uri.removeprefix("sqlite:///"))
            if not create and not database.is_file():
                raise TrackingError(f"{database}: no such store; {MAKE}")
            _check_database(database)
        elif self.uri.startswith("http"):
            _check_answers(self.uri)
        mlflow.set_tracking_uri(self.uri)
        mlflow.set_registry_uri(self.uri)
        with readable(self.uri):
            try:
                self.client = MlflowClient(self.uri, registry_uri=self.uri)
            except ModuleNotFoundError as error:
                raise TrackingError(
                    f"MLFLOW_TRACKING_URI {self.uri.split(':')[0]}: the driver {error.name} is not installed; "
                    "`pip install 'foretell[server]'` brings it, or name the team's server by its http address"
                ) from None
            self.experiment_id = self._experiment(create)

    def _experiment(self, create: bool) -> str:
        experiment = self.client.get_experiment_by_name(self.experiment)
        if experiment is not None:
            return str(experiment.experiment_id)
        if not create:
            raise TrackingError(f"{self.shown}: nothing of foretell is tracked there yet; {MAKE}")
        location = (self.root / "mlartifacts").as_uri() if self.local else None
        try:
            return str(self.client.create_experiment(self.experiment, artifact_location=location))
        except MlflowException:
            experiment = self.client.get_experiment_by_name(self.experiment)  # another process was first
            if experiment is None:
                raise
            return str(experiment.experiment_id)

    @property
    def shown(self) -> str:
        """The address for messages: without user name and password."""
        return self.uri.split("@")[-1]

    @property
    def page(self) -> str:
        """Where a server on this store shows the table of runs, behind its address."""
        return PAGE.format(experiment_id=self.experiment_id)

    def describe(self, text: str) -> None:
        """Set the experiment's description (Markdown), its kind, so that the pages open on the table of runs, and the
        view of that table."""
        with readable(self.uri):
            self.client.set_experiment_tag(self.experiment_id, TAG, saved_view())
            self.client.set_experiment_tag(self.experiment_id, "mlflow.experimentKind", "custom_model_development")
            self.client.set_experiment_tag(self.experiment_id, NOTE, text)


def _check_database(path: Path) -> None:
    """Raise TrackingError when the local store is there but damaged; a missing or empty one is made anew. Opening it
    to write lets SQLite take back what a killed process left half-written."""
    if not path.is_file() or path.stat().st_size == 0:
        return
    mend = f"move it away (`mv {path.name} {path.name}.damaged`) and run `foretell track`, which rebuilds every run"
    try:
        with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True)) as database:
            verdict = str(database.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.OperationalError:
        return  # locked by a writer, or not ours to write: MLflow's own words are right then
    except sqlite3.DatabaseError as error:
        verdict = str(error)
    if verdict != "ok":
        raise TrackingError(f"{path}: the local MLflow store is damaged ({verdict.splitlines()[0]}); {mend}")


def _check_answers(uri: str) -> None:
    """Raise TrackingError at once when nothing answers at `uri`; MLflow itself would retry for minutes."""
    address = urlsplit(uri)
    shown = f"{address.scheme}://{address.hostname}" + (f":{address.port}" if address.port else "")
    try:
        urllib.request.urlopen(f"{shown}{address.path.rstrip('/')}/health", timeout=ANSWER_SECONDS).close()
    except urllib.error.HTTPError:
        return  # it answers: what it refuses is said later, by the call that needs it
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise TrackingError(
            f"MLflow server {shown} does not answer ({reason}); start it (docs/team-server.md) or unset "
            "MLFLOW_TRACKING_URI to use the local store"
        ) from None


@contextlib.contextmanager
def readable(uri: str) -> Iterator[None]:
    """Turn MLflow's errors of reachability and permission into one TrackingError that says how to mend them."""
    shown = uri.split("@")[-1]
    try:
        yield
    except MlflowException as error:
        text = " ".join(str(error).split())
        if any(word in text for word in ("UNAUTHENTICATED", "code 401", "PERMISSION_DENIED", "code 403")):
            hint = "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD of a user who may do this"
            raise TrackingError(f"MLflow server {shown} refuses: {text[:200]}; {hint}") from None
        if any(word in text for word in ("Connection", "Max retries", "timed out", "API request to")):
            raise TrackingError(f"MLflow server {shown} does not answer: {text[:200]}") from None
        raise TrackingError(f"MLflow ({shown}): {text[:300]}") from error
