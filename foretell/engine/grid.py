"""The compiled calls that the engine's Python functions make: a whole grid on one training set, or on many folds.

Each picks the kernel: row sets of one word up to 64 training and test rows (`small.py`), packed histograms above
(`large.py`), and step by step (`kernels.py`) where sums of gradients could be rounded.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from foretell.engine.bins import bin_columns
from foretell.engine.kernels import boost
from foretell.engine.large import boost_all_large
from foretell.engine.small import MAX_ROWS, boost_all_small

# a digest of the files whose compiled functions are called here, as in small.py
CALLED_SOURCES = "6c5acf19e62c154a"


@njit(nogil=True, cache=True, error_model="numpy")
def boost_grid(train_bins, test_bins, bin_starts, y, rates, depths, sizes, out):  # type: ignore[no-untyped-def]
    """Grow every ensemble (rates[e], depths[e]): on a fast path if it can be exact there, else step by step.

    Fills `out` float32 [ensembles, sizes, n_test]; returns how many ensembles took a fast path.
    """
    exact = np.zeros(rates.size, np.bool_)
    if train_bins.shape[0] <= MAX_ROWS and test_bins.shape[0] <= MAX_ROWS:
        boost_all_small(train_bins, test_bins, bin_starts, y, rates, depths, sizes, out, exact)
    else:
        boost_all_large(train_bins, test_bins, bin_starts, y, rates, depths, sizes, out, exact)
    for e in range(rates.size):
        if not exact[e]:
            one = slice(e, e + 1)
            boost(train_bins, test_bins, bin_starts, y, rates[one], depths[one], sizes, out[one])
    return np.count_nonzero(exact)


@njit(nogil=True, cache=True, error_model="numpy")
def fold_errors(  # type: ignore[no-untyped-def]
    codes, values, offsets, columns, targets, train, train_starts, test, test_starts, rates, depths, sizes, errors
):
    """Mean absolute test error of every ensemble and size on every fold, into `errors` [ensembles, sizes, folds].

    Fold f trains on rows train[train_starts[f]:train_starts[f + 1]] and is tested likewise; `targets` has one row of n
    targets for all folds, or one per fold. Returns the first column with unknown bins, or -1.
    """
    for f in range(train_starts.size - 1):
        trained = train[train_starts[f] : train_starts[f + 1]]
        tested = test[test_starts[f] : test_starts[f + 1]]
        target = targets[f if targets.shape[0] > 1 else 0]
        train_bins = np.empty((trained.size, columns.size), np.int32)
        test_bins = np.empty((tested.size, columns.size), np.int32)
        bin_starts = np.empty(columns.size + 1, np.int64)
        wide = bin_columns(codes, values, offsets, columns, trained, tested, train_bins, test_bins, bin_starts)
        if wide >= 0:
            return wide
        y = np.empty(trained.size, np.float32)
        for i in range(trained.size):
            y[i] = np.float32(target[trained[i]])
        predicted = np.empty((rates.size, sizes.size, tested.size), np.float32)
        boost_grid(train_bins, test_bins, bin_starts, y, rates, depths, sizes, predicted)
        for e in range(rates.size):
            for s in range(sizes.size):
                total = 0.0
                for i in range(tested.size):
                    total += abs(np.float64(predicted[e, s, i]) - target[tested[i]])
                errors[e, s, f] = total / tested.size
    return -1
