"""Which of a model's new scores make a target whole. Part of a benchmark (one of 57 subjects) is no score of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from features.targets import Target

Key = tuple[str, str, int, str]  # benchmark, subtask, n_shot, metric


def complete(new: Iterable[Key], recorded: Iterable[Key], targets: Mapping[str, Target]) -> tuple[set[Key], list[str]]:
    """The keys of `new` that at least one target is complete with, and a line for everything that is left out.

    `recorded` are the model's scores that are there already; they count towards a target. A target is complete with all
    its needed subtasks, or with one that stands for all. A metric that no target averages goes with its subtask's.
    """
    offered, known = set(new), set(new) | set(recorded)
    kept: set[Key] = set()
    lines: dict[Key, str] = {}
    for target in targets.values():
        of_target = target_keys(target) & offered
        missing = [key[1] for key in sorted(_keys(target, target.needed) - known)]
        whole = _keys(target, target.whole) & known
        if not missing:
            kept |= of_target - whole
            why = "its parts are recorded one by one"
        elif whole:
            kept |= of_target & whole
            why = f"{len(missing)} other parts of {target.slug} are missing; {min(whole)[1]} stands for all"
        else:
            why = f"part of {target.slug}, without {_shortened(missing)}"
        lines |= {key: f"{key[1]} ({key[2]}-shot {key[3]}): {why}" for key in of_target - kept}
    averaged = {(t.benchmark, t.n_shot, t.metric) for t in targets.values()}
    subtasks = {key[:3] for key in kept}
    for key in offered - kept:
        if (key[0], key[2], key[3]) not in averaged and key[:3] in subtasks:
            kept.add(key)
        elif key not in lines:
            lines[key] = f"{key[1]} ({key[2]}-shot {key[3]}): no target averages it"
    return kept, [line for key, line in sorted(lines.items()) if key not in kept]


def target_keys(target: Target) -> set[Key]:
    """The keys of every score that `target` may average."""
    return _keys(target, (*target.needed, *target.optional, *target.whole))


def _keys(target: Target, subtasks: Iterable[str]) -> set[Key]:
    return {(target.benchmark, subtask, target.n_shot, target.metric) for subtask in subtasks}


def _shortened(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
