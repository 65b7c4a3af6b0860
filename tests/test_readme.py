"""The README says what is so."""

import json
import re
from pathlib import Path

import pytest
from typer.main import get_command

import cli
from fruit_caption.reporting import markdown, score_section

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMPARISON = ROOT / "artifacts" / "real"


def test_the_tables_of_results_are_those_that_compare_wrote():
    comparison = json.loads((COMPARISON / "comparison.json").read_text(encoding="utf-8"))
    tables = (COMPARISON / "comparison.md").read_text(encoding="utf-8")
    assert markdown(comparison) == tables
    assert len(comparison["results"]) == 2
    for split in comparison["results"]:
        assert score_section(comparison, split) in README


@pytest.mark.parametrize("picture", re.findall(r"!\[[^]]*\]\(([^)]+)\)", README))
def test_pictures_are_there(picture):
    assert (ROOT / picture).is_file()


def test_the_layout_lists_every_module():
    layout = README.split("## Layout")[1]
    told = set(re.findall(r"([a-z_]+\.py) ", layout))
    there = {path.name for path in (ROOT / "fruit_caption").rglob("*.py")} - {"__init__.py"}
    assert told == there | {"cli.py"}


def test_commands_and_their_options_exist():
    commands = get_command(cli.app).commands
    code = "".join(re.findall(r"^```\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL))
    lines = re.findall(r"^fruit ([a-z-]+)(.*)$", code, flags=re.MULTILINE)
    assert len(lines) >= 5
    for name, rest in lines:
        options = {option for parameter in commands[name].params for option in parameter.opts}
        options |= {o for parameter in commands[name].params for o in parameter.secondary_opts}
        assert set(re.findall(r"--[a-z-]+", rest.split("#")[0])) <= options, name
