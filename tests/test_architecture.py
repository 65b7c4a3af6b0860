"""Imports point one way, so that each module can be read without those that use it."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "fruit_caption"
MOST_LINES = 400
TABLES = {"phrases.py", "shapes.py"}
"""Mostly data: what is said, and what fruit looks like."""
SCREEN = 50
"""Lines of a function, without its signature and docstring."""


def name_of(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in [ROOT / "cli.py", *PACKAGE.rglob("*.py")]}


def imported(path):
    """The project's own modules that a file imports anywhere; what only types need not."""
    found = set()
    for node in _running(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            # A package's own names are in its __init__, its modules are not.
            found |= (inner & set(MODULES)) or {node.module}
    return (found & set(MODULES)) - {name_of(path)}


def _running(node):
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return
    yield node
    for child in ast.iter_child_nodes(node):
        yield from _running(child)


def test_no_module_needs_one_that_needs_it():
    try:
        [
            *TopologicalSorter(
                {name: imported(path) for name, path in MODULES.items()}
            ).static_order()
        ]
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


LOWER = {
    "fruit_caption.photos": (
        "photos",
        "domain",
        "engines",
        "errors",
        "files",
        "pictures",
        "plot_style",
        "progress",
        "config",
    ),
    "fruit_caption.writer": (
        "writer",
        "photos",
        "domain",
        "engines",
        "errors",
        "files",
        "progress",
        "config",
        "optimizing",
    ),
    "fruit_caption.models": (
        "models",
        "domain",
        "errors",
        "files",
        "config",
        "vocabulary",
        "pictures",
        "photos",
    ),
}
"""What each package may know of the rest."""


@pytest.mark.parametrize("package", LOWER)
def test_packages_know_nothing_of_what_uses_them(package):
    may = {f"fruit_caption.{name}" for name in LOWER[package]}
    for name, path in MODULES.items():
        if name.startswith(package):
            others = {".".join(other.split(".")[:2]) for other in imported(path)}
            assert others - {"fruit_caption"} <= may, name


def test_only_the_command_line_knows_its_commands():
    users = {
        name
        for name, path in MODULES.items()
        if any(other.startswith("fruit_caption.commands") for other in imported(path))
    }
    assert {name for name in users if not name.startswith("fruit_caption.commands")} == {"cli"}


@pytest.mark.parametrize("name", sorted(set(MODULES) - {""}))
def test_files_are_short(name):
    path = MODULES[name]
    if path.name not in TABLES:
        assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES


@pytest.mark.parametrize("name", sorted(set(MODULES) - {""}))
def test_functions_fit_on_a_screen(name):
    for node in ast.walk(ast.parse(MODULES[name].read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef):
            told = ast.get_docstring(node) is not None
            first = node.body[1] if told and len(node.body) > 1 else node.body[0]
            assert node.end_lineno - first.lineno < SCREEN, node.name
