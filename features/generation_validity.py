"""Do a model's unprompted generations show what it was trained on? Correlates the domain shares of generations with the
documented shares of the pretraining data, per domain over models and per model over domains.

Models trained on the same corpus share one documented value, so they are not independent points: each correlation is
given over models, as the study gives it, and over corpora, each corpus being the mean of its models."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from foretell.errors import DataError

DOMAINS = ("web", "code", "books", "reference", "academic")
SHARES = (*DOMAINS, "english")
STUDY_CORPORA = (
    "The Pile",
    "The Pile (deduplicated)",
    "SmolLM-Corpus, 135M/360M weights",
    "SmolLM-Corpus, 1.7B weights",
    "Falcon-7B mix",
)
"""Corpora of the models that the study's own validation used: the Pile, the SmolLM corpus, RefinedWeb."""
PILE_AND_REFINEDWEB = ("The Pile", "Falcon-7B mix")
"""Without the SmolLM corpus (its educational web pages are documented as web but read as reference) and without the
deduplicated Pile. Falcon-7B is then the one model that is not of the Pile."""


@dataclass(frozen=True)
class Validity:
    """`domains`: one row per share (share, n_models, n_corpora, r, p, low, high, spearman, r_corpora, p_corpora,
    reason); `profiles`: one row per model (model_id, corpus, n_domains, r, p, reason); `pairs`: the values behind them
    (model_id, corpus, share, documented, generated, in percent); `left_out`: models without usable generations or
    documentation, with the reason."""

    domains: pd.DataFrame
    profiles: pd.DataFrame
    pairs: pd.DataFrame
    left_out: pd.DataFrame


def generation_validity(
    generations: pd.DataFrame, pretraining: pd.DataFrame, corpora: tuple[str, ...] = ()
) -> Validity:
    """Compare `pct_generated_<share>` of generations (one row per model_id) with `pct_<share>` of pretraining, which
    also has `corpus`; where `corpora` is given, only models trained on these. A model whose domain shares are missing
    or all 0 has no usable generations. Raises DataError where a model occurs twice."""
    for name, table in (("generations", generations), ("pretraining", pretraining)):
        twice = table.loc[table["model_id"].duplicated(), "model_id"]
        if len(twice):
            raise DataError(f"{name}: model_id {twice.iloc[0]!r} occurs more than once")
    models = generations.merge(pretraining, on="model_id", how="left")
    if corpora:
        models = models[models["corpus"].isin(corpora)]
    reasons = models.apply(_why_left_out, axis=1) if len(models) else pd.Series(dtype=object)
    left_out = pd.DataFrame({"model_id": models["model_id"], "reason": reasons})[reasons != ""]
    pairs = _pairs(models[reasons == ""])
    domains = [{"share": share, **_over_models(pairs[pairs["share"] == share])} for share in SHARES]
    of_domains = pairs[pairs["share"] != "english"]
    profiles = [_profile(str(model), group) for model, group in of_domains.groupby("model_id", sort=True)]
    return Validity(
        pd.DataFrame(domains),
        pd.DataFrame(profiles, columns=["model_id", "corpus", "n_domains", "r", "p", "reason"]),
        pairs,
        left_out.sort_values("model_id").reset_index(drop=True),
    )


def correlation(documented: np.ndarray, generated: np.ndarray) -> dict[str, float | str]:
    """Pearson's r with its two-sided p and 95 % interval (Fisher's z: tanh(atanh r -+ 1.96 / sqrt(n - 3))), and
    Spearman's rho. NaN with a reason for fewer than three points or where one side does not vary."""
    undefined = dict.fromkeys(("r", "p", "low", "high", "spearman"), float("nan"))
    if documented.size < 3:
        return {**undefined, "reason": f"fewer than 3 points ({documented.size})"}
    if np.ptp(documented) == 0 or np.ptp(generated) == 0:
        return {
            **undefined,
            "reason": f"{'documented' if np.ptp(documented) == 0 else 'generated'} share does not vary",
        }
    result = stats.pearsonr(documented, generated)
    r = float(result.statistic)
    low = high = float("nan")
    if documented.size > 3 and abs(r) < 1:
        interval = result.confidence_interval(0.95)
        low, high = float(interval.low), float(interval.high)
    rho = float(stats.spearmanr(documented, generated).statistic)
    return {"r": r, "p": float(result.pvalue), "low": low, "high": high, "spearman": rho, "reason": ""}


def _why_left_out(model: pd.Series) -> str:
    generated = model[[f"pct_generated_{domain}" for domain in DOMAINS]]
    if generated.isna().all():
        return "no domain shares of generations"
    if generated.sum() == 0:
        return "all generated domain shares are 0: a classification that failed"
    if model[[f"pct_{share}" for share in SHARES]].isna().all():
        return "no documented shares of the pretraining data"
    return ""


def _pairs(models: pd.DataFrame) -> pd.DataFrame:
    columns = ["model_id", "corpus", "share", "documented", "generated"]
    rows = [
        models[["model_id", "corpus"]].assign(
            share=share, documented=models[f"pct_{share}"], generated=models[f"pct_generated_{share}"]
        )
        for share in SHARES
    ]
    return pd.concat(rows, ignore_index=True).dropna(subset=["documented", "generated"])[columns].reset_index(drop=True)


def _over_models(pairs: pd.DataFrame) -> dict[str, float | str]:
    means = pairs.groupby("corpus")[["documented", "generated"]].mean()
    over_corpora = correlation(means["documented"].to_numpy(float), means["generated"].to_numpy(float))
    return {
        "n_models": len(pairs),
        "n_corpora": len(means),
        **correlation(pairs["documented"].to_numpy(float), pairs["generated"].to_numpy(float)),
        "r_corpora": over_corpora["r"],
        "p_corpora": over_corpora["p"],
    }


def _profile(model_id: str, pairs: pd.DataFrame) -> dict[str, float | str]:
    result = correlation(pairs["documented"].to_numpy(float), pairs["generated"].to_numpy(float))
    kept = {name: result[name] for name in ("r", "p", "reason")}
    return {"model_id": model_id, "corpus": str(pairs["corpus"].iloc[0]), "n_domains": len(pairs), **kept}
