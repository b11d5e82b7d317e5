"""Reading what `tabulate` wrote, as the tasks and settings that the later stages share."""

from features.catalog import DESIGN_GROUPS, SCALE, View, feature_names
from features.encoding import Encoding
from models.nested import Protocol
from models.parallel import Spread
from models.task import Task
from pipelines._params import Params
from pipelines._paths import DESIGN_TABLE, ENCODING, SELECTED, target
from pipelines._stage import read_json, read_parquet


def read_task(benchmark: str) -> Task:
    """One benchmark's prediction task."""
    encoding = Encoding.from_dict(read_json(ENCODING))
    return Task.of(benchmark, read_parquet(DESIGN_TABLE), read_parquet(target(benchmark)), encoding)


def read_feature_sets(benchmark: str, view: View) -> dict[str, tuple[str, ...]]:
    """Each tree predictor of a benchmark and its features, those that were selected among them."""
    chosen = read_json(SELECTED / f"{benchmark}.json")
    return {
        "scaling_laws": SCALE,
        "every_design": feature_names(view, DESIGN_GROUPS),
        **{predictor: tuple(choice["features"]) for predictor, choice in chosen.items()},
    }


def protocol_of(params: Params) -> Protocol:
    """The nested cross-validation that params.yaml describes."""
    return Protocol(**params.protocol.model_dump())


def spread_of(params: Params) -> Spread:
    """Where work runs."""
    return Spread(**params.parallel.model_dump())
