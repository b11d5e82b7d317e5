"""Which source files a computation depends on, read from the source itself: the modules that a module imports,
transitively, wherever in the file the import stands, and the files that it reads beside itself. Nothing is imported."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from functools import lru_cache
from pathlib import Path


def source_files(root: Path, modules: Collection[str], leave_out: Collection[str] = ()) -> set[str]:
    """The files below `root` that the named modules ("package.module") depend on, themselves included, as posix paths.

    Imports inside functions count, those under `if TYPE_CHECKING` do not. A package's `__init__.py` counts, unless it
    holds nothing but its docstring. A file or folder that a module names relative to its own (`Path(__file__).parent /
    "tasks"`, `Path(__file__).with_name("serving.py")`) counts; a Python file named like this is followed. Files in
    `leave_out` do not count, and what they import is not followed; `modules` themselves are always followed.

    Raises ValueError for a module that is not there, or a name that is imported from a package whose `__init__.py`
    provides it lazily (`__getattr__`): import it from the module that defines it.
    """
    start = {path.relative_to(root).as_posix() for name in modules for path in _files_of(root, name, must_exist=True)}
    todo, reached = sorted(start), set(start)
    while todo:
        file = todo.pop()
        if not file.endswith(".py"):
            continue
        for path in _named_by(root, root / file):
            name = path.relative_to(root).as_posix()
            if name not in reached and name not in leave_out:
                reached.add(name)
                todo.append(name)
    return {file for file in reached - set(leave_out) if not only_a_docstring(root / file)}


def _files_of(root: Path, module: str, must_exist: bool = False) -> Iterator[Path]:
    """The file of a module and the `__init__.py` of every package around it; nothing when it is not below `root`."""
    parts = module.split(".")
    for length in range(1, len(parts) + 1):
        base = root.joinpath(*parts[:length])
        for path in (base / "__init__.py", base.with_suffix(".py")):
            if path.is_file():
                yield path
                break
        else:
            if must_exist and not (length < len(parts) and base.is_dir()):
                raise ValueError(f"{root}: no module {module}")


def _named_by(root: Path, path: Path) -> Iterator[Path]:
    """The files that one module imports or reads beside itself."""
    imports, files = _references(path, path.stat().st_mtime_ns)
    package = list(path.relative_to(root).with_suffix("").parts)[:-1]
    for level, module, names in imports:
        base = [*package[: len(package) - level + 1], *module.split(".")] if level else module.split(".")
        dotted = ".".join(part for part in base if part)
        yield from _files_of(root, dotted)
        for name in names:
            if _is_module(root, f"{dotted}.{name}"):
                yield from _files_of(root, f"{dotted}.{name}")
            else:
                _require_not_lazy(root, dotted, name, path)
    for file in files:
        if file.exists() and file.is_relative_to(root):
            yield file


def _is_module(root: Path, module: str) -> bool:
    base = root.joinpath(*module.split("."))
    return base.with_suffix(".py").is_file() or (base / "__init__.py").is_file()


def _require_not_lazy(root: Path, package: str, name: str, importer: Path) -> None:
    path = root.joinpath(*package.split("."), "__init__.py")
    if not path.is_file() or name.startswith("__"):
        return
    tree = ast.parse(path.read_text(encoding="utf-8"))
    defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    if "__getattr__" in defined and name not in defined | set(_assigned(tree)) | set(_bound(tree)):
        raise ValueError(f"{importer}: {package} provides {name} lazily; import it from the module that defines it")


def _assigned(tree: ast.Module) -> Iterator[str]:
    return (node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))


def _bound(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name for alias in node.names)


@lru_cache(maxsize=1024)
def _references(path: Path, modified: int) -> tuple[list[tuple[int, str, list[str]]], list[Path]]:
    """What a file names: its imports as (level, module, names), and paths beside it. `modified` is its time stamp."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imports: list[tuple[int, str, list[str]]] = []
    for node in _executed(tree):
        if isinstance(node, ast.Import):
            imports += [(0, alias.name, []) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            imports.append((node.level, node.module or "", [alias.name for alias in node.names]))
    assigned = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.BinOp | ast.Call)]
    inner = {id(node.left) for node in nodes if isinstance(node, ast.BinOp)}  # `a / "b"` of `a / "b" / "c"`
    paths = (_path_of(node, path, assigned) for node in nodes if id(node) not in inner)
    return imports, [file for file in paths if file is not None and file != path]


def _executed(node: ast.AST) -> Iterator[ast.AST]:
    """Every node below `node` that can run: not the bodies of `if TYPE_CHECKING`."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
            for branch in child.orelse:
                yield branch
                yield from _executed(branch)
        else:
            yield child
            yield from _executed(child)


def _path_of(node: ast.expr, path: Path, assigned: dict[str, ast.expr]) -> Path | None:
    """The path that an expression over `Path(__file__)` and literal names stands for, or None; a folder counts only
    where something is appended to it."""
    value = _folder_of(node, path, assigned)
    appended = isinstance(node, ast.BinOp) or (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "with_name"
    )
    return value if appended else None


def _folder_of(node: ast.expr, path: Path, assigned: dict[str, ast.expr]) -> Path | None:
    match node:
        case ast.Call(func=ast.Name(id="Path"), args=[ast.Name(id="__file__")]):
            return path
        case ast.Call(func=ast.Attribute(value=inner, attr="resolve"), args=[]):
            return _folder_of(inner, path, assigned)
        case ast.Attribute(value=inner, attr="parent"):
            folder = _folder_of(inner, path, assigned)
            return folder.parent if folder else None
        case ast.Subscript(value=ast.Attribute(value=inner, attr="parents"), slice=ast.Constant(value=int(level))):
            folder = _folder_of(inner, path, assigned)
            return folder.parents[level] if folder else None
        case ast.BinOp(left=left, op=ast.Div(), right=ast.Constant(value=str(name))):
            folder = _folder_of(left, path, assigned)
            return folder / name if folder else None
        case ast.Call(func=ast.Attribute(value=inner, attr="with_name"), args=[ast.Constant(value=str(name))]):
            folder = _folder_of(inner, path, assigned)
            return folder.with_name(name) if folder else None
        case ast.Name(id=name) if name in assigned:
            return _folder_of(assigned[name], path, {key: value for key, value in assigned.items() if key != name})
    return None


def only_a_docstring(path: Path) -> bool:
    """Is this an `__init__.py` that holds nothing but its docstring?"""
    if path.name != "__init__.py":
        return False
    body = ast.parse(path.read_text(encoding="utf-8")).body
    return all(isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) for node in body)
