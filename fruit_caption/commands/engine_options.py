"""Options of the commands whose work several machines can share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from fruit_caption.utils.errors import FruitError

if TYPE_CHECKING:
    from fruit_caption.utils.engines import Engine

EngineName = Annotated[
    Literal["local", "ray"],
    typer.Option("--engine", help="Who does the work: this process, or a Ray cluster."),
]
Address = Annotated[
    str | None,
    typer.Option(
        help='Of the cluster, HOST:PORT or "auto". [default: --engine ray starts one here]'
    ),
]
Actors = Annotated[
    int | None,
    typer.Option(
        help="How many of the cluster hold a model. [default: one a machine, or a GPU]", min=1
    ),
]


@contextmanager
def engine(name: str, address: str | None, actors: int | None) -> Iterator[Engine]:
    """The engine of a name, until the block ends.

    Raises:
        FruitError: Ray is not installed, there is no cluster, or the options don't go together.
    """
    if name == "ray":
        from fruit_caption.utils.ray_engine import RayEngine

        with RayEngine(address, actors) as ray:
            yield ray
        return
    if address or actors:
        raise FruitError("--address and --actors are for --engine ray.")
    from fruit_caption.utils.engines import LOCAL

    yield LOCAL
