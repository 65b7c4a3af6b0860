"""What is written for TensorBoard is what the history says."""

import pytest
import tensorflow as tf

from fruit_caption import runs, tensorboard
from fruit_caption.errors import FruitError
from fruit_caption.tensorboard import FOLDER, TensorBoardListener
from fruit_caption.training import Listener, train


class Told(Listener):
    def __init__(self):
        self.epochs = []

    def epoch(self, row, best):
        self.epochs.append(row["epoch"])


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of TensorBoard's own imports
def test_each_epoch_is_written(tiny, tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    told = Told()
    train(tiny, tmp_path / "run", listener=TensorBoardListener(tmp_path / "run", told))
    assert told.epochs == [1, 2]
    events = accumulator.EventAccumulator(str(tmp_path / "run" / FOLDER)).Reload()
    history = runs.read_history(tmp_path / "run")
    for name in ("loss", "validation_exact"):
        found = [
            (tensor.step, float(tf.make_ndarray(tensor.tensor_proto)))
            for tensor in events.Tensors(name)
        ]
        assert found == [(row["epoch"], pytest.approx(row[name])) for row in history]


def test_without_tensorboard_it_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(tensorboard, "find_spec", lambda name: None)
    with pytest.raises(FruitError, match="pip install tensorboard"):
        TensorBoardListener(tmp_path, Told())
    assert not list(tmp_path.iterdir())
