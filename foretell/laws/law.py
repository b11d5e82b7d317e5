"""What a law is: named positive constants with units, the axes it runs over, and the log-sum form it takes. The fitting
engine knows nothing else about a law, so a new one is a dataclass with three small maps."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike

from foretell.arithmetic import exp
from foretell.arrays import Floats
from foretell.errors import DataError
from foretell.laws.logsum import LogSumForm
from foretell.laws.quantities import Quantity


@dataclass(frozen=True)
class Parameter:
    """Name and unit of one constant of a law."""

    name: str
    unit: str


@dataclass(frozen=True)
class Law:
    """Base of the laws: a frozen set of positive constants, their units, and the map to the log-sum form they share.

    A subclass names its constants in field order in `PARAMETERS`, and turns them into the form's parameters
    (`_encode`), back (`_decode`), and its axes into the logged axis of each term (`_features`).
    """

    PARAMETERS: ClassVar[tuple[Parameter, ...]]
    AXES: ClassVar[tuple[Quantity, ...]]
    RESPONSE: ClassVar[Quantity]
    FORM: ClassVar[LogSumForm]

    def __post_init__(self) -> None:
        for parameter, value in zip(self.PARAMETERS, self.constants(), strict=True):
            if not (np.isfinite(value) and value > 0):
                raise DataError(
                    f"{type(self).__name__}: {parameter.name} = {value:g}; expected a positive finite number "
                    f"({parameter.unit or 'no unit'})."
                )

    def constants(self) -> Floats:
        """The constants as an array, in the order of PARAMETERS."""
        return np.array([getattr(self, parameter.name) for parameter in self.PARAMETERS], dtype=float)

    @classmethod
    def _encode(cls, constants: Floats) -> Floats:
        """Form parameters [R, p] from constants [R, p]."""
        raise NotImplementedError

    @classmethod
    def _decode(cls, theta: Floats) -> Floats:
        """Constants [R, p] from form parameters [R, p]: the inverse of `_encode`."""
        raise NotImplementedError

    @classmethod
    def _features(cls, *axes: Floats) -> Floats:
        """Logged axis of each term, [n, K], from one-dimensional axes."""
        raise NotImplementedError

    def value(self, *axes: ArrayLike) -> Floats:
        """Response at `axes`, broadcast against each other, without the checks of `predict` (for inner loops)."""
        shape = np.broadcast_shapes(*(np.shape(axis) for axis in axes))
        flat = [np.broadcast_to(np.asarray(axis, dtype=float), shape).ravel() for axis in axes]
        value = exp(self.FORM.log_value(self._encode(self.constants()[None]), self._features(*flat))[0])
        response: Floats = value.reshape(shape)[()]
        return response

    def report(self) -> dict[str, dict[str, Any]]:
        """Constants with their units, ready for JSON."""
        return {
            parameter.name: {"value": float(getattr(self, parameter.name)), "unit": parameter.unit}
            for parameter in self.PARAMETERS
        }

    @classmethod
    def of(cls, constants: Sequence[float] | Floats) -> Self:
        """The law with these constants, in the order of PARAMETERS."""
        return cls(*(float(value) for value in constants))
