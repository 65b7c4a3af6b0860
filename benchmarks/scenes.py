"""How many scenes a second one core renders and writes: `taskset -c 0 python benchmarks/scenes.py`.

Prints the median of some rounds by the wall clock and by the processor's time, which other jobs on
the machine disturb less. NumPy's own threads don't come into it: nothing here is large enough.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from statistics import median

from fruit_caption.rendering.scenes import write_scenes

ROUNDS = 7
SCENES = 52
SIZE = 224


def main() -> None:
    rates = [_rates(seed) for seed in range(ROUNDS)]
    wall, processor = (median(column) for column in zip(*rates, strict=True))
    print(f"{wall:.1f} scenes/s by the clock, {processor:.1f} by processor time ({SIZE} px)")


def _rates(seed: int) -> tuple[float, float]:
    with tempfile.TemporaryDirectory() as folder:
        clock, processor = time.perf_counter(), time.process_time()
        write_scenes(Path(folder), SCENES, seed, SIZE)
        return (
            SCENES / (time.perf_counter() - clock),
            SCENES / (time.process_time() - processor),
        )


if __name__ == "__main__":
    main()
