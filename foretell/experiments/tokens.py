"""How single tokens and single texts are learned by models of several sizes that this project trained: the
measurements of Xia et al. 2023 (arXiv:2212.09803) on recorded losses. Tables in, tables out; verdicts on them are in
`findings_tokens`."""

from __future__ import annotations

import numpy as np
import pandas as pd

from foretell.arrays import Floats
from foretell.errors import DataError
from foretell.experiments.words import CODE_CLASSES, FUNCTION, LANGUAGE_CLASSES, PUNCTUATION, word_class
from foretell.stats import NO_INTERVAL, Interval, mean_interval, percentile_interval
from foretell.trajectories.settings import TraceSettings
from foretell.trajectories.study import study_items
from foretell.trajectories.trends import STAGNATED, TRENDS, classify_trends

CODE, LANGUAGE = "code", "language"
LOSSES = ["setting", "seed", "item"]  # and loss_01, loss_02, ...: one column a checkpoint
ITEMS = ["item", "domain", "source", "text_index", "position", "token", "word"]
TEXTS = ["setting", "seed", "step", "kind", "text_index", "n_tokens", "loss_nats"]
RUNS = ["setting", "seed", "parameters"]
Trajectories = dict[str, tuple[Floats, Floats]]


def study_tokens(
    losses: pd.DataFrame, items: pd.DataFrame, texts: pd.DataFrame, runs: pd.DataFrame, settings: TraceSettings
) -> dict[str, pd.DataFrame]:
    """All measurements. `losses` (columns LOSSES, and `loss_01`, `loss_02`, ...): the loss in nats of every held-out
    token (`item`) of a run at its first, second, ... checkpoint, whose steps are those of the run in `texts`; `items`
    (ITEMS): what each token is, `domain` "code" or "language", `word` as `words.words_of_spans` gives it; `texts`
    (TEXTS): the mean loss per token of every text at every checkpoint; `runs` (RUNS): each run's size.

    Returns `trend_shares`, `stage_shares`, `overlap`, `double_descent` and `item_distance` as `study_items` makes them
    (items are tokens, groups are word classes, pairs of one size are two seeds), `stagnated_classes`, `text_curves`,
    `text_sizes` and `text_paths`. Raises DataError when a table lacks a column or rows, or a run lacks a token.
    """
    for name, frame, columns in (("losses", losses, LOSSES), ("items", items, ITEMS), ("texts", texts, TEXTS),
                                 ("runs", runs, RUNS)):  # fmt: skip
        missing = [column for column in columns if column not in frame]
        if missing or frame.empty:
            raise DataError(f"{name}: {f'no columns {missing}' if missing else 'no rows'}; expected {columns}")
    sizes = model_sizes(losses, runs)
    trajectories = token_trajectories(losses, texts, items, sizes)
    classes = token_classes(items.sort_values("item"))
    tables = study_items(trajectories, classes.to_numpy(), sizes, settings)
    del tables["jumps"]
    for name in ("trend_shares", "stage_shares"):
        tables[name] = tables[name].rename(columns={"non_embedding_params": "parameters"})
    for name in ("overlap", "double_descent", "item_distance"):
        for which in ("small", "large"):
            tables[name][f"{which}_parameters"] = tables[name][which].map(sizes)
    tables["stagnated_classes"] = stagnated_classes(trajectories, items.sort_values("item"), sizes, settings)
    return tables | study_texts(texts, sizes, settings.level)


def _named(frame: pd.DataFrame) -> pd.Series:
    return frame["setting"].astype(str) + ", seed " + frame["seed"].astype(str)


def model_sizes(losses: pd.DataFrame, runs: pd.DataFrame) -> dict[str, int]:
    """Model ("<setting>, seed <seed>") -> parameters, for every model of `losses`, smallest first, then by seed. Raises
    DataError when `runs` lacks one or names it twice."""
    known = runs.assign(model=_named(runs)).sort_values(["parameters", "seed"])
    wanted = set(_named(losses[["setting", "seed"]].drop_duplicates()))
    found = known[known["model"].isin(wanted)]
    missing = sorted(wanted - set(found["model"]))
    if missing or found["model"].duplicated().any():
        raise DataError(f"runs: expected each of {sorted(wanted)} once; missing: {missing}")
    return {str(model): int(size) for model, size in zip(found["model"], found["parameters"], strict=True)}


def loss_column(number: int) -> str:
    """The name of the column of losses at a run's checkpoint `number`, from 1."""
    return f"loss_{number:02d}"


def token_trajectories(
    losses: pd.DataFrame, texts: pd.DataFrame, items: pd.DataFrame, sizes: dict[str, int]
) -> Trajectories:
    """Model -> (steps (n,), losses_nats (n, n_items)), in the order of `sizes`, columns in the order of `item`; tables
    as in `study_tokens`. Raises DataError when a run holds other tokens than `items`, or has not as many columns of
    losses as steps."""
    expected = np.sort(items["item"].to_numpy())
    steps = texts.assign(model=_named(texts)).groupby("model")["step"].unique()
    columns = sum(str(column).startswith("loss_") for column in losses)
    found = {}
    for model, rows in losses.assign(model=_named(losses)).groupby("model", sort=False):
        ordered = rows.sort_values("item")
        if not np.array_equal(ordered["item"].to_numpy(), expected):
            raise DataError(f"losses: {model} does not hold every token of the items once")
        at = np.sort(np.asarray(steps.get(model, ()), dtype=np.float64))
        if len(at) != columns:
            raise DataError(f"losses: {model} has {columns} columns of losses, its texts {len(at)} steps")
        names = [loss_column(number) for number in range(1, columns + 1)]
        found[str(model)] = (at, ordered[names].to_numpy(dtype=np.float64).T)
    return {model: found[model] for model in sizes}


def token_classes(items: pd.DataFrame) -> pd.Series:
    """The class of each token, "<domain>: <word class>", in the order of the rows."""
    code = items["domain"] == CODE
    words = items["word"].fillna("")
    kinds = [word_class(str(word), bool(is_code)) for word, is_code in zip(words, code, strict=True)]
    return items["domain"] + ": " + pd.Series(kinds, index=items.index)


def stagnated_classes(
    trajectories: Trajectories, items: pd.DataFrame, sizes: dict[str, int], settings: TraceSettings
) -> pd.DataFrame:
    """Which tokens stagnate: of each model, domain and word class (and "function words and punctuation" of language),
    its share among the stagnated tokens and among all tokens of the domain, their difference with a percentile interval
    from resampling whole texts (tokens of a text are not independent), and the shares of the class itself by trend."""
    rows = []
    classes, texts = token_classes(items).to_numpy(), items["text_index"].to_numpy()
    together = f"{LANGUAGE}: function words and punctuation"
    for model, (steps, losses) in trajectories.items():
        trend = classify_trends(steps, losses, settings.skip_fraction, settings.alpha).trend
        for domain, kinds in ((LANGUAGE, LANGUAGE_CLASSES), (CODE, CODE_CLASSES)):
            inside = (items["domain"] == domain).to_numpy()
            if not inside.any():
                continue
            groups = {f"{domain}: {kind}": classes == f"{domain}: {kind}" for kind in kinds}
            if domain == LANGUAGE:
                groups[together] = groups[f"{domain}: {FUNCTION}"] | groups[f"{domain}: {PUNCTUATION}"]
            still = trend[inside] == STAGNATED
            for group, mask in groups.items():
                member = mask[inside]
                found = share_difference(member, still, texts[inside], settings)
                share = float(member[still].mean()) if still.any() else float("nan")
                trends = {t: float((trend[mask] == t).mean()) if mask.any() else float("nan") for t in TRENDS}
                rows.append({"model": model, "parameters": sizes[model], "domain": domain, "class": group,
                             "n": int(mask.sum()), "n_stagnated": int(still.sum()), "share_of_stagnated": share,
                             "share_of_all": float(member.mean()), "difference": found.estimate,
                             "difference_low": found.low, "difference_high": found.high, **trends})  # fmt: skip
    return pd.DataFrame(rows)


def share_difference(member: np.ndarray, chosen: np.ndarray, texts: np.ndarray, settings: TraceSettings) -> Interval:
    """Share of `member` (mask (n,)) among the `chosen` tokens minus its share among all, with a percentile interval
    from resampling the texts (labels (n,)) as wholes; NaN without chosen tokens, NaN ends with fewer than 3 texts."""
    if not chosen.any():
        return NO_INTERVAL
    _, index = np.unique(texts, return_inverse=True)
    sums = np.stack([np.bincount(index, weights=mask) for mask in (member & chosen, chosen, member)])
    sums = np.vstack([sums, np.bincount(index)])

    def difference(both: Floats, picked: Floats, members: Floats, total: Floats) -> Floats:
        return np.divide(both, picked, out=np.full_like(both, np.nan), where=picked > 0) - members / total

    estimate = float(difference(*sums.sum(axis=1, keepdims=True))[0])
    n_texts = sums.shape[1]
    if n_texts < 3:
        return Interval(estimate, float("nan"), float("nan"))
    draws = np.random.default_rng(settings.seed).integers(0, n_texts, (settings.n_bootstrap, n_texts))
    return percentile_interval(estimate, difference(*sums[:, draws].sum(axis=2)), settings.level, skip_nan=True)


def study_texts(texts: pd.DataFrame, sizes: dict[str, int], level: float = 0.95) -> dict[str, pd.DataFrame]:
    """Of the texts of every kind: `text_curves`, the mean over texts of the loss per token at each checkpoint;
    `text_sizes`, at the last checkpoint and for every two sizes of one seed, the smaller model's loss minus the larger
    one's (mean over texts, t interval) and the texts that the smaller one likes better; `text_paths`, the first,
    lowest and last point of each curve and, paired over texts, the fall to the lowest and the rise after it."""
    rows = texts.assign(model=_named(texts))
    rows = rows[rows["model"].isin(sizes)]
    rows["parameters"] = rows["model"].map(sizes)
    curves = (
        rows.groupby(["kind", "parameters", "model", "seed", "step"], sort=True)["loss_nats"]
        .agg(["mean", "count"])
        .rename(columns={"mean": "loss_nats", "count": "n_texts"})
        .reset_index()
    )
    last = rows[rows["step"] == rows.groupby("model")["step"].transform("max")]
    pairs, paths = [], []
    for (kind, seed), part in last.groupby(["kind", "seed"], sort=True):
        wide = part.pivot(index="text_index", columns="parameters", values="loss_nats").sort_index(axis=1)
        for at, small in enumerate(wide.columns):
            for large in wide.columns[at + 1 :]:
                gap = (wide[small] - wide[large]).to_numpy()
                pairs.append({"kind": kind, "seed": seed, "small_parameters": small, "large_parameters": large,
                              "n_texts": len(gap), "n_small_better": int((gap < 0).sum()),
                              **_interval("gap_nats", mean_interval(gap, level))})  # fmt: skip
    for (kind, size, model), part in rows.groupby(["kind", "parameters", "model"], sort=True):
        wide = part.pivot(index="step", columns="text_index", values="loss_nats").sort_index()
        means = wide.mean(axis=1)
        lowest = int(np.argmin(means.to_numpy()))
        first, low, end = (wide.iloc[at].to_numpy() for at in (0, lowest, -1))
        paths.append({"kind": kind, "parameters": size, "model": model, "seed": int(part["seed"].iloc[0]),
                      "n_texts": wide.shape[1], "first_step": int(wide.index[0]),
                      "lowest_step": int(wide.index[lowest]),
                      "last_step": int(wide.index[-1]), "first_nats": float(first.mean()),
                      "lowest_nats": float(low.mean()), "last_nats": float(end.mean()),
                      **_interval("fall_nats", mean_interval(first - low, level)),
                      **_interval("rise_nats", mean_interval(end - low, level))})  # fmt: skip
    return {"text_curves": curves, "text_sizes": pd.DataFrame(pairs), "text_paths": pd.DataFrame(paths)}


def _interval(name: str, found: Interval) -> dict[str, float]:
    return {name: found.estimate, f"{name}_low": found.low, f"{name}_high": found.high}
