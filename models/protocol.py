"""The nested cross-validation as settings: how many folds, what is set aside, and the grid that is searched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from foretell.settings import Count, Positive, Share, settings

if TYPE_CHECKING:
    from foretell.engine import Cell

Folds = Annotated[int, Field(ge=2)]
Depth = Annotated[int, Field(ge=1, le=12)]
Rate = Annotated[float, Field(gt=0, le=1)]
Month = Annotated[str, Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")]


@settings
class Protocol:
    """The nested cross-validation: folds, the part of each outer training set that is set aside (0.2 reproduces the
    paper's code, which never uses it), the grid of boosted trees, and where the schemes `time` and `size` cut: release
    months from `first_cutoff` on, `months_between_cutoffs` apart, and parameter counts `size_limits`, each as long as
    `min_train_models` lie before it and `min_test_models` behind. The section `protocol` of params.yaml; raises
    ConfigError on impossible values."""

    outer_folds: Folds = 3
    inner_folds: Folds = 3
    holdout: Share = 0.0
    max_depth: Annotated[tuple[Depth, ...], Field(min_length=1)] = (2, 3, 5)
    learning_rate: Annotated[tuple[Rate, ...], Field(min_length=1)] = (0.01, 0.1, 0.3)
    n_estimators: Annotated[tuple[Count, ...], Field(min_length=1)] = (50, 100)
    first_cutoff: Month = "2023-04"
    months_between_cutoffs: Count = 3
    size_limits: Annotated[tuple[Positive, ...], Field(min_length=1)] = (3e9, 8e9, 15e9)
    min_train_models: Count = 30
    min_test_models: Count = 5

    @property
    def cells(self) -> tuple[Cell, ...]:
        """The grid in scikit-learn's ParameterGrid order (n_estimators varies fastest): ties go to the first."""
        from foretell.engine import Cell  # here, so that reading params.yaml does not load the engine's compiler

        return tuple(
            Cell(rate, depth, trees)
            for rate in self.learning_rate
            for depth in self.max_depth
            for trees in self.n_estimators
        )
