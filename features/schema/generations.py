"""Columns of the generation features: statistics of texts a model writes without a prompt (T = 0.8, top-p = 0.9,
at most 256 tokens each). `_mean` and `_std` are over one model's generations."""

from __future__ import annotations

from features.schema.core import RAW, Column, Table, number, text

_STATISTICS = {
    "char_length": ("length", "characters", 1e5),
    "deepest_parse_tree_depth": ("deepest constituency tree of a text", "levels", 1e3),
    "parse_tree_depth": ("mean depth of a text's constituency trees", "levels", 1e3),
    "word_depth": ("mean depth of words in their tree", "levels", 1e3),
    "word_depth_spread": ("standard deviation of word depth within a sentence", "levels", 1e3),
    "n_sentences": ("sentences", "sentences", 1e4),
    "n_words": ("words", "words", 1e5),
    "words_per_sentence": ("words per sentence", "words", 1e4),
    "words_per_sentence_spread": ("its spread within a text", "words", 1e4),
    "content_function_ratio": ("content words over function words", "ratio", 100.0),
    "dep_head_distance_p90": ("90th percentile of the distance from a word to its head", "words", 1e4),
    "dep_head_distance_max": ("longest distance from a word to its head", "words", 1e4),
    "dep_head_distance_median": ("median distance from a word to its head", "words", 1e4),
    "dep_root_distance_max": ("longest distance from a word to the root", "words", 1e4),
    "dep_root_distance_mean": ("mean distance from a word to the root", "words", 1e4),
    "dep_root_distance_median": ("median distance from a word to the root", "words", 1e4),
    "educational_score": ("score of an educational-value classifier", "points", 10.0),
    "n_tokens": ("tokens", "tokens", 1e5),
    "type_token_ratio": ("distinct tokens over tokens", "ratio", 1.0),
    "unique_tokens": ("distinct tokens", "tokens", 1e5),
}
_DOMAINS = ("academic", "books", "code", "reference", "specialized", "web")
_RATES = {
    "question_words_ratio": "question words",
    "imperative_words_ratio": "imperative words",
    "conjunctions_ratio": "conjunctions",
    "instruction_words_ratio": "instruction phrases",
    "numbers_ratio": "number tokens",
}


def _statistic(name: str, spread: bool) -> Column:
    meaning, unit, high = _STATISTICS[name]
    if spread:
        return number(f"{name}_std", f"{meaning}: standard deviation over texts", unit, 0, high, True)
    return number(f"{name}_mean", f"{meaning}: mean over texts", unit, 0, high, True)


_NAMES = list(_STATISTICS)
_SYNTAX, _REST = _NAMES[:16], _NAMES[16:]
GENERATION_COLUMNS: tuple[Column, ...] = (
    *(_statistic(name, False) for name in _SYNTAX),
    *(
        number(f"pct_generated_{domain}", f"share of generated texts classed as {domain}", "percent", 0, 100, True)
        for domain in _DOMAINS
    ),
    *(_statistic(name, False) for name in _REST[:1]),
    number("bigram_entropy", "entropy of a word given the one before it, within a text", "bits", 0, 50, True),
    *(_statistic(name, False) for name in _REST[1:2]),
    number("pct_generated_english", "share of generated texts in English", "percent", 0, 100, True),
    *(_statistic(name, False) for name in _REST[2:]),
    *(_statistic(name, True) for name in _NAMES),
    # The study writes "words"; its figures can only be per characters (docs/generations.md).
    *(
        number(name, f"{what} per 100,000 characters", "per 100,000 characters", 0, 1e5, True)
        for name, what in _RATES.items()
    ),
)

GENERATIONS = Table(
    "generations",
    RAW / "generations.csv",
    ("model_id",),
    (text("model_id", "language model"), *GENERATION_COLUMNS),
    "Statistics of unprompted generations, one row per model; empty = not computed.",
    references=(("model_id", "models"),),
)
