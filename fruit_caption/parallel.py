"""Does the same work for many things, on all cores."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from joblib import Parallel, delayed

from fruit_caption.progress import Progress, counted

FEW = 100
"""Fewer things are done in this process: others take a second to start."""

IDLE = 10
"""Seconds after which a process with nothing to do ends: the one it worked for may be gone."""

Item = TypeVar("Item")
Made = TypeVar("Made")


def on_all_cores(
    make: Callable[[Item], Made], items: Sequence[Item], doing: str, progress: Progress
) -> Iterator[Made]:
    """What `make` makes of each item, in order, each core at work on another one.

    Memory stays flat: only a few items are under way at a time.

    Args:
        make: a function of a module, or a `functools.partial` of one, so that another process
            can be told of it. What it raises is raised here.
        items: what to do it for.
        doing: in words.
        progress: told in words what is being done.
    """
    told = counted(items, doing, progress)
    if len(items) < FEW:
        return map(make, told)
    workers = Parallel(n_jobs=-1, return_as="generator", idle_worker_timeout=IDLE)
    made: Iterator[Made] = workers(delayed(make)(item) for item in told)
    return made
