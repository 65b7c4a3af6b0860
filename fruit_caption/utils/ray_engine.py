"""Execution engine for clusters: `engines.Engine` on Ray Data.

Requires `pip install 'fruit-caption[scale]'`. Items are streamed in order, a few at a time. If a
worker dies, another one repeats its items; files are written atomically, so that none is lost or
half-written. All machines must see the same files under the same paths.
"""

from __future__ import annotations

import logging
import os
import pickle
import socket
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from typing import Any, TypeVar

from fruit_caption.utils.engines import Function
from fruit_caption.utils.errors import FruitError, first_line
from fruit_caption.utils.startup import silence_stderr

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # no telemetry
os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # Ray keeps its own logs in /tmp/ray

COLUMN = "row"
"""Name of the only column of the Ray data sets. Items are pickled, because Ray would turn lists and
strings into NumPy arrays."""

TASKS_PER_CORE = 4
"""Number of tasks that each core gets, unless there are more than `MAX_TASK_ITEMS` items in one."""

MAX_TASK_ITEMS = 50
"""Maximum number of items in a task; a worker that dies loses one task."""

CONNECT_TIMEOUT = 5
"""Seconds to wait for a cluster to answer."""

Result = TypeVar("Result")


class RayEngine:
    """An `Engine` that runs on a Ray cluster, and a context manager that disconnects at its end.

    Args:
        address: Address of a running cluster, "HOST:PORT" or "auto". By default a cluster of this
            machine's cores is started, which ends with the context.
        actors: Number of workers that hold a model; by default one per GPU, or one per machine if
            there are no GPUs.

    Raises:
        FruitError: Ray is not installed, or there is no cluster at the address.
    """

    def __init__(self, address: str | None = None, actors: int | None = None) -> None:
        options: dict[str, Any] = {"address": address} if address else {"include_dashboard": False}
        try:
            with silence_stderr():
                ray: Any = import_module("ray")
                data: Any = import_module("ray.data")
                _check_reachable(address)
                ray.init(log_to_driver=False, logging_level=logging.ERROR, **options)
        except ImportError:
            raise FruitError("Ray is not installed.", "no-ray") from None
        except (OSError, ValueError, RuntimeError) as error:
            raise FruitError(
                f"There is no Ray cluster at {address} ({first_line(error, 160)}).",
                "no-ray-cluster",
            ) from error
        context = data.DataContext.get_current()
        context.execution_options.preserve_order = True
        context.enable_progress_bars = False
        for name in ("ray.data", "ray"):
            logging.getLogger(name).setLevel(logging.ERROR)
        self._ray, self._data = ray, data
        self._cores = int(ray.cluster_resources().get("CPU", 1))
        self._gpus = int(ray.cluster_resources().get("GPU", 0))
        self._actors = actors or self._gpus or len(ray.nodes())

    def __enter__(self) -> RayEngine:
        return self

    def __exit__(self, *_: object) -> None:
        self._ray.shutdown()

    def map(self, function: Function[Result], items: Sequence[Any]) -> Iterator[Result]:
        """See `Engine.map`. Tasks of several items are distributed over the cores."""
        size = max(1, min(MAX_TASK_ITEMS, len(items) // (TASKS_PER_CORE * self._cores)))
        rows = self._rows(items, -(-len(items) // size))
        return _results(rows.map(_apply, fn_args=(function, os.getcwd())))

    def map_with_model(
        self,
        load: Callable[[], Function[Result]],
        items: Sequence[Any],
        prepare: Callable[[Any], Any] | None = None,
    ) -> Iterator[Result]:
        """See `Engine.map_with_model`. Each actor loads the model once."""
        rows = self._rows(items, len(items))
        if prepare:
            rows = rows.map(_apply, fn_args=(prepare, os.getcwd()))
        return _results(
            rows.map(
                _ModelActor,
                fn_constructor_args=(load, os.getcwd()),
                compute=self._data.ActorPoolStrategy(size=self._actors),
                num_cpus=0,  # leaves the cores to `prepare`; the model uses what is free
                num_gpus=1 if self._gpus else 0,
            )
        )

    def _rows(self, items: Sequence[Any], tasks: int) -> Any:
        rows = [{COLUMN: pickle.dumps(item)} for item in items]
        return self._data.from_items(rows, override_num_blocks=max(1, tasks))


class _ModelActor:
    """Loads a model once and applies it to rows."""

    def __init__(self, load: Callable[[], Function[Any]], folder: str) -> None:
        os.chdir(folder)
        self.function = _catch_fruit_error(load)

    def __call__(self, row: dict[str, bytes]) -> dict[str, bytes]:
        return _apply_to_row(self.function, row)


def _check_reachable(address: str | None) -> None:
    """Raise `OSError` if nothing listens at the address: Ray itself would retry for minutes."""
    host, _, port = (address or "").rpartition(":")
    if host and port.isdecimal():
        with socket.create_connection((host, int(port)), timeout=CONNECT_TIMEOUT):
            pass


def _apply(row: dict[str, bytes], function: Function[Any], folder: str) -> dict[str, bytes]:
    os.chdir(folder)
    return _apply_to_row(function, row)


def _apply_to_row(function: Function[Any] | FruitError, row: dict[str, bytes]) -> dict[str, bytes]:
    """Apply a function to the item in a row.

    Errors are passed on as results: an exception would arrive wrapped in Ray's own report.
    """
    item = pickle.loads(row[COLUMN])
    if isinstance(function, FruitError):  # the model could not be loaded
        result: Any = function
    else:
        result = item if isinstance(item, FruitError) else _catch_fruit_error(function, item)
    return {COLUMN: pickle.dumps(result)}


def _catch_fruit_error(function: Callable[..., Any], *args: Any) -> Any:
    """Call a function; return its result or the `FruitError` that it raises."""
    try:
        return function(*args)
    except FruitError as error:
        return error


def _results(rows: Any) -> Iterator[Any]:
    for row in rows.iter_rows():
        result = pickle.loads(row[COLUMN])
        if isinstance(result, FruitError):
            raise result
        yield result
