"""Does the same work for many things: here and on all cores, or wherever another engine can.

Who does the work changes nothing in what comes out: results come in the order of the things, and
no work depends on what was done before. `ray_engine` is for more than one machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

from joblib import Parallel, delayed

from fruit_caption.utils.prefetch import prefetch

FEW = 100
"""Fewer things are done in this process: others take a second to start."""

IDLE = 10
"""Seconds after which a process with nothing to do ends: the one it worked for may be gone."""

Made = TypeVar("Made")
Work = Callable[[Any], Made]


class Engine(Protocol):
    """Whoever does the work.

    Functions that are given to it are those of a module, or a `functools.partial` of one, so that
    another process can be told of them. Memory stays flat: only a few items are under way at a
    time. What work raises is raised where its result would have come.
    """

    def map(self, make: Work[Made], items: Sequence[Any]) -> Iterator[Made]:
        """What `make` makes of each item, in order."""

    def map_with_model(
        self,
        load: Callable[[], Work[Made]],
        items: Sequence[Any],
        prepare: Callable[[Any], Any] | None = None,
    ) -> Iterator[Made]:
        """The same by work that needs a model, which each worker loads once.

        Args:
            load: gives the work.
            items: what it is done for.
            prepare: what is done first with an item, and needs no model: while the model is at
                work on one item, the next is prepared.
        """


class Local:
    """This process; what needs no model is done on all of its cores, a model uses them itself."""

    def map(self, make: Work[Made], items: Sequence[Any]) -> Iterator[Made]:
        """As `Engine.map`: of fewer than `FEW` items here, of more on all cores."""
        if len(items) < FEW:
            return map(make, items)
        workers = Parallel(n_jobs=-1, return_as="generator", idle_worker_timeout=IDLE)
        made: Iterator[Made] = workers(delayed(make)(item) for item in items)
        return made

    def map_with_model(
        self,
        load: Callable[[], Work[Made]],
        items: Sequence[Any],
        prepare: Callable[[Any], Any] | None = None,
    ) -> Iterator[Made]:
        """As `Engine.with_model`: here, while a thread prepares the next item."""
        return map(load(), prefetch(prepare, items) if prepare else items)


LOCAL = Local()
