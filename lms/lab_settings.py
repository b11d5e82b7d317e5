"""The section `lab` of params.yaml: controlled pretraining runs that differ in one thing, such as the share of code or
the size of the model, what their checkpoints are measured on, and the experiments on learning dynamics. A cell is a
setting; it is trained with several seeds, and all cells of an experiment share their schedule."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from foretell.errors import ConfigError
from foretell.settings import Count, Share, settings
from lms.dynamics.settings import DynamicsSettings
from lms.measure.settings import MeasureSettings
from lms.pretrain.settings import ModelSettings, OptimiserSettings, Steps
from lms.pretrain.tokenizer import TrainedTokenizer
from lms.probe_settings import ProbeSettings

Weight = Annotated[float, Field(ge=0, le=1)]
Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")]


@settings
class LabData:
    """How the corpus becomes tokens (lms/pretrain/shards.py)."""

    tokenizer: TrainedTokenizer
    held_out_share: Share
    documents_per_shard: Count


@settings
class LabTraining:
    """What all runs share: how a batch is computed, and how held-out loss is measured."""

    micro_batches: Count
    dtype: Literal["float32", "bfloat16"]
    threads: Count
    state_every: Count
    held_out_sequences: Count
    held_out_rows: Count


@settings
class LabSchedule:
    """What the runs of an experiment share: seeds 0 to `seeds` - 1, the optimiser, its `steps`, batches of `sequences`
    sequences, and the steps after which held-out loss is measured and checkpoints are kept."""

    seeds: Count
    steps: Count
    sequences: Count
    optimiser: OptimiserSettings
    measure_at: tuple[Steps, ...]
    checkpoint_at: tuple[Steps, ...]


@settings
class LabCell:
    """One setting of an experiment: the `model` (a name of `lab.models`) and the `weights` of the sources."""

    experiment: Literal["code_share", "sizes"]
    setting: str
    model: str
    weights: dict[str, Weight]


@settings
class LabSettings:
    """The section `lab`: text experiments (`runs`, by the name of their stage), what their checkpoints are measured and
    probed on, and the experiments on learning dynamics."""

    data: LabData
    training: LabTraining
    models: dict[str, ModelSettings]
    schedules: dict[str, LabSchedule]
    runs: dict[Slug, LabCell]
    measure: MeasureSettings
    probe: ProbeSettings
    dynamics: DynamicsSettings

    def __post_init__(self) -> None:
        for name, cell in self.runs.items():
            if cell.model not in self.models or cell.experiment not in self.schedules:
                raise ConfigError(
                    f"runs.{name}: model {cell.model!r}, experiment {cell.experiment!r}; expected models "
                    f"{', '.join(self.models)} and experiments {', '.join(self.schedules)}"
                )

    def seeds(self, run: str) -> range:
        """The seeds that a run is trained with."""
        return range(self.schedules[self.runs[run].experiment].seeds)
