"""The validity of generation features as people read it: a page of tables and a plot of documented against generated
shares. What is printed is what was measured; the paper's figure stands beside it for comparison only."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from features.generation_validity import SHARES, Validity

PAPER_WEB_R = 0.916


def validity_json(results: Mapping[str, Validity]) -> dict[str, object]:
    """The measured figures by setting, NaN as None, in plain lists and dicts."""
    return {
        name: {
            "domains": _records(validity.domains),
            "profiles": _records(validity.profiles),
            "profile_r": profile_summary(validity),
            "left_out": _records(validity.left_out),
        }
        for name, validity in results.items()
    }


def profile_summary(validity: Validity) -> dict[str, float | int]:
    """How well single models' profiles agree: number with an r, its median and quartiles, and the share above 0.8."""
    r = validity.profiles["r"].to_numpy(float)
    r = r[np.isfinite(r)]
    if not r.size:
        return {"n": 0, **dict.fromkeys(("median", "q25", "q75", "share_above_0.8"), float("nan"))}
    q25, median, q75 = np.percentile(r, (25, 50, 75))
    share = float(np.mean(r > 0.8))
    return {"n": int(r.size), "median": float(median), "q25": float(q25), "q75": float(q75), "share_above_0.8": share}


def validity_markdown(results: Mapping[str, Validity]) -> str:
    """A page: per setting the correlation of each share, over models and over corpora, the models' profiles, and who
    was left out and why."""
    lines = [
        "# Do generations show what a model was trained on?",
        "",
        "Pearson correlation of the domain shares of unprompted generations with the documented shares of the",
        "pretraining data. Models of one corpus share one documented value; the columns over corpora count each corpus",
        f"once, as the mean of its models. The study reports r = {PAPER_WEB_R} for web on models of three corpora;",
        "below is what is measured on the recorded generations.",
    ]
    for name, validity in results.items():
        lines += ["", f"## {name}", ""]
        lines += ["| share | models | r | 95 % | p | Spearman | corpora | r over corpora | p |", "|---|" + "---:|" * 8]
        for row in validity.domains.to_dict("records"):
            interval = f"{_figure(row['low'])} to {_figure(row['high'])}" if np.isfinite(row["low"]) else "-"
            over_models = f"{_figure(row['r'])} | {interval} | {_p(row['p'])} | {_figure(row['spearman'])}"
            over_corpora = f"{row['n_corpora']} | {_figure(row['r_corpora'])} | {_p(row['p_corpora'])}"
            lines.append(f"| {row['share']} | {row['n_models']} | {over_models} | {over_corpora} |")
        summary = profile_summary(validity)
        quartiles = f"{_figure(summary['q25'])} to {_figure(summary['q75'])}"
        lines += [
            "",
            f"Profiles (one model's shares over the domains): {summary['n']} models, median r "
            f"{_figure(summary['median'])} (quartiles {quartiles}), {_percent(summary['share_above_0.8'])} above 0.8.",
        ]
        for reason, models in validity.left_out.groupby("reason", sort=True)["model_id"]:
            lines += ["", f"Left out, {reason} ({len(models)}): {', '.join(models)}."]
    return "\n".join(lines) + "\n"


def validity_plot(validity: Validity, path: Path) -> None:
    """Documented against generated share in percent, one panel a share, one point a model; models of one corpus stand
    in one column. Written as PNG without dates, so that equal results are equal bytes."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 3, figsize=(10, 6.8), layout="constrained")
    rows = validity.domains.set_index("share")
    for axis, share in zip(axes.flat, SHARES, strict=True):
        pairs = validity.pairs[validity.pairs["share"] == share]
        axis.plot([0, 100], [0, 100], color="0.8", linewidth=1, zorder=0)
        axis.scatter(pairs["documented"], pairs["generated"], s=16, alpha=0.6, color="#2c6fbb", edgecolors="none")
        row = rows.loc[share].to_dict()
        over_models = f"r = {_figure(row['r'])} ({row['n_models']} models)"
        over_corpora = f"{_figure(row['r_corpora'])} ({row['n_corpora']} corpora)"
        axis.set_title(f"{share}\n{over_models}, {over_corpora}", fontsize=8, loc="left")
        axis.set(xlim=(-3, 103), ylim=(-3, 103))
        axis.tick_params(labelsize=8)
    figure.supxlabel("documented share of pretraining tokens (%)", fontsize=10)
    figure.supylabel("share of generated texts (%)", fontsize=10)
    figure.savefig(path, format="png", dpi=110, metadata={"Software": None})
    plt.close(figure)


def _records(frame: pd.DataFrame) -> list[dict[str, object]]:
    return [
        {str(k): None if isinstance(v, float) and not np.isfinite(v) else v for k, v in record.items()}
        for record in frame.to_dict("records")
    ]


def _figure(value: object) -> str:
    number = float(value)  # type: ignore[arg-type]
    return f"{number:.3f}" if np.isfinite(number) else "-"


def _percent(value: float | int) -> str:
    return f"{100 * value:.0f} %" if np.isfinite(value) else "-"


def _p(value: float) -> str:
    return f"{value:.2g}" if np.isfinite(value) else "-"
