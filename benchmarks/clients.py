"""Asks the web server from many clients at once, and checks that no answers are mixed up.

    python benchmarks/clients.py [--clients 20] [--seconds 60]

Starts `fruit serve` and lets each client send sample pictures with questions to `POST /api/ask`,
one after the other. An answer is mixed up if it differs from the one that a single client got
before. Writes benchmarks/clients.md.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from statistics import median, quantiles

import httpx

from fruit_caption.utils import markdown
from fruit_caption.utils.files import write_text

TABLE = Path(__file__).with_suffix(".md")
SAMPLES = sorted((Path(__file__).parents[1] / "docs" / "sample" / "images").glob("*.jpg"))
QUESTIONS = ("how many fruits are there?", "which fruits are there?", "is there a pear?")
PORT = 7890
START_SECONDS = 60
TIMEOUT = 60

Task = tuple[Path, str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=60)
    args = parser.parse_args()
    tasks = list(product(SAMPLES, QUESTIONS))
    with served() as url, httpx.Client(base_url=url, timeout=TIMEOUT) as client:
        expected = {task: ask(client, task)[0] for task in tasks}
        alone = [ask(client, task)[1] for task in tasks]
        with ThreadPoolExecutor(args.clients) as pool:
            end = time.monotonic() + args.seconds
            outcomes = pool.map(lambda n: use(url, expected, end, n), range(args.clients))
            results = [result for some in outcomes for result in some]
    kinds = Counter(kind for kind, _ in results)
    waits = [seconds for kind, seconds in results if kind == "right"]
    row = [
        f"{args.clients}",
        f"{len(waits) / args.seconds:.1f}",
        f"{kinds['error']}",
        f"{kinds['mixed up']}",
        f"{1e3 * median(waits):.0f}",
        f"{1e3 * quantiles(waits, n=20)[-1]:.0f}",
        f"{1e3 * median(alone):.0f}",
    ]
    columns = ["clients", "answers/s", "errors", "mixed up", "median wait, ms", "95 % wait, ms",
               "one client alone, ms"]  # fmt: skip
    write_text(TABLE, markdown.table(columns, [row], align="r" * len(columns)))
    print(TABLE.read_text(), end="")


@contextmanager
def served() -> Iterator[str]:
    """Serve the page without a limit that matters; yield its URL."""
    url = f"http://127.0.0.1:{PORT}"
    fruit = Path(sys.executable).with_name("fruit")
    command = [fruit, "serve", "--port", str(PORT), "--per-minute", "1000000"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as server:
        try:
            end = time.monotonic() + START_SECONDS
            while time.monotonic() < end and not responds(url):
                time.sleep(0.2)
            yield url
        finally:
            server.terminate()


def responds(url: str) -> bool:
    try:
        return httpx.get(url).is_success
    except httpx.TransportError:
        return False


def use(url: str, expected: dict[Task, str], end: float, number: int) -> list[tuple[str, float]]:
    """Ask until the end; for each question "right", "mixed up" or "error", and the seconds."""
    rng, tasks, results = random.Random(number), list(expected), []
    with httpx.Client(base_url=url, timeout=TIMEOUT) as client:
        while time.monotonic() < end:
            task = rng.choice(tasks)
            try:
                answer, seconds = ask(client, task)
            except httpx.HTTPError:
                results.append(("error", 0.0))
            else:
                kind = "right" if answer == expected[task] else "mixed up"
                results.append((kind, seconds))
    return results


def ask(client: httpx.Client, task: Task) -> tuple[str, float]:
    """Ask a question about a picture; return the answer and the seconds that it took."""
    picture, question = task
    start = time.monotonic()
    response = client.post(
        "/api/ask",
        files={"picture": (picture.name, picture.read_bytes())},
        data={"question": question},
    )
    response.raise_for_status()
    return response.json()["answer"], time.monotonic() - start


if __name__ == "__main__":
    main()
