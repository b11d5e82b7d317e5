"""What a person may change in the study of data mixtures."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from foretell.settings import Level, Positive, Seed, settings

Resamples = Annotated[int, Field(ge=100)]
Refits = Annotated[int, Field(ge=5)]


@settings
class MixSettings:
    """The section `mix` of params.yaml: `targets`, the domains whose losses are to fall (empty: all); the largest
    distance `max_distance` from the natural mix, measured by `kind`; the training text `budget_gib` and the
    `max_epochs` that together limit repetition; `reductions_nats` wanted for each domain by itself; how many `refits`
    on resampled proxies (`tree_refits` for the trees) and the `level` of their intervals; `candidates` that the trees
    choose among; resamples of the held-out mixtures and the seed."""

    targets: tuple[str, ...] = ()
    kind: Literal["kl", "tv", "euclidean"] = "kl"
    max_distance: Positive = 0.3
    budget_gib: Positive = 400.0
    max_epochs: Positive = 4.0
    reductions_nats: Annotated[tuple[Positive, ...], Field(min_length=1)] = (0.05, 0.1)
    refits: Refits = 30
    tree_refits: Refits = 5
    level: Level = 0.9
    candidates: Resamples = 10_000
    n_bootstrap: Resamples = 500
    seed: Seed = 0
