"""Tells how far a long job has come."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import TypeVar

Progress = Callable[[str], None]
"""Is told in words what is being done."""

EVERY = 50
"""So many items are done between one word and the next."""

Item = TypeVar("Item")


def no_progress(doing: str) -> None:
    """The progress that nobody asked for."""


def counted(items: Collection[Item], doing: str, progress: Progress) -> Iterator[Item]:
    """The items one by one; now and then tells `doing` with how many of them are done."""
    return told(items, len(items), doing, progress)


def told(items: Iterable[Item], number: int, doing: str, progress: Progress) -> Iterator[Item]:
    """The same for items that come one by one: how many there will be is known before."""
    for done, item in enumerate(items):
        if done % EVERY == 0:
            progress(f"{doing}: {done} of {number}")
        yield item
