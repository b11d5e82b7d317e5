"""Which options of `foretell predict` go together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import typer


def check_combination(sources: Mapping[str, Any], outputs: Mapping[str, Any], tokens_given: bool) -> None:
    """Raise typer.BadParameter for options that contradict each other or miss one they need.

    Args:
        sources: option -> its value, of those that say where a design comes from (--config, --designs, --compare).
        outputs: option -> its value, of those that say what becomes of the answers (--csv, --json, --plot, --explain).
        tokens_given: whether --tokens was given.
    """
    chosen = [name for name, value in sources.items() if value is not None]
    if len(chosen) > 1:
        raise typer.BadParameter(f"{' and '.join(chosen)}: give one of them; each says which designs are asked about")
    if sources["--config"] is not None and not tokens_given:
        raise typer.BadParameter("--config needs --tokens (2e12): a config.json does not say on how many it is trained")
    if outputs["--csv"] is not None and sources["--designs"] is None:
        raise typer.BadParameter("--csv goes with --designs FILE; --json prints the answer to a single design")
    if outputs["--csv"] is not None and outputs["--json"]:
        raise typer.BadParameter("--csv and --json: give one of them")
    if sources["--designs"] is not None and (outputs["--plot"] is not None or outputs["--explain"]):
        raise typer.BadParameter("--designs answers in a table; --plot and --explain are for one design or --compare")
