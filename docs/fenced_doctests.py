"""Extension of the site's reference: `>>>` examples of docstrings are shown as code, wherever they are."""

from __future__ import annotations

import re
from typing import Any

import griffe

EXAMPLE = re.compile(r"^>>> .*(?:\n(?!\s*$).*)*", flags=re.MULTILINE)


class FencedDoctests(griffe.Extension):
    """Put each block that begins with `>>>` into a fence, unless the docstring has a section of examples."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Called for every module, class and function that is read."""
        docstring = obj.docstring
        if docstring is not None and not re.search(r"^\s*Examples\b", docstring.value, flags=re.MULTILINE):
            docstring.value = EXAMPLE.sub(lambda match: f"```pycon\n{match[0]}\n```", docstring.value)
