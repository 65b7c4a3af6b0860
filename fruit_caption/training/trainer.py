"""Trains a model on a data set and saves it as a run.

The frozen part of the encoder runs once on every photo and its output is cached. The rest is
trained on that output, or on pixels if nothing is frozen. In a new model the decoder is pre-trained
on synthetic facts first (see `pretraining`). After the last epoch the model's confidence is
calibrated on the validation split.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from hashlib import sha256
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import keras
import numpy as np

from fruit_caption.config import RunConfig, TrainingConfig
from fruit_caption.data.batches import Batches
from fruit_caption.data.dataset import DataSet, read_data
from fruit_caption.data.features import FEATURES
from fruit_caption.data.qa import Prediction
from fruit_caption.data.records import Split
from fruit_caption.evaluation.calibration import fit_confidence_threshold, fit_temperature
from fruit_caption.evaluation.evaluate import encode_photos, predict
from fruit_caption.evaluation.metrics import score
from fruit_caption.models.captioner import Captioner, extend_vocabulary
from fruit_caption.models.layers import DensityLoss
from fruit_caption.runs import Run
from fruit_caption.training.checkpoint import save_state, seed_dropout
from fruit_caption.training.distribution import SINGLE_WORKER, WorkerGroup, synchronize_batch_norm
from fruit_caption.training.optimizer import cosine_adamw
from fruit_caption.training.pretraining import pretrain_decoder, synthetic_words
from fruit_caption.training.rehearsal import rehearse
from fruit_caption.utils.engines import LOCAL, Engine
from fruit_caption.utils.errors import FruitError, RunError
from fruit_caption.utils.files import lock_folder, write_json
from fruit_caption.utils.startup import silence_stderr

TENSORBOARD = "tensorboard"
"""Folder inside the run for TensorBoard's event files."""


class TrainingListener:
    """Receives the progress of a training; the command line prints it."""

    def on_photos_encoded(self, done: int, total: int) -> None:
        """Called while photos are encoded that are not in the cache yet."""

    def keras_callbacks(self, phase: str) -> list[keras.callbacks.Callback]:
        """Return Keras callbacks for a phase, such as "epoch 1", to follow its steps."""
        return []

    def on_epoch_end(self, row: dict[str, Any], best: float) -> None:
        """Called after each epoch.

        Args:
            row: The row of the training history: `epoch`, from 1; the training losses `loss`,
                `logits_loss` and `density_loss`; `validation_exact`, the share of exact validation
                answers from 0 to 1; `seconds`.
            best: The highest `validation_exact` so far.
        """


def versions() -> dict[str, str]:
    """Versions of the packages that results depend on, by package name."""
    backend = keras.backend.backend()
    return {name: version(name) for name in (backend, "keras", "numpy", "pillow")}


def train(
    config: RunConfig,
    run: Run,
    resume: bool = False,
    listener: TrainingListener | None = None,
    engine: Engine = LOCAL,
    workers: WorkerGroup = SINGLE_WORKER,
    tensorboard: bool = False,
) -> dict[str, Any]:
    """Train a model and save it as a run.

    After each epoch the model answers the validation questions. The weights with the most exact
    answers are kept, and training stops when `patience` epochs brought no improvement.

    Args:
        config: Settings of data, model and training.
        run: The run folder to write.
        resume: Whether to continue an interrupted training. The result is the same as without the
            interruption.
        listener: Receives progress.
        engine: Runs the encoder on the photos.
        workers: The group that trains the model. Every worker calls this function with the same
            settings; only the chief writes files.
        tensorboard: Whether to write the losses and the validation score of each epoch for
            TensorBoard.

    Returns:
        The scores on the validation split; empty on workers other than the chief.

    Raises:
        FruitError: If another process trains this run, if the folder can't be written to, or if
            TensorBoard is not installed.
        RunError: If the folder holds another run, or none to resume; if the run to start from
            can't be loaded; if another worker has stopped or has other settings.
        DataError, PictureError: If the data set or one of its photos can't be used.
        WeightsError: If the weights of the encoder can't be used.
    """
    if tensorboard and find_spec("tensorboard") is None:
        raise FruitError("TensorBoard is not installed.", "no-tensorboard")
    data = read_data(Path(config.data))
    config = replace(config, data_digest=data.digest)
    if config.rehearse:
        data = rehearse(data, read_data(Path(config.rehearse)), config.training.seed)
    lock = lock_folder(run.path) if workers.is_chief else nullcontext()
    with lock, workers.report_lost_workers():
        if workers.is_chief:
            _check_folder(config, run, resume)
        trainer = _Trainer(config, data, run, listener or TrainingListener(), engine, workers)
        if workers.is_chief:
            run.write_config(config)
        trainer.train(resume, tensorboard)
        scores = trainer.finish() if workers.is_chief else {}
        workers.barrier()
        return scores


def compile_model(
    model: keras.Model,
    training: TrainingConfig,
    steps_per_epoch: int,
    low_lr_variables: Iterable[keras.Variable] = (),
) -> None:
    """Compile a captioner, or its training model, with the losses for words and density maps.

    The losses are sums; `Batches` provides weights that turn them into means.

    Args:
        model: The model.
        training: The training settings.
        steps_per_epoch: Number of batches per epoch.
        low_lr_variables: Variables to train with a reduced learning rate.
    """
    steps = steps_per_epoch * training.epochs
    model.compile(
        optimizer=cosine_adamw(training.learning_rate, steps, low_lr_variables),
        loss={
            "logits": keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="sum"),
            "density": DensityLoss(reduction="sum"),
        },
        loss_weights={"logits": 1.0, "density": training.density_weight},
    )
    # Create the variables of optimizer and metrics now; otherwise TensorFlow traces the training
    # step twice.
    model.optimizer.build(model.trainable_variables)
    outputs = {name: np.zeros([size or 1 for size in o.shape]) for name, o in model.output.items()}
    model.compute_loss(y=outputs | {"logits": outputs["logits"][..., 0]}, y_pred=outputs)


class _Trainer:
    """Trains one model, alone or as one of several workers.

    Attributes:
        model: The complete model, which answers the validation questions.
        training_model: The trainable part of `model`; in distributed training, a replica of it.
        history: One row per finished epoch.
    """

    def __init__(
        self,
        config: RunConfig,
        data: DataSet,
        run: Run,
        listener: TrainingListener,
        engine: Engine,
        workers: WorkerGroup,
    ) -> None:
        self.config, self.training, self.data, self.run = config, config.training, data, run
        self.listener, self.engine, self.workers = listener, engine, workers
        self.history: list[dict[str, Any]] = []
        self.pretrains = bool(not config.start and self.training.pretrain_steps and data.fruits)
        with silence_stderr():  # with another backend, this imports TensorFlow
            keras.utils.set_random_seed(self.training.seed)
        self.model = self._new_model()
        self.training_model = (
            self._replica() if workers.is_distributed else self.model.training_model
        )

    def train(self, resume: bool, tensorboard: bool) -> None:
        """Train for all epochs, then load the best weights into the model."""
        self._check_same_config()
        self._encode_photos()
        # Pretrained encoder weights are only fine-tuned.
        encoder = self.model.trainable_encoder if self.config.model.unfreeze else None
        pretrained = encoder.trainable_variables if encoder else ()
        with self.workers.scope():
            compile_model(
                self.training_model, self.training, len(self._train_batches(0)), pretrained
            )
        if resume and self.run.state_file.is_file():
            self._restore()
        else:
            self._init_weights()
        callbacks = [keras.callbacks.LambdaCallback(on_epoch_end=self._add_validation_score)]
        if tensorboard and self.workers.is_chief:
            folder = self.run.path / TENSORBOARD
            callbacks.append(keras.callbacks.TensorBoard(folder, write_graph=False))
        while len(self.history) < self.training.epochs and not self._is_stale():
            self._train_epoch(callbacks)
        if self.workers.is_chief:
            self.model.training_model.load_weights(self.run.best_file)
            # Without this the optimizer's state would double the size of the model file.
            self.model.training_model.compile(optimizer=None)

    def finish(self) -> dict[str, Any]:
        """Calibrate the trained model, then save it with its validation answers and scores."""
        self._calibrate()
        predictions = self._validate()
        self.model.confidence_threshold = fit_confidence_threshold(predictions)
        scores = score(predictions)
        self.run.validation.write_answers(predictions)
        write_json(self.run.validation.metrics_file, {"split": "validation", **scores})
        self.run.save_model(self.model)
        return scores

    def _new_model(self) -> Captioner:
        """A new model, or that of the run to start from, extended by new words and fruits."""
        words, fruits = self.data.vocabulary(self.training.quiz).words, self.data.fruits
        if self.config.start:
            start = Run(Path(self.config.start)).load_model()
            return extend_vocabulary(start, words, fruits, self.config.model.unfreeze)
        if self.pretrains:
            synthetic = synthetic_words(fruits, self.data.is_varied)
            words = tuple(dict.fromkeys([*words, *synthetic]))
        return Captioner(self.config.model, words, fruits)

    def _replica(self) -> keras.Model:
        """A copy of the training model, created where the workers can train it."""
        with self.workers.scope():
            config = replace(self.config.model, encoder_weights="saved")
            replica = Captioner(config, self.model.vocabulary.words, self.model.fruits)
        synchronize_batch_norm(replica.training_model)
        return replica.training_model

    def _check_same_config(self) -> None:
        config = json.dumps(replace(self.config, versions={}).to_json()).encode()
        digest = np.frombuffer(sha256(config).digest(), "int32")
        [chief_digest] = self.workers.broadcast([digest])
        if (digest != chief_digest).any():
            raise RunError("The settings or data of this worker differ from the chief's.")

    def _encode_photos(self) -> None:
        """Run the frozen encoder on all photos; the other workers wait for the chief's cache."""
        if not self.workers.is_chief:
            self.workers.barrier()
        cache, progress = self.data.folder / FEATURES, self.listener.on_photos_encoded
        train, validation = self.data.splits["train"], self.data.splits["validation"]
        self.train_files = encode_photos(
            self.model, train, cache, self.training.views, progress, self.engine
        )
        self.validation_files = encode_photos(
            self.model, validation, cache, 1, progress, self.engine
        )
        if self.workers.is_chief:
            self.workers.barrier()

    def _init_weights(self) -> None:
        """Pre-train the chief's decoder, then copy the chief's weights to all workers."""
        if self.workers.is_chief and self.pretrains:
            callbacks = self.listener.keras_callbacks("pre-training the decoder")
            pretrain_decoder(self.model, self.data.is_varied, self.training, callbacks)
        if self.workers.is_distributed:
            weights = self.model.training_model.get_weights()
            self.training_model.set_weights(self.workers.broadcast(weights))

    def _train_epoch(self, callbacks: Sequence[keras.callbacks.Callback]) -> None:
        epoch, start = len(self.history), time.monotonic()
        seed_dropout(self.training_model, self.training.seed, epoch * 2**20)
        callbacks = [*self.listener.keras_callbacks(f"epoch {epoch + 1}"), *callbacks]
        batches = self._train_batches(epoch)
        logs = self.workers.fit(self.training_model, batches, epoch, callbacks)
        names = ("loss", "logits_loss", "density_loss", "validation_exact")
        row = {"epoch": epoch + 1, **{name: logs[name] for name in names}}
        row["seconds"] = round(time.monotonic() - start, 2)
        self.history.append(row)
        if self.workers.is_chief:
            self._save()
        self.listener.on_epoch_end(row, self.history[self._best_epoch()]["validation_exact"])

    def _add_validation_score(self, epoch: int, logs: dict[str, float]) -> None:
        """Add the chief's share of exact validation answers to the logs of an epoch."""
        if keras.backend.backend() == "jax":  # which keeps the weights elsewhere while it trains
            self.training_model.jax_state_sync()
        if self.workers.is_distributed:
            self.model.training_model.set_weights(self.training_model.get_weights())
        exact = score(self._validate())["exact"] if self.workers.is_chief else 0.0
        logs["validation_exact"] = float(self.workers.broadcast([np.array([exact])])[0][0])

    def _validate(self) -> list[Prediction]:
        return predict(self.model, self.data.splits["validation"], self.validation_files)

    def _calibrate(self) -> None:
        """Calibrate the model's confidence on the validation split by temperature scaling."""
        training = replace(self.training, quiz=False)
        batches = self._batches("validation", self.validation_files, training)
        logits, words = [], []
        for index in range(len(batches)):
            inputs, targets, weights = batches[index]
            is_answer = weights["logits"] > 0
            outputs = self.model.training_model.predict_on_batch(inputs)
            logits.append(outputs["logits"][is_answer])
            words.append(targets["logits"][is_answer])
        self.model.set_temperature(fit_temperature(np.concatenate(logits), np.concatenate(words)))

    def _train_batches(self, epoch: int) -> Batches:
        return self._batches("train", self.train_files, self.training, epoch)

    def _batches(
        self,
        split: Split,
        files: Sequence[Sequence[Path]],
        training: TrainingConfig,
        epoch: int = 0,
    ) -> Batches:
        examples, grid = self.data.splits[split], self.model.neck.output["density"].shape[1:3]
        vocabulary, fruits = self.model.vocabulary, self.model.fruits
        return Batches(examples, files, vocabulary, fruits, grid, training, epoch)

    def _best_epoch(self) -> int:
        scores = [row["validation_exact"] for row in self.history]
        return scores.index(max(scores))

    def _is_stale(self) -> bool:
        """True if the last `patience` epochs brought no improvement."""
        last = len(self.history) - 1
        return last >= 0 and last - self._best_epoch() >= self.training.patience

    def _save(self) -> None:
        if self._best_epoch() == len(self.history) - 1:
            save_state(self.training_model, self.run.best_file)
        self.run.write_history(self.history)
        # The state file must come last: its number of steps says how many epochs are finished.
        save_state(self.training_model, self.run.state_file)

    def _restore(self) -> None:
        """Load the weights, the optimizer's state and the history of an interrupted training."""
        self.training_model.load_weights(self.run.state_file)
        steps = int(keras.ops.convert_to_numpy(self.training_model.optimizer.iterations))
        self.history = self.run.read_history()[: steps // len(self._train_batches(0))]


def _check_folder(config: RunConfig, run: Run, resume: bool) -> None:
    if run.is_finished:
        raise RunError(f"{run} holds a finished run.", "run-finished")
    if not resume:
        if run.is_started:
            raise RunError(f"{run} holds an unfinished run.", "run-unfinished")
        return
    if not run.is_started:
        raise RunError(f"{run} holds no run to resume.", "run-not-started")
    differences = run.read_config().differences(config)
    if differences:
        raise RunError(
            f"{run} was started with other settings ({differences}); resume with those in "
            f"{run.config_file.name}."
        )
