"""The engine's bins are XGBoost's: its cuts, asked of XGBoost itself, and predictions on columns that it thins out."""

import numpy as np
import pytest
import xgboost

from foretell import engine
from foretell.engine import Cell

ROWS = (3, 256, 257, 258, 300, 500, 1_000, 2_000, 2_048, 2_049, 2_050, 3_000, 4_098)


def columns(n, rng):
    """Columns [n, 10] that XGBoost bins in different ways: distinct, tied, skewed, negative, half missing, ..."""
    drawn = rng.standard_normal(n)
    return np.stack(
        [
            drawn,
            np.round(drawn, 2),
            np.round(rng.exponential(size=n), 3),
            rng.integers(0, 400, n).astype(float),
            -np.exp(3 * drawn),
            np.where(rng.random(n) < 0.5, 0.0, drawn),
            np.where(rng.random(n) < 0.7, rng.integers(0, 5, n), rng.standard_normal(n)),
            np.where(rng.random(n) < 0.3, np.nan, drawn),
            np.where(rng.random(n) < 0.9, np.nan, np.round(drawn, 1)),
            np.where(np.arange(n) == n // 2, 1e30, drawn * 1e-30),
        ],
        axis=1,
    ).astype(np.float32)


@pytest.mark.parametrize("n", ROWS)
def test_bins_are_xgboosts(n):
    rng = np.random.default_rng(n)
    x = columns(n, rng)
    known = xgboost.DMatrix(x, rng.random(n), nthread=1)
    xgboost.train({"nthread": 1, "max_depth": 1}, known, 1)
    first_of, bounds = known.get_quantile_cut()
    rows = np.arange(n)
    # values at every bound and one float below it are asked for beside the training values
    asked = [bounds[int(first_of[c]) : int(first_of[c + 1])] for c in range(x.shape[1])]
    longest = max(each.size for each in asked)
    extra = np.full((2 * longest, x.shape[1]), np.nan, np.float32)
    for c, each in enumerate(asked):
        extra[: each.size, c], extra[longest : longest + each.size, c] = each, np.nextafter(each, np.float32(-np.inf))
    table = engine.rank_table(np.concatenate([x, extra]))
    train_bins, extra_bins, starts = engine.bin_rows(table, rows, n + np.arange(2 * longest), np.arange(x.shape[1]))
    for c, each in enumerate(asked):
        lowest, cuts = each[0], each[1:]
        assert starts[c + 1] - starts[c] == cuts.size or np.isnan(x[:, c]).all()
        known_rows = ~np.isnan(x[:, c])
        np.testing.assert_array_equal(train_bins[known_rows, c], np.searchsorted(cuts, x[known_rows, c], side="right"))
        values = extra[~np.isnan(extra[:, c]), c]
        expected = np.where(values < lowest, -1, np.searchsorted(cuts, values, side="right"))
        np.testing.assert_array_equal(extra_bins[~np.isnan(extra[:, c]), c], expected)


@pytest.mark.parametrize("n", ROWS[2:])
def test_predictions_on_wide_columns_are_xgboosts(n):
    rng = np.random.default_rng(n)
    x, y = columns(n + 100, rng), rng.random(n + 100)
    cells = (Cell(0.1, 2, 20), Cell(0.3, 5, 10))
    ours = engine.predict(engine.rank_table(x), y, np.arange(n), np.arange(n + 100), cells)
    known = xgboost.DMatrix(x[:n], y[:n].astype(np.float32), nthread=1)
    for cell, predicted in zip(cells, ours, strict=True):
        params = {"max_depth": cell.max_depth, "learning_rate": cell.learning_rate, "nthread": 1}
        theirs = xgboost.train(params, known, cell.n_estimators).predict(xgboost.DMatrix(x, nthread=1))
        np.testing.assert_array_equal(predicted.view(np.int32), theirs.view(np.int32))
