"""TensorBoard shows the losses and the validation score of each epoch."""

from dataclasses import replace

import pytest
import tensorflow as tf

from fruit_caption.runs import Run
from fruit_caption.training import trainer
from fruit_caption.training.trainer import TENSORBOARD, TrainingListener, train
from fruit_caption.utils.errors import FruitError


class Interrupt(TrainingListener):
    def on_epoch_end(self, row, best):
        if row["epoch"] == 2:
            raise KeyboardInterrupt


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # from TensorBoard's own imports
def test_curves_of_a_resumed_training_are_complete(tiny, tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    config, run = replace(tiny, training=replace(tiny.training, epochs=3)), Run(tmp_path / "run")
    with pytest.raises(KeyboardInterrupt):
        train(config, run, listener=Interrupt(), tensorboard=True)
    train(config, run, resume=True, tensorboard=True)
    events = accumulator.EventAccumulator(str(run.path / TENSORBOARD / "train")).Reload()
    history = run.read_history()
    assert [row["epoch"] for row in history] == [1, 2, 3]
    for name in ("loss", "logits_loss", "density_loss", "validation_exact"):
        curve = {
            event.step: float(tf.make_ndarray(event.tensor_proto))
            for event in events.Tensors(f"epoch_{name}")
        }
        assert curve == pytest.approx({row["epoch"] - 1: row[name] for row in history})


def test_missing_tensorboard_is_an_error(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(trainer, "find_spec", lambda name: None)
    with pytest.raises(FruitError, match="TensorBoard is not installed") as error:
        train(tiny, Run(tmp_path / "run"), tensorboard=True)
    assert error.value.code == "no-tensorboard"
    assert not (tmp_path / "run").exists()
