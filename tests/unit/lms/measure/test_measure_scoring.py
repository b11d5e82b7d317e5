"""Option losses of a model whose probabilities are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from bigram_model import CONTEXT, WORDS, bigram_model, nats

from foretell.errors import DataError
from lms.measure.items import Item, Option
from lms.measure.scoring import option_losses
from lms.measure.summary import item_metrics, summarise
from lms.weights import LoadedModel


@pytest.fixture(scope="module")
def bigram(libraries: None) -> LoadedModel:
    return bigram_model()


def _choice(name: str, prompt: str, right: list[str], wrong: list[str]) -> Item:
    options = [Option(prompt, text, True) for text in right] + [Option(prompt, text, False) for text in wrong]
    return Item("own", "own", name, "choice", tuple(options))


ITEMS = [
    _choice("0", "a b", [" d"], [" c", " a b c"]),
    _choice("1", "c", [" d d"], [" a", " b"]),
    _choice("2", "d c a", [" b a", " c"], [" d"]),
    Item("own", "own", "3", "solution", (Option("d", " a b a", True),)),
]


def _metrics(bigram: LoadedModel, items: list[Item], batch_size: int = 4) -> pd.DataFrame:
    table = option_losses(bigram, items, batch_size).assign(model="m", step=0)
    return item_metrics(table).set_index("item")


def test_losses_are_the_tables_logarithms(bigram: LoadedModel) -> None:
    table = option_losses(bigram, ITEMS, 4)
    expected = ["b d", "b c", "b a b c", "c d d", "c a", "c b", "a b a", "a c", "a d", "d a b a"]
    np.testing.assert_allclose(table.loss_nats, [nats(words) for words in expected], rtol=1e-5)
    assert table.n_tokens.tolist() == [1, 1, 3, 2, 1, 1, 2, 1, 1, 3]
    np.testing.assert_allclose(table.loss_nats_per_token, table.loss_nats / table.n_tokens)
    # The likeliest word: after a b, after b a, after c d, after d a.
    assert table.is_greedy.tolist() == [False, False, False, False, False, False, True, False, False, True]


def test_the_prompt_is_masked(bigram: LoadedModel) -> None:
    """In a bigram model only the prompt's last word matters, and no word of it is scored."""
    long = [
        Item(item.benchmark, item.task, item.item, item.kind,
             tuple(replace(option, prompt=f"c c d a {option.prompt}") for option in item.options))
        for item in ITEMS
    ]  # fmt: skip
    short, longer = option_losses(bigram, ITEMS, 4), option_losses(bigram, long, 4)
    np.testing.assert_allclose(longer.loss_nats, short.loss_nats, rtol=1e-5)
    assert longer.n_tokens.tolist() == short.n_tokens.tolist()


def test_metrics_by_hand(bigram: LoadedModel) -> None:
    found = _metrics(bigram, ITEMS)
    # Item 0: right d: -ln 0.25; wrong c: -ln 0.15; wrong a b c: -ln(0.4 x 0.5 x 0.15) / 3.
    right, wrong = -np.log(0.25), min(-np.log(0.15), -np.log(0.4 * 0.5 * 0.15) / 3)
    assert found.average_loss["0"] == pytest.approx(right, rel=1e-5)
    assert found.margin_loss["0"] == pytest.approx(right - wrong, rel=1e-5)
    # By total log p the right option wins (0.25 against 0.15 and 0.03), per token the long wrong one does.
    assert found.margin_loss["0"] > 0
    assert (found.accuracy["0"], found.accuracy_normalised["0"]) == (1.0, 0.0)
    # Item 1: d d has p 0.6 x 0.05 = 0.03 against 0.05, but per token sqrt(0.03) > 0.05.
    assert (found.accuracy["1"], found.accuracy_normalised["1"]) == (0.0, 1.0)
    assert found.margin_loss["1"] == pytest.approx(np.log(0.05) - np.log(0.03) / 2, rel=1e-5)
    assert found.margin_loss["1"] < 0
    # Item 2: the best of two right options, b a per token.
    assert found.average_loss["2"] == pytest.approx(-np.log(0.5 * 0.4) / 2, rel=1e-5)
    assert found.answer_loss["3"] == pytest.approx(-np.log(0.35 * 0.5 * 0.4) / 3, rel=1e-5)
    assert found.average_loss.isna().tolist() == [False, False, False, True]
    assert found.answer_loss.isna().tolist() == [True, True, True, False]


def test_the_order_of_options_and_the_batch_size_do_not_matter(bigram: LoadedModel) -> None:
    turned = [replace(item, options=item.options[::-1]) for item in ITEMS]
    for items, batch_size in ((turned, 4), (ITEMS, 1), (ITEMS, 64), (turned, 3)):
        pd.testing.assert_frame_equal(_metrics(bigram, items, batch_size), _metrics(bigram, ITEMS), rtol=1e-5)


def test_spaces_at_the_prompts_end_belong_to_the_text(bigram: LoadedModel) -> None:
    spaced = _choice("0", "a b ", ["d"], ["c"])
    plain = _choice("0", "a b", [" d"], [" c"])
    pd.testing.assert_frame_equal(option_losses(bigram, [spaced], 4), option_losses(bigram, [plain], 4))


def test_an_empty_prompt_becomes_beginning_of_text(bigram: LoadedModel) -> None:
    for prompt in ("", "  "):
        table = option_losses(bigram, [_choice("0", prompt, ["a b"], ["c"])], 4)
        np.testing.assert_allclose(table.loss_nats, [nats("<s> a b"), nats("<s> c")], rtol=1e-5)


def test_token_ids_are_taken_as_they_are(bigram: LoadedModel) -> None:
    ids = {word: place for place, word in enumerate(WORDS)}
    prompt = (ids["a"], ids["b"])
    options = (Option(prompt, (ids["d"],), True), Option(prompt, (ids["a"], ids["b"], ids["c"]), False))
    table = option_losses(bigram, [Item("s", "s", "0", "choice", options)], 4)
    np.testing.assert_allclose(table.loss_nats, [nats("b d"), nats("b a b c")], rtol=1e-5)


def test_a_prompt_longer_than_the_context_loses_its_beginning(bigram: LoadedModel) -> None:
    long = " ".join(["d"] * 30 + ["a", "b"])
    table = option_losses(bigram, [_choice("0", long, [" d"], [" a b c"])], 4)
    np.testing.assert_allclose(table.loss_nats, [nats("b d"), nats("b a b c")], rtol=1e-5)
    assert table.prompt_tokens_cut.tolist() == [32 + 1 - CONTEXT - 1, 32 + 3 - CONTEXT - 1]


@pytest.mark.parametrize("text", [" ", " a" * (CONTEXT + 1)])
def test_a_text_that_cannot_be_scored_is_named(bigram: LoadedModel, text: str) -> None:
    with pytest.raises(DataError, match=r"own, item 5, option 1: (0|17) tokens") as error:
        option_losses(bigram, [_choice("5", "a", [" b"], [text])], 4)
    assert "\n" not in str(error.value)


def test_a_loss_that_is_not_finite_is_named(libraries: None) -> None:
    import torch

    broken = bigram_model()
    with torch.no_grad():
        broken.model.lm_head.weight[1, 0] = float("nan")
    with pytest.raises(DataError, match=r"not finite, the first of own, item 0, option 0"):
        option_losses(broken, ITEMS, 4)


def test_summary_has_mean_standard_error_and_number(bigram: LoadedModel) -> None:
    table = option_losses(bigram, ITEMS, 4).assign(model="m", step=7)
    other = table.assign(task="second")
    rows = summarise(pd.concat([table, other])).set_index(["task", "metric"])
    values = _metrics(bigram, ITEMS).average_loss.dropna()
    assert rows["mean"]["own", "average_loss"] == pytest.approx(values.mean())
    assert rows.stderr["own", "average_loss"] == pytest.approx(values.std(ddof=1) / np.sqrt(3))
    assert rows.n["own", "average_loss"] == 3
    assert rows.n["all", "average_loss"] == 6
    assert np.isnan(rows.stderr["own", "answer_loss"])
    assert "all" not in summarise(table).task.to_numpy()
    only = summarise(table[table.kind == "solution"])
    assert only.metric.tolist() == ["answer_loss", "greedy"]
