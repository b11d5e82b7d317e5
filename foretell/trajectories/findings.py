"""What the literature says about training curves, held against this project's measurements. Each finding is marked
`confirmed`, `not confirmed` or `not testable here`, with the figure it rests on and the reason. A general statement
is confirmed when it holds in every comparison the tables allow; the figure shows how near the others come."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from foretell.errors import DataError
from foretell.trajectories import findings_items as items
from foretell.trajectories import findings_scores as scores
from foretell.trajectories.verdict import FU, NOT_TESTABLE, XIA, Finding


def check_findings(tables: Mapping[str, pd.DataFrame], alpha: float = 0.05) -> list[Finding]:
    """The findings table from the tables of `study.trace`, in a fixed order; raises DataError when one is missing."""
    needed = ("stage_shares", "overlap", "double_descent", "item_distance", "jumps", "mean_scores", "perplexities",
              "predictor_differences", "matched_gaps", "size_steps", "learning", "code_length")  # fmt: skip
    missing = [name for name in needed if name not in tables or tables[name].empty]
    if missing:
        raise DataError(f"tables without rows: {', '.join(missing)}; expected the tables of the trajectory study")
    return [
        *items.stages(tables["stage_shares"]),
        *items.stagnated_sets(tables["overlap"], alpha),
        items.double_descent(tables["double_descent"], alpha),
        scores.perplexity_falls(tables["perplexities"]),
        *scores.predictors(tables["predictor_differences"]),
        scores.matched(tables["matched_gaps"]),
        items.alike_items(tables["item_distance"]),
        *scores.follows_perplexity(tables["mean_scores"]),
        scores.gradual(tables["size_steps"]),
        *scores.speed(tables["learning"], tables["code_length"], alpha),
        items.phase_transitions(tables["jumps"]),
        scores.power_law(tables["code_length"]),
        scores.compression(tables["code_length"]),
        scores.composition(),
        *_untestable(),
    ]


def _untestable() -> list[Finding]:
    rows = (
        ("accuracy_through_gap", XIA, "Choice accuracy improves through the gap between right and wrong options' "
         "losses, not through lower losses of wrong or right options alone.",
         "The item losses are of the right answer only; `choice_split` needs the losses of every option."),
        ("stagnated_are_function_words", XIA, "Stagnated tokens are mostly function words and punctuation.",
         "The losses are of whole answers, not of tokens."),
        ("noise_and_false_prompts", XIA, "Larger models also predict noise and false prompts better, and no text was "
         "found that small models like better.", "Needs token losses over such texts; none are in the tables."),
        ("small_models_keep_hallucinations", XIA, "All sizes first lower the perplexity of grammatical but false "
         "texts; small ones stay there, large ones leave.", "Needs texts sampled from model pairs; not in the tables."),
        ("emergence_is_a_power", FU, "Abilities seem to emerge because a task needs several steps in a row, each of "
         "which improves smoothly.", "No table pairs a task with its single steps; `composition_test` awaits one."),
        ("grokking", FU, "A skill passes suddenly from memorised to generalised.",
         "Needs accuracy on the training examples beside the test accuracy; no table has it."),
        ("hyperparameters_set_grokking_speed", FU, "Weight decay and learning rate move the moment of grokking.",
         "The runs of a suite share these settings."),
        ("format_sets_speed", FU, "The same data in another format is learned at another speed.",
         "No run repeats another with the format changed."),
        ("curriculum_sets_speed", FU, "The order of skills in training changes how fast they are learned.",
         "No run repeats another with the order changed."),
        ("code_helps_at_7b_not_70b", FU, "Code data improves symbolic reasoning at 7B and no longer at 70B.",
         "No pair of models differs in code share alone at both sizes."),
    )  # fmt: skip
    return [Finding(name, source, claim, NOT_TESTABLE, "", reason) for name, source, claim, reason in rows]
