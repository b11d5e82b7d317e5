"""The public names of the laws, mixtures and trajectories: each is there, documented, imported when it is first used,
and the examples in the packages' docstrings give what they say."""

import ast
import doctest
import importlib
import inspect
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGES = ("foretell.laws", "foretell.mixtures", "foretell.trajectories")


def submodules(package: str) -> list[str]:
    path = importlib.import_module(package).__path__
    return [f"{package}.{module.name}" for module in pkgutil.iter_modules(path)]


def imported_for_types(package: str) -> dict[str, str]:
    """Name -> submodule, as the package's `if TYPE_CHECKING` block says."""
    source = Path(str(importlib.import_module(package).__file__)).read_text(encoding="utf-8")
    block = next(node for node in ast.parse(source).body if isinstance(node, ast.If))
    return {
        alias.name: str(node.module).removeprefix(f"{package}.")
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_is_listed_typed_and_documented(package: str) -> None:
    module = importlib.import_module(package)
    typed = imported_for_types(package)
    assert sorted(module.__all__) == sorted(typed)
    assert typed == module._MODULE_OF
    names = {name.split(".")[-1] for name in submodules(package)}
    assert not names & set(typed), "a name that is also a submodule is one or the other by chance"
    for name in module.__all__:
        value = getattr(module, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert value.__module__ == f"{package}.{typed[name]}", name
            assert (value.__doc__ or "").strip() and not value.__doc__.startswith(f"{name}("), name
    with pytest.raises(AttributeError, match="no attribute 'missing'"):
        module.missing  # noqa: B018
    assert set(module.__all__) <= set(dir(module))


@pytest.mark.parametrize("package", PACKAGES)
def test_examples_give_what_they_say(package: str) -> None:
    results = [doctest.testmod(importlib.import_module(name)) for name in (package, *submodules(package))]
    assert sum(result.failed for result in results) == 0
    assert sum(result.attempted for result in results) >= 10


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        *((name, ("numpy", "scipy", "pandas", "matplotlib")) for name in PACKAGES),
        ("foretell.laws.counting", ("scipy", "pandas", "matplotlib", "joblib", "pydantic")),
        ("foretell.trajectories.trends", ("pandas", "matplotlib")),
        ("foretell.mixtures.predict", ("pandas", "matplotlib", "lightgbm")),
        ("foretell.mixtures.settings", ("numpy", "scipy", "numba")),
    ],
)
def test_importing_one_part_does_not_load_the_others(module: str, absent: tuple[str, ...]) -> None:
    code = f"import sys, {module}; print([name for name in {absent!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
