"""`foretell doubts`: the recorded scores that are not believed, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.console import Console

from features.doubts import WHOLE
from features.raw import read_raw
from features.schema import DOUBTS
from features.targets import known_target, read_targets


def print_doubts(benchmarks: Sequence[str]) -> None:
    """Each doubt in a paragraph: whose score of what, the value, the witness's, what is done, why, on whose authority.

    Raises ConfigError for an unknown benchmark.
    """
    targets = read_targets()
    chosen = [known_target(slug, targets).slug for slug in benchmarks] or list(targets)
    console = Console(highlight=False)
    for row in read_raw(DOUBTS).to_dict("records"):
        if row["target"] not in chosen:
            continue
        part = "" if row["subtask"] == WHOLE else f", {row['subtask']}"
        witness = f", measured elsewhere {row['witness']:.3f}" if row["witness"] == row["witness"] else ""
        done = "replaced by it" if row["decision"] == "use_witness" else "left out"
        what = f"{row['model_id']}: {targets[row['target']].title}{part}: {row['recorded']:.3f}{witness}; {done}"
        console.print(f"[bold]{what}[/bold]\n  {row['reason']} ({row['source']})", soft_wrap=True)


def doubts_line() -> str:
    """How many recorded scores are not believed, of which targets, in one line."""
    counts = Counter(read_raw(DOUBTS)["target"].astype(str))
    shown = ", ".join(f"{slug} {count}" for slug, count in counts.most_common())
    return f"doubtful scores left out or replaced: {counts.total()} ({shown}); `foretell doubts` says why"
