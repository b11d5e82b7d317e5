"""Items of the recorded benchmarks, with the prompts that the evaluation harness makes for them: the same task files,
examples and options as in `lms.score`, so that a loss stands beside a recorded score of the same question."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from foretell.errors import DataError
from lms.benchmarks import Unit, harness_configuration
from lms.documents import winogrande_right_option
from lms.measure.items import Item, Option
from lms.results import right_option

FEWSHOT_SEED = 1234  # the harness's own, with which the recorded scores were made

# Tasks judged by a written answer -> (document, text that the task file calls its target) -> the solution scored.
SOLUTIONS: dict[str, Callable[[Mapping[str, Any], str], str]] = {
    "gsm8k": lambda _, target: f" {target}",
    "humaneval": lambda document, _: str(document["canonical_solution"]),
}
# Tasks without a solution of their own, with the reason.
LEFT_OUT = {"gsm8k_cot": "its test documents have no solution in the prompt's form; gsm8k scores the written ones"}


def harness_items(unit: Unit, data_folder: Path | None, max_items: int = 0) -> list[Item]:
    """The items of a benchmark, in the harness's order: the first `max_items` of each task, 0 for all.

    `data_folder` as in `score.data_folder`; None uses the hub. The right option of TruthfulQA's second version are all
    true ones. LAMBADA's solution is the last word, GSM8K's the worked answer, HumanEval's the reference program; the
    tasks of LEFT_OUT have none and give no items. Raises DataError on missing files.
    """
    from lm_eval.tasks import TaskManager

    configurations = [
        harness_configuration(configuration, unit.n_shot, data_folder)
        for name, configuration in unit.benchmark.tasks.items()
        if name not in LEFT_OUT
    ]
    tasks = TaskManager(include_defaults=False).load(configurations)["tasks"]
    items = []
    for name, task in tasks.items():
        task.set_fewshot_seed(seed=FEWSHOT_SEED)
        task.build_all_requests(limit=max_items or None)
        for number, instances in groupby(task.instances, key=lambda instance: instance.doc_id):
            items.append(_item(unit, name, task, str(number), list(instances)))
    return items


def _item(unit: Unit, name: str, task: Any, number: str, instances: Sequence[Any]) -> Item:
    document = instances[0].doc
    target = task.doc_to_target(document)
    pairs = [(str(instance.arguments[0]), str(instance.arguments[1])) for instance in instances]
    if len(pairs) == 1:
        prompt, text = pairs[0]
        if instances[0].request_type == "generate_until":  # its second argument says how to generate
            text = SOLUTIONS[name](document, target)
        return Item(unit.slug, name, number, "solution", (Option(prompt, text, True),))
    right = _right_options(name, document, target, pairs)
    if not 0 < len(right) < len(pairs):
        raise DataError(f"{name}, document {number}: {len(right)} of {len(pairs)} options are right")
    options = tuple(Option(*pair, index in right) for index, pair in enumerate(pairs))
    return Item(unit.slug, name, number, "choice", options)


def _right_options(name: str, document: Mapping[str, Any], target: Any, pairs: Sequence[tuple[str, str]]) -> set[int]:
    if name == "winogrande":  # its contexts differ and its continuations do not
        return {winogrande_right_option(dict(document))}
    if name == "truthfulqa_mc2":
        return {index for index, label in enumerate(document["mc2_targets"]["labels"]) if label == 1}
    return {right_option({"target": target, "arguments": pairs})}
