"""From the numbers of single generations to one row per language model: the 53 columns of the generation features.

A generation's numbers are a flat mapping (they are written to a file per shard, so that tagging can resume); a model's
row is their mean and spread, and what is defined over all its generations at once: domain shares, share of English,
keyword frequencies. The row says what could not be computed and why, and counts what was left out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from features.text_constituency import constituency_statistics
from features.text_dependency import dependency_statistics
from features.text_domains import domain_shares
from features.text_lengths import character_length, sentence_lengths
from features.text_lexical import (
    COUNTED,
    bigram_entropy,
    content_function_ratio,
    keyword_counts,
    tokens,
    type_token_ratio,
)
from features.text_parsed import ParsedDocument

MEAN_AND_SPREAD = (
    "char_length",
    "deepest_parse_tree_depth",
    "parse_tree_depth",
    "word_depth",
    "word_depth_spread",
    "n_sentences",
    "n_words",
    "words_per_sentence",
    "words_per_sentence_spread",
    "content_function_ratio",
    "dep_head_distance_p90",
    "dep_head_distance_max",
    "dep_head_distance_median",
    "dep_root_distance_max",
    "dep_root_distance_mean",
    "dep_root_distance_median",
    "educational_score",
    "n_tokens",
    "type_token_ratio",
    "unique_tokens",
)
DOMAIN_COLUMNS = (
    "pct_generated_academic",
    "pct_generated_books",
    "pct_generated_code",
    "pct_generated_reference",
    "pct_generated_specialized",
    "pct_generated_web",
)
RATIO_COLUMNS = tuple(f"{name}_ratio" for name in COUNTED)
COLUMNS = (
    *(f"{name}_mean" for name in MEAN_AND_SPREAD[:16]),
    *DOMAIN_COLUMNS,
    "educational_score_mean",
    "bigram_entropy",
    "n_tokens_mean",
    "pct_generated_english",
    "type_token_ratio_mean",
    "unique_tokens_mean",
    *(f"{name}_std" for name in MEAN_AND_SPREAD),
    *RATIO_COLUMNS,
)
"""The 53 columns of the generation features, in the order of the recorded table."""

PER_WORDS_COLUMNS = (*(f"{name}_per_100k_words" for name in COUNTED if name != "numbers"), "pct_number_tokens")
"""The same keyword frequencies over words, as the paper words them; the `*_ratio` columns count over characters, as the
recorded figures do (see docs/generations.md)."""

INCOMMENSURABLE = {
    "content_function_ratio_mean": "recorded means (0.24-0.47) are too low for content words per function word",
    "content_function_ratio_std": "as content_function_ratio_mean",
    "char_length_mean": "recorded means reach 8,089 characters: neither capped at 2,048 nor at 256 tokens",
    "char_length_std": "as char_length_mean",
    "n_tokens_mean": "recorded means reach 2,332 tokens, although generations end at 256",
    "n_tokens_std": "as n_tokens_mean",
}
"""Columns whose recorded values do not follow the definition that a regenerated value follows, with what shows it."""


@dataclass(frozen=True)
class FeatureRow:
    """One language model's generation features: `values` by column (COLUMNS and PER_WORDS_COLUMNS; NaN where not
    computed), `counts` of generations used and left out, and `not_computed`, the reason for every NaN group."""

    values: dict[str, float]
    counts: dict[str, int]
    not_computed: dict[str, str] = field(default_factory=dict)


def text_numbers(text: str, n_tokens: int) -> dict[str, float]:
    """A generation's numbers that need no parser: lengths, lexical statistics and keyword counts (`count_<list>`)."""
    text_tokens = tokens(text)
    counts = keyword_counts(text, text_tokens)
    return {
        "char_length": float(character_length(text)),
        "n_tokens": float(n_tokens),
        "type_token_ratio": type_token_ratio(text_tokens),
        "unique_tokens": float(len(set(text_tokens))),
        "bigram_entropy": bigram_entropy(text_tokens),
        "characters": float(len(text)),
        **{f"count_{name}": float(count) for name, count in counts.items()},
    }


def parse_numbers(document: ParsedDocument) -> dict[str, float]:
    """A parsed generation's numbers: sentence lengths, constituency and dependency statistics, content/function."""
    return {
        **sentence_lengths(document),
        **constituency_statistics(document),
        **dependency_statistics(document),
        "content_function_ratio": content_function_ratio(document),
    }


def mean_and_spread(values: Sequence[float]) -> tuple[float, float]:
    """Mean and sample standard deviation (n - 1) of the finite values; NaN where there are none, and a NaN spread where
    there is only one."""
    finite = np.asarray(values, dtype=float)
    finite = finite[np.isfinite(finite)]
    mean = float(finite.mean()) if finite.size else float("nan")
    return mean, float(finite.std(ddof=1)) if finite.size > 1 else float("nan")


def feature_row(
    numbers: Sequence[Mapping[str, float]], languages: Sequence[str | None], domains: Sequence[str | None]
) -> FeatureRow:
    """One row from all generations of a model: `numbers` as text_numbers and, where parsed, parse_numbers give them
    (plus `educational_score`), `languages` as ISO 639-1 codes and `domains` as labels, one entry per generation, None
    where no detector or classifier ran.

    Keyword frequencies are pooled: occurrences in all generations per 100,000 characters of them (`*_ratio`), and per
    100,000 words (`*_per_100k_words`)."""
    not_computed: dict[str, str] = {}
    values: dict[str, float] = {}
    for name in MEAN_AND_SPREAD:
        values[f"{name}_mean"], values[f"{name}_std"] = mean_and_spread([n.get(name, np.nan) for n in numbers])
        if np.isnan(values[f"{name}_mean"]):
            not_computed[f"{name}_mean, {name}_std"] = _reason(name, numbers)
        elif np.isnan(values[f"{name}_std"]):
            not_computed[f"{name}_std"] = "only one generation has a value"
    values["bigram_entropy"], _ = mean_and_spread([n["bigram_entropy"] for n in numbers])
    if np.isnan(values["bigram_entropy"]):
        not_computed["bigram_entropy"] = _reason("bigram_entropy", numbers)

    known = [language for language in languages if language is not None]
    values["pct_generated_english"] = 100 * known.count("en") / len(known) if known else float("nan")
    if not known:
        not_computed["pct_generated_english"] = "no language was detected"

    shares, outside = domain_shares(label for label in domains if label is not None)
    values |= shares
    if np.isnan(shares["pct_generated_web"]):
        classified = any(label is not None for label in domains)
        not_computed["pct_generated_*"] = (
            "no generation belongs to a domain" if classified else "no domain classifier ran"
        )

    values |= _keyword_frequencies(numbers)
    counts = {"n_generations": len(numbers), "n_parsed": sum("n_sentences" in n for n in numbers)}
    counts |= {f"n_{label}": count for label, count in outside.items()}
    return FeatureRow({c: values[c] for c in (*COLUMNS, *PER_WORDS_COLUMNS)}, counts, not_computed)


def _keyword_frequencies(numbers: Sequence[Mapping[str, float]]) -> dict[str, float]:
    totals = {name: sum(n[f"count_{name}"] for n in numbers) for name in (*COUNTED, "words")}
    totals["characters"] = sum(n["characters"] for n in numbers)

    def per(name: str, base: str, scale: float) -> float:
        return scale * totals[name] / totals[base] if totals[base] else float("nan")

    frequencies = {f"{name}_ratio": per(name, "characters", 1e5) for name in COUNTED}
    frequencies |= {f"{name}_per_100k_words": per(name, "words", 1e5) for name in COUNTED if name != "numbers"}
    return frequencies | {"pct_number_tokens": per("numbers", "words", 100)}


def _reason(name: str, numbers: Sequence[Mapping[str, float]]) -> str:
    if not numbers:
        return "no generations"
    if any(name in n for n in numbers):
        return "undefined for every generation"
    return "no educational classifier ran" if name == "educational_score" else "no generation was parsed"
