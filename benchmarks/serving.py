"""Many clients at once: `python benchmarks/serving.py URL RUN PHOTOS --server PID`.

Each client has a photo of its own and asks about it again and again, and compares what it gets with
what the run answers when it is asked directly. Prints how many answers came, errors, answers that
differ, the median and the longest time to an answer, and the server's memory before and after.
"""

from __future__ import annotations

import argparse
import threading
import time
from pathlib import Path
from statistics import median

from gradio_client import Client, handle_file

import fruit_caption as fc
from fruit_caption.inference.sources import find_pictures

QUESTIONS = ("which fruits are there?", "how many fruits are there?", "describe the photo")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("run")
    parser.add_argument("photos", help="a folder")
    parser.add_argument("--server", type=int, required=True, help="the number of its process")
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=60)
    given = parser.parse_args()
    photos = find_pictures([given.photos])[: given.clients]
    right = [
        [answer.text for answer in fc.load(given.run).ask_many([photo], QUESTIONS)]
        for photo in photos
    ]
    clients = [Client(given.url, verbose=False) for _ in photos]
    before = _megabytes(given.server)
    end = time.monotonic() + given.seconds
    times: list[float] = []
    errors: list[str] = []
    mixed_up: list[str] = []

    def ask(client: Client, photo: Path, answers: list[str]) -> None:
        turn = 0
        while time.monotonic() < end:
            began, turn = time.monotonic(), turn + 1
            question, answer = QUESTIONS[turn % 3], answers[turn % 3]
            try:
                details, *_ = client.predict(handle_file(photo), question, api_name="/ask")
            except Exception as error:  # whatever it is, it is one too many
                errors.append(str(error))
                continue
            times.append(time.monotonic() - began)
            if (details["image"], details["answer"]) != (photo.name, answer):
                mixed_up.append(f"{photo}: {details['answer']}, not {answer}")

    threads = [
        threading.Thread(target=ask, args=each) for each in zip(clients, photos, right, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(f"{len(clients)} clients, {given.seconds:g} s: {len(times)} answers")
    print(f"{len(errors)} errors, {len(mixed_up)} mixed up", *set(errors), *mixed_up, sep="\n")
    print(f"median {median(times):.2f} s, longest {max(times):.2f} s")
    print(f"memory: {before:.0f} MB before, {_megabytes(given.server):.0f} MB after")


def _megabytes(process: int) -> float:
    """What a process holds of the memory."""
    status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    return int(status.split("VmRSS:")[1].split()[0]) / 1000


if __name__ == "__main__":
    main()
