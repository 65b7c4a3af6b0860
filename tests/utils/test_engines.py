"""Tests of local execution: parallel results equal sequential ones."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from joblib import cpu_count

from fruit_caption.rendering.scenes import write_scenes
from fruit_caption.utils import engines
from fruit_caption.utils.engines import LOCAL
from fruit_caption.utils.errors import FruitError
from fruit_caption.utils.progress import report_progress


def _process_and_square(number: int) -> tuple[int, int]:
    return os.getpid(), number**2


def _fail_from(limit: int, number: int) -> int:
    if number >= limit:
        raise FruitError(f"{number} is too many.")
    return number


def test_few_items_run_in_this_process_and_many_in_others() -> None:
    few = list(LOCAL.map(_process_and_square, range(9)))
    assert few == [(os.getpid(), number**2) for number in range(9)]

    many = list(LOCAL.map(_process_and_square, range(130)))
    assert [square for _, square in many] == [number**2 for number in range(130)]
    assert cpu_count() == 1 or os.getpid() not in {process for process, _ in many}


def test_errors_of_worker_processes_are_raised() -> None:
    with pytest.raises(FruitError, match=r"^1[12]\d is too many\.$"):
        list(LOCAL.map(partial(_fail_from, 110), range(130)))


def test_worker_processes_write_the_same_scenes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = write_scenes(tmp_path / "sequential", 3, seed=4, size=48)
    monkeypatch.setattr(engines, "MIN_PARALLEL_ITEMS", 2)
    actual = write_scenes(tmp_path / "parallel", 3, seed=4, size=48)
    for first, second in zip(expected.photos, actual.photos, strict=True):
        assert first.path.read_bytes() == second.path.read_bytes()
        assert (first.boxes, first.group) == (second.boxes, second.group)


def test_model_is_loaded_once_and_next_item_is_prepared_meanwhile() -> None:
    loaded: list[int] = []

    def load() -> Callable[[int], int]:
        loaded.append(1)
        return lambda number: -number

    prepared = threading.Event()

    def prepare(number: int) -> int:
        if number == 1:
            prepared.set()
        return 10 * number

    results = LOCAL.map_with_model(load, range(3), prepare)
    assert next(results) == 0
    assert prepared.wait(5)
    assert list(results) == [-10, -20]
    assert loaded == [1]
    assert list(LOCAL.map_with_model(load, range(3))) == [0, -1, -2]


def test_progress_is_reported_every_50_items() -> None:
    messages: list[str] = []
    items = report_progress(map(abs, range(130)), "counting", messages.append, total=130)
    assert list(items) == list(range(130))
    assert messages == ["counting: 0 of 130", "counting: 50 of 130", "counting: 100 of 130"]
    assert list(report_progress(range(3), "counting", messages.append)) == [0, 1, 2]
    assert messages[3:] == ["counting: 0 of 3"]
