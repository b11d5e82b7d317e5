"""Which files a module depends on, read from small trees of source: every form of import, and files beside a module."""

from pathlib import Path

import pytest

from foretell.sources import source_files


def tree(root: Path, **files: str) -> Path:
    """Write `a__b` as a/b.py below `root`."""
    for name, text in files.items():
        path = root / (name.replace("__", "/").replace("/init", "/__init__") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_imports_are_followed_through_modules_functions_and_packages(tmp_path: Path) -> None:
    root = tree(
        tmp_path,
        main="def run():\n    import house.room as room\n",
        house__init="from house.door import handle\n",
        house__door="import json, numpy\n",
        house__room="from house import chair\nfrom house.cellar import wine\n",
        house__chair="",
        house__cellar__init='"""Only words."""\n',
        house__cellar__wine="",
        house__attic="",
    )
    expected = {"main.py", "house/__init__.py", "house/door.py", "house/room.py", "house/chair.py"}
    assert source_files(root, ["main"]) == expected | {"house/cellar/wine.py"}


def test_imports_for_types_alone_do_not_count(tmp_path: Path) -> None:
    text = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import a\nelse:\n    import b\n"
    assert source_files(tree(tmp_path, main=text, a="", b=""), ["main"]) == {"main.py", "b.py"}


def test_relative_imports(tmp_path: Path) -> None:
    root = tree(tmp_path, p__q__m="from ..x import a\nfrom . import n\nfrom .n import b\n", p__q__n="", p__x="")
    assert source_files(root, ["p.q.m"]) == {"p/q/m.py", "p/q/n.py", "p/x.py"}


def test_circles_end(tmp_path: Path) -> None:
    assert source_files(tree(tmp_path, a="import b", b="import a"), ["a"]) == {"a.py", "b.py"}


def test_what_is_left_out_is_not_followed_unless_it_is_asked_for(tmp_path: Path) -> None:
    root = tree(tmp_path, main="import log\n", log="import colours\n", colours="")
    assert source_files(root, ["main"], {"log.py"}) == {"main.py"}
    assert source_files(root, ["main"], {"main.py"}) == {"log.py", "colours.py"}


def test_files_beside_a_module(tmp_path: Path) -> None:
    text = (
        "from pathlib import Path\n"
        "HERE = Path(__file__).resolve().parent\n"
        "TASKS = HERE / 'tasks'\n"
        "SERVED = Path(__file__).with_name('served.py')\n"
        "WORDS = Path(__file__).parents[1] / 'words' / 'en.txt'\n"
        "ABSENT = HERE / 'absent'\n"
    )
    root = tree(tmp_path, p__m=text, p__served="import q\n", q="")
    (root / "p" / "tasks").mkdir()
    (root / "words").mkdir()
    (root / "words" / "en.txt").touch()
    assert source_files(root, ["p.m"]) == {"p/m.py", "p/served.py", "q.py", "p/tasks", "words/en.txt"}


def test_a_name_that_a_package_provides_lazily_is_refused(tmp_path: Path) -> None:
    init = "__version__ = '1'\ndef __getattr__(name):\n    from p.m import thing\n    return thing\n"
    root = tree(tmp_path, p__init=init, p__m="", good="from p import m, __version__\n", bad="from p import thing\n")
    assert source_files(root, ["good"]) == {"good.py", "p/__init__.py", "p/m.py"}
    with pytest.raises(ValueError, match="p provides thing lazily; import it from the module that defines it"):
        source_files(root, ["bad"])


def test_a_module_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no module p\.m"):
        source_files(tree(tmp_path, p__init=""), ["p.m"])
