"""What is written for TensorBoard is what the listener was told."""

import pytest
import tensorflow as tf

from fruit_caption.training import tensorboard
from fruit_caption.training.tensorboard import FOLDER, TensorBoardListener
from fruit_caption.training.trainer import TrainingListener
from fruit_caption.utils.errors import FruitError

ROWS = [
    {"epoch": 1, "loss": 2.5, "validation_exact": 0.25},
    {"epoch": 2, "loss": 1.5, "validation_exact": 0.5},
]


class Told(TrainingListener):
    def __init__(self):
        self.said = []

    def on_photos_encoded(self, done, total):
        self.said.append((done, total))

    def on_epoch_end(self, row, best):
        self.said.append((row, best))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of TensorBoard's own imports
def test_each_epoch_is_written_and_passed_on(tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    told = Told()
    listener = TensorBoardListener(tmp_path, told)
    listener.on_photos_encoded(3, 4)
    assert not list(tmp_path.iterdir())  # a training that is refused leaves no trace
    for row in ROWS:
        listener.on_epoch_end(row, row["validation_exact"])
    assert told.said == [(3, 4), (ROWS[0], 0.25), (ROWS[1], 0.5)]
    events = accumulator.EventAccumulator(str(tmp_path / FOLDER)).Reload()
    for name in ("loss", "validation_exact"):
        found = [
            (tensor.step, float(tf.make_ndarray(tensor.tensor_proto)))
            for tensor in events.Tensors(name)
        ]
        assert found == [(row["epoch"], row[name]) for row in ROWS]


def test_without_tensorboard_it_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(tensorboard, "find_spec", lambda name: None)
    with pytest.raises(FruitError, match="pip install tensorboard"):
        TensorBoardListener(tmp_path, Told())
