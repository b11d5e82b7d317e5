"""Items made from held-out text, for models too small for a benchmark: which of several passages continues this one?
The wrong options are continuations of other places in the same source, so that topic and register give nothing away
beyond what the source shares."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from foretell.errors import DataError
from lms.measure.items import Item, Option
from lms.measure.settings import PassageSettings

Tokens = Sequence[int] | NDArray[np.int64]
"""Token ids of a text, in order."""


def passage_items(source: str, texts: Sequence[Tokens], settings: PassageSettings) -> list[Item]:
    """`settings.items_per_source` items of the held-out `texts` of a source (token ids, each [n_tokens]).

    Places are drawn without replacement among the windows of prompt_tokens + option_tokens tokens into which the texts
    are cut from their beginnings; the right option is the window's own end, the wrong ones are ends of other drawn
    windows, none equal to the right one or to each other, and the right one's position is drawn. All options have
    option_tokens tokens. The draw depends on the seed, the source's name and the texts alone.

    Raises DataError if the texts hold too few windows, or too few that differ.
    """
    length = settings.prompt_tokens + settings.option_tokens
    windows = [
        tuple(int(token) for token in text[start : start + length])
        for text in texts
        for start in range(0, len(text) - length + 1, length)
    ]
    needed = max(settings.items_per_source, settings.n_options)
    if len(windows) < needed:
        raise DataError(
            f"source {source!r}: {len(windows)} held-out windows of {length} tokens, {needed} are needed; hold out "
            "more text, or ask for fewer or shorter items"
        )
    rng = np.random.default_rng([settings.seed, *source.encode()])
    drawn = [windows[place] for place in np.sort(rng.permutation(len(windows))[: settings.items_per_source])]
    ends = sorted({window[settings.prompt_tokens :] for window in windows})
    if len(ends) < settings.n_options:
        raise DataError(f"source {source!r}: {len(ends)} different continuations for {settings.n_options} options")
    items = []
    for number, window in enumerate(drawn):
        prompt, right = window[: settings.prompt_tokens], window[settings.prompt_tokens :]
        picks = (ends[place] for place in rng.permutation(len(ends))[: settings.n_options])
        wrong = [end for end in picks if end != right][: settings.n_options - 1]
        options = [Option(prompt, end, False) for end in wrong]
        options.insert(int(rng.integers(settings.n_options)), Option(prompt, right, True))
        items.append(Item(source, source, str(number), "choice", tuple(options)))
    return items
