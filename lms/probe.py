"""The laboratory's checkpoints, read token by token: losses of held-out text, of noise, of false statements and of
texts that a small model prefers to a large one (Xia et al. 2023, arXiv:2212.09803). Losses and texts come from
`token_losses` and `contrast`, which finish a checkpoint or a shard at a time, so that a killed probe resumes there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from foretell.arrays import Floats
from foretell.errors import DataError
from foretell.experiments.tokens import CODE, ITEMS, LANGUAGE, TEXTS, loss_column
from foretell.experiments.words import words_of_spans
from lms.checkpoints import Checkpoint, read_checkpoints
from lms.contrast import ContrastSettings, contrast_models
from lms.files import write_whole
from lms.machine import n_parameters
from lms.pretrain.text import Source, is_held_out, read_documents
from lms.probe_settings import ProbeSettings
from lms.probe_texts import dictionary_entries, false_definitions, random_token_texts, shuffled_word_texts
from lms.record import weights_sha256
from lms.token_losses import LossSettings, token_losses

HELD_OUT = "held_out"
_STEP = re.compile(r"step-(\d+)")


@dataclass(frozen=True)
class LabRun:
    """A finished pretraining run: which cell (`setting`) and `seed` it is, and the `folder` that holds
    `checkpoints/step-*/`, each with its tokenizer."""

    setting: str
    seed: int
    folder: Path

    @property
    def model(self) -> str:
        """What the list of checkpoints calls it."""
        return f"{re.sub(r'[^A-Za-z0-9.]+', '-', self.setting).strip('-.')}.seed-{self.seed}"


@dataclass(frozen=True)
class ProbeText:
    """A text to read: its `kind`, the `source` it is from ("" where it was made) and its number within the kind."""

    kind: str
    source: str
    index: int
    text: str


def lab_checkpoints(runs: Sequence[LabRun], work: Path) -> list[Checkpoint]:
    """The checkpoints of `runs` after step 0, pinned, by model and step; `work`/models.yaml lists them as `foretell lms
    token-losses` takes them.

    Raises DataError when a run has no checkpoint after step 0, or one without a tokenizer.
    """
    entries = []
    for run in runs:
        found = [(int(match[1]), folder) for folder in sorted((run.folder / "checkpoints").glob("step-*"))
                 if (match := _STEP.fullmatch(folder.name))]  # fmt: skip
        later = [(step, folder) for step, folder in found if step > 0]
        if not later or not all((folder / "tokenizer.json").is_file() for _, folder in later):
            raise DataError(
                f"{run.folder}: no checkpoint after step 0, or one without tokenizer.json; expected "
                "checkpoints/step-*/ of a finished run of lms.pretrain"
            )
        entries += [{"model": run.model, "step": step, "model_id": f"lab/{run.model}", "path": str(folder),
                     "revision": weights_sha256(folder), "dtype": "float32"} for step, folder in later]  # fmt: skip
    # JSON is YAML.
    write_whole(work / "models.yaml", (json.dumps(entries, indent=1) + "\n").encode())
    return read_checkpoints(work / "models.yaml")


def held_out_documents(sources: Iterable[Source], share: float) -> dict[str, list[str]]:
    """Source name -> its held-out documents, in order: those the runs were not trained on, by their `held_out_share`.
    Raises DataError as `read_documents`."""
    return {source.name: [text for text in read_documents(source) if is_held_out(text, share)] for source in sources}


def held_out_texts(documents: Mapping[str, Sequence[str]], tokenizer: Any, chosen: ProbeSettings) -> list[ProbeText]:
    """Held-out text of both domains: documents in an order fixed by the seed, cut to `characters` at a line's end where
    there is one, until each source has its part of the tokens. `documents`: source -> held-out documents. Raises
    DataError when a source is missing or has too few tokens."""
    texts: list[ProbeText] = []
    parts = {source: chosen.held_out_tokens / len(sources)
             for sources in (chosen.code_sources, chosen.language_sources) for source in sources}  # fmt: skip
    for number, (source, wanted) in enumerate(parts.items()):
        order = np.random.default_rng([chosen.seed, number]).permutation(len(documents.get(source, ())))
        count = 0
        for at in order:
            if count >= wanted:
                break
            text = documents[source][at][: chosen.characters]
            text = text[: text.rfind("\n") + 1] or text
            count += len(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])
            texts.append(ProbeText(HELD_OUT, source, len(texts), text))
        if count < wanted:
            raise DataError(f"source {source!r}: {count} held-out tokens, {wanted:.0f} are needed")
    return texts


def made_texts(documents: Mapping[str, Sequence[str]], tokenizer: Any, chosen: ProbeSettings) -> list[ProbeText]:
    """Noise and statements, `n_texts` of each: random tokens; the first words of held-out documents in random order;
    true entries of the dictionary, and the same words with each other's definitions. Raises DataError on too few
    documents."""
    rng, n = np.random.default_rng([chosen.seed, 1000]), chosen.n_texts
    entries = dictionary_entries(documents.get(chosen.dictionary, ()))
    cut = [
        " ".join(text.split()[: chosen.noise_words]) for source in chosen.language_sources for text in documents[source]
    ]
    prose = [text for text in cut if len(set(text.split())) > 1]
    if len(entries) < max(n, 2) or len(prose) < n:
        raise DataError(f"{len(entries)} dictionary entries and {len(prose)} documents of language for {n} texts")
    true = [entries[at] for at in rng.permutation(len(entries))[:n]]
    kinds = {
        "random_tokens": random_token_texts(tokenizer, n, chosen.noise_tokens, chosen.seed),
        "shuffled_words": shuffled_word_texts([prose[at] for at in rng.permutation(len(prose))[:n]], chosen.seed),
        "true_statements": [f"{word} (noun): {definition}" for word, definition in true],
        "false_statements": [
            f"{word} (noun): {definition}" for word, definition in false_definitions(true, chosen.seed)
        ],
    }
    return [ProbeText(kind, "", index, text) for kind, made in kinds.items() for index, text in enumerate(made)]


def probe(
    runs: Sequence[LabRun],
    documents: Mapping[str, Sequence[str]],
    chosen: ProbeSettings,
    work_root: Path,
) -> tuple[dict[str, pd.DataFrame], list[ProbeText]]:
    """Every checkpoint of `runs` on every kind of text. `documents`: source -> held-out documents of the training
    data (`held_out_documents`); unfinished work is kept below `work_root`.

    The last checkpoints of the smallest and the largest model of the first seed write the contrast texts
    ("small_over_large"). Returns the tables `losses`, `items` and `texts` that
    `foretell.experiments.tokens.study_tokens` takes, losses rounded to 4 significant digits, and the texts. Raises
    DataError on missing checkpoints or too little text, ConfigError where the libraries are missing.
    """
    from transformers import AutoTokenizer

    checkpoints = lab_checkpoints(runs, work_root)
    loaded = AutoTokenizer.from_pretrained(checkpoints[0].record.location, local_files_only=True)
    texts = [*held_out_texts(documents, loaded, chosen), *made_texts(documents, loaded, chosen)]
    texts += _contrast_texts(runs, checkpoints, chosen, work_root)
    table = token_losses(
        checkpoints, [text.text for text in texts], LossSettings(chosen.context, 0, chosen.batch_size), work_root,
        work_root / "token_losses.parquet",
    )  # fmt: skip
    return _tables(table, texts, runs, loaded, chosen), texts


def _contrast_texts(
    runs: Sequence[LabRun], checkpoints: Sequence[Checkpoint], chosen: ProbeSettings, work_root: Path
) -> list[ProbeText]:
    first = min(run.seed for run in runs)
    last = {item.model: item for item in checkpoints}  # in order of steps
    models = [last[run.model] for run in runs if run.seed == first]
    ordered = sorted(models, key=lambda item: n_parameters(Path(item.record.location)))
    contrast = ContrastSettings(n_texts=chosen.n_texts, max_tokens=chosen.contrast_tokens,
                                plausibility=chosen.plausibility, seed=chosen.seed, rule_out_begin=True)  # fmt: skip
    drawn = contrast_models(ordered[0], ordered[-1], contrast, work_root, work_root / "small_over_large.jsonl")
    return [ProbeText("small_over_large", "", text.index, text.text) for text in drawn if text.text]


def _tables(
    table: pd.DataFrame, texts: Sequence[ProbeText], runs: Sequence[LabRun], tokenizer: Any, chosen: ProbeSettings
) -> dict[str, pd.DataFrame]:
    """The recorded tables from the losses of all tokens of all texts."""
    cells = pd.DataFrame([(run.model, run.setting, run.seed) for run in runs], columns=["model", "setting", "seed"])
    table = table.merge(cells, on="model", validate="m:1")
    means = table.groupby(["setting", "seed", "step", "text_index"], sort=True)["loss_nats"].agg(["mean", "count"])
    means = means.reset_index().rename(columns={"mean": "loss_nats", "count": "n_tokens"})
    means["kind"] = [texts[at].kind for at in means["text_index"]]
    means["text_index"] = [texts[at].index for at in means["text_index"]]
    means["loss_nats"] = _rounded(means["loss_nats"].to_numpy())
    held_out = table[table["text_index"] < sum(text.kind == HELD_OUT for text in texts)]
    keys = held_out[["text_index", "position", "token"]].drop_duplicates(["text_index", "position"])
    items = keys.sort_values(["text_index", "position"]).reset_index(drop=True)
    items["item"] = np.arange(len(items))
    items["source"] = [texts[at].source for at in items["text_index"]]
    items["domain"] = np.where(items["source"].isin(chosen.code_sources), CODE, LANGUAGE)
    items["word"] = list(_words(texts, tokenizer, chosen))
    losses = held_out.merge(items[["item", "text_index", "position"]], on=["text_index", "position"], validate="m:1")
    losses["loss_nats"] = _rounded(losses["loss_nats"].to_numpy())
    losses["number"] = losses.groupby("model")["step"].rank(method="dense").astype(int)
    wide = losses.pivot(index=["setting", "seed", "item"], columns="number", values="loss_nats")
    order = ["setting", "seed", "step"]
    return {
        "losses": wide.rename(columns=loss_column).rename_axis(columns=None).reset_index(),
        "items": items[ITEMS],
        "texts": means.sort_values(["kind", "text_index", *order])[TEXTS].reset_index(drop=True),
    }


def _words(texts: Sequence[ProbeText], tokenizer: Any, chosen: ProbeSettings) -> Iterable[str]:
    for text in texts:
        if text.kind == HELD_OUT:
            encoded = tokenizer(text.text, add_special_tokens=False, verbose=False, return_offsets_mapping=True)
            yield from words_of_spans(text.text, encoded["offset_mapping"], text.source in chosen.code_sources)


def _rounded(values: Floats, digits: int = 4) -> Floats:
    """Each value to `digits` significant digits: a table of losses is several times smaller for it."""
    return np.array([float(f"{value:.{digits}g}") for value in values.tolist()])
