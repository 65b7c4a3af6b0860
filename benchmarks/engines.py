"""Whether engines make the same, and how fast: `python benchmarks/engines.py [PHOTOS]`.

`fruit generate-data` renders scenes and lets the shipped GPT-2 write about them: in its own
process, and with Ray, with one and with two that hold the model; then with two of which one is
killed in the middle. All data sets must be the same, byte for byte. Writes benchmarks/engines.md.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from kills import FRUIT, contents

from fruit_caption.utils.files import write_text

TABLE = Path(__file__).with_name("engines.md")
WAYS: dict[str, Sequence[str]] = {
    "its own process": (),
    "Ray, one actor": ("--engine", "ray", "--actors", "1"),
    "Ray, two actors": ("--engine", "ray", "--actors", "2"),
}
ROUNDS = 1
HOLDS_A_MODEL = "ray::MapWorker"
"""How the processes that hold a model call themselves."""


def main() -> None:
    photos = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory() as name:
        made = []
        for number in range(ROUNDS):
            for way, options in WAYS.items():
                folder = Path(name) / f"{len(made)}"
                seconds[way].append(generate(photos, folder, options))
                made.append(contents(folder))
                print(number, way, f"{seconds[way][-1]:.1f} s", flush=True)
        folder = Path(name) / "killed"
        killer = threading.Thread(target=kill_a_worker)
        killer.start()
        took = generate(photos, folder, WAYS["Ray, two actors"])
        killer.join()
        assert contents(folder) == made[0], "what was killed left something else"
        assert all(one == made[0] for one in made), "engines made different things"
    write_text(TABLE, table(photos, seconds, took, len(made[0])))


def generate(photos: int, folder: Path, options: Sequence[str]) -> float:
    """Make a data set; the seconds that it takes."""
    began = time.monotonic()
    subprocess.run(
        [*FRUIT, "generate-data", "--scenes", str(photos), "--out", str(folder), *options],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return time.monotonic() - began


def kill_a_worker() -> None:
    """Kill one of those that hold a model, once they have had some time to write."""
    time.sleep(30)  # those of the run before are gone by then
    while not (workers := _processes(HOLDS_A_MODEL)):
        time.sleep(0.5)
    time.sleep(20)
    os.kill(workers[0], signal.SIGKILL)
    print(f"killed one of {len(workers)}", flush=True)


def _processes(title: str) -> list[int]:
    told = subprocess.run(["pgrep", "-f", f"^{title}"], capture_output=True, text=True)
    return [int(line) for line in told.stdout.split()]


def table(photos: int, seconds: dict[str, list[float]], killed: float, files: int) -> str:
    """The medians as Markdown, and the ratios to the first, round by round."""
    first = next(iter(seconds))
    lines = [
        f"`fruit generate-data --scenes {photos}`, the shipped GPT-2 writes; medians of {ROUNDS} "
        f"rounds in turns, {os.cpu_count()} cores. All {files} files are the same, byte for byte.",
        "",
        "| engine | seconds | photos a second | times as long as the first |",
        "| --- | ---: | ---: | ---: |",
    ]
    for way, took in seconds.items():
        ratios = sorted(one / other for one, other in zip(took, seconds[first], strict=True))
        middle = sorted(took)[len(took) // 2]
        lines.append(
            f"| {way} | {middle:.0f} | {photos / middle:.2f} | {ratios[len(ratios) // 2]:.2f} |"
        )
    lines.append(f"| two actors, one killed | {killed:.0f} | {photos / killed:.2f} | |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
