"""The scaling-laws error of the published view, recomputed from the CSV files with pandas, scikit-learn and XGBoost
alone, and what happens when scores say nothing about design."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GridSearchCV, KFold, train_test_split
from xgboost import XGBRegressor

from features.catalog import DESIGN_GROUPS, SCALE, feature_names
from features.encoding import Encoding
from features.tabulate import tabulate
from models.evaluation import Plan, evaluate
from models.nested import Protocol
from models.parallel import Spread
from models.reading import fold_matrix
from models.search import search_grid
from models.task import Task

pytestmark = pytest.mark.slow
GRID = {"max_depth": [2, 3, 5], "learning_rate": [0.01, 0.1, 0.3], "n_estimators": [50, 100]}
SEEDS = 2


def published_task(raw: dict[str, pd.DataFrame], slug: str) -> Task:
    tables = tabulate(raw, "published", (slug,), 30)
    return Task.of(slug, tables.design, tables.scores[["model_id", "score"]], Encoding.of(tables.design, "published"))


@pytest.mark.parametrize(("slug", "name", "n_shot"), [("lambada_0shot", "lambada", 0), ("gsm8k_5shot", "gsm8k", 5)])
def test_scaling_laws_error_agrees_with_plain_scikit_learn(
    raw: dict[str, pd.DataFrame], raw_root: Path, slug: str, name: str, n_shot: int
) -> None:
    plan = Plan(Protocol(holdout=0.2), n_seeds=SEEDS, n_family_seeds=1, lightgbm=False)
    task = published_task(raw, slug)
    found = evaluate(task, {"scaling_laws": SCALE}, plan, search_grid, "", Spread("threads", 1))
    ours = fold_matrix(found.errors, "scaling_laws", "random").mean(axis=1)

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


@pytest.mark.parametrize("slug", ["lambada_0shot", "hellaswag_10shot"])
def test_no_predictor_beats_the_median_on_shuffled_scores(raw: dict[str, pd.DataFrame], slug: str) -> None:
    task = published_task(raw, slug)
    sets = {"scaling_laws": SCALE, "every_design": feature_names("published", DESIGN_GROUPS)}
    plan = Plan(Protocol(), n_seeds=3, n_family_seeds=1, lightgbm=False)

    def relative_gains(scores: np.ndarray) -> dict[str, float]:
        shuffled = Task(task.benchmark, task.design, scores, task.encoding)
        errors = evaluate(shuffled, sets, plan, search_grid, "", Spread("threads", 1)).errors
        mean = errors[errors["scheme"] == "random"].groupby("predictor")["mae"].mean()
        return dict(1 - mean / mean["median"])

    told = relative_gains(task.scores)
    assert min(told[name] for name in sets) > 0.2  # the real scores do say something
    rng = np.random.default_rng(0)
    gains = pd.DataFrame([relative_gains(rng.permutation(task.scores)) for _ in range(8)])
    for predictor in gains:
        noise = 2 * gains[predictor].std(ddof=1) / np.sqrt(len(gains))
        assert gains[predictor].mean() <= noise, f"{predictor} beats the median on shuffled scores: {gains[predictor]}"
