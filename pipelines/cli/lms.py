"""`foretell lms`: look at language models token by token and text by text. Token losses of checkpoints and their
trends, texts that one model prefers over another, and MAUVE. Commands rather than pipeline stages: which models and
which text is a question of the moment, and no number of the predictors depends on the answer. These commands name their
models by a YAML list of pinned checkpoints (docs/sequence.md).

Two more belong to the stages of the language models: `regenerate` spreads their GPU work over a cluster, `agree`
compares the labels of two annotators, for example a person and the domain classifier.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from foretell.errors import ConfigError, DataError
from pipelines.boundary import LOG
from pipelines.cli import measure, pretrain
from pipelines.paths import SEQUENCE, UNFINISHED

app = typer.Typer(help="Language models, token by token and text by text.", no_args_is_help=True)
app.command("measure")(measure.measure)
app.command("choice-split")(measure.choice_split)
app.command("pretrain")(pretrain.pretrain)
app.command("pretrain-cost")(pretrain.cost)

Models = Annotated[Path, typer.Option(help="YAML list of pinned checkpoints")]


@app.command()
def pin(folder: Annotated[Path, typer.Argument(help="a local model: safetensors, config, tokenizer")]) -> None:
    """Print the revision that pins a local model's files."""
    from lms.record import weights_sha256

    print(weights_sha256(folder))


@app.command("token-losses")
def losses(
    models: Models,
    text: Annotated[Path, typer.Option(help=".jsonl (one text per line), or one text as plain UTF-8")],
    out: Annotated[Path, typer.Option(help="the table (Parquet)")] = SEQUENCE / "token_losses.parquet",
    context: Annotated[int, typer.Option(help="tokens a model sees at once; 0: its own longest", min=0)] = 0,
    stride: Annotated[int, typer.Option(help="tokens a window moves on; 0: half the context", min=0)] = 0,
    batch_size: Annotated[int, typer.Option(help="windows at once", min=1)] = 8,
) -> None:
    """Loss in nats of every token of a text under every checkpoint; a run that was killed resumes."""
    from lms.checkpoints import read_checkpoints
    from lms.token_losses import LossSettings, read_texts, token_losses

    settings = LossSettings(context=context, stride=stride, batch_size=batch_size)
    table = token_losses(read_checkpoints(models), read_texts(text), settings, UNFINISHED, out)
    means = table.groupby(["model", "step"], as_index=False).loss_nats.mean()
    for model, step, mean in zip(means["model"], means["step"], means["loss_nats"], strict=True):
        print(f"{model}@{step}: {mean:.4f} nats per token")
    print(f"{len(table)} losses in {out}")


@app.command()
def trends(
    table: Annotated[Path, typer.Argument(help="the table of token-losses")] = SEQUENCE / "token_losses.parquet",
    out: Annotated[Path, typer.Option(help="every token's trend (CSV)")] = SEQUENCE / "token_trends.csv",
    skip_fraction: Annotated[float, typer.Option(help="of training left out before a trend is fitted")] = 0.1,
    alpha: Annotated[float, typer.Option(help="false discovery rate over tokens")] = 0.05,
) -> None:
    """Which tokens stagnate, rise or fall over training, per model (Xia et al. 2023, section 3)."""
    import pandas as pd

    from foretell.trajectories.trends import STAGNATED, TRENDS, classify_trends
    from lms.token_losses import loss_matrix
    from pipelines.files import read_parquet, write_csv

    losses = read_parquet(table, "foretell lms token-losses")
    tables = []
    for model in sorted(losses.model.unique()):
        matrix = loss_matrix(losses, model)
        classes = classify_trends(matrix.steps, matrix.losses_nats, skip_fraction, alpha)
        rows = matrix.tokens.assign(
            model=model,
            slope_nats_per_log_step=classes.slope_nats_per_log_step,
            q_value=classes.q_value,
            trend=classes.trend,
        )
        tables.append(rows)
        shares = classes.shares()
        print(f"{model}: " + ", ".join(f"{trend} {shares[trend]:.1%}" for trend in TRENDS))
        commonest = rows[rows.trend == STAGNATED].token.value_counts().head(8)
        print(f"  stagnated most often: {' '.join(repr(token) for token in commonest.index)}")
    write_csv(out, pd.concat(tables, ignore_index=True), ["model", "text_index", "position"])
    print(f"trends of every token in {out}")


@app.command()
def contrast(
    models: Models,
    preferred: Annotated[str, typer.Option(help="model whose p is the numerator (name or name@step)")],
    other: Annotated[str, typer.Option(help="model whose p is the denominator")],
    out: Annotated[Path, typer.Option(help="the texts (JSON lines)")] = SEQUENCE / "contrast.jsonl",
    exponent: Annotated[float, typer.Option(help="lambda in p_preferred^lambda / p_other")] = 1.0,
    plausibility: Annotated[float, typer.Option(help="draw only tokens of p_preferred >= this x its maximum")] = 0.0,
    top_p: Annotated[float, typer.Option(help="nucleus of the contrast; near 0: greedy")] = 1.0,
    n_texts: Annotated[int, typer.Option(help="texts")] = 300,
    max_tokens: Annotated[int, typer.Option(help="tokens of a text at most")] = 256,
    batch_size: Annotated[int, typer.Option(help="texts at once, and to a shard")] = 16,
    seed: Annotated[int, typer.Option(help="seed of the drawing")] = 0,
) -> None:
    """Sample texts that one model prefers over another; swap --preferred and --other for the reverse."""
    from lms.checkpoints import find_checkpoint, read_checkpoints
    from lms.contrast import ContrastSettings, contrast_models

    settings = ContrastSettings(exponent, plausibility, top_p, n_texts, max_tokens, batch_size, seed)
    known = read_checkpoints(models)
    contrast_models(find_checkpoint(known, preferred), find_checkpoint(known, other), settings, UNFINISHED, out)
    summary = json.loads(out.with_name(f"{out.name}.json").read_text(encoding="utf-8"))
    print(
        f"{summary['n_texts']} texts in {out}, {summary['n_ended']} ended by themselves; median perplexity "
        f"{summary['median_perplexity_preferred']:.4g} under {preferred}, {summary['median_perplexity_other']:.4g} "
        f"under {other}"
    )


@app.command()
def mauve(
    models: Models,
    features: Annotated[str, typer.Option(help="model whose hidden states are the features (name or name@step)")],
    human: Annotated[Path, typer.Option(help="human texts (.jsonl)")],
    generated: Annotated[Path, typer.Option(help="generated texts (.jsonl)")],
    out: Annotated[Path, typer.Option(help="the score (JSON)")] = SEQUENCE / "mauve.json",
    max_tokens: Annotated[int, typer.Option(help="cut texts to this; 0: the model's own context", min=0)] = 256,
    batch_size: Annotated[int, typer.Option(help="texts at once", min=1)] = 8,
    buckets: Annotated[int, typer.Option(help="k-means clusters; 0: a tenth of the texts", min=0)] = 0,
) -> None:
    """How near generated texts are to human ones: MAUVE over a local model's hidden states."""
    from lms.checkpoints import find_checkpoint, read_checkpoints
    from lms.machine import find_device
    from lms.mauve import mauve_score, text_features
    from lms.token_losses import read_texts
    from lms.weights import load_model
    from pipelines.files import write_json

    checkpoint = find_checkpoint(read_checkpoints(models), features)
    loaded = load_model(checkpoint.record, find_device())
    sides = {path: read_texts(path, allow_empty=True) for path in (human, generated)}
    # A model may end a text before its first word; such a text has no feature. They are counted.
    empty = {path.name: sum(not text for text in texts) for path, texts in sides.items()}
    p, q = (text_features(loaded, [text for text in sides[path] if text], max_tokens, batch_size) for path in sides)
    score = mauve_score(p, q, buckets)
    settings = {"features": asdict(checkpoint), "max_tokens": max_tokens, "human": human.name, "texts": generated.name}
    write_json(out, {**asdict(score), **settings, "empty_texts_left_out": empty})
    print(
        f"MAUVE {score.mauve:.4f} (sd {score.mauve_sd:.4f} over {score.n_seeds} clusterings), smoothed "
        f"{score.mauve_star:.4f}: {score.n_p} human and {score.n_q} generated texts in {score.n_buckets} buckets"
        + (f"; {score.reason}" if score.reason else "")
    )
    if any(empty.values()):
        print("  empty texts left out: " + ", ".join(f"{count} of {name}" for name, count in empty.items()))
    if min(score.n_p, score.n_q) < 1000:
        print("  fewer than 1,000 texts a side: the score depends on their number; compare equal numbers only")


@app.command()
def regenerate() -> None:
    """Score and sample every model of `record.regenerate`, spread over the cluster that params.yaml names.

    Fills the folder of unfinished work (.progress/language_models, on a disk that all workers share); `dvc repro`
    afterwards finds the work done and puts it together."""
    from lms.record import make_records
    from lms.spread import gpu_client, regeneration_tasks, spread, spread_on_this_machine
    from pipelines.params import load_params
    from pipelines.stage import stage_lock

    params = load_params()
    tasks = regeneration_tasks(make_records(params.record), params.score, params.sample)
    if not tasks:
        raise ConfigError("record.regenerate is empty: there is nothing to regenerate.")
    with stage_lock("regenerate"):
        if params.parallel.backend == "dask":
            with gpu_client(params.parallel.scheduler, params.parallel.workers) as client:
                outcomes = spread(tasks, UNFINISHED, client)
        else:
            outcomes = spread_on_this_machine(tasks, UNFINISHED)
    failed = [outcome for outcome in outcomes if outcome.error]
    for outcome in failed:
        LOG.error("%s: %s", outcome.key, outcome.error)
    print(f"{len(outcomes) - len(failed)} of {len(outcomes)} done; `dvc repro` puts them together, then `dvc push`")
    if failed:
        raise DataError(f"{len(failed)} of {len(outcomes)} tasks failed; run this again for them alone.")


@app.command()
def agree(
    first: Annotated[Path, typer.Argument(help="CSV with the columns index and label, for example a person's")],
    second: Annotated[Path, typer.Argument(help="the same of another annotator, for example the classifier")],
) -> None:
    """How far two labelings of the same texts agree: absolute agreement and Cohen's kappa, overall and per label."""
    from features.agreement import agreement, agreement_markdown, paired_labels, read_labels

    first_labels, second_labels, unpaired = paired_labels(read_labels(first), read_labels(second))
    print(agreement_markdown(agreement(first_labels, second_labels)), end="")
    if unpaired:
        print(f"\nIn one file only, not compared ({len(unpaired)}): {', '.join(unpaired[:20])}")
