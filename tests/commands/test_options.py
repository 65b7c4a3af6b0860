"""Options are made from dataclass fields; error codes have hints."""

import ast
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from fruit_caption.commands.engine_options import EngineOptions
from fruit_caption.commands.hints import HINTS
from fruit_caption.commands.options import Options, field_descriptions, with_options
from fruit_caption.config import DataConfig, ModelConfig, TrainingConfig

PACKAGE = Path(__file__).parents[2] / "fruit_caption"


@dataclass(frozen=True)
class Cooking:
    """How to cook.

    Attributes:
        dish: Name of the dish,
            in lower case.
        minutes: Cooking time.
        salt: Add salt.
        spices: Names of spices.
        cook: Not an option here.
    """

    dish: str | None = None
    minutes: int = 10
    salt: bool = False
    spices: tuple[str, ...] = ()
    cook: str = "me"


@pytest.fixture
def run():
    """Run a command with options made from `Cooking`, and return what it was called with."""

    def command(
        *,
        cooking: Annotated[Cooking, Options("spices", "minutes", "salt", "dish")],
        guests: Annotated[int, typer.Option()],
    ) -> None:
        """Cook."""
        calls.append((cooking, guests))

    calls: list = []
    app = typer.Typer(rich_markup_mode=None)
    app.command()(with_options(command))

    def invoke(*arguments):
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 0, result.output
        return calls[-1] if calls else result.stdout

    return invoke


def test_unset_options_keep_the_defaults(run):
    assert run("--guests", "2") == (Cooking(), 2)


def test_options_set_the_fields(run):
    arguments = ["--dish", "soup", "--minutes", "5", "--salt", "--spices", "a", "--spices", "b"]
    assert run(*arguments, "--guests", "2") == (Cooking("soup", 5, True, ("a", "b")), 2)


def test_help_shows_the_docstring_and_the_default(run):
    text = " ".join(run("--help").split())
    assert "--dish <str> Name of the dish, in lower case." in text
    assert "Cooking time. [default: 10]" in text
    assert "--salt / --no-salt" in text
    assert "Names of spices. Can be given several times." in text
    assert "--cook" not in text
    assert text.index("--spices") < text.index("--minutes") < text.index("--guests")


@pytest.mark.parametrize("config", [DataConfig, ModelConfig, TrainingConfig, EngineOptions])
def test_every_field_has_a_description(config):
    assert list(field_descriptions(config)) == [field.name for field in fields(config)]


def test_every_error_code_has_a_hint():
    codes = {
        call.args[1].value
        for path in PACKAGE.rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id.endswith("Error")
        and len(call.args) == 2
        and isinstance(call.args[1], ast.Constant)
    }
    assert codes == set(HINTS)
