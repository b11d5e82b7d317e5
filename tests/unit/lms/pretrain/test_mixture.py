"""Which tokens at which step: shares, packing, epochs and phases."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from foretell.errors import ConfigError
from lms.pretrain.mixture import Mixture, Phase, Stream, spread_sources
from lms.pretrain.shards import Documents


def documents(name: str, lengths: list[int], base: int = 0) -> Documents:
    """Document i is the token base + i, `lengths[i]` times; in two shards."""
    tokens = np.repeat(np.arange(len(lengths), dtype=np.uint16) + base, lengths)
    half = len(lengths) // 2
    cut = sum(lengths[:half])
    sizes = np.array(lengths)
    starts = np.cumsum(sizes) - sizes
    starts[half:] -= cut
    shard = (np.arange(len(lengths)) >= half).astype(np.int64)
    return Documents(name, (tokens[:cut], tokens[cut:]), shard, starts, sizes, 1)


def joined(stream: Stream, n_tokens: int) -> NDArray[np.int64]:
    return np.concatenate([stream.sequence(i) for i in range(-(-n_tokens // stream.context))])[:n_tokens]


def test_an_epoch_is_every_document_once_whole_and_in_another_order_each_time() -> None:
    lengths = [5, 1, 8, 3, 13, 2, 7, 4]
    stream = Stream(documents("a", lengths), context=6, seed=1)
    tokens = joined(stream, 3 * sum(lengths))
    epochs = tokens.reshape(3, -1)
    orders = []
    for epoch in epochs:
        changes = np.flatnonzero(np.diff(epoch)) + 1
        runs = np.split(epoch, changes)
        assert {int(run[0]): len(run) for run in runs} == dict(enumerate(lengths))
        orders.append([int(run[0]) for run in runs])
    assert orders[0] != orders[1] != orders[2]


def test_a_source_shorter_than_a_sequence_repeats_in_it() -> None:
    stream = Stream(documents("a", [2, 1]), context=10, seed=0)
    assert np.bincount(stream.sequence(0))[1] in (3, 4)
    assert len(stream.sequence(7)) == 10


@pytest.mark.parametrize("weights", [[0.2, 0.8], [0.08, 0.5, 0.42], [1.0, 0.0]])
@pytest.mark.parametrize("n", [1, 7, 1000])
def test_realised_shares_are_the_weights_at_every_point(weights: list[float], n: int) -> None:
    chosen = spread_sources(weights, n, (3,))
    counts = np.bincount(chosen, minlength=len(weights))
    assert counts.sum() == n
    assert np.all(np.abs(counts - n * np.array(weights)) < 1)
    so_far = np.cumsum(chosen[:, None] == np.arange(len(weights)), axis=0)
    assert np.all(np.abs(so_far - np.arange(1, n + 1)[:, None] * counts / n) < len(weights))
    if 0.0 in weights:
        assert counts[weights.index(0.0)] == 0


def two_sources(seed: int, phases: list[Phase]) -> Mixture:
    streams = {"a": Stream(documents("a", [9] * 20), 8, seed), "b": Stream(documents("b", [9] * 20, 100), 8, seed)}
    return Mixture(streams, phases, sequences=5, seed=seed)


def test_batches_are_a_function_of_the_step_and_the_seed() -> None:
    phases = [Phase(20, {"a": 0.3, "b": 0.7})]
    first, again, other = (two_sources(seed, phases) for seed in (0, 0, 1))
    forwards = [first.batch(step).tokens for step in range(20)]
    backwards = [again.batch(step).tokens for step in reversed(range(20))]
    assert all(np.array_equal(a, b) for a, b in zip(forwards, reversed(backwards), strict=True))
    assert not np.array_equal(forwards[0], other.batch(0).tokens)
    assert np.array_equal(first.batch(3).labels, first.batch(3).tokens)


def test_phases_follow_each_other_and_streams_go_on() -> None:
    mixture = two_sources(0, [Phase(2, {"a": 1.0}), Phase(2, {"a": 0.5, "b": 0.5}), Phase(1, {"b": 1.0})])
    shares = [float(np.mean(mixture.batch(step).tokens >= 100)) for step in range(5)]
    assert shares[:2] == [0, 0] and shares[4] == 1
    assert np.mean(shares[2:4]) == 0.5
    used = mixture.used()
    assert used["a"]["sequences_by_phase"] == [10, 5, 0] and used["b"]["sequences_by_phase"] == [0, 5, 5]
    assert used["a"]["epochs"] == pytest.approx(15 * 8 / 180)
    read = np.concatenate([mixture.batch(step).tokens for step in range(5)])
    of_a = read[read[:, 0] < 100].ravel()
    assert np.array_equal(of_a, joined(Stream(documents("a", [9] * 20), 8, 0), 120))


@pytest.mark.parametrize("weights", [{"a": 0.5}, {"a": 0.7, "b": 0.7}, {"a": 1.5, "b": -0.5}])
def test_weights_that_are_no_shares_are_refused(weights: dict[str, float]) -> None:
    with pytest.raises(ConfigError):
        Phase(1, weights)


def test_an_unknown_source_is_refused() -> None:
    with pytest.raises(ConfigError, match="unknown sources"):
        two_sources(0, [Phase(1, {"c": 1.0})])
