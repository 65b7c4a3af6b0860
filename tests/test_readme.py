"""The README says what is so."""

import json
import re
import runpy
import shlex
import shutil
from itertools import takewhile
from pathlib import Path

import pytest
from PIL import Image
from rich.console import Console
from typer.main import get_command
from typer.testing import CliRunner

import cli
from fruit_caption import runs
from fruit_caption.commands import terminal
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


def test_the_table_of_eyes_is_the_benchmarks():
    table = runpy.run_path(str(ROOT / "benchmarks" / "encoders.py"))["table"]
    found = json.loads((ROOT / "benchmarks" / "encoders.json").read_text(encoding="utf-8"))
    assert table(found["results"]) in README


def test_the_table_of_the_release_is_the_benchmarks(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    release = runpy.run_path(str(ROOT / "benchmarks" / "release.py"))
    found = json.loads((ROOT / "benchmarks" / "release.json").read_text(encoding="utf-8"))
    table = release["table"](found["results"], release["COLUMNS"], "model")
    assert release["with_goals"](table) in README


@pytest.mark.parametrize("picture", re.findall(r"!\[[^]]*\]\(([^)]+)\)", README))
def test_pictures_are_there(picture):
    assert (ROOT / picture).is_file()


def test_the_layout_lists_every_module():
    layout = README.split("## Layout")[1]
    told = set(re.findall(r"([a-z_]+\.py) ", layout))
    there = {path.name for path in (ROOT / "fruit_caption").rglob("*.py")} - {"__init__.py"}
    assert told == there | {"cli.py"}


SMALLER = {
    "generate-data": "--seed 1",
    "train": "--encoder-weights none --image-size 48 --epochs 1 --reading 2",
    "compare": "--variant scratch --image-size 48 --epochs 1 --reading 2 --seeds 1",
}
"""What is added to commands that would take too long; of an option given twice the last counts."""


def code_blocks():
    """The blocks of the README that are typed into a shell, and show what it prints."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)
    return [lines for language, lines in blocks if not language]


def sessions():
    """Commands with what they print; nothing where it isn't shown."""
    for block in code_blocks():
        lines = block.splitlines()
        for place, line in enumerate(lines):
            command = line.removeprefix("$ ").split("  #")[0].strip()
            if command.startswith("fruit "):
                shown = takewhile(lambda other: not other.startswith("$ "), lines[place + 1 :])
                yield command, list(shown) if line.startswith("$ ") else []


def pattern(line):
    """What a line may look like that the README shows: other fruits, numbers and words."""
    if line.startswith("error: "):
        return re.escape(line.removesuffix("…")) + ".*"
    line = re.sub(r"(?<=: )\d+ \w+(, \d+ \w+)*$", "COUNTS", line)
    line = re.sub(r"(^|(?<=\? )|(?<=jpg: ))[A-Z][a-z, ]+\.", "SENTENCE", line)
    line = re.sub(r"^[a-z ]+\?", "QUESTION", line)  # a quiz asks what it likes
    line = (
        re.escape(line)
        .replace("QUESTION", r".+\?")
        .replace("…", ".*")
        .replace(r"photos/bowl\.jpg", r"photos/\S+")
    )
    line = line.replace("SENTENCE", r"(.+\.|…)").replace("COUNTS", r"(\d+ .+|no fruit)")
    return re.sub(r"\d+(?=\\ %)", r"\\d+", line)


def test_a_line_of_the_readme_stands_for_lines_like_it():
    shown = "photos/bowl.jpg: any limes? No, there is no lime. (99 % sure)"
    assert re.fullmatch(pattern(shown), "photos/a/1.png: any limes? Yes, there are. (3 % sure)")
    assert not re.fullmatch(pattern(shown), "photos/a/1.png: any limes? Yes, there are. (sure)")
    assert re.fullmatch(pattern("in all: 14 apples, 6 bananas"), "in all: 2 kiwis")
    assert not re.fullmatch(pattern("in all: 14 apples"), "2 kiwis")


def test_every_command_prints_what_the_readme_promises(learnt, photos, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for console in ("output", "errors", "notes"):
        monkeypatch.setattr(terminal, console, Console(stderr=console != "output", width=200))
    shutil.copytree(photos, "photos")
    with Image.open(photos / "images" / "05.png") as picture:
        picture.convert("RGB").save("photo.jpg")
    monkeypatch.setattr(runs, "released", lambda: learnt[0])
    ran = []
    for command, shown in sessions():
        name = shlex.split(command)[1]
        if name in ("serve", "train-writer"):
            continue  # one goes on for ever, the other for long
        if re.search(r"[A-Z]{4,}", command):
            continue  # of files that everybody has elsewhere; its options are looked at below
        command = command.replace("--scenes 1000", "--scenes 12 --writer grammar")
        command = command.replace("pomegranate", "apple")
        words = [*shlex.split(command)[1:], *shlex.split(SMALLER.get(name, ""))]
        result = CliRunner().invoke(cli.app, words)
        refused = any(line.startswith("error: ") for line in shown)
        assert result.exit_code == (2 if refused else 0), (command, result.output)
        printed = (result.stderr if refused else result.stdout).splitlines()
        for line in shown:
            if line.startswith("  or ") or line == "…":
                continue  # how many others there are differs from model to model
            assert any(re.fullmatch(pattern(line), other) for other in printed), (line, printed)
        ran.append(name)
    assert len(ran) >= 14
    assert Path("seen.png").is_file()
    assert Path("answers.csv").is_file()


def test_commands_and_their_options_exist():
    commands = get_command(cli.app).commands
    code = "".join(code_blocks())
    lines = re.findall(r"^(?:\$ )?fruit ([a-z-]+)(.*)$", code, flags=re.MULTILINE)
    assert len(lines) >= 14
    for name, rest in lines:
        options = {option for parameter in commands[name].params for option in parameter.opts}
        options |= {o for parameter in commands[name].params for o in parameter.secondary_opts}
        assert set(re.findall(r"--[a-z-]+", rest.split("#")[0])) <= options, name
