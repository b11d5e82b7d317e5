"""What the later stages share: reading what `tabulate` and `select` wrote."""

from features.catalogue import View
from features.targets import Target
from foretell.answering.encoding import Encoding
from models.catalogue import PREDICTORS, Entry, Source, features_of
from models.task import Task
from pipelines.files import read_json, read_parquet
from pipelines.paths import DESIGN_TABLE, ENCODING, SELECTED, target_file, target_scores


def read_task(benchmark: str) -> Task:
    """One benchmark's prediction task."""
    encoding = Encoding.from_dict(read_json(ENCODING))
    return Task.of(read_target(benchmark), read_parquet(DESIGN_TABLE), read_parquet(target_scores(benchmark)), encoding)


def read_target(benchmark: str) -> Target:
    """What one benchmark is, as `tabulate` wrote it."""
    return Target.from_dict(read_json(target_file(benchmark)))


def read_features(benchmark: str, view: View) -> dict[Entry, tuple[str, ...]]:
    """Each predictor of the catalogue and the features that it learns from on one benchmark."""
    selections = {name: choice["features"] for name, choice in read_json(SELECTED / f"{benchmark}.json").items()}
    return {entry: features_of(entry, view, selections) for entry in PREDICTORS}


def read_design_features(view: View) -> dict[Entry, tuple[str, ...]]:
    """Each predictor whose features are not selected, and what it learns from."""
    return {entry: features_of(entry, view, {}) for entry in PREDICTORS if entry.source is not Source.SELECTION}
