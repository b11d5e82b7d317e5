"""The scaling-laws error of the published view, recomputed from the CSV files with pandas, scikit-learn and XGBoost
alone; the errors that the study's authors published; and what happens when scores say nothing about design."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from known_targets import PAPER
from sklearn.model_selection import GridSearchCV, KFold, train_test_split
from xgboost import XGBRegressor

from features.catalogue import DESIGN_GROUPS, SCALE, feature_names
from features.encoding import encoding_of
from features.tabulate import tabulate
from foretell.parallel import Spread
from models.catalogue import EVERY_DESIGN, MEDIAN, SCALE_ONLY
from models.evaluation import Plan, evaluate
from models.nested import nested_cv
from models.problem import Problem
from models.protocol import Protocol
from models.results import seed_errors
from models.schemes import Scheme
from models.search import search_grid
from models.task import Task

pytestmark = pytest.mark.slow
GRID = {"max_depth": [2, 3, 5], "learning_rate": [0.01, 0.1, 0.3], "n_estimators": [50, 100]}
SEEDS = 2


def published_task(raw: dict[str, pd.DataFrame], slug: str) -> Task:
    tables = tabulate(raw, "published", [PAPER[slug]], 30)
    return Task.of(
        PAPER[slug], tables.design, tables.scores[["model_id", "score"]], encoding_of(tables.design, "published")
    )


@pytest.mark.parametrize(("slug", "name", "n_shot"), [("lambada_0shot", "lambada", 0), ("gsm8k_5shot", "gsm8k", 5)])
def test_scaling_laws_error_agrees_with_plain_scikit_learn(
    raw: dict[str, pd.DataFrame], raw_root: Path, slug: str, name: str, n_shot: int
) -> None:
    plan = Plan(Protocol(holdout=0.2), {Scheme.RANDOM: SEEDS})
    task = published_task(raw, slug)
    found = evaluate(task, {SCALE_ONLY: SCALE}, plan, search_grid, Spread("threads", 1))
    ours = seed_errors(found.errors, SCALE_ONLY.name)

    design = pd.read_csv(raw_root / "data/raw/published_design.csv").set_index("model_id")
    scores = pd.read_csv(raw_root / "data/raw/scores.csv")
    rows = scores[(scores["benchmark"] == name) & (scores["n_shot"] == n_shot) & (scores["metric"] == "accuracy")]
    target = rows.groupby("model_id")["score"].mean().dropna()
    table = design.join(target, how="inner").sort_index()
    x = np.log(table[["total_params", "tokens_billions"]].to_numpy(dtype=float))
    y = table["score"].to_numpy(dtype=float)
    for seed in range(SEEDS):
        folds = []
        for train, test in KFold(3, shuffle=True, random_state=seed).split(x):
            kept, _ = train_test_split(train, test_size=0.2, random_state=seed)
            inner = KFold(3, shuffle=True, random_state=seed)
            search = GridSearchCV(XGBRegressor(n_jobs=1), GRID, scoring="neg_mean_absolute_error", cv=inner)
            search.fit(x[kept], y[kept])
            folds.append(np.abs(search.predict(x[test]) - y[test]).mean())
        assert ours[seed] == pytest.approx(np.mean(folds), abs=1e-6)


# The study's own run: features found by its selection and their mean MAE over seeds 0-9, from the file
# performance_prediction/selected_feats/forward_generation_results_303.csv of nightingal3/llm-pretraining-behaviours
# (commit 630ded2), column baseline_mae, its features under our names.
PUBLISHED = pd.read_csv(Path(__file__).parents[1] / "fixtures" / "published_selection.csv", index_col="benchmark")
# These agree to 3e-4 only: a score or a share rounded to six digits turns a tie between splits, or the order of models.
ROUNDED = {"lambada_0shot", "winogrande_5shot", "logiqa2_0shot", "xnli_0shot", "mathqa_0shot"}


@pytest.mark.parametrize("slug", PUBLISHED.index)
def test_the_study_s_own_errors_come_back(raw: dict[str, pd.DataFrame], slug: str) -> None:
    task, theirs = published_task(raw, slug), PUBLISHED.loc[slug]
    columns = task.columns((*SCALE, *theirs["features"].split()))
    ours = nested_cv(Problem.at_random(columns, task.scores, range(10), Protocol(holdout=0.2))).mae.mean()
    assert ours == pytest.approx(theirs["mae"], abs=3e-4 if slug in ROUNDED else 1e-7)


def test_humaneval_without_the_biases_that_the_study_left_out(raw: dict[str, pd.DataFrame]) -> None:
    """The study's path adds the bias terms second, its list of selected features does not hold them: scored without
    them the improvement is the 13 to 14 % that the study reports, with them nearly twice that."""
    task, found = published_task(raw, "humaneval_0shot"), PUBLISHED.loc["humaneval_0shot", "features"].split()
    assert found[:2] == ["pct_english", "biases"]

    def mae(*features: str) -> float:
        columns = task.columns((*SCALE, *features))
        return float(nested_cv(Problem.at_random(columns, task.scores, range(50), Protocol(holdout=0.2))).mae.mean())

    scale = mae()
    assert 0.13 < 1 - mae(*(name for name in found if name != "biases")) / scale < 0.15
    assert 1 - mae(*found) / scale > 0.24


@pytest.mark.parametrize("slug", ["lambada_0shot", "hellaswag_10shot"])
def test_no_predictor_beats_the_median_on_shuffled_scores(raw: dict[str, pd.DataFrame], slug: str) -> None:
    task = published_task(raw, slug)
    features = {MEDIAN: (), SCALE_ONLY: SCALE, EVERY_DESIGN: feature_names("published", DESIGN_GROUPS)}
    plan = Plan(Protocol(), {Scheme.RANDOM: 3})

    def relative_gains(scores: np.ndarray) -> dict[str, float]:
        shuffled = Task(task.target, task.design, scores, task.encoding)
        errors = evaluate(shuffled, features, plan, search_grid, Spread("threads", 1)).errors
        mean = errors.groupby("predictor")["mae"].mean()
        return dict(1 - mean / mean[MEDIAN.name])

    told = relative_gains(task.scores)
    assert min(told[entry.name] for entry in (SCALE_ONLY, EVERY_DESIGN)) > 0.2  # the real scores do say something
    rng = np.random.default_rng(0)
    gains = pd.DataFrame([relative_gains(rng.permutation(task.scores)) for _ in range(8)])
    for predictor in gains:
        noise = 2 * gains[predictor].std(ddof=1) / np.sqrt(len(gains))
        assert gains[predictor].mean() <= noise, f"{predictor} beats the median on shuffled scores: {gains[predictor]}"
