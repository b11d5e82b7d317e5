"""Agreement of two labelings of the same texts, as the study measured its domain classifier against a person: absolute
agreement and Cohen's kappa, over all labels and for each label against the rest."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import cohen_kappa_score

from features.text_domains import DOMAINS, OUTSIDE
from foretell.errors import DataError


@dataclass(frozen=True)
class LabelAgreement:
    """One label against the rest: how often either side gave it, the share of texts that either gave it to and both
    did (Jaccard), and kappa of "this label" against "another"."""

    label: str
    n_first: int
    n_second: int
    agreement: float
    kappa: float


@dataclass(frozen=True)
class Agreement:
    """`agreement`: share of texts with the same label (0 to 1); `kappa`: Cohen's; both over `n_texts` texts, after
    `n_left_out` texts were put aside because either side gave them a label that does not count."""

    n_texts: int
    n_left_out: int
    agreement: float
    kappa: float
    labels: tuple[LabelAgreement, ...]


def cohens_kappa(first: Sequence[str], second: Sequence[str]) -> float:
    """kappa = (p_o - p_e) / (1 - p_e), p_o being the share of equal labels and p_e the share that two independent
    labelings with the same frequencies would give (Cohen 1960). NaN without texts, and where both sides give one and
    the same label throughout (p_e = 1): chance agreement is then complete and kappa undefined."""
    if len(first) != len(second):
        raise DataError(f"two labelings of {len(first)} and {len(second)} texts; expected the same texts")
    if len({*first, *second}) < 2:
        return float("nan")
    return float(cohen_kappa_score(list(first), list(second)))


def agreement(
    first: Sequence[str], second: Sequence[str], left_out: Collection[str] = ("incoherent", "other", "unanswered")
) -> Agreement:
    """Agreement of two labelings, text by text. Texts that either side gives a label in `left_out` do not count, as in
    the study: they take no part in the domain shares either. Raises DataError where the lengths differ."""
    if len(first) != len(second):
        raise DataError(f"two labelings of {len(first)} and {len(second)} texts; expected the same texts")
    kept = [(a, b) for a, b in zip(first, second, strict=True) if a not in left_out and b not in left_out]
    a, b = [x for x, _ in kept], [y for _, y in kept]
    return Agreement(
        n_texts=len(kept),
        n_left_out=len(first) - len(kept),
        agreement=float(np.mean([x == y for x, y in kept])) if kept else float("nan"),
        kappa=cohens_kappa(a, b),
        labels=tuple(_label_agreement(label, a, b) for label in sorted({*a, *b})),
    )


def read_labels(path: Path) -> dict[str, str]:
    """Labels by text from a CSV with the columns `index` and `label`. Raises DataError where the file is missing, lacks
    a column, names a text twice or holds an unknown label."""
    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; expected a CSV with the columns index and label") from None
    if not {"index", "label"} <= set(frame.columns):
        raise DataError(f"{path}: columns {list(frame.columns)}, expected index and label")
    twice = frame.loc[frame["index"].duplicated(), "index"]
    unknown = sorted(set(frame["label"]) - {*DOMAINS, *OUTSIDE})
    if len(twice) or unknown:
        raise DataError(f"{path}: texts named twice {list(twice[:5])}, unknown labels {unknown[:5]}")
    return dict(zip(frame["index"], frame["label"], strict=True))


def paired_labels(first: Mapping[str, str], second: Mapping[str, str]) -> tuple[list[str], list[str], list[str]]:
    """Labels of the texts that both labelings know, in the order of their names, and the names that only one knows."""
    both = sorted(first.keys() & second.keys())
    return [first[name] for name in both], [second[name] for name in both], sorted(first.keys() ^ second.keys())


def agreement_markdown(result: Agreement) -> str:
    """The agreement as a page: overall, then one row per label."""
    lines = [
        f"Absolute agreement {100 * result.agreement:.1f} %, Cohen's kappa {result.kappa:.3f} on {result.n_texts} "
        f"texts ({result.n_left_out} left out: incoherent or without a domain on either side).",
        "",
        "| label | first | second | both of either | kappa |",
        "|---|---:|---:|---:|---:|",
    ]
    for label in result.labels:
        shown = f"{100 * label.agreement:.1f} % | {label.kappa:.3f}"
        lines.append(f"| {label.label} | {label.n_first} | {label.n_second} | {shown} |")
    return "\n".join(lines) + "\n"


def _label_agreement(label: str, first: Sequence[str], second: Sequence[str]) -> LabelAgreement:
    both = sum(x == y == label for x, y in zip(first, second, strict=True))
    either = sum(label in (x, y) for x, y in zip(first, second, strict=True))
    first_or_rest, second_or_rest = ([name if name == label else "rest" for name in side] for side in (first, second))
    kappa = cohens_kappa(first_or_rest, second_or_rest)
    return LabelAgreement(label, first.count(label), second.count(label), both / either, kappa)
