"""Learning curves for TensorBoard, on request: `fruit train --tensorboard`."""

from __future__ import annotations

from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from fruit_caption.training.trainer import TrainingListener
from fruit_caption.utils.errors import FruitError

FOLDER = "tensorboard"
"""In the folder of the run."""


class TensorBoardListener(TrainingListener):
    """Passes on what it is told to another listener, and writes each epoch's row for TensorBoard.

    Args:
        folder: of the run.
        listener: the other.

    Raises:
        FruitError: TensorBoard is not installed.
    """

    def __init__(self, folder: Path, listener: TrainingListener) -> None:
        if find_spec("tensorboard") is None:
            raise FruitError(
                "TensorBoard is not installed; `pip install tensorboard`, or leave out "
                "--tensorboard."
            )
        self.folder, self.listener = folder, listener

    @cached_property
    def writer(self) -> Any:
        """Writes into `FOLDER`."""
        # Made when there is something to write: a training that is refused leaves no trace.
        return tf.summary.create_file_writer(str(self.folder / FOLDER))

    def on_photos_encoded(self, done: int, total: int) -> None:
        """Pass on how many photos have been looked at."""
        self.listener.on_photos_encoded(done, total)

    def keras_callbacks(self, what: str) -> list[keras.callbacks.Callback]:
        """The other listener's callbacks."""
        return self.listener.keras_callbacks(what)

    def on_epoch_end(self, row: dict[str, Any], best: float) -> None:
        """Write the epoch's row for TensorBoard, and pass it on."""
        with self.writer.as_default(step=row["epoch"]):
            for name, value in row.items():
                if name != "epoch":
                    tf.summary.scalar(name, value)
        self.writer.flush()
        self.listener.on_epoch_end(row, best)
