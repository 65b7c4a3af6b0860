"""Prepares the next batch while the last one is worked on."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Given = TypeVar("Given")
Made = TypeVar("Made")


def prefetch(make: Callable[[Given], Made], items: Iterable[Given]) -> Iterator[Made]:
    """What `make` makes of each item, in order; a thread is always one item ahead."""
    waiting: deque[Future[Made]] = deque()
    with ThreadPoolExecutor(max_workers=1) as worker:
        for item in items:
            waiting.append(worker.submit(make, item))
            if len(waiting) > 1:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
