"""The small distribution in light/: asking needs its packages only, and other commands say so."""

import subprocess
import sys
from configparser import ConfigParser
from functools import cache
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
PICTURE = str(next((ROOT / "docs" / "sample" / "images").glob("*.*")))
LIGHT = tomllib.loads((ROOT / "light" / "pyproject.toml").read_text(encoding="utf-8"))
FULL = ConfigParser()
FULL.read(ROOT / "setup.cfg", encoding="utf-8")

ALONE = """
import sys
from importlib.machinery import PathFinder

class OnlyLight:
    '''Hides all packages but those of the small distribution.'''

    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        found = PathFinder.find_spec(top) if top not in sys.stdlib_module_names else None
        origin = found and (found.origin or "")
        if origin and "site-packages" in origin and top not in LIGHT:
            raise ModuleNotFoundError(f"No module named {top!r}", name=top)

LIGHT = sys.argv.pop(1).split(",")
sys.meta_path.insert(0, OnlyLight())
from fruit_caption.commands.app import app
app()
"""
"""Runs `fruit` with the top-level packages in the first argument, separated by commas."""


@cache
def light_modules():
    """Top-level modules of the small distribution's dependencies, and of theirs."""
    todo, distributions = list(LIGHT["project"]["dependencies"]), set()
    while todo:
        name = Requirement(todo.pop()).name.lower().replace("_", "-")
        if name not in distributions:
            distributions.add(name)
            needed = map(Requirement, metadata.requires(name) or ())
            todo += [str(r) for r in needed if not r.marker or r.marker.evaluate({"extra": ""})]
    tops = metadata.packages_distributions().items()
    return {
        top for top, names in tops if distributions & {n.lower().replace("_", "-") for n in names}
    }


def fruit(*words):
    command = [sys.executable, "-c", ALONE, ",".join(light_modules()), *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "words",
    [["ask", PICTURE, "which fruits are there?", "--json"], ["count", PICTURE],
     ["caption", PICTURE], ["quiz", PICTURE], ["--help"], ["train", "--help"]],
    ids=lambda words: words[0],
)  # fmt: skip
def test_asking_needs_the_light_packages_only(words):
    done = fruit(*words)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


@pytest.mark.parametrize(
    ("words", "missing"),
    [(["train"], "keras"), (["evaluate", "--run", "release"], "keras"),
     (["export", "--run", "release"], "keras"), (["compare"], "keras"), (["train-writer"], "keras"),
     (["ask", PICTURE, "any figs?", "--show", "unwritten.png"], "matplotlib"),
     (["serve"], "Gradio")],
    ids=lambda words: words[0] if isinstance(words, list) else words,
)  # fmt: skip
def test_other_commands_say_in_one_line_what_is_missing(words, missing):
    done = fruit(*words)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert f"needs {missing}" in done.stderr
    assert "pip install" in done.stderr


def test_it_is_the_same_package_with_fewer_dependencies():
    full = FULL["options"]
    assert LIGHT["tool"]["setuptools"]["packages"] == full["packages"].split()
    assert set(LIGHT["project"]["dependencies"]) < set(full["install_requires"].split("\n"))
    assert LIGHT["project"]["requires-python"] == full["python_requires"]
    scripts = [f"{name} = {target}" for name, target in LIGHT["project"]["scripts"].items()]
    assert scripts == FULL["options.entry_points"]["console_scripts"].split("\n")[1:]


def test_its_files_are_there():
    for package, folder in (
        ("fruit_caption", "fruit_caption"),
        ("fruit_caption.shipped", "artifacts"),
    ):
        patterns = LIGHT["tool"]["setuptools"]["package-data"][package]
        assert all(list((ROOT / folder).glob(pattern)) for pattern in patterns), patterns


def test_both_distributions_have_every_file_of_the_package():
    """A file that one of the lists lacks is missing only where it is installed from a wheel."""
    both = [
        LIGHT["tool"]["setuptools"]["package-data"]["fruit_caption"],
        FULL["options.package_data"]["fruit_caption"].split(),
    ]
    package = ROOT / "fruit_caption"
    found = [path for path in package.rglob("*") if path.is_file()]
    files = {path for path in found if path.suffix not in (".py", ".pyc")}
    assert files
    for patterns in both:
        assert {path for pattern in patterns for path in package.glob(pattern)} == files
