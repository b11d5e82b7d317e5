"""Several targets' predictors asked at once: every design, every target, one table."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from foretell.answering.predictor import CARD, Predictor
from foretell.designs import checked_designs, design_table, model_ids
from foretell.errors import DataError
from foretell.loading import (
    is_benchmark,
    load_folders,
    load_predictor,
    load_registered,
    store_address,
)

Source = str | os.PathLike[str]
TARGET, MODEL_ID = "target", "model_id"


class Panel(Mapping[str, Predictor]):
    """Predictors by target, in order: `panel["mmlu_5shot"]` is one, `len(panel)` their number, `list(panel)` their
    targets. `predict` and `compare` ask all of them."""

    def __init__(self, predictors: Mapping[str, Predictor]):
        """`predictors` maps targets to loaded predictors. Raises DataError when there is none."""
        if not predictors:
            raise DataError("no predictors to ask: name at least one")
        self._predictors = dict(predictors)

    def __getitem__(self, target: str) -> Predictor:
        return self._predictors[target]

    def __iter__(self) -> Iterator[str]:
        return iter(self._predictors)

    def __len__(self) -> int:
        return len(self._predictors)

    def __repr__(self) -> str:
        """One line: which targets."""
        return f"<foretell panel of {len(self)} predictors: {', '.join(self)}>"

    def predict(
        self,
        designs: Mapping[str, Any] | Sequence[Mapping[str, Any]] | pd.DataFrame,
        level: float | None = None,
        where: str = "designs",
    ) -> pd.DataFrame:
        """The score of every design on every target.

        A design maps feature names to raw words and numbers as in `Predictor.predict`; `designs` is one, several, or a
        table with one row per design. `model_id` names a design (default: its index in the table, or its number from 1
        on). `level` is the level of the intervals (default: each predictor's own, 0.9). `where` is what errors call
        the designs, for example a file's name.

        Returns one row per target and design, targets in the panel's order, with the columns target, model_id, score,
        low, high, and what else `Predictor.predict` says of a table of designs (support, support_reason, nearest,
        predictable), contributions left out.

        Raises DataError naming the row and column of a wrong cell and what was expected, an unknown feature, a model_id
        that is empty or given twice, or a level that is not between 0 and 1.
        """
        table = design_table(designs)
        names = model_ids(table, where)
        checked = checked_designs(table, next(iter(self.values())).card.encoding, where)
        parts = []
        for target, predictor in self.items():
            answers = predictor.predict(checked, level, contributions=False)
            answers.insert(0, TARGET, target)
            answers.insert(1, MODEL_ID, names)
            parts.append(answers)
        return pd.concat(parts, ignore_index=True)

    def compare(self, first: Mapping[str, Any], second: Mapping[str, Any], level: float | None = None) -> pd.DataFrame:
        """Two designs side by side on every target: `Predictor.compare` of each as one row, with the columns target,
        first and second (scores), difference (second - first), low, high, level, chance_better (the probability that
        the second is the better one), first_support and second_support.

        Raises DataError as `Predictor.predict` does.
        """
        rows = []
        for target, predictor in self.items():
            compared = predictor.compare(first, second, level)
            of = compared.difference
            rows.append(
                {
                    TARGET: target,
                    "first": compared.first.score,
                    "second": compared.second.score,
                    "difference": of.difference,
                    "low": of.low,
                    "high": of.high,
                    "level": of.level,
                    "chance_better": compared.chance_better,
                    "first_support": compared.first.support,
                    "second_support": compared.second.support,
                }
            )
        return pd.DataFrame(rows)


def load_predictors(
    sources: Source | Iterable[Source] | Mapping[str, Source | Predictor] | None = None,
    *,
    store: str = "",
    version: str = "",
) -> Panel:
    """Load several predictors, to ask them together.

    `sources` is one of

    - nothing: every benchmark's predictor that is registered in the store;
    - several sources as `load_predictor` takes them (`["mmlu_5shot", "gsm8k_5shot"]`, folders, runs);
    - a folder of predictors' folders (`"data/predictors"`), or one source;
    - a dict that maps the names that the answers shall have to sources or to loaded predictors.

    `store` and `version` (an alias) are those of `load_predictor`: which version an alias points to is looked up each
    time, and a version that was downloaded before is read from this machine.

    Returns a `Panel`. Raises as `load_predictor` does, and DataError when there is nothing to load or two sources
    predict the same target (a dict gives them names of their own).
    """
    if sources is None:
        address = store or store_address()
        registered = load_registered(address, None, version)
        if not registered:
            raise DataError(f"no predictor is registered in {address.rpartition('@')[2]}; name others, or the store")
        return Panel(registered)
    if isinstance(sources, Mapping):
        paths = {name: source for name, source in sources.items() if not isinstance(source, Predictor)}
        loaded = dict(zip(paths, _loaded(list(paths.values()), store, version), strict=True))
        return Panel(
            {name: source if isinstance(source, Predictor) else loaded[name] for name, source in sources.items()}
        )
    listed = _listed(sources)
    panel: dict[str, Predictor] = {}
    for source, predictor in zip(listed, _loaded(listed, store, version), strict=True):
        target = predictor.card.benchmark
        if target in panel:
            raise DataError(f"{source}: a second predictor of {target}; a dict gives each a name of its own")
        panel[target] = predictor
    return Panel(panel)


def _listed(sources: Source | Iterable[Source]) -> list[Source]:
    if not isinstance(sources, str | os.PathLike):
        return list(sources)
    folder = Path(sources)
    if not folder.is_dir() or (folder / CARD).is_file():
        return [sources]
    inner: list[Source] = [path.parent for path in sorted(folder.glob(f"*/{CARD}"))]
    if not inner:
        raise DataError(f"{folder}: neither it nor a folder in it holds {CARD}")
    return inner


def _loaded(sources: Sequence[Source], store: str, version: str) -> list[Predictor]:
    """The predictors of several sources in their order: folders read side by side, benchmarks looked up at once."""
    texts = [os.fspath(source) for source in sources]
    folders = [text for text in texts if (Path(text) / CARD).is_file()]
    benchmarks = [text for text in texts if text not in folders and is_benchmark(text) and not version.isdigit()]
    found = dict(zip(folders, load_folders([Path(text) for text in folders]), strict=True))
    if benchmarks:
        found |= load_registered(store or store_address(), benchmarks, version)
    return [found[text] if text in found else load_predictor(text, store=store, version=version) for text in texts]
