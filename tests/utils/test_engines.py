"""What is done on all cores is what one core would have done."""

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
from fruit_caption.utils.progress import told


def _process_and_square(number: int) -> tuple[int, int]:
    return os.getpid(), number**2


def _refuse(least: int, number: int) -> int:
    if number >= least:
        raise FruitError(f"{number} is too many.")
    return number


def test_few_items_are_done_here_many_elsewhere_in_order() -> None:
    few = list(LOCAL.map(_process_and_square, range(9)))
    assert few == [(os.getpid(), number**2) for number in range(9)]

    many = list(LOCAL.map(_process_and_square, range(130)))
    assert [square for _, square in many] == [number**2 for number in range(130)]
    assert cpu_count() == 1 or os.getpid() not in {process for process, _ in many}


def test_an_error_elsewhere_is_raised_here() -> None:
    with pytest.raises(FruitError, match=r"^1[12]\d is too many\.$"):
        list(LOCAL.map(partial(_refuse, 110), range(130)))


def test_other_processes_write_the_same_scenes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = write_scenes(tmp_path / "alone", 3, seed=4, size=48)
    monkeypatch.setattr(engines, "FEW", 2)
    together = write_scenes(tmp_path / "together", 3, seed=4, size=48)
    for ours, theirs in zip(alone.photos, together.photos, strict=True):
        assert ours.path.read_bytes() == theirs.path.read_bytes()
        assert (ours.boxes, ours.group) == (theirs.boxes, theirs.group)


def test_a_model_is_loaded_once_and_the_next_item_is_prepared_meanwhile() -> None:
    loaded: list[int] = []

    def load() -> Callable[[int], int]:
        loaded.append(1)
        return lambda number: -number

    prepared = threading.Event()

    def prepare(number: int) -> int:
        if number == 1:
            prepared.set()
        return 10 * number

    made = LOCAL.map_with_model(load, range(3), prepare)
    assert next(made) == 0
    assert prepared.wait(5)
    assert list(made) == [-10, -20]
    assert loaded == [1]
    assert list(LOCAL.map_with_model(load, range(3))) == [0, -1, -2]


def test_how_far_it_has_come_is_told_now_and_then() -> None:
    heard: list[str] = []
    assert list(told(map(abs, range(130)), 130, "counting", heard.append)) == list(range(130))
    assert heard == ["counting: 0 of 130", "counting: 50 of 130", "counting: 100 of 130"]
