"""Which tokens are in the batch of which step: sources by weight, phase after phase, documents packed into sequences.
Everything is fixed by the seed and is a function of the step, so it cannot depend on processes, micro batches or kills.

Documents of a source are put in a random order, joined, and cut into sequences of `context` tokens; a sequence may hold
the end of one document and the beginning of the next, and attention looks across. When a source is used up, its
documents begin again in another order: an epoch. Phases go on where the one before has stopped in every source.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from foretell.errors import ConfigError
from foretell.settings import Count, settings
from lms.pretrain.loop import Batch
from lms.pretrain.shards import Documents, open_documents

Weight = Annotated[float, Field(ge=0, le=1)]


@settings
class Phase:
    """`steps` of training on sources by `weights`: shares of tokens, which add up to 1; 0: not in this phase."""

    steps: Count
    weights: dict[str, Weight]

    def __post_init__(self) -> None:
        if abs(sum(self.weights.values()) - 1) > 1e-6:
            raise ConfigError(f"weights {self.weights}: add up to {sum(self.weights.values()):.6g}, expected 1")


class Stream:
    """A source's documents in random order, joined and cut into sequences, epoch after epoch."""

    def __init__(self, documents: Documents, context: int, seed: int) -> None:
        self.documents, self.context = documents, context
        name = int.from_bytes(hashlib.sha256(documents.name.encode()).digest()[:8], "big")
        self._seed = (seed, name)
        self._order = lru_cache(maxsize=2)(self._shuffled)

    def sequence(self, number: int) -> NDArray[np.int64]:
        """Sequence `number` (from 0), `context` tokens."""
        epoch, offset = divmod(number * self.context, self.documents.n_tokens)
        parts: list[NDArray[np.int64]] = []
        missing = self.context
        while missing:
            order, ends = self._order(epoch)
            place = int(np.searchsorted(ends, offset, side="right"))
            while missing and place < len(order):
                document = int(order[place])
                length = int(self.documents.lengths[document])
                start = offset - (int(ends[place]) - length)
                stop = min(length, start + missing)
                parts.append(self.documents.tokens(document, start, stop))
                missing -= stop - start
                offset += stop - start
                place += 1
            epoch, offset = epoch + 1, 0
        return np.concatenate(parts)

    def _shuffled(self, epoch: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The documents in the order of this epoch, and where each ends, in tokens of the epoch."""
        order = np.random.default_rng([*self._seed, epoch]).permutation(len(self.documents.lengths))
        return order, np.cumsum(self.documents.lengths[order])


def spread_sources(weights: Sequence[float], n: int, seed: Sequence[int]) -> NDArray[np.int64]:
    """Which source each of `n` sequences is from (shape (n,)): counts are n times the weights, rounded so that they add
    up to n (largest remainders), and every source is spread evenly, one random place in each of its equal intervals.
    So the number among the first k differs from k times the realised share by less than the number of sources."""
    exact = np.asarray(weights, dtype=np.float64) * n / np.sum(weights)
    counts = np.floor(exact + 1e-9).astype(np.int64)
    largest = np.argsort(-(exact - counts), kind="stable")[: n - int(counts.sum())]
    counts[largest] += 1
    rng = np.random.default_rng(list(seed))
    places = [(np.arange(count) + rng.random(count)) / count for count in counts]
    sources = np.repeat(np.arange(len(counts)), counts)
    return sources[np.argsort(np.concatenate(places), kind="stable")]


class Mixture:
    """Training data of several sources; `batch` as the training loop wants it, with every token but a sequence's first
    scored."""

    def __init__(self, streams: Mapping[str, Stream], phases: Sequence[Phase], sequences: int, seed: int) -> None:
        self.names, self.sequences, self.phases = list(streams), sequences, phases
        self._streams = list(streams.values())
        unknown = {name for phase in phases for name in phase.weights} - set(streams)
        if unknown or not phases:
            raise ConfigError(f"phases: unknown sources {sorted(unknown)}, expected {self.names}; at least one phase")
        chosen = [
            spread_sources([phase.weights.get(name, 0.0) for name in self.names], phase.steps * sequences, (seed, i))
            for i, phase in enumerate(phases)
        ]
        self._source = np.concatenate(chosen)
        self._number = np.empty(len(self._source), dtype=np.int64)
        for index in range(len(self.names)):
            mine = self._source == index
            self._number[mine] = np.arange(mine.sum())

    @property
    def steps(self) -> int:
        """Steps of all phases."""
        return sum(phase.steps for phase in self.phases)

    def batch(self, step: int) -> Batch:
        """The sequences of one step, shape (sequences, context)."""
        rows = range(step * self.sequences, (step + 1) * self.sequences)
        tokens = np.stack([self._streams[self._source[row]].sequence(int(self._number[row])) for row in rows])
        return Batch(tokens, tokens)

    def used(self) -> dict[str, dict[str, Any]]:
        """Per source what all steps together read: sequences, tokens, share of all tokens, epochs (tokens over those
        of the source's training documents), and sequences by phase."""
        boundaries = np.cumsum([phase.steps * self.sequences for phase in self.phases])[:-1]
        by_phase = [np.bincount(part, minlength=len(self.names)) for part in np.split(self._source, boundaries)]
        result = {}
        for index, (name, stream) in enumerate(zip(self.names, self._streams, strict=True)):
            n_sequences = int(sum(counts[index] for counts in by_phase))
            tokens = n_sequences * stream.context
            result[name] = {
                "sequences": n_sequences,
                "tokens": tokens,
                "share": n_sequences / len(self._source),
                "epochs": tokens / stream.documents.n_tokens,
                "sequences_by_phase": [int(counts[index]) for counts in by_phase],
            }
        return result


def open_mixture(tokens: Path, phases: Sequence[Phase], context: int, sequences: int, seed: int) -> Mixture:
    """The mixture of the tokenised sources below `tokens` that the phases name: batches of `sequences` sequences of
    `context` tokens."""
    names = sorted({name for phase in phases for name in phase.weights})
    streams = {name: Stream(open_documents(tokens, name, "train"), context, seed) for name in names}
    return Mixture(streams, phases, sequences, seed)
