"""Shows on a terminal how a training goes on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from fruit_caption.training.trainer import TrainingListener


class ConsoleListener(TrainingListener):
    """Progress bars for looking and for the steps of an epoch, and a line an epoch.

    Args:
        console: where they are shown; bars on a terminal only.
        epochs: how many there will be at most.
    """

    def __init__(self, console: Console, epochs: int) -> None:
        self.console, self.epochs = console, epochs
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self.task = self.progress.add_task("", visible=False)

    @contextmanager
    def shown(self) -> Iterator[ConsoleListener]:
        """Show the bars while the block runs."""
        with self.progress:
            yield self

    def on_photos_encoded(self, done: int, total: int) -> None:
        """Move the bar of the photos that are looked at."""
        self._show("looking at photos", done, total)

    def keras_callbacks(self, what: str) -> list[keras.callbacks.Callback]:
        """A callback that moves the bar of `what` with every batch."""
        return [_Steps(self, what)]

    def on_epoch_end(self, row: dict[str, Any], best: float) -> None:
        """Print an epoch's loss, and in % its validation score and the best so far."""
        self.console.print(
            f"epoch {row['epoch']}/{self.epochs}  loss {row['logits_loss']:.3f}  "
            f"right validation answers {100 * row['validation_exact']:.1f} % "
            f"(best {100 * best:.1f} %)"
        )

    def _show(self, description: str, done: int, total: int) -> None:
        self.progress.update(
            self.task, description=description, completed=done, total=total, visible=done < total
        )


class _Steps(keras.callbacks.Callback):
    """Moves the bar of what is done now."""

    def __init__(self, listener: ConsoleListener, what: str) -> None:
        super().__init__()
        self.listener, self.what = listener, what

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.listener._show(self.what, batch + 1, self.params["steps"])
