"""Progress messages of long-running work."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sized
from typing import TypeVar, cast

Progress = Callable[[str], None]
"""Progress callback; receives a status message."""

Steps = Callable[[int, int], None]
"""Progress callback; receives the number of finished items and that of all."""

INTERVAL = 50
"""Number of items between two progress reports."""

Item = TypeVar("Item")


def no_progress(message: str) -> None:
    """Progress callback that does nothing."""


def no_steps(done: int, total: int) -> None:
    """Progress callback of numbers that does nothing."""


def report_progress(
    items: Iterable[Item], message: str, progress: Progress, total: int | None = None
) -> Iterator[Item]:
    """Yield the items and regularly report how many of them are done.

    Args:
        items: The items.
        message: Describes the work, such as "composing photos".
        progress: Receives "composing photos: 50 of 130".
        total: Number of items; may be omitted if `items` has a length.
    """
    if total is None:
        total = len(cast(Sized, items))
    for done, item in enumerate(items):
        if done % INTERVAL == 0:
            progress(f"{message}: {done} of {total}")
        yield item
