"""Options of the commands that can spread their work over several machines."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from fruit_caption.utils.errors import FruitError

if TYPE_CHECKING:
    from fruit_caption.utils.engines import Engine


@dataclass(frozen=True)
class EngineOptions:
    """Where the work of a command runs.

    Attributes:
        engine: Run on this machine, or on a Ray cluster.
        address: Address of the Ray cluster, HOST:PORT or "auto". [default: start one here]
        actors: Number of Ray workers that load the model. [default: one per GPU or machine]
    """

    engine: Literal["local", "ray"] = "local"
    address: str | None = None
    actors: int | None = None

    @contextmanager
    def start(self) -> Iterator[Engine]:
        """Start the engine and yield it; it is stopped at the end of the block.

        Raises:
            FruitError: Ray is not installed, there is no cluster at the address, or the options
                contradict each other.
        """
        if self.engine == "ray":
            if self.actors is not None and self.actors < 1:
                raise FruitError(f"--actors must be at least 1, not {self.actors}.")
            from fruit_caption.utils.ray_engine import RayEngine

            with RayEngine(self.address, self.actors) as ray:
                yield ray
        elif self.address or self.actors is not None:
            raise FruitError("--address and --actors need --engine ray.")
        else:
            from fruit_caption.utils.engines import LOCAL

            yield LOCAL
