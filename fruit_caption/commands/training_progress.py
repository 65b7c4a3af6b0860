"""Shows the progress of a training on the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from fruit_caption.config import RunConfig
from fruit_caption.data.dataset import DataSet
from fruit_caption.training.trainer import TrainingListener


class ConsoleListener(TrainingListener):
    """Shows progress bars for encoding and for training steps, and prints a line per epoch.

    Args:
        console: The console to print to; progress bars appear on a terminal only.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
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
        """Show the progress bars while the block runs."""
        with self.progress:
            yield self

    def on_start(self, config: RunConfig, data: DataSet) -> None:
        """Print what is trained, and on how many photos."""
        what = f"{config.start}, trained further" if config.start else config.model.encoder
        numbers = {split: len(examples) for split, examples in data.splits.items()}
        self.console.print(
            f"{what}: {numbers['train']} photos of {config.data} to train on, "
            f"{numbers['validation']} to validate; {numbers['test']} are kept for testing",
            markup=False,
            soft_wrap=True,
            highlight=False,
        )

    def update(self, description: str, done: int, total: int) -> None:
        """Update the progress bar; it disappears when everything is done.

        Args:
            description: Text in front of the bar.
            done: Number of finished steps.
            total: Total number of steps.
        """
        self.progress.update(
            self.task, description=description, completed=done, total=total, visible=done < total
        )

    def on_photos_encoded(self, done: int, total: int) -> None:
        """Update the progress bar of the photos to encode."""
        self.update("encoding photos", done, total)

    def keras_callbacks(self, phase: str) -> list[keras.callbacks.Callback]:
        """Return a callback that updates the progress bar after each training step."""
        return [_StepProgress(self, phase)]

    def on_epoch_end(self, row: dict[str, Any], best: float) -> None:
        """Print the loss and the validation score of an epoch."""
        self.console.print(
            f"{row['stage']}, epoch {row['epoch']}  loss {row['loss']:.3f}  "
            f"validation {100 * row['validation']:.1f} % right (best {100 * best:.1f} %)"
        )


class _StepProgress(keras.callbacks.Callback):
    def __init__(self, listener: ConsoleListener, description: str) -> None:
        super().__init__()
        self.listener, self.description = listener, description

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.listener.update(self.description, batch + 1, self.params["steps"])
