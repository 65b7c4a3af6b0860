"""What is left when a command is killed at any moment: `python benchmarks/kills.py 6 [COMMAND …]`.

Each command runs once undisturbed. Then the same is begun in a new folder and killed (SIGKILL, with
all its processes) after some random time, begun again, and so on, until it ends; then anew, until
it was killed so often. All results must be the same: every file, byte for byte, but for times of
the day and durations. Writes the rows of all commands, or of those named, into benchmarks/kills.md.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from fruit_caption.runs import Run
from fruit_caption.utils.files import write_text

FRUIT = [sys.executable, str(Path(__file__).parents[1] / "cli.py")]
TABLE = Path(__file__).with_name("kills.md")
SMALL = "--image-size 48 --pretrain-steps 20 --batch-size 8 --epochs 6".split()
HEAD = [
    "| command | undisturbed, s | killed | ended as undisturbed | files |",
    "| --- | ---: | ---: | ---: | ---: |",
]
CLOCKED = ("cost.png", "comparison.md", "report.html")
"""Files that show how long things took."""


@dataclass(frozen=True)
class Command:
    """What is killed: how it is begun in a folder, how it goes on, and what it leaves there.

    Attributes:
        begin: the words of the command, in a folder.
        result: the file or folder that it makes there.
        go_on: what to add once there is this file in the folder.
        last: the file that it makes last, where it can't be begun again once that is there.
    """

    name: str
    begin: Callable[[Path], list[str]]
    result: str
    go_on: tuple[str, str] = ("", "")
    last: str = ""


def commands(data: Path, run: Path) -> list[Command]:
    """All that write something, at a small size."""
    trained = ["--data", str(data), *SMALL]
    return [
        Command(
            "generate-data",
            lambda folder: ["generate-data", "--scenes", "30", "--out", str(folder / "data")],
            "data",
        ),
        Command(
            "train",
            lambda folder: ["train", "--scratch", "--run", str(folder / "run"), *trained],
            "run",
            ("run/config.json", "--resume"),
            "run/model.keras",
        ),
        Command(
            "compare",
            lambda folder: [
                *["compare", "--variant", "scratch", "--name", str(folder / "compared")],
                *trained,
            ],
            "compared",
        ),
        Command(
            "train-writer",
            lambda folder: ["train-writer", "--steps", "60", "--out", str(folder / "writer")],
            "writer",
        ),
        Command("export", lambda folder: ["export", "--run", str(_copied(run, folder))], "run"),
    ]


def main() -> None:
    kills, names = int(sys.argv[1]), sys.argv[2:]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data, run = folder / "made", folder / "trained"
        _fruit(["generate-data", "--scenes", "40", "--writer", "grammar", "--out", str(data)])
        _fruit(["train", "--scratch", "--data", str(data), "--run", str(run), *SMALL])
        for command in commands(data, run):
            if not names or command.name in names:
                _file(command.name, measure(command, folder, kills))


def _file(name: str, row: str) -> None:
    """Put a row at the end of the table; the one that the command had is dropped."""
    lines = TABLE.read_text().splitlines() if TABLE.is_file() else HEAD
    rows = [line for line in lines if not line.startswith(f"| {name} |")]
    write_text(TABLE, "\n".join([*rows, row]) + "\n")


def measure(command: Command, folder: Path, kills: int) -> str:
    """A row of the table.

    Raises:
        AssertionError: a killed command ends otherwise than an undisturbed one.
    """
    undisturbed, killed = folder / f"{command.name}-1", folder / f"{command.name}-2"
    undisturbed.mkdir()
    began = time.monotonic()
    _fruit(command.begin(undisturbed))
    seconds = time.monotonic() - began
    expected = contents(undisturbed / command.result)
    chance = random.Random(command.name)
    ends, left = 0, kills
    while left or killed.is_dir():
        killed.mkdir(exist_ok=True)
        if not (command.last and (killed / command.last).is_file()):
            words = _words(command, killed)
            if left and _kill(words, chance.uniform(0.1, 1) * seconds):
                left -= 1
                continue
            if not left:
                _fruit(words)
        found = contents(killed / command.result)
        names = {*expected, *found}
        assert found == expected, sorted(n for n in names if found.get(n) != expected.get(n))
        shutil.rmtree(killed)
        ends += 1
    return f"| {command.name} | {seconds:.0f} | {kills} | {ends} | {len(expected)} |"


def contents(folder: Path) -> dict[str, str]:
    """What every file of a folder holds, by its name there; without what a clock told."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(_timeless(path)).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in CLOCKED
    }


def _timeless(path: Path) -> bytes:
    if path.suffix == ".csv":
        rows = csv.DictReader(io.StringIO(path.read_text()))
        return repr([{**row, "seconds": None} for row in rows]).encode()
    if path.suffix == ".keras":  # also says when it was saved
        with zipfile.ZipFile(path) as file:
            config = file.read("config.json")
        weights = Run(path.parent).load_model().get_weights()
        return b"".join([config, *(np.asarray(value).tobytes() for value in weights)])
    if path.suffix == ".onnx":  # tf2onnx names, orders and folds the same operations otherwise
        return b"".join(array.tobytes() for array in _computed(path))
    if path.suffix == ".json":
        content = json.loads(path.read_text(), object_hook=_uncounted)
        return json.dumps(content).encode()
    return path.read_bytes()


def _computed(path: Path) -> list[np.ndarray]:
    """What an ONNX file makes of the same random inputs, by the names of its outputs."""
    session = onnxruntime.InferenceSession(path)
    chance = np.random.default_rng(0)
    given = {}
    for one in session.get_inputs():
        numbers = chance.random([size if isinstance(size, int) else 2 for size in one.shape])
        kind = one.type.removeprefix("tensor(").rstrip(")")
        given[one.name] = (4 * numbers).astype("float32" if kind == "float" else kind)
    names = sorted(one.name for one in session.get_outputs())
    return list(session.run(names, given))


def _uncounted(content: dict[str, Any]) -> dict[str, Any]:
    """Without costs, the time of day, and the digest of a model's file, which holds that too."""
    return {
        name: value
        for name, value in content.items()
        if name not in ("cost", "costs", "date_saved")
        and not (name == "model" and isinstance(value, str))
    }


def _words(command: Command, folder: Path) -> list[str]:
    sign, option = command.go_on
    return [*command.begin(folder), *([option] if sign and (folder / sign).is_file() else [])]


def _kill(words: list[str], after: float) -> bool:
    """Begin a command and kill it; false if it was done before."""
    process = subprocess.Popen(
        [*FRUIT, *words],
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        _, told = process.communicate(timeout=after)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return True
    assert process.returncode == 0, told
    return False


def _fruit(words: list[str]) -> None:
    done = subprocess.run([*FRUIT, *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def _copied(run: Path, folder: Path) -> Path:
    """A run of its own to export in each folder."""
    copy = folder / "run"
    if not copy.is_dir():
        shutil.copytree(run, folder / "copying")
        os.replace(folder / "copying", copy)
    return copy


if __name__ == "__main__":
    main()
