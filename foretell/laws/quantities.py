"""What goes into a law is checked once, here: a NaN, a zero or "300" meant as billions would otherwise come back as a
confident number. Each quantity has a unit and the range a real language model can have in that unit; outside it the
value is refused with the unit it looks like, instead of being fitted."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from foretell.arrays import Floats
from foretell.errors import DataError

FLOPS_PER_PF_DAY = 1e15 * 86_400  # Kaplan et al. 2020, section 1.3: a PF-day is 8.64e19 FLOPs
MIXED_UNITS_GAP = 1e4  # neighbours further apart than this in one column are two units, not two runs
FLOPS_TOLERANCE = 20.0  # C and 6 N D differ by attention, embeddings and recomputation, never by this factor
TOKENS_PER_PARAM = (1e-3, 1e7)


@dataclass(frozen=True)
class Quantity:
    """A measured quantity: its name, its unit, the plausible range in that unit, and what a value below or above
    it usually is."""

    name: str
    unit: str
    low: float
    high: float
    below: str
    above: str

    def check(self, values: npt.ArrayLike, where: str = "") -> Floats:
        """`values` as a float array, every one finite, positive and inside the range; else DataError naming the
        first offender's position and value."""
        label = f"{where}: {self.name}" if where else self.name
        if isinstance(values, (bool, np.bool_)):
            raise DataError(f"{label} is {values}; expected a number of {self.unit}.")
        try:
            array = np.asarray(values, dtype=float)
        except (TypeError, ValueError) as error:
            raise DataError(f"{label} is not numeric ({error}); expected numbers of {self.unit}.") from error
        if array.size == 0:
            raise DataError(f"{label} is empty; expected at least one number of {self.unit}.")
        flat = array.ravel()
        for bad, rule in (
            (np.isnan(flat), "is missing (NaN); leave the run out or fill the value in"),
            (np.isinf(flat), "is infinite; expected a finite number"),
            (flat == 0, "is zero; a power law has no value at zero"),
            (flat < 0, "is negative; expected a positive number"),
            (flat < self.low, f"is below {self.low:g} {self.unit}; {self.below}"),
            (flat > self.high, f"is above {self.high:g} {self.unit}; {self.above}"),
        ):
            if bad.any():
                position = int(np.argmax(bad))
                at = f"[{position}]" if array.ndim else ""
                raise DataError(f"{label}{at} = {flat[position]:g} {rule} ({int(bad.sum())} of {flat.size} values).")
        if flat.size > 1:
            ordered = np.sort(flat)
            gap = ordered[1:] / ordered[:-1]
            if gap.max() > MIXED_UNITS_GAP:
                i = int(np.argmax(gap))
                raise DataError(
                    f"{label} jumps from {ordered[i]:g} to {ordered[i + 1]:g} with nothing between: two units mixed in "
                    f"one column? Expected {self.unit} throughout."
                )
        return array


PARAMS = Quantity(
    "params", "parameters", 1e4, 1e15, "given in millions or billions? Multiply by 1e6 or 1e9", "given twice scaled?"
)
TOKENS = Quantity(
    "tokens",
    "tokens",
    1e6,
    1e17,
    "given in millions or billions? Multiply by 1e6 or 1e9",
    "given in characters or bytes?",
)
FLOPS = Quantity(
    "flops", "FLOPs", 1e12, 1e33, "given in PF-days? Multiply by 8.64e19", "counted for more than one training run?"
)
LOSS = Quantity(
    "loss", "nats per token", 1e-3, 20.0, "expected a cross-entropy", "a perplexity? Take its natural logarithm"
)
STEPS = Quantity(
    "steps", "optimiser steps", 1.0, 1e10, "expected whole steps", "given in tokens? Divide by the batch size"
)
BATCH_TOKENS = Quantity(
    "batch_tokens",
    "tokens per batch",
    256,
    1e12,
    "given in sequences? Multiply by the context length",
    "given as a total?",
)


def check_ratio(params: Floats, tokens: Floats) -> None:
    """Refuse parameters and tokens whose ratio no run ever had: one of the two is in another unit."""
    ratio = np.asarray(tokens / params)
    low, high = TOKENS_PER_PARAM
    bad = (ratio < low) | (ratio > high)
    if bad.any():
        worst = float(ratio[bad].ravel()[0])
        raise DataError(
            f"tokens / params = {worst:g} lies outside {low:g} to {high:g}: one of them is in another unit "
            f"(millions, billions); expected plain counts of both."
        )


def check_flops(flops: Floats, params: Floats, tokens: Floats) -> None:
    """Refuse FLOPs that are more than a factor 20 from 6 N D (Kaplan et al. 2020, eq. 2.2)."""
    ratio = np.asarray(flops / (6 * params * tokens))
    bad = (ratio > FLOPS_TOLERANCE) | (ratio < 1 / FLOPS_TOLERANCE)
    if bad.any():
        worst = float(ratio[bad].ravel()[0])
        raise DataError(
            f"flops / (6 params tokens) = {worst:g}; expected about 1 (within a factor {FLOPS_TOLERANCE:g}). "
            f"Are FLOPs in PF-days (8.64e19) or tokens in billions?"
        )
