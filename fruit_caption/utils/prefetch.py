"""Computes the next item in a thread while the current one is being used."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def prefetch(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Like `map(function, items)`, but a thread is always one item ahead."""
    pending: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(max_workers=1) as worker:
        for item in items:
            pending.append(worker.submit(function, item))
            if len(pending) > 1:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
