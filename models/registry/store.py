"""The registry: versions of each benchmark's predictor, found by stage hash, and the aliases that point at them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import mlflow
from mlflow.entities import LoggedModelStatus
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from foretell.errors import TrackingError
from foretell.loading import CANDIDATE, predictor_folder
from models.registry.connection import STAGE_HASH, readable
from models.registry.package import log_predictor
from models.registry.runs import RunSpec, VersionSpec
from models.registry.tracked import Outcome, Runs


class Store(Runs):
    """A tracking store and its registry."""

    def match(
        self, specs: Sequence[RunSpec], versions: Sequence[VersionSpec], report: Callable[[str], None]
    ) -> dict[str, str]:
        """Track `specs` and register `versions`, telling `report` about each; registered name -> version number."""
        for spec in specs:
            report(f"{spec.name}: {self.track(spec).action}")
        numbers = {}
        for version in versions:
            outcome = self.register(version)
            numbers[version.model_name] = outcome.id
            report(f"{version.model_name} version {outcome.id}: {outcome.action}")
        return numbers

    def register(self, spec: VersionSpec) -> Outcome:
        """Make the registry hold a version of `spec` with alias `candidate`, once: found by its stage hash."""
        with readable(self.uri):
            version = self._find_version(spec.model_name, spec.run.stage_hash)
            action = "found"
            if version is None:
                version, action = self._new_version(spec), "made"
            current = self.alias(spec.model_name, CANDIDATE)
            if current is None or current.version != version.version:
                self.client.set_registered_model_alias(spec.model_name, CANDIDATE, str(version.version))
            return Outcome(str(version.version), action)

    def _find_version(self, name: str, stage_hash: str) -> ModelVersion | None:
        for version in self.versions(name):
            if version.tags.get(STAGE_HASH) == stage_hash and _has_files(f"models:/{name}/{version.version}"):
                return version
        return None

    def _new_version(self, spec: VersionSpec) -> ModelVersion:
        run = self._find_run(spec.run)
        if run is None:
            raise TrackingError(f"{spec.model_name}: its run {spec.run.name} is not tracked yet")
        model_id, uri = self._packed(run.info.run_id, spec)
        try:
            self.client.create_registered_model(spec.model_name, description=spec.card)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            self.client.update_registered_model(spec.model_name, spec.card)
        tags = {STAGE_HASH: spec.run.stage_hash, "benchmark": spec.run.benchmark, "predictor": spec.run.predictor}
        tags |= dict(spec.run.tags)
        return self.client.create_model_version(
            spec.model_name, uri, run.info.run_id, tags=tags, description=spec.card, model_id=model_id
        )

    def _packed(self, run_id: str, spec: VersionSpec) -> tuple[str, str]:
        """(model id, uri) of the predictor logged to `run_id`: one an interrupted call left whole, or a new one."""
        query = f"source_run_id = '{run_id}' and tags.`{STAGE_HASH}` = '{spec.run.stage_hash}'"
        for model in self.client.search_logged_models([self.experiment_id], query):
            if model.status == LoggedModelStatus.READY and _has_files(model.model_uri):
                return model.model_id, model.model_uri
            self.client.delete_logged_model(model.model_id)
        info = log_predictor(self.experiment_id, run_id, spec.run.stage_hash, spec.folder)
        return info.model_id, info.model_uri

    def versions(self, name: str) -> list[ModelVersion]:
        """Versions of a registered model, newest first; empty when it does not exist."""
        with readable(self.uri):
            versions = self.client.search_model_versions(f"name = '{name}'", max_results=1000)
            return sorted(versions, key=lambda version: -int(version.version))

    def version_numbers(self, name: str) -> list[str]:
        """Numbers of the versions, newest first. Raises TrackingError when the model is not registered."""
        numbers = [str(version.version) for version in self.versions(name)]
        if not numbers:
            raise TrackingError(f"{name} is not registered in {self.shown}; `foretell track` registers what is made")
        return numbers

    def version(self, name: str, number: str) -> ModelVersion:
        """A version by its number. Raises TrackingError naming the versions that there are."""
        numbers = self.version_numbers(name)
        if number not in numbers:
            raise TrackingError(f"{name} has no version {number}; its versions are: {', '.join(numbers)}")
        with readable(self.uri):
            return self.client.get_model_version(name, number)

    def alias(self, name: str, alias: str) -> ModelVersion | None:
        """The version that `alias` points to, or None."""
        with readable(self.uri):
            try:
                return self.client.get_model_version_by_alias(name, alias)
            except MlflowException as error:
                if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                    return None
                raise

    def move_alias(self, name: str, alias: str, version: str) -> None:
        """Point `alias` at `version`; TrackingError when there is no such version."""
        self.version(name, version)
        with readable(self.uri):
            self.client.set_registered_model_alias(name, alias, version)

    def drop_alias(self, name: str, alias: str) -> None:
        """Remove `alias`."""
        with readable(self.uri):
            self.client.delete_registered_model_alias(name, alias)

    def download(self, version: ModelVersion) -> Path:
        """A local folder with the predictor files of a registered version."""
        with readable(self.uri):
            root = Path(mlflow.artifacts.download_artifacts(f"models:/{version.name}/{version.version}"))
        folder = predictor_folder(root)
        if folder is None:
            raise TrackingError(f"{version.name} version {version.version}: its artifacts hold no predictor.yaml")
        return folder


def _has_files(uri: str) -> bool:
    """Are the model's files there? A store's artifacts can be lost while its database is not."""
    try:
        return bool(mlflow.artifacts.list_artifacts(uri))
    except FileNotFoundError:
        return False
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise  # a server that fails for a moment has not lost the files
        return False
