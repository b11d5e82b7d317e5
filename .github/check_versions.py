"""Check that foretell/version.py (which pyproject.toml reads), CHANGELOG.md and CITATION.cff give one version, and
print what the changelog says of it (the notes of a release). Called with a tag, it also checks that the tag is that
version. Uses the standard library only, so that a release can be checked without an environment."""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PLACES = {
    "foretell/version.py": r'^__version__ = "(.+)"$',
    "CITATION.cff": r"^version: (.+)$",
    "CHANGELOG.md": r"^## \[(\d.*)\] - \d{4}-\d\d-\d\d$",
}
DATES = {"CITATION.cff": r"^date-released: (.+)$", "CHANGELOG.md": r"^## \[\d.*\] - (\d{4}-\d\d-\d\d)$"}


def first_matches(patterns: dict[str, str], root: Path = ROOT) -> dict[str, str]:
    """For each file, what its pattern's group matches first ("none" where nothing matches)."""
    matches = {}
    for name, pattern in patterns.items():
        match = re.search(pattern, (root / name).read_text(encoding="utf-8"), flags=re.MULTILINE)
        matches[name] = match[1] if match else "none"
    return matches


def release_notes(root: Path = ROOT) -> str:
    """The newest version's section of the changelog, without its heading."""
    text = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    return re.split(r"^## \[\d.*$", text, flags=re.MULTILINE)[1].strip()


def main(tag: str = "") -> int:
    """0 when all versions agree, 1 with one line per file when they do not."""
    versions = first_matches(PLACES) | ({"the tag": tag.removeprefix("v")} if tag else {})
    for values in (versions, first_matches(DATES)):
        if len(set(values.values())) > 1 or "none" in values.values():
            print("\n".join(f"{name}: {value}" for name, value in values.items()), file=sys.stderr)
            return 1
    print(release_notes())
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
