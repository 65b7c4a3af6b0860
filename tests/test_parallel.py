"""What is done on all cores is what one core would have done."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import pytest
from joblib import cpu_count

from fruit_caption import parallel
from fruit_caption.errors import FruitError
from fruit_caption.parallel import on_all_cores
from fruit_caption.photos.scenes import write_scenes
from fruit_caption.progress import silent


def _process_and_square(number: int) -> tuple[int, int]:
    return os.getpid(), number**2


def _refuse(least: int, number: int) -> int:
    if number >= least:
        raise FruitError(f"{number} is too many.")
    return number


def test_few_items_are_done_here_many_elsewhere_in_order() -> None:
    few = list(on_all_cores(_process_and_square, range(9), "squaring", silent))
    assert few == [(os.getpid(), number**2) for number in range(9)]

    told: list[str] = []
    many = list(on_all_cores(_process_and_square, range(130), "squaring", told.append))
    assert [square for _, square in many] == [number**2 for number in range(130)]
    assert cpu_count() == 1 or os.getpid() not in {process for process, _ in many}
    assert told == ["squaring: 0 of 130", "squaring: 50 of 130", "squaring: 100 of 130"]


def test_an_error_elsewhere_is_raised_here() -> None:
    with pytest.raises(FruitError, match=r"^1[12]\d is too many\.$"):
        list(on_all_cores(partial(_refuse, 110), range(130), "counting", silent))


def test_other_processes_write_the_same_scenes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = write_scenes(tmp_path / "alone", 3, seed=4, size=48)
    monkeypatch.setattr(parallel, "FEW", 2)
    together = write_scenes(tmp_path / "together", 3, seed=4, size=48)
    for ours, theirs in zip(alone.photos, together.photos, strict=True):
        assert ours.path.read_bytes() == theirs.path.read_bytes()
        assert (ours.boxes, ours.group) == (theirs.boxes, theirs.group)
