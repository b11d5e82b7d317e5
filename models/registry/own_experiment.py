"""Runs in an MLflow experiment of their own, beside that of the predictors, made to match a list of descriptions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from models.registry.connection import STAGE_HASH, readable
from models.registry.runs import RunSpec
from models.registry.tracked import Outcome, Runs


class OwnExperiment(Runs):
    """The runs of the experiment called `name`; `description` (Markdown) is shown above them."""

    def __init__(self, name: str, description: str, root: Path = Path(), create: bool = False):
        super().__init__(root, create, name)
        self.description = description

    def match(self, specs: Sequence[RunSpec]) -> list[tuple[RunSpec, Outcome]]:
        """Make the experiment hold exactly one run per description in `specs`; safe to repeat, also after a kill. The
        run of an earlier state (the same `predictor`, another hash) goes once the new one is whole."""
        with readable(self.uri):
            self.client.set_experiment_tag(self.experiment_id, "mlflow.note.content", self.description)
        done = []
        for spec in specs:
            outcome = self.track(spec)
            self._delete_earlier(spec)
            done.append((spec, outcome))
        return done

    def _delete_earlier(self, spec: RunSpec) -> None:
        query = f"tags.predictor = '{spec.predictor}' and tags.`{STAGE_HASH}` != '{spec.stage_hash}'"
        with readable(self.uri):
            for run in self.client.search_runs([self.experiment_id], query, max_results=1000):
                self.client.delete_run(run.info.run_id)
