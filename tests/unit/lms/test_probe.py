"""The laboratory's probe: noise and false statements that are what they say, and the whole way from checkpoints of two
sizes to the recorded tables, resumed after a stop."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import lms.probe as module
import lms.token_losses as losses_module
from foretell.errors import ConfigError, DataError
from foretell.experiments.tokens import study_tokens
from foretell.trajectories.settings import TraceSettings
from lms.probe import LabRun, ProbeSettings, probe
from lms.probe_texts import dictionary_entries, false_definitions, random_token_texts, shuffled_word_texts

TEXT = Path(__file__).parents[2] / "fixtures" / "tiny_text.txt"
ENTRIES = [("cat", "a small animal that purrs"), ("moon", "what shines at night"), ("river", "water that runs"),
           ("tree", "a tall plant"), ("house", "where people live")]  # fmt: skip
STEPS = (4, 12, 16, 20, 24, 28, 32, 36, 40)
SETTINGS = {
    "code_sources": ["code"], "language_sources": ["books"], "dictionary": "dictionary", "characters": 120,
    "held_out_tokens": 120, "n_texts": 4, "noise_tokens": 10, "noise_words": 10, "contrast_tokens": 8,
    "plausibility": 0.1, "context": 32, "batch_size": 8, "seed": 0,
}  # fmt: skip
DOCUMENTS = {
    "code": [f"def f{n}(x):\n    return x + {n}\n" * 3 for n in range(8)],
    "books": [f"The cat number {n} sat on the mat, and looked at the moon.\nIt was night.\n" for n in range(8)],
    "dictionary": ["\n".join(f"{word} (noun): {definition}" for word, definition in ENTRIES)],
}


def test_false_definitions_are_others_and_all_used() -> None:
    false = false_definitions(ENTRIES, seed=3)
    assert false == false_definitions(ENTRIES, seed=3)
    assert [word for word, _ in false] == [word for word, _ in ENTRIES]
    assert not set(false) & set(ENTRIES)
    assert sorted(definition for _, definition in false) == sorted(definition for _, definition in ENTRIES)
    assert len({tuple(false_definitions(ENTRIES, seed)) for seed in range(8)}) > 1
    with pytest.raises(DataError, match="1 dictionary entries"):
        false_definitions(ENTRIES[:1], 0)
    with pytest.raises(DataError, match="different words"):
        false_definitions([*ENTRIES, ("Cat", "another")], 0)


def test_dictionary_lines_are_read_once_per_word_and_definition() -> None:
    text = (
        "cat (noun): an animal\nrun (verb): to go\nCat (noun): another\npuma (noun): an animal\nnothing\n"
        "sea (noun): water (salt): deep"
    )
    assert dictionary_entries([text, text]) == [("cat", "an animal"), ("sea", "water (salt): deep")]


def test_shuffled_words_keep_the_words_and_lose_the_order() -> None:
    texts = ["one two", "the cat sat on the mat"]
    shuffled = shuffled_word_texts(texts, seed=1)
    assert shuffled == shuffled_word_texts(texts, seed=1)
    assert [sorted(text.split()) for text in shuffled] == [sorted(text.split()) for text in texts]
    assert all(new != old for new, old in zip(shuffled, texts, strict=True))
    with pytest.raises(DataError, match="text 0: 2 words without another order"):
        shuffled_word_texts(["no no"], 0)


@pytest.fixture(scope="module")
def tokenizer_folder(libraries: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tiny_models import train_tokenizer

    folder = tmp_path_factory.mktemp("tokenizer")
    train_tokenizer([*TEXT.read_text(encoding="utf-8").splitlines(), "é“”"], vocabulary=300).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def runs(tokenizer_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> list[LabRun]:
    """Two sizes with random weights, other ones at every step: nothing is learned, everything is there to be read."""
    from lms.pretrain.loop import build_model
    from lms.pretrain.settings import ModelSettings

    root, made = tmp_path_factory.mktemp("runs"), []
    for hidden in (16, 32):
        run = LabRun(f"hidden={hidden}", 1, root / str(hidden))
        for step in (0, *STEPS):
            model = build_model(ModelSettings(300, 64, hidden, 1, 2, 2, 32, True), seed=step + hidden)
            folder = run.folder / "checkpoints" / f"step-{step:06d}"
            model.save_pretrained(folder)
            shutil.copytree(tokenizer_folder, folder, dirs_exist_ok=True)
        made.append(run)
    return made


def test_random_tokens_are_whole_characters(tokenizer_folder: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tokenizer_folder)
    texts = random_token_texts(tokenizer, 20, 12, seed=0)
    assert texts == random_token_texts(tokenizer, 20, 12, seed=0) != random_token_texts(tokenizer, 20, 12, seed=1)
    assert len(set(texts)) == 20
    assert not any(mark in text for text in texts for mark in ("\N{REPLACEMENT CHARACTER}", "<s>", "</s>"))
    assert np.mean([len(tokenizer(text, add_special_tokens=False).input_ids) for text in texts]) == pytest.approx(
        12, abs=3
    )


def same(one: dict[str, pd.DataFrame], other: dict[str, pd.DataFrame]) -> bool:
    return all(one[name].equals(other[name]) for name in ("losses", "items", "texts"))


def test_from_checkpoints_to_tables_and_on_after_a_stop(
    runs: list[LabRun], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = ProbeSettings(**SETTINGS)
    tables, texts = probe(runs, DOCUMENTS, settings, tmp_path / "whole")
    losses, items = tables["losses"], tables["items"]
    assert len(losses) == 2 * len(items) and list(losses)[3:] == [f"loss_{n:02d}" for n in range(1, len(STEPS) + 1)]
    assert sorted(set(tables["texts"]["step"])) == list(STEPS)
    assert set(losses["setting"]) == {"hidden=16", "hidden=32"} and set(losses["seed"]) == {1}
    by_domain = items.groupby("domain").size()
    assert (by_domain >= 120).all() and (by_domain < 120 + 60).all()
    assert {"def", "return"} <= set(items["word"][items["domain"] == "code"])
    assert {"the", "moon", ","} <= set(items["word"][items["domain"] == "language"])
    counts = tables["texts"].groupby(["setting", "step", "kind"]).size().unstack()
    made = ["random_tokens", "shuffled_words", "true_statements", "false_statements"]
    assert (counts[made] == 4).all(axis=None) and counts["small_over_large"].between(1, 4).all()
    # A held-out text's mean is the mean of its tokens' losses, up to the rounding of both.
    one = losses[losses["setting"] == "hidden=32"].merge(items, on="item")
    kept = tables["texts"].query("setting == 'hidden=32' and step == 40 and kind == 'held_out'")
    assert one.groupby("text_index")["loss_09"].mean().to_numpy() == pytest.approx(
        kept["loss_nats"].to_numpy(), rel=1e-3
    )
    true, false = ({t.text for t in texts if t.kind == kind} for kind in ("true_statements", "false_statements"))
    assert len(true) == len(false) == 4 and not true & false

    # The tables are what the study takes.
    sizes = pd.DataFrame({"setting": ["hidden=16", "hidden=32"], "seed": 1, "parameters": [1_000, 2_000]})
    stages = ((0.1, 0.6), (0.6, 1.0))
    found = study_tokens(losses, items, tables["texts"], sizes, TraceSettings(n_bootstrap=100, stages=stages))
    assert len(found["overlap"]) == 1 and set(found["text_sizes"]["kind"]) == set(tables["texts"]["kind"])

    # Stopped before its seventh checkpoint and run again: every checkpoint is read once, and the tables are the same.
    read: list[str] = []
    whole = losses_module.checkpoint_losses

    def until_stopped(loaded, checkpoint, *rest):  # type: ignore[no-untyped-def]
        if len(read) == 6:
            raise KeyboardInterrupt
        read.append(checkpoint.name)
        return whole(loaded, checkpoint, *rest)

    monkeypatch.setattr(losses_module, "checkpoint_losses", until_stopped)
    with pytest.raises(KeyboardInterrupt):
        probe(runs, DOCUMENTS, settings, tmp_path / "stopped")
    monkeypatch.setattr(losses_module, "checkpoint_losses", lambda *given: read.append(given[1].name) or whole(*given))
    resumed, again = probe(runs, DOCUMENTS, settings, tmp_path / "stopped")
    assert same(resumed, tables) and again == texts
    assert len(read) == len(set(read)) == 2 * len(STEPS)


def test_the_list_of_checkpoints_serves_the_command(runs: list[LabRun], tokenizer_folder: Path, tmp_path: Path) -> None:
    found = module.lab_checkpoints(runs, tmp_path)
    assert [item.name for item in found][:2] == ["hidden-16.seed-1@4", "hidden-16.seed-1@12"] and len(found) == 18
    listed = json.loads((tmp_path / "models.yaml").read_text())
    assert [entry["step"] for entry in listed] == [*STEPS, *STEPS]
    assert module.lab_checkpoints(runs, tmp_path) == found


def test_what_is_missing_is_named(runs: list[LabRun], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no checkpoint after step 0"):
        module.lab_checkpoints([LabRun("a", 1, tmp_path)], tmp_path / "work")
    (tmp_path / "checkpoints" / "step-000004").mkdir(parents=True)
    with pytest.raises(DataError, match=r"without tokenizer\.json"):
        module.lab_checkpoints([LabRun("a", 1, tmp_path)], tmp_path / "work")
    with pytest.raises(ConfigError, match="held_out_tokens"):
        ProbeSettings(**{**SETTINGS, "held_out_tokens": 0})
    few = {**DOCUMENTS, "code": DOCUMENTS["code"][:1]}
    with pytest.raises(DataError, match=r"source 'code': .* held-out tokens, 120 are needed"):
        probe(runs, few, ProbeSettings(**SETTINGS), tmp_path / "few")


def test_held_out_documents_are_those_no_run_trains_on(tmp_path: Path) -> None:
    from lms.pretrain.text import FolderSource, is_held_out

    texts = [f"document {number}" for number in range(200)]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    found = module.held_out_documents([FolderSource("code", str(tmp_path))], 0.2)
    assert found == {"code": [text for text in texts if is_held_out(text, 0.2)]} and 20 < len(found["code"]) < 60


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_losses_keep_four_digits() -> None:
    rounded = module._rounded(np.array([1.23456, 0.000123456, 12.3456, 0.0]))
    assert rounded.tolist() == [1.235, 0.0001235, 12.35, 0.0]
