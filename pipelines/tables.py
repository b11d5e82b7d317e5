"""Reading what `tabulate` wrote, as the tasks and settings that the later stages share."""

from features.catalogue import DESIGN_GROUPS, SCALE, View, feature_names
from foretell.answering.encoding import Encoding
from foretell.parallel import Spread
from models.nested import Protocol
from models.problem import Task
from pipelines.files import read_json, read_parquet
from pipelines.params import Params
from pipelines.paths import DESIGN_TABLE, ENCODING, SELECTED, target


def read_task(benchmark: str) -> Task:
    """One benchmark's prediction task."""
    encoding = Encoding.from_dict(read_json(ENCODING))
    return Task.of(benchmark, read_parquet(DESIGN_TABLE), read_parquet(target(benchmark)), encoding)


def read_feature_sets(benchmark: str, view: View) -> dict[str, tuple[str, ...]]:
    """Each tree predictor of a benchmark and its features, those that were selected among them."""
    chosen = read_json(SELECTED / f"{benchmark}.json")
    return {
        "scale_only": SCALE,
        "every_design": feature_names(view, DESIGN_GROUPS),
        **{predictor: tuple(choice["features"]) for predictor, choice in chosen.items()},
    }


def protocol_of(params: Params) -> Protocol:
    """The nested cross-validation that params.yaml describes."""
    return Protocol(**params.protocol.model_dump())


def spread_of(params: Params) -> Spread:
    """Where work runs."""
    return Spread(**params.parallel.model_dump())
