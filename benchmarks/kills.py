"""Checks that a command that was killed, and run again, ends with the same files.

    python benchmarks/kills.py KILLS [COMMAND …]

Each command runs once undisturbed. Then the same command runs in a new folder, is killed with all
its processes (SIGKILL) after a random time, and is run again, until it ends; all of this is
repeated until it was killed KILLS times. The results must be equal byte for byte, except for times
of day and durations. Writes a row for each command, or for those named, to benchmarks/kills.md.
"""

from __future__ import annotations

import argparse
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
from fruit_caption.utils import markdown
from fruit_caption.utils.files import write_text

FRUIT = [sys.executable, str(Path(__file__).parents[1] / "cli.py")]
TABLE = Path(__file__).with_name("kills.md")
HEADER = ("command", "undisturbed, s", "times killed", "equal results", "files")
SMALL = "--image-size 48 --pretrain-steps 20 --batch-size 8 --epochs 4 --decoder-epochs 3".split()
"""Options for a quick training."""
TIMED_FILES = ("cost.png", "comparison.md", "report.html")
"""Files that show durations; they are not compared."""


@dataclass(frozen=True)
class Command:
    """A command to kill.

    Attributes:
        name: The name of its row.
        arguments: Function from a working folder to the arguments of `fruit`.
        result: The file or folder that it writes, relative to the working folder.
        resume: A file, and the option to add if this file exists.
        last: The file that is written last, for a command that refuses to run once it exists.
    """

    name: str
    arguments: Callable[[Path], list[str]]
    result: str
    resume: tuple[str, str] = ("", "")
    last: str = ""

    def arguments_to_continue(self, folder: Path) -> list[str]:
        file, option = self.resume
        added = [option] if file and (folder / file).is_file() else []
        return [*self.arguments(folder), *added]


def commands(data: Path, run: Path) -> list[Command]:
    """Return all commands that write files, at a small size.

    Args:
        data: A data set.
        run: A finished run.
    """
    training = ["--data", str(data), *SMALL]
    return [
        Command(
            "generate-data",
            lambda folder: ["generate-data", "--scenes", "30", "--out", str(folder / "data")],
            "data",
        ),
        Command(
            "train",
            lambda folder: ["train", "--scratch", "--run", str(folder / "run"), *training],
            "run",
            ("run/config.json", "--resume"),
            "run/model.keras",
        ),
        Command(
            "compare",
            lambda folder: [
                *["compare", "--variant", "scratch", "--name", str(folder / "compared")],
                *training,
            ],
            "compared",
        ),
        Command(
            "train-writer",
            lambda folder: ["train-writer", "--steps", "60", "--out", str(folder / "writer")],
            "writer",
        ),
        Command("export", lambda folder: ["export", "--run", str(_copy_run(run, folder))], "run"),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kills", type=int, help="how many times to kill each command")
    parser.add_argument("commands", nargs="*", help="commands to kill; by default all")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data, run = folder / "made", folder / "trained"
        _fruit(["generate-data", "--scenes", "40", "--writer", "grammar", "--out", str(data)])
        _fruit(["train", "--scratch", "--data", str(data), "--run", str(run), *SMALL])
        for command in commands(data, run):
            if not args.commands or command.name in args.commands:
                _update_table(command.name, measure(command, folder, args.kills))


def _update_table(name: str, cells: list[str]) -> None:
    """Append a row to the table, in place of the row that the command had."""
    lines = TABLE.read_text().splitlines(keepends=True) if TABLE.is_file() else []
    others = [line for line in lines[2:] if not line.startswith(f"| {name} |")]
    head, rule, row = markdown.table(HEADER, [[name, *cells]]).splitlines(keepends=True)
    write_text(TABLE, "".join([head, rule, *others, row]))


def measure(command: Command, folder: Path, kills: int) -> list[str]:
    """Kill a command several times and return the cells of its row.

    Raises:
        AssertionError: A killed command ends with other files than an undisturbed one.
    """
    undisturbed, killed = folder / f"{command.name}-1", folder / f"{command.name}-2"
    undisturbed.mkdir()
    start = time.monotonic()
    _fruit(command.arguments(undisturbed))
    seconds = time.monotonic() - start
    expected = content_hashes(undisturbed / command.result)
    rng = random.Random(command.name)
    completed, left = 0, kills
    while left or killed.is_dir():
        killed.mkdir(exist_ok=True)
        if not (command.last and (killed / command.last).is_file()):
            arguments = command.arguments_to_continue(killed)
            if left and _run_and_kill(arguments, rng.uniform(0.1, 1) * seconds):
                left -= 1
                continue
            if not left:
                _fruit(arguments)
        found = content_hashes(killed / command.result)
        names = {*expected, *found}
        assert found == expected, sorted(n for n in names if found.get(n) != expected.get(n))
        shutil.rmtree(killed)
        completed += 1
    return [f"{seconds:.0f}", f"{kills}", f"{completed}", f"{len(expected)}"]


def content_hashes(folder: Path) -> dict[str, str]:
    """Return a hash of every file in a folder by its relative path, without what a clock gave."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(_timeless_content(path)).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in TIMED_FILES
    }


def _timeless_content(path: Path) -> bytes:
    if path.suffix == ".csv":
        rows = csv.DictReader(io.StringIO(path.read_text()))
        return repr([{**row, "seconds": None} for row in rows]).encode()
    if path.suffix == ".keras":  # the archive also holds the time when it was saved
        with zipfile.ZipFile(path) as file:
            config = file.read("config.json")
        weights = Run(path.parent).load_model().get_weights()
        return b"".join([config, *(np.asarray(value).tobytes() for value in weights)])
    if path.suffix == ".onnx":  # tf2onnx varies names, order and folding of the same operations
        return b"".join(array.tobytes() for array in _onnx_outputs(path))
    if path.suffix == ".json":
        return json.dumps(json.loads(path.read_text(), object_hook=_without_times)).encode()
    return path.read_bytes()


def _onnx_outputs(path: Path) -> list[np.ndarray]:
    """Outputs of an ONNX file for fixed random inputs, in the order of the outputs' names."""
    session = onnxruntime.InferenceSession(path)
    rng = np.random.default_rng(0)
    inputs = {}
    for spec in session.get_inputs():
        values = rng.random([size if isinstance(size, int) else 2 for size in spec.shape])
        dtype = spec.type.removeprefix("tensor(").rstrip(")")
        inputs[spec.name] = (4 * values).astype("float32" if dtype == "float" else dtype)
    names = sorted(spec.name for spec in session.get_outputs())
    return list(session.run(names, inputs))


def _without_times(content: dict[str, Any]) -> dict[str, Any]:
    """Drop costs, the time of day, and the digest of a model file, which holds that time, too."""
    return {
        name: value
        for name, value in content.items()
        if name not in ("cost", "costs", "date_saved")
        and not (name == "model" and isinstance(value, str))
    }


def _run_and_kill(arguments: list[str], seconds: float) -> bool:
    """Run `fruit` and kill it after some seconds; return False if it ended before."""
    process = subprocess.Popen(
        [*FRUIT, *arguments],
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        _, errors = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return True
    assert process.returncode == 0, errors
    return False


def _fruit(arguments: list[str]) -> None:
    done = subprocess.run([*FRUIT, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def _copy_run(run: Path, folder: Path) -> Path:
    """Copy a run into a folder once, so that each working folder exports its own."""
    copy = folder / "run"
    if not copy.is_dir():
        shutil.copytree(run, folder / "copying")
        os.replace(folder / "copying", copy)
    return copy


if __name__ == "__main__":
    main()
