"""`foretell law`: fit a scaling law to a bundled study or a CSV of one's own, predict a loss, spend a budget. The laws
are fitted anew at every call (a fit with its bootstrap takes about a second), so an answer never comes from stale
constants.

A CSV needs the columns params, tokens (plain counts, not billions) and loss_nats (nats per token); run names them.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from foretell.errors import ConfigError

if TYPE_CHECKING:
    from foretell.laws.fitted import LawFit
    from foretell.laws.joint import JointLaw
    from foretell.laws.runs import Runs

app = typer.Typer(help="Scaling laws: loss from size and tokens, and how to spend compute.", no_args_is_help=True)


class LawName(StrEnum):
    """The joint laws that can be fitted."""

    chinchilla = "chinchilla"
    kaplan = "kaplan"


Study = Annotated[str | None, typer.Option(help="bundled study, such as chinchilla or olmo-ladder")]
Csv = Annotated[Path | None, typer.Option(help="your own runs: columns params, tokens, loss_nats[, run]")]
Which = Annotated[LawName, typer.Option(help="form of L(N, D)")]
LeaveOut = Annotated[int, typer.Option(help="runs of highest loss to leave out (5 for chinchilla, as published)")]
Bootstrap = Annotated[int, typer.Option(help="resamples of the runs behind the intervals", min=100)]
Level = Annotated[float, typer.Option(help="confidence level of the intervals")]
Seed = Annotated[int, typer.Option(help="seed of the resampling")]
AsJson = Annotated[bool, typer.Option("--json", help="print JSON")]


@app.command()
def fit(
    study: Study = None,
    csv: Csv = None,
    law: Which = LawName.chinchilla,
    leave_out: LeaveOut = 0,
    bootstrap: Bootstrap = 1000,
    level: Level = 0.95,
    seed: Seed = 0,
    out: Annotated[
        Path | None, typer.Option(help="write the constants, intervals and diagnostics here as JSON")
    ] = None,
    plots: Annotated[Path | None, typer.Option(help="folder for isoflop.png, axes.png and fit.png")] = None,
    as_json: AsJson = False,
) -> None:
    """Fit a law and print its constants with bootstrap intervals."""
    runs, left_out, fitted = _fitted(study, csv, law, leave_out, bootstrap, seed)
    report = {"runs": runs.name, "left_out_highest_loss": left_out, **fitted.report(level)}
    if out is not None:
        from pipelines.files import write_json

        write_json(out, report)
    if plots is not None:
        from foretell.laws.figures import axes_figure, fit_figure, isoflop_figure
        from pipelines.files import write_figure

        for name, draw in (("isoflop", isoflop_figure), ("axes", axes_figure), ("fit", fit_figure)):
            write_figure(plots / f"{name}.png", draw(fitted, runs), dpi=150)
    if as_json:
        print(json.dumps(report, indent=1))
        return
    diagnostics = fitted.diagnostics
    named = f": {', '.join(left_out)}" if left_out else ""
    print(f"{report['law']} on {runs.name}: {diagnostics.n_points} runs, {len(left_out)} left out{named}")
    for name, constant in report["constants"].items():
        span = f"[{constant['low']:.4g}, {constant['high']:.4g}]"
        print(f"  {name:8} {constant['value']:>12.5g}  {span:26} {constant['unit']}".rstrip())
    print(
        f"  R2 of log loss {diagnostics.r2_log:.4f}, median error {diagnostics.median_relative_error:.2%}, worst "
        f"{diagnostics.worst_relative_error:.2%}; {diagnostics.agreeing_starts} of {diagnostics.n_starts} starts agree"
    )


@app.command()
def predict(
    params: Annotated[float, typer.Option(help="parameters, plain count (7e9)")],
    tokens: Annotated[float, typer.Option(help="training tokens, plain count (1.4e12)")],
    study: Study = None,
    csv: Csv = None,
    law: Which = LawName.chinchilla,
    leave_out: LeaveOut = 0,
    bootstrap: Bootstrap = 1000,
    level: Level = 0.9,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Predict the loss of one model, with the interval of the curve and of a new run."""
    runs, _, fitted = _fitted(study, csv, law, leave_out, bootstrap, seed)
    point, low, high = fitted.predict_interval(params, tokens, level=level)
    _, run_low, run_high = fitted.predict_interval(params, tokens, level=level, new_run=True)
    outside = [
        f"{name} {value:g} outside the fitted {values.min():g} to {values.max():g}"
        for name, value, values in (("params", params, runs.params), ("tokens", tokens, runs.tokens))
        if not values.min() <= value <= values.max()
    ]
    answer: dict[str, Any] = {
        "loss_nats": float(point),
        "level": level,
        "curve": [float(low), float(high)],
        "new_run": [float(run_low), float(run_high)],
        "extrapolates": outside,
    }
    if as_json:
        print(json.dumps(answer, indent=1))
        return
    print(f"loss {point:.4f} nats per token")
    print(f"  {level:.0%} interval of the curve {low:.4f} to {high:.4f}, of a new run {run_low:.4f} to {run_high:.4f}")
    for line in outside:
        print(f"  extrapolates: {line}")


@app.command()
def allocate(
    flops: Annotated[float | None, typer.Option(help="training budget in FLOPs (5.76e23)")] = None,
    loss: Annotated[float | None, typer.Option(help="target loss in nats per token, with --inference-tokens")] = None,
    unique_tokens: Annotated[float | None, typer.Option(help="unique tokens there are; repeats are worth less")] = None,
    max_epochs: Annotated[float, typer.Option(help="most passes over the unique tokens")] = 4.0,
    inference_tokens: Annotated[float | None, typer.Option(help="tokens to be served in the model's life")] = None,
    study: Study = None,
    csv: Csv = None,
    law: Which = LawName.chinchilla,
    leave_out: LeaveOut = 0,
    bootstrap: Bootstrap = 1000,
    level: Level = 0.9,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Split a budget into parameters and tokens: --flops alone is compute-optimal; --unique-tokens limits the data;
    --inference-tokens counts serving too, with --flops the lifetime budget or --loss the target."""
    from foretell.laws.allocation import allocation_intervals

    rule = _rule(flops, loss, unique_tokens, max_epochs, inference_tokens)
    _, _, fitted = _fitted(study, csv, law, leave_out, bootstrap, seed)
    best = rule(fitted.law)
    spans = allocation_intervals(fitted, rule, level)
    if as_json:
        intervals = {name: [interval.low, interval.high] for name, interval in spans.items()}
        print(json.dumps({**asdict(best), "level": level, "intervals": intervals}, indent=1))
        return
    print(f"{best.rule}: {best.tokens_per_param:.1f} tokens per parameter, {best.epochs:.2f} epochs")
    for name, unit in (("params", "parameters"), ("tokens", "tokens"), ("loss", "nats per token")):
        value, low, high = spans[name]
        print(f"  {name:7} {value:>10.4g}  [{low:.4g}, {high:.4g}] {unit}")
    print(f"  training {best.flops:.4g} FLOPs, with serving {best.lifetime_flops:.4g} FLOPs")
    print(
        f"  for orientation: critical batch {best.batch_tokens:.3g} tokens, {best.steps:.3g} steps "
        f"(constants of Kaplan et al. 2020)"
        if best.batch_tokens is not None and best.steps is not None
        else "  batch and steps: given for --flops without --inference-tokens only"
    )


def _rule(
    flops: float | None, loss: float | None, unique: float | None, max_epochs: float, served: float | None
) -> Any:
    """The allocation that the options ask for, as a function of the law; ConfigError where they cannot be combined."""
    from foretell.laws.allocation import compute_optimal, data_limited, inference_aware, inference_aware_budget
    from foretell.laws.published import KAPLAN_CRITICAL_BATCH

    if unique is not None and served is not None:
        raise ConfigError("--unique-tokens and --inference-tokens cannot be combined; give one of them")
    if served is not None:
        if (flops is None) == (loss is None):
            raise ConfigError("--inference-tokens needs either --flops (lifetime budget) or --loss (target)")
        if loss is not None:
            return lambda law: inference_aware(law, loss, served)
        return lambda law: inference_aware_budget(law, flops or 0.0, served)
    if flops is None or loss is not None:
        raise ConfigError("give --flops; --loss goes with --inference-tokens")
    if unique is not None:
        return lambda law: data_limited(law, flops, unique, max_epochs=max_epochs, batch=KAPLAN_CRITICAL_BATCH)
    return lambda law: compute_optimal(law, flops, KAPLAN_CRITICAL_BATCH)


def _fitted(
    study: str | None, csv: Path | None, law: LawName, leave_out: int, bootstrap: int, seed: int
) -> tuple[Runs, list[str], LawFit[JointLaw]]:
    """The runs that were fitted, the names of those left out, and the fit."""
    from features.loss_runs import study_runs
    from features.raw import read_raw
    from features.schema import LOSS_POINTS
    from foretell.laws.runs import leave_out_highest, read_runs
    from foretell.laws.studies import JOINT_LAWS

    if (study is None) == (csv is None):
        raise ConfigError("give either --study (bundled) or --csv (your own runs)")
    runs = read_runs(csv or Path()) if study is None else study_runs(read_raw(LOSS_POINTS), study)
    kept, highest = leave_out_highest(runs, leave_out)
    fitted = JOINT_LAWS[law.value].fit(kept.params, kept.tokens, kept.loss, n_bootstrap=bootstrap, seed=seed)
    return kept, list(highest.run), fitted
