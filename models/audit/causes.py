"""The likeliest cause of a score that is not believed: the faults that runs and files are known to have, each a small
test of one score among the results of its model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pandas as pd

from features.targets import Target
from models.audit.expectation import Expected

NEAR_CHANCE, NEAR_ZERO = 0.02, 0.0075
SAME = 1e-6
GUESSES, WORSE = 0.05, -2.0  # how near to chance, how far below what the design suggests, where every run failed
MANY = 5  # results that make a whole run
SWAPPED = 0.4  # of the distance to what is expected, that an exchange must leave at most
COPIED = 3  # equal scores with one other model, to the last digit, that make a copy


@dataclass(frozen=True)
class Case:
    """One score under suspicion. `results`: slug -> score of the same model; `expected`: slug -> what each is expected
    to be; `recorded`: every other model's scores (index model_id, columns slugs)."""

    target: Target
    targets: Mapping[str, Target]
    results: Mapping[str, float]
    expected: Mapping[str, Expected]
    recorded: pd.DataFrame

    @property
    def score(self) -> float:
        """The score itself."""
        return self.results[self.target.slug]

    def fits(self, score: float, slug: str) -> bool:
        """Whether `score` is what would be expected on benchmark `slug`."""
        expected = self.expected.get(slug)
        return expected is not None and abs(score - expected.score) <= 1.5 * expected.spread


def percent_for_share(case: Case) -> str:
    """57.3 where 0.573 is meant."""
    if case.score <= case.target.high:
        return ""
    return f"percent for a share: {case.score:g} is above {case.target.high:g}"


def copy_of_another(case: Case) -> str:
    """The row of another model, often a sibling's."""
    twin = copied_from(case.results, case.recorded)
    return f"a copy of {twin}'s scores" if twin else ""


def other_metric(case: Case) -> str:
    """The normalised accuracy where the plain one is meant, or the reverse."""
    for slug, other in case.targets.items():
        same_items = (other.benchmark, other.n_shot) == (case.target.benchmark, case.target.n_shot)
        if same_items and other.metric != case.target.metric and case.fits(case.score, slug):
            return f"{other.metric} where {case.target.metric} is meant"
    return ""


def zero(case: Case) -> str:
    """Nothing was parsed or passed."""
    written = case.target.chance == 0 and not case.target.lower_is_better
    found = written and looks_guessed(case.score, case.target)
    return "zero: no answer was parsed, or the tokenizer lost blanks" if found else ""


def at_chance(case: Case) -> str:
    """Guessing: the prompt, the tokenizer or the checkpoint is broken."""
    found = case.target.chance > 0 and looks_guessed(case.score, case.target)
    return "at chance: broken tokenizer, prompt or checkpoint" if found else ""


def looks_guessed(score: float, target: Target) -> bool:
    """Whether a score is (nearly) zero where answers are written, or at the chance level."""
    return abs(score - target.chance) <= (NEAR_CHANCE if target.chance > 0 else NEAR_ZERO)


def swapped(case: Case) -> str:
    """The score of another benchmark of the same file, whose own score belongs here: exchanged, the two are clearly
    nearer to what is expected of both."""
    here, best, name = case.target.slug, SWAPPED, ""
    for slug, score in case.results.items():
        if slug != here and slug in case.expected and here in case.expected:
            as_is = abs(case.score - case.expected[here].score) + abs(score - case.expected[slug].score)
            exchanged = abs(case.score - case.expected[slug].score) + abs(score - case.expected[here].score)
            if exchanged < best * as_is:
                best, name = exchanged / as_is, case.targets[slug].title
    return f"swapped with {name}" if name else ""


CAUSES: tuple[Callable[[Case], str], ...] = (
    percent_for_share,
    copy_of_another,
    swapped,
    other_metric,
    zero,
    at_chance,
)


def all_guesses(results: Mapping[str, float], by_design: Mapping[str, Expected], targets: Mapping[str, Target]) -> bool:
    """Whether all of a model's results look like guesses although its design suggests more: the checkpoint or tokenizer
    is broken, and no score stands out among the others."""
    guessed, z = [], []
    for slug, score in results.items():
        target, worse = targets[slug], -1 if targets[slug].lower_is_better else 1
        guessed.append(worse * (score - target.chance) <= GUESSES)
        z.append(worse * (score - by_design[slug].score) / by_design[slug].spread)
    return len(z) >= MANY and sum(guessed) >= 0.9 * len(guessed) and sum(z) / len(z) < WORSE


def likeliest_cause(case: Case) -> str:
    """The first cause that fits, in the order of CAUSES; else that it is unlike the model's other scores."""
    return next((words for cause in CAUSES if (words := cause(case))), "unlike its design and other scores")


def copied_from(results: Mapping[str, float], recorded: pd.DataFrame) -> str:
    """The other model whose recorded scores equal `results` to the last digit on COPIED benchmarks or more, and on most
    of those that both have; "" where there is none. Zeros do not count: many models share them."""
    own = pd.Series({slug: score for slug, score in results.items() if slug in recorded and score > SAME}, dtype=float)
    if len(own) < COPIED:
        return ""
    others = recorded[list(own.index)]
    equal = ((others - own).abs() <= SAME).sum(axis=1)
    both = others.notna().sum(axis=1)
    candidates = equal[(equal >= COPIED) & (equal > both / 2)]
    return str(candidates.idxmax()) if len(candidates) else ""
