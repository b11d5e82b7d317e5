"""Rules that tie rows together, within a table and between targets, subtasks, scores, witnesses and doubts: what refers
to what, and which values belong together. Each defect is one line. Columns whose names end in `_` are derived; they
hold "" where a row is in order."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import great_expectations.expectations as gxe
import pandas as pd
from great_expectations.expectations.expectation import Expectation

from features.schema.controlled import RECIPE_CORE_TASKS, SHARE_TASKS

_SHARES = ("pct_web", "pct_code")
_RUN = ("recipe", *_SHARES, "model", "settings", "total_params", "tokens")
SLUG = r"^[a-z0-9][a-z0-9._-]*$"
Tables = Mapping[str, pd.DataFrame]
Check = Callable[[pd.DataFrame, pd.DataFrame, Tables], pd.Series]
"""(the table as text, its numbers, other tables as text) -> what is wrong with each row, "" where nothing is."""


def derived(column: str, shown: str, rule: str) -> Expectation:
    """The rule that the derived `column` holds "" in every row; `shown` is the column that a problem names."""
    return gxe.ExpectColumnValuesToBeInSet(column=column, value_set=[""], meta={"rule": rule, "column": shown})


def known_subtask(text: pd.DataFrame, _: pd.DataFrame, tables: Tables, besides: tuple[str, ...] = ()) -> pd.Series:
    """Rows whose (benchmark, subtask) is not in the subtasks table; `besides` are words for the whole."""
    known = set(zip(tables["subtasks"]["benchmark"], tables["subtasks"]["subtask"], strict=True))
    whole = {(benchmark, word) for benchmark, _ in known for word in besides}
    pairs = zip(text["benchmark"], text["subtask"], strict=True)
    wrong = [pair not in known | whole and not pd.isna(pair[0]) and not pd.isna(pair[1]) for pair in pairs]
    return _said(text, wrong, text["benchmark"] + " / " + text["subtask"])


def witness_subtask(text: pd.DataFrame, numbers: pd.DataFrame, tables: Tables) -> pd.Series:
    """As `known_subtask`; `mean` stands for a benchmark as a whole."""
    return known_subtask(text, numbers, tables, ("mean",))


def has_pretraining(text: pd.DataFrame, _: pd.DataFrame, tables: Tables) -> pd.Series:
    """Scores of a model that has an architecture but no pretraining facts."""
    lacking = set(tables["models"]["model_id"]) - set(tables["pretraining"]["model_id"])
    return _said(text, text["model_id"].isin(lacking), text["model_id"])


def target_subtasks(text: pd.DataFrame, _: pd.DataFrame, tables: Tables) -> pd.Series:
    """Targets of a benchmark or subtask that the subtasks table lacks."""
    known = tables["subtasks"].groupby("benchmark")["subtask"].agg(set).to_dict()
    wrong = []
    for benchmark, named in zip(text["benchmark"], text["subtasks"].fillna(""), strict=True):
        parts = set(named.split(";")) if named else set()
        wrong.append(str(benchmark) if benchmark not in known else ";".join(sorted(parts - known[benchmark])))
    return pd.Series(wrong, index=text.index)


def chance_within_bounds(text: pd.DataFrame, numbers: pd.DataFrame, _: Tables) -> pd.Series:
    """Targets whose bounds are crossed, or whose chance level lies outside them."""
    low, chance, high = numbers["low"], numbers["chance"], numbers["high"]
    wrong = (low >= high) | (chance < low) | (chance > high)
    return _said(text, wrong, "low " + text["low"] + ", chance " + text["chance"] + ", high " + text["high"])


def doubted_part(text: pd.DataFrame, _: pd.DataFrame, tables: Tables) -> pd.Series:
    """Doubts about a subtask that is no part of the target's benchmark."""
    benchmark = dict(zip(tables["targets"]["slug"], tables["targets"]["benchmark"], strict=True))
    known = set(zip(tables["subtasks"]["benchmark"], tables["subtasks"]["subtask"], strict=True))
    pairs = zip(text["target"].map(benchmark), text["subtask"], strict=True)
    wrong = [part != "all" and (name, part) not in known for name, part in pairs]
    return _said(text, wrong, text["subtask"])


def doubted_score_is_there(text: pd.DataFrame, _: pd.DataFrame, tables: Tables) -> pd.Series:
    """Doubts about a model and target without any recorded score."""
    targets = tables["targets"].drop_duplicates("slug").set_index("slug")
    measured = tables["scores"].dropna(subset=["score"])
    keys = set(zip(*(measured[name] for name in ("model_id", "benchmark", "n_shot", "metric")), strict=True))
    wrong = []
    for model_id, slug in zip(text["model_id"], text["target"], strict=True):
        about = targets.loc[slug] if slug in targets.index else None
        key = None if about is None else (model_id, about["benchmark"], about["n_shot"], about["metric"])
        wrong.append(key is not None and key not in keys)
    return _said(text, wrong, text["model_id"])


def witness_is_given(text: pd.DataFrame, _: pd.DataFrame, __: Tables) -> pd.Series:
    """Doubts that use a witness's score and give none."""
    return _said(text, (text["decision"] == "use_witness") & text["witness"].isna(), "(empty)")


def same_mixture(text: pd.DataFrame, numbers: pd.DataFrame, _: Tables) -> pd.Series:
    """Held-out mixtures of larger proxies that are not, weight by weight, those of the smallest."""
    weights = [name for name in numbers if str(name).startswith("weight_")]
    smallest = numbers["proxy_params"].min()
    small = numbers[(numbers["proxy_params"] == smallest) & (text["split"] == "test")]
    known = small.drop_duplicates("mixture_id").set_index("mixture_id")[weights]
    same = (numbers[weights].to_numpy() == known.reindex(numbers["mixture_id"]).to_numpy()).all(axis=1)
    wrong = (text["split"] == "test") & (numbers["proxy_params"] > smallest) & ~same
    return _said(text, wrong, text["mixture_id"])


def known_benchmark(text: pd.DataFrame, _: pd.DataFrame, tables: Tables) -> pd.Series:
    """Rows whose `benchmark` is given and is that of no target."""
    return _said(
        text, text["benchmark"].notna() & ~text["benchmark"].isin(tables["targets"]["benchmark"]), text["benchmark"]
    )


def one_benchmark(text: pd.DataFrame, _: pd.DataFrame, __: Tables) -> pd.Series:
    """Rows of a task whose benchmark is not that of the task's first row."""
    first = text.groupby("task")["benchmark"].transform(lambda rows: rows.fillna("").iloc[0])
    return _said(text, text["benchmark"].fillna("") != first, text["benchmark"])


def all_measured(what: tuple[str, ...], within: tuple[str, ...], needed: tuple[str, ...] = ()) -> Check:
    """The rule that every group of rows (equal in `within`) has each of the values of `what` that any group has, or
    those of `needed`; the first row of a group that lacks some is wrong and names the first of them."""

    def check(text: pd.DataFrame, _: pd.DataFrame, __: Tables) -> pd.Series:
        measured = text[list(what)].agg(" / ".join, axis=1)
        wanted = set(needed) or set(measured)
        wrong = pd.Series("", index=text.index)
        for _name, rows in measured.groupby([text[name] for name in within], sort=False, dropna=False):
            lacking = sorted(wanted - set(rows))
            wrong.loc[rows.index[0]] = lacking[0] if lacking else ""
        return wrong

    return check


def spread_has_seeds(text: pd.DataFrame, _: pd.DataFrame, __: Tables) -> pd.Series:
    """Rows that give a standard deviation without the number of its seeds, or the number alone."""
    return _said(text, text["seed_sd"].isna() != text["n_seeds"].isna(), text["n_seeds"])


def in_unit_interval(text: pd.DataFrame, numbers: pd.DataFrame, _: Tables) -> pd.Series:
    """Values over 1 of a metric that is a fraction, and perplexities below 1."""
    perplexity = text["metric"] == "perplexity"
    wrong = (~perplexity & (numbers["value"] > 1)) | (perplexity & (numbers["value"] < 1))
    return _said(text, wrong, text["value"])


def one_setting(what: tuple[str, ...]) -> Check:
    """The rule that the rows of a run agree in `what`; a row that differs from its run's first one is wrong."""

    def check(text: pd.DataFrame, _: pd.DataFrame, __: Tables) -> pd.Series:
        cells = text[list(what)].fillna("").agg(" / ".join, axis=1)
        return _said(text, cells != cells.groupby(text["run"]).transform("first"), cells)

    return check


def _said(text: pd.DataFrame, wrong: object, value: object) -> pd.Series:
    """`value` where a row is wrong, "" elsewhere."""
    flags = pd.Series(wrong, index=text.index).fillna(False).astype(bool)
    shown = pd.Series(value, index=text.index).fillna("(empty)").astype(str)
    return shown.where(flags, "")


_BENCHMARK: tuple[tuple[str, str, Check], ...] = (
    ("benchmark", "a benchmark of the targets table", known_benchmark),
    ("benchmark", "one benchmark per task", one_benchmark),
)

RULES: dict[str, tuple[tuple[str, str, Check], ...]] = {
    "controlled_shares": (
        *_BENCHMARK,
        ("n_seeds", "the number of seeds where, and only where, their standard deviation is given", spread_has_seeds),
        (
            "task",
            "every task at every share of code",
            all_measured(("task",), ("total_params", "natural_language_corpus", "pct_code"), SHARE_TASKS),
        ),
    ),
    "controlled_corpora": (
        *_BENCHMARK,
        ("value", "0 to 1, or at least 1 where it is a perplexity", in_unit_interval),
        ("corpus", "one corpus, with its shares and size, per run", one_setting(("corpus", *_SHARES, "total_params"))),
        ("task", "every task and metric at every checkpoint", all_measured(("task", "metric"), ("run", "step"))),
    ),
    "controlled_recipes": (
        *_BENCHMARK,
        ("recipe", "one recipe, with its shares, size and settings, per run", one_setting(_RUN)),
        ("task", "the tasks that every run has", all_measured(("task",), ("run",), RECIPE_CORE_TASKS)),
    ),
    "mixture_losses": (
        ("mixture_id", "a held-out mixture of the smallest proxies, with the same weights", same_mixture),
    ),
    "targets": (
        ("subtasks", "a benchmark and subtasks of the subtasks table", target_subtasks),
        ("chance", "low < high, and chance from low to high", chance_within_bounds),
    ),
    "scores": (
        ("subtask", "a benchmark and subtask of the subtasks table", known_subtask),
        ("model_id", "a model with a row in the pretraining table", has_pretraining),
    ),
    "witnesses": (("subtask", "a benchmark and subtask of the subtasks table, or mean", witness_subtask),),
    "doubts": (
        ("subtask", "a subtask of the target's benchmark, or all", doubted_part),
        ("model_id", "a model with a recorded score on the target", doubted_score_is_there),
        ("witness", "a score, where the decision is use_witness", witness_is_given),
    ),
}
"""Table -> (column that a problem names, the rule in words, the check)."""
