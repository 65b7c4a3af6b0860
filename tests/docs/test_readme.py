"""The documentation agrees with the code, the benchmarks and the released model."""

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

from fruit_caption.commands import terminal
from fruit_caption.commands.app import app
from fruit_caption.comparison.report import markdown, score_section

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
RESULTS = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "docs/*.md", "artifacts/**/README.md", "data/*.md")
    for path in ROOT.glob(pattern)
)


@pytest.mark.parametrize("name", ["real", "real-lite0"])
def test_results_are_those_of_compare(name):
    folder = ROOT / "artifacts" / name
    comparison = json.loads((folder / "comparison.json").read_text(encoding="utf-8"))
    tables = (folder / "comparison.md").read_text(encoding="utf-8")
    assert markdown(comparison) == tables
    assert len(comparison["results"]) == 2
    for split in comparison["results"]:
        assert score_section(comparison, split) in RESULTS


def test_results_are_those_of_the_release_benchmark(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    release = runpy.run_path(str(ROOT / "benchmarks" / "release.py"))
    found = json.loads((ROOT / "benchmarks" / "release.json").read_text(encoding="utf-8"))
    assert release["with_goals"](release["table"](found["results"], release["COLUMNS"])) in RESULTS
    assert release["table"](found["results"], release["DETECTOR_COLUMNS"]) in RESULTS
    assert release["summary"](found["results"]) in README


def test_the_readme_is_short():
    assert len(README.split()) <= 1500


def test_what_a_million_photos_cost_is_the_benchmarks():
    page = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
    table = (ROOT / "benchmarks" / "scale.md").read_text(encoding="utf-8")
    rows = [line for line in table.splitlines() if line.startswith("|")]
    assert len(rows) > 10
    assert [line for line in page.splitlines() if line in rows] == rows


@pytest.mark.parametrize("picture", re.findall(r"!\[[^]]*\]\(([^)]+)\)", README))
def test_pictures_are_there(picture):
    assert (ROOT / picture).is_file()


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_files(page):
    for link in re.findall(r"\]\((?!https?:)([^)#]+)", (ROOT / page).read_text(encoding="utf-8")):
        assert (ROOT / page).parent.joinpath(link).exists(), link


def test_the_picture_at_the_top_is_small():
    assert (ROOT / "docs" / "answer.png").stat().st_size < 300_000


SMALLER = {
    # With this seed, the twelve scenes fall into all three splits.
    "generate-data": "--seed 2 --writer grammar",
    "train": "--encoder-weights none --image-size 48 --epochs 1 --pretrain-steps 2",
    "compare": "--variant scratch --image-size 48 --epochs 1 --pretrain-steps 2 --seeds 1",
}
"""Options that make slow commands fast; of an option that is given twice the last one counts."""

CONTINUED = "--epochs 0 --decoder-epochs 1"
"""The same for a training that goes on from a run, of which nothing can be made smaller."""


def code_blocks(page="README.md"):
    """The shell blocks of a page."""
    text = (ROOT / page).read_text(encoding="utf-8")
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    return [lines for language, lines in blocks if not language]


def sessions():
    """The commands of the README and of docs/commands.md, each with the output that is shown."""
    for block in (*code_blocks(), *code_blocks("docs/commands.md")):
        lines = block.splitlines()
        for place, line in enumerate(lines):
            command = line.removeprefix("$ ").split("  #")[0].strip()
            if command.startswith("fruit "):
                shown = takewhile(lambda other: not other.startswith("$ "), lines[place + 1 :])
                yield command, list(shown) if line.startswith("$ ") else []


def pattern(line):
    """A regular expression for a line of output; confidences may differ between machines."""
    return re.sub(r"\d+(?=\\ %)", r"\\d+", re.escape(line).replace("…", ".*"))


def test_every_command_prints_what_the_readme_promises(photos, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for console in ("output", "errors", "notes"):
        monkeypatch.setattr(terminal, console, Console(stderr=console != "output", width=200))
    shutil.copytree(photos, "photos")
    with Image.open(photos / "images" / "05.png") as picture:
        picture.convert("RGB").save("photo.jpg")
    shutil.copytree(ROOT / "docs" / "sample", "docs/sample")
    ran = []
    for command, shown in sessions():
        name = shlex.split(command)[1]
        if re.search(r"[A-Z]{4,}", command):
            continue  # has a placeholder; test_commands_and_their_options_exist checks its options
        command = command.replace("--scenes 1000", "--scenes 12")
        smaller = CONTINUED if "--from" in command else SMALLER.get(name, "")
        words = [*shlex.split(command)[1:], *shlex.split(smaller)]
        result = CliRunner().invoke(app, words)
        refused = any(line.startswith("error: ") for line in shown)
        assert result.exit_code == (2 if refused else 0), (command, result.output)
        printed = (result.stderr if refused else result.stdout).splitlines()
        for line in shown:
            assert any(re.fullmatch(pattern(line), other) for other in printed), (line, printed)
        ran.append(name)
    assert len(ran) >= 14
    assert Path("seen.png").is_file()
    assert Path("answers.csv").is_file()


def test_python_answers_as_the_readme_says(monkeypatch):
    monkeypatch.chdir(ROOT)
    [code] = re.findall(r"^```python\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)
    names: dict = {}
    exec(code, names)
    answer = names["answer"]
    assert f"# {answer.text!r}, {answer.value}, {answer.confidence:.2f}" in code


@pytest.mark.parametrize("page", PAGES)
def test_commands_and_their_options_exist(page):
    commands = get_command(app).commands
    code = "".join(code_blocks(page))
    for name, rest in re.findall(r"^(?:\$ )?fruit ([a-z-]+)(.*)$", code, flags=re.MULTILINE):
        options = {option for parameter in commands[name].params for option in parameter.opts}
        options |= {o for parameter in commands[name].params for o in parameter.secondary_opts}
        assert set(re.findall(r"--[a-z-]+", rest.split("#")[0])) <= options, name
