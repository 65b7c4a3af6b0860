"""Does the same work on the cores of many machines, with Ray Data (`pip install
'fruit-caption[scale]'`).

Rows go as a stream from one step to the next, a few at a time, in order. What a worker that dies
had under way is done again by another; it writes each file whole or not at all, so that nothing is
lost and nothing is there twice. All machines must see the same files, by the same paths.
"""

from __future__ import annotations

import logging
import os
import pickle
import socket
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from typing import Any, TypeVar

from fruit_caption.utils.engines import Work
from fruit_caption.utils.errors import FruitError
from fruit_caption.utils.startup import hold_back_stderr

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would tell its makers how it is used
os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # it has logs of its own in /tmp/ray

ROW = "row"
"""The one column. It holds bytes, which Ray hands over as they are; it would make arrays of lists
and strings of NumPy's."""

TASKS_A_CORE = 4
"""Items are dealt out so that every core gets some tasks, each of `MOST` items at most. Who dies
loses no more than a task."""

MOST = 50

SECONDS = 5
"""Within which a cluster has to answer."""

Made = TypeVar("Made")
Row = dict[str, bytes]


class RayEngine:
    """A Ray cluster, see `engines.Engine`: one that runs already, or one of this machine's cores
    that ends with the block that uses this.

    Args:
        address: of a cluster, "HOST:PORT" or "auto"; without it one is started here.
        actors: how many hold a model; without it one on each machine, or for each GPU.

    Raises:
        FruitError: Ray is not installed, or no cluster is at the address.
    """

    def __init__(self, address: str | None = None, actors: int | None = None) -> None:
        given: dict[str, Any] = {"address": address} if address else {"include_dashboard": False}
        try:
            with hold_back_stderr():
                ray: Any = import_module("ray")
                data: Any = import_module("ray.data")
                _knock(address)
                ray.init(log_to_driver=False, logging_level=logging.ERROR, **given)
        except ImportError:
            raise FruitError("Ray is not installed.", "no-ray") from None
        except (OSError, ValueError, RuntimeError) as error:
            reason = str(error).splitlines()[0][:160]
            raise FruitError(
                f"There is no Ray cluster at {address} ({reason}).", "no-ray-cluster"
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

    def map(self, make: Work[Made], items: Sequence[Any]) -> Iterator[Made]:
        """As `Engine.map`, in tasks of some items that go to whatever core is free."""
        size = max(1, min(MOST, len(items) // (TASKS_A_CORE * self._cores)))
        rows = self._rows(items, -(-len(items) // size))
        return _results(rows.map(_once, fn_args=(make, os.getcwd())))

    def map_with_model(
        self,
        load: Callable[[], Work[Made]],
        items: Sequence[Any],
        prepare: Callable[[Any], Any] | None = None,
    ) -> Iterator[Made]:
        """As `Engine.with_model`, by actors that each load the model once."""
        rows = self._rows(items, len(items))
        if prepare:
            rows = rows.map(_once, fn_args=(prepare, os.getcwd()))
        return _results(
            rows.map(
                _Actor,
                fn_constructor_args=(load, os.getcwd()),
                compute=self._data.ActorPoolStrategy(size=self._actors),
                num_cpus=0,  # cores are for what needs no model; a model takes what it finds
                num_gpus=1 if self._gpus else 0,
            )
        )

    def _rows(self, items: Sequence[Any], tasks: int) -> Any:
        rows = [{ROW: pickle.dumps(item)} for item in items]
        return self._data.from_items(rows, override_num_blocks=max(1, tasks))


class _Actor:
    """Holds a model, and works with it in the folder of who asked for it."""

    def __init__(self, load: Callable[[], Work[Any]], folder: str) -> None:
        os.chdir(folder)
        self.work = _attempt(load)

    def __call__(self, row: Row) -> Row:
        return _worked(self.work, row)


def _knock(address: str | None) -> None:
    """Raise `OSError` if nobody is at an address: Ray itself would go on trying for minutes."""
    host, _, port = (address or "").rpartition(":")
    if host and port.isdecimal():
        with socket.create_connection((host, int(port)), timeout=SECONDS):
            pass


def _once(row: Row, work: Work[Any], folder: str) -> Row:
    os.chdir(folder)
    return _worked(work, row)


def _worked(work: Work[Any] | FruitError, row: Row) -> Row:
    """A row with what work makes of what it holds. What went wrong goes on as it is."""
    given = pickle.loads(row[ROW])
    if isinstance(work, FruitError):
        made = work
    else:
        made = given if isinstance(given, FruitError) else _attempt(work, given)
    return {ROW: pickle.dumps(made)}


def _attempt(work: Callable[..., Any], *given: Any) -> Any:
    """What work gives, or what it tells the user: an error of another process would come with
    Ray's account of it.
    """
    try:
        return work(*given)
    except FruitError as error:
        return error


def _results(rows: Any) -> Iterator[Any]:
    for row in rows.iter_rows():
        made = pickle.loads(row[ROW])
        if isinstance(made, FruitError):
            raise made
        yield made
