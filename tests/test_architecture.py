"""Imports point one way, so that each room can be read without those that use it."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "fruit_caption"

ROOMS = (
    "commands",
    "web",
    "comparison",
    "training",
    "evaluation",
    "inference",
    "datagen",
    "rendering",
    "runs",
    "data",
    "models",
    "language",
    "config",
    "utils",
)
"""The folders and modules at the top of the package; each imports only from rooms below it."""

SCREEN = 50
"""Maximum number of lines of a function, without its signature and docstring."""


def module_name(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in PACKAGE.rglob("*.py")}


def room(module):
    return module.split(".")[1]


def imported(path):
    """The project's modules that a file imports, even inside functions or for types only."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= (inner & set(MODULES)) or {node.module}
    return found & set(MODULES)


def test_every_room_is_listed():
    rooms = {room(name) for name in MODULES if "." in name}
    assert rooms - {"__main__"} == set(ROOMS)


@pytest.mark.parametrize("importer", sorted(set(MODULES) - {"fruit_caption"}))
def test_rooms_import_only_from_rooms_below(importer):
    if importer == "fruit_caption.__main__":
        return
    allowed = ROOMS[ROOMS.index(room(importer)) :]
    others = {room(other) for other in imported(MODULES[importer]) if "." in other}
    assert others <= set(allowed)


def test_no_two_modules_import_each_other():
    # What the package itself hands on, it imports from its own rooms.
    graph = {name: imported(path) for name, path in MODULES.items() if name != "fruit_caption"}
    try:
        list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


@pytest.mark.parametrize("name", sorted(MODULES))
def test_functions_fit_on_a_screen(name):
    for node in ast.walk(ast.parse(MODULES[name].read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef):
            has_docstring = ast.get_docstring(node) is not None
            first = node.body[1] if has_docstring and len(node.body) > 1 else node.body[0]
            assert node.end_lineno - first.lineno < SCREEN, node.name
