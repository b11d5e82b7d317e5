"""Where tables are printed."""

from __future__ import annotations

from rich.console import Console


def console() -> Console:
    """As wide as the terminal, or 160 columns where there is none."""
    screen = Console()
    return screen if screen.is_terminal else Console(width=160)
