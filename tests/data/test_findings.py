"""The pages' findings say what the raw tables say; the mixture table gives its study's order of predictors."""

from dataclasses import replace
from pathlib import Path

import pytest

from features.raw import read_raw
from features.schema import CHECKPOINT_SCORES, ITEM_LOSSES, LOSS_CURVES, MIXTURE_DOMAINS, MIXTURE_LOSSES
from foretell.mixtures.study import MixStudy, mix
from foretell.trajectories.study import trace
from foretell.trajectories.verdict import Finding
from pipelines.params import read_params

ROOT = Path(__file__).parents[2]
PARAMS = read_params(ROOT / "params.yaml")


def rows_of(page: str) -> dict[str, str]:
    """Finding -> verdict, as the page's table has them."""
    cells = [line.split("|") for line in (ROOT / "docs" / page).read_text(encoding="utf-8").splitlines()]
    return {row[1].strip(" `"): row[3].strip() for row in cells if len(row) == 6 and row[1].startswith(" `")}


def agree(page: str, findings: list[Finding]) -> None:
    assert rows_of(page) == {finding.name: finding.verdict for finding in findings}


def test_the_page_on_trajectories_says_what_the_tables_say(raw_root: Path) -> None:
    items, checkpoints, curves = (read_raw(table, raw_root) for table in (ITEM_LOSSES, CHECKPOINT_SCORES, LOSS_CURVES))
    study = trace(items, checkpoints, curves, PARAMS.trace)
    agree("trajectories.md", study.findings)


@pytest.fixture(scope="module")
def study(raw_root: Path) -> MixStudy:
    # Fewer refits than the stage: they make the spread of a choice, which no verdict rests on.
    settings = replace(PARAMS.mix, refits=5, tree_refits=5, candidates=500, n_bootstrap=100)
    return mix(read_raw(MIXTURE_LOSSES, raw_root), read_raw(MIXTURE_DOMAINS, raw_root), settings)


@pytest.mark.slow
def test_the_page_on_mixtures_says_what_the_tables_say(study: MixStudy) -> None:
    agree("mixtures.md", study.findings)


@pytest.mark.slow
def test_trees_rank_held_out_mixtures_best_then_the_law_then_the_line(study: MixStudy) -> None:
    ranks = study.tables["held_out"].set_index(["predictor", "loss"])["spearman"]
    means = [ranks[name, "mean"] for name in ("lightgbm", "exponential", "linear")]
    assert means == pytest.approx([0.991, 0.940, 0.624], abs=0.005)
    assert ranks["lightgbm", "pile_cc"] > 0.985


@pytest.mark.slow
def test_choices_keep_the_limits(study: MixStudy) -> None:
    best = study.tables["best_mixtures"]
    assert (best["weight"] <= best["most_by_repetition"] + 1e-6).all()
    assert best.groupby("predictor")["weight"].sum().to_numpy() == pytest.approx(1.0)
    assert (study.tables["best_losses"]["distance"] <= PARAMS.mix.max_distance + 1e-6).all()
