"""What four benchmarks need beyond a template: functions from a benchmark's document (one row of its data, a dict) to
the text, options or answer that the evaluation harness asks a model about. They reproduce the harness's published
forms (lm-evaluation-harness 0.4, `tasks/`), because a score made from another wording cannot stand beside a recorded
one."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Document = dict[str, Any]


def _without_wikihow_marks(text: str) -> str:
    text = text.strip().replace(" [title]", ". ")
    return re.sub(r"\[.*?\]", "", text).replace("  ", " ")


def hellaswag_documents(dataset: Any) -> Any:
    """Add `query` (activity and context) and `choices` (the four endings), freed of WikiHow's bracketed marks."""

    def with_query(doc: Document) -> Document:
        context = f"{doc['ctx_a']} {doc['ctx_b'].capitalize()}"
        return {
            "query": _without_wikihow_marks(f"{doc['activity_label']}: {context}"),
            "choices": [_without_wikihow_marks(ending) for ending in doc["endings"]],
        }

    return dataset.map(with_query)


def truthfulqa_probability_of_truth(doc: Document, results: Sequence[tuple[float, bool]]) -> dict[str, float]:
    """mc2: sum of p over right answers / sum over all, p = exp(log-likelihood). Shifted by the largest, so that long
    answers (log-likelihoods below -745) do not underflow to 0 / 0."""
    log_likelihoods = np.array([log_likelihood for log_likelihood, _ in results])
    probability = np.exp(log_likelihoods - log_likelihoods.max())
    is_true = np.array(doc["mc2_targets"]["labels"]) == 1
    return {"acc": float(probability[is_true].sum() / probability.sum())}


def winogrande_right_option(doc: Document) -> int:
    """0 or 1: under partial evaluation the harness takes the *contexts* from the options and this is the right
    one."""
    return {"1": 0, "2": 1}[doc["answer"]]


def winogrande_rest_of_sentence(doc: Document) -> str:
    """The words after the blank, scored after either option."""
    return doc["sentence"].split("_", 1)[1].strip()


def winogrande_sentence_beginnings(doc: Document) -> list[str]:
    """The sentence up to the blank, with each option in it."""
    beginning = doc["sentence"].split("_", 1)[0]
    return [beginning + doc["option1"], beginning + doc["option2"]]


def logiqa2_prompt(doc: Document) -> str:
    """Passage, question, the lettered options, "Answer:"."""
    options = "".join(f"{letter}. {option}\n" for letter, option in zip("ABCD", doc["options"], strict=False))
    return f"Passage: {doc['text']}\nQuestion: {doc['question']}\n{options}Answer:"


def mathqa_options(doc: Document) -> list[str]:
    """The five options of "a ) 38 , b ) 27.675 , c ) 30 , d ) data inadequate , e ) none of these"."""
    return [option[4:].rstrip(" ,") for option in re.findall(r"[abcd] \) .*?, |e \) .*?$", doc["options"])]


FUNCTIONS: dict[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (
        hellaswag_documents,
        truthfulqa_probability_of_truth,
        winogrande_right_option,
        winogrande_rest_of_sentence,
        winogrande_sentence_beginnings,
        logiqa2_prompt,
        mathqa_options,
    )
}
