"""What a person may change in the fits of scaling laws."""

from __future__ import annotations

from dataclasses import field
from typing import Annotated

from pydantic import Field

from foretell.settings import Count, Level, settings


@settings
class LawSettings:
    """The section `fit_laws` of params.yaml: resamples of the runs behind every interval and the intervals' `level`;
    `leave_out`, how many runs of highest loss a study leaves out (study -> count); `fit_up_to_params`, the size up to
    which a study's extrapolation test fits (study -> parameters); the budgets whose compute-optimal split is reported;
    resamples behind the R-squared of a benchmark's law."""

    bootstrap: Annotated[int, Field(ge=100)] = 1000
    level: Level = 0.95
    leave_out: dict[str, Count] = field(default_factory=dict)
    fit_up_to_params: dict[str, Annotated[float, Field(ge=1e4)]] = field(default_factory=dict)
    budgets_flops: tuple[Annotated[float, Field(ge=1e12)], ...] = (1e20, 1e21, 1e22, 1e23, 1e24)
    benchmark_bootstrap: Annotated[int, Field(ge=20)] = 200
