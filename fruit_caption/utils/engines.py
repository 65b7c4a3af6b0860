"""Execution engines: apply a function to many items, on local cores or on a cluster.

The engine never changes the results: they come in the order of the items, and no call depends on
an earlier one. `LocalEngine` uses this machine; `ray_engine.RayEngine` uses several machines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

from joblib import Parallel, delayed

from fruit_caption.utils.prefetch import prefetch

MIN_PARALLEL_ITEMS = 100
"""Below this many items, don't start worker processes: that takes a second."""

IDLE_WORKER_SECONDS = 10
"""Seconds after which an idle worker process ends, in case its parent is gone."""

Result = TypeVar("Result")
Function = Callable[[Any], Result]


class Engine(Protocol):
    """Interface of an execution engine.

    Functions must be picklable: module-level functions, or a `functools.partial` of one. Only a few
    items are processed at a time, so that memory use does not grow with their number. An exception
    is raised at the point where the result would have been yielded.
    """

    def map(self, function: Function[Result], items: Sequence[Any]) -> Iterator[Result]:
        """Yield `function(item)` for each item, in order."""

    def map_with_model(
        self,
        load: Callable[[], Function[Result]],
        items: Sequence[Any],
        prepare: Callable[[Any], Any] | None = None,
    ) -> Iterator[Result]:
        """Like `map`, for a function that needs a model, which each worker loads once.

        Args:
            load: Loads the model and returns the function to apply.
            items: The items.
            prepare: Preprocessing that needs no model. It runs on the next item while the model
                processes the current one, and its result is passed to the function.
        """


class LocalEngine:
    """Runs on this machine: on all cores, or in this process if a model is needed."""

    def map(self, function: Function[Result], items: Sequence[Any]) -> Iterator[Result]:
        """See `Engine.map`. Fewer than `MIN_PARALLEL_ITEMS` items are processed in this process."""
        if len(items) < MIN_PARALLEL_ITEMS:
            return map(function, items)
        workers = Parallel(
            n_jobs=-1, return_as="generator", idle_worker_timeout=IDLE_WORKER_SECONDS
        )
        results: Iterator[Result] = workers(delayed(function)(item) for item in items)
        return results

    def map_with_model(
        self,
        load: Callable[[], Function[Result]],
        items: Sequence[Any],
        prepare: Callable[[Any], Any] | None = None,
    ) -> Iterator[Result]:
        """See `Engine.map_with_model`. A thread prepares the next item."""
        return map(load(), prefetch(prepare, items) if prepare else items)


LOCAL = LocalEngine()
