"""From the losses of single options to the metrics of a benchmark, each with its standard error.

Of a choice, with l = -log p(option | question) / tokens of the option, *best* the smallest l of a set of options:

- average_loss: best l of the right options (of the right option, where there is one);
- margin_loss: best l of the right options - best l of the wrong ones (TruthfulQA: -(best true log p - best false log
  p)); below 0 where the model prefers a right option;
- accuracy: a right option has the largest log p, not divided by its tokens; accuracy_normalised: the smallest l. A tie
  with a wrong option is wrong in both.

Of a solution: answer_loss, its l; greedy: the share of solutions whose tokens are all the likeliest ones (LAMBADA's
accuracy).
"""

from __future__ import annotations

import pandas as pd

KEYS = ["model", "step", "benchmark", "task", "item"]
METRICS = ("average_loss", "margin_loss", "accuracy", "accuracy_normalised", "answer_loss", "greedy")
ALL_TASKS = "all"


def item_metrics(table: pd.DataFrame) -> pd.DataFrame:
    """One row per item of `table` (KEYS and the columns of `lms.measure.scoring.option_losses`), one column per metric
    of METRICS; NaN where a metric does not apply. Option order does not matter."""
    choices = table[table.kind == "choice"]
    best = choices.groupby([*KEYS, "is_right"])[["loss_nats", "loss_nats_per_token"]].min().unstack("is_right")
    solutions = table[table.kind == "solution"].set_index(KEYS)
    per_token = best["loss_nats_per_token"] if len(best) else pd.DataFrame(columns=[False, True], dtype=float)
    total = best["loss_nats"] if len(best) else per_token
    of_choices = pd.DataFrame(
        {
            "average_loss": per_token[True],
            "margin_loss": per_token[True] - per_token[False],
            "accuracy": (total[True] < total[False]).astype(float),
            "accuracy_normalised": (per_token[True] < per_token[False]).astype(float),
        },
        index=best.index,
    )
    of_solutions = pd.DataFrame(
        {"answer_loss": solutions.loss_nats_per_token, "greedy": solutions.is_greedy.astype(float)}
    )
    whole = pd.concat([part for part in (of_choices, of_solutions) if len(part)])
    return whole.reindex(columns=list(METRICS)).reset_index()


def summarise(table: pd.DataFrame) -> pd.DataFrame:
    """Columns model, step, benchmark, task, metric, mean, stderr (s / sqrt(n); NaN for one item), n. A row per task,
    and where a benchmark has several one for `all` of their items together."""
    by_item = item_metrics(table).melt(KEYS, list(METRICS), "metric", "value").dropna(subset="value")
    n_tasks = by_item.groupby("benchmark").task.transform("nunique")
    together = by_item[n_tasks > 1].assign(task=ALL_TASKS)
    groups = pd.concat([by_item, together]).groupby(["model", "step", "benchmark", "task", "metric"]).value
    rows = groups.agg(mean="mean", stderr="sem", n="count").reset_index()
    order = rows.metric.map({name: place for place, name in enumerate(METRICS)})
    return (
        rows.assign(order=order)
        .sort_values(["model", "step", "benchmark", "task", "order"], ignore_index=True)
        .drop(columns="order")
    )
