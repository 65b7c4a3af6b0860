"""Checks that all engines make the same data set, and measures how fast.

    python benchmarks/engines.py [PHOTOS]

`fruit generate-data` renders scenes and the shipped GPT-2 writes about them: in-process, with Ray
and one actor, and with two actors; then with two actors of which one is killed. All data sets must
be equal byte for byte. Writes benchmarks/engines.md.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

from kills import FRUIT, content_hashes

from fruit_caption.utils import markdown
from fruit_caption.utils.files import write_text

TABLE = Path(__file__).with_name("engines.md")
ENGINES: dict[str, Sequence[str]] = {
    "in-process": (),
    "Ray, one actor": ("--engine", "ray", "--actors", "1"),
    "Ray, two actors": ("--engine", "ray", "--actors", "2"),
}
"""Options of `fruit generate-data` by the name of the row."""
ROUNDS = 1
ACTOR_TITLE = "ray::MapWorker"
"""Process title of the actors, which hold a model."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=int, nargs="?", default=300, help="number of scenes")
    photos = parser.parse_args().photos
    seconds: dict[str, list[float]] = {name: [] for name in ENGINES}
    with tempfile.TemporaryDirectory() as name:
        hashes = []
        for number in range(ROUNDS):
            for engine, options in ENGINES.items():
                folder = Path(name) / f"{len(hashes)}"
                seconds[engine].append(generate(photos, folder, options))
                hashes.append(content_hashes(folder))
                print(number, engine, f"{seconds[engine][-1]:.1f} s", flush=True)
        folder = Path(name) / "killed"
        killer = threading.Thread(target=kill_an_actor)
        killer.start()
        killed = generate(photos, folder, ENGINES["Ray, two actors"])
        killer.join()
        assert content_hashes(folder) == hashes[0], "killing an actor changed the data set"
        assert all(other == hashes[0] for other in hashes), "the engines made different data sets"
    write_text(TABLE, table(photos, seconds, killed, len(hashes[0])))


def generate(photos: int, folder: Path, options: Sequence[str]) -> float:
    """Make a data set and return the seconds that it took."""
    start = time.monotonic()
    subprocess.run(
        [*FRUIT, "generate-data", "--scenes", str(photos), "--out", str(folder), *options],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return time.monotonic() - start


def kill_an_actor() -> None:
    """Kill an actor after it had some time to write."""
    time.sleep(30)  # until the actors of the previous run have ended
    while not (actors := _processes(ACTOR_TITLE)):
        time.sleep(0.5)
    time.sleep(20)
    os.kill(actors[0], signal.SIGKILL)
    print(f"killed one of {len(actors)}", flush=True)


def _processes(title: str) -> list[int]:
    found = subprocess.run(["pgrep", "-f", f"^{title}"], capture_output=True, text=True)
    return [int(line) for line in found.stdout.split()]


def table(photos: int, seconds: Mapping[str, Sequence[float]], killed: float, files: int) -> str:
    """Format the medians; times are relative to the first engine, round by round."""
    first = next(iter(seconds.values()))
    rows = []
    for engine, took in seconds.items():
        relative = median(own / base for own, base in zip(took, first, strict=True))
        rows.append(
            [engine, f"{median(took):.0f}", f"{photos / median(took):.2f}", f"{relative:.2f}"]
        )
    rows.append(["Ray, two actors, one killed", f"{killed:.0f}", f"{photos / killed:.2f}", ""])
    rounds = "one round" if ROUNDS == 1 else f"medians of {ROUNDS} alternating rounds"
    return (
        f"`fruit generate-data --scenes {photos}` with texts by the shipped GPT-2; {rounds}, "
        f"{os.cpu_count()} cores. All {files} files are equal byte for byte.\n\n"
        + markdown.table(["engine", "seconds", "photos per second", "relative time"], rows)
    )


if __name__ == "__main__":
    main()
