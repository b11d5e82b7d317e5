"""Which domains a model's generations look like. Shares are taken over the generations that belong to a domain at all:
incoherent ones, those that fit none and those without an answer are counted beside, as in the study whose figures the
recorded table holds (its six shares add up to 100)."""

from collections import Counter
from collections.abc import Iterable

import numpy as np

from foretell.errors import DataError

DOMAINS = ("academic", "books", "code", "reference", "specialized", "web")
OUTSIDE = ("incoherent", "other", "unanswered")


def domain_shares(labels: Iterable[str]) -> tuple[dict[str, float], dict[str, int]]:
    """`pct_generated_<domain>` in percent for the six domains (they add up to 100; all NaN where no label is a domain),
    and how many labels of each kind outside them there were. Raises DataError for a label that is neither."""
    counts = Counter(labels)
    unknown = sorted(set(counts) - set(DOMAINS) - set(OUTSIDE))
    if unknown:
        raise DataError(f"unknown domain labels {unknown}, expected one of {[*DOMAINS, *OUTSIDE]}")
    inside = np.array([counts[domain] for domain in DOMAINS], dtype=float)
    total = inside.sum()
    percent = 100 * inside / total if total else np.full(inside.size, np.nan)
    shares = {f"pct_generated_{domain}": float(p) for domain, p in zip(DOMAINS, percent, strict=True)}
    return shares, {label: counts[label] for label in OUTSIDE}
