"""Trains a model on a data set and files it as a run.

What is frozen of the encoder looks at every photo once; the rest is trained on what that saw, or
on pixels where nothing is frozen. Before the photos come lessons in reading (see `reading`); in
the end the model learns from the validation questions how sure it may be.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import keras
import numpy as np

from fruit_caption.config import RunConfig, TrainingConfig
from fruit_caption.data.dataset import Batches, DataSet, read_data
from fruit_caption.data.features import FEATURES
from fruit_caption.data.qa import Prediction
from fruit_caption.data.records import Split
from fruit_caption.evaluation.calibration import fit_confidence_threshold, fit_temperature
from fruit_caption.evaluation.evaluate import encode_photos, predict
from fruit_caption.evaluation.metrics import score
from fruit_caption.models.captioner import Captioner, extend_vocabulary
from fruit_caption.models.layers import DensityLoss
from fruit_caption.runs import Run
from fruit_caption.training.distribution import SINGLE_WORKER, WorkerGroup, synchronize_batch_norm
from fruit_caption.training.optimizer import cosine_adamw, save_state, seed_dropout
from fruit_caption.training.pretraining import pretrain_decoder, synthetic_words
from fruit_caption.training.rehearsal import rehearse
from fruit_caption.utils.engines import LOCAL, Engine
from fruit_caption.utils.errors import RunError
from fruit_caption.utils.files import lock_folder, write_json


class TrainingListener:
    """Is told how a training goes on; the command line prints it."""

    def on_photos_encoded(self, done: int, total: int) -> None:
        """So many of the photos that were not in the cache have been looked at."""

    def keras_callbacks(self, what: str) -> list[keras.callbacks.Callback]:
        """Keras callbacks for the progress of what is done now, such as an epoch."""
        return []

    def on_epoch_end(self, row: dict[str, Any], best: float) -> None:
        """An epoch is done.

        Args:
            row: of the history: `epoch`, from 1 on; `loss`, `logits_loss` and `density_loss` of
                training; `validation_exact`, the share of right answers, 0 to 1; `seconds`.
            best: the highest `validation_exact` so far.
        """


def versions() -> dict[str, str]:
    """The versions of the packages that a result depends on, by their names."""
    return {name: version(name) for name in ("tensorflow", "keras", "numpy", "pillow")}


def train(
    config: RunConfig,
    run: Run,
    resume: bool = False,
    listener: TrainingListener | None = None,
    engine: Engine = LOCAL,
    team: WorkerGroup = SINGLE_WORKER,
) -> dict[str, Any]:
    """Train a model and file it as a run.

    After every epoch the validation questions are answered word by word; the weights that answer
    most of them rightly are kept, and training stops when that has not risen for `patience`
    epochs.

    Args:
        config: data, model and training.
        run: the run folder to write.
        resume: go on with an interrupted training. It ends as an uninterrupted one would have.
        listener: told how it goes on.
        engine: looks at the photos.
        team: who trains. All of a team call this with the same settings; the chief writes.

    Returns:
        the scores on the validation split; of one who is not the chief, none.

    Raises:
        FruitError: another process trains there, or the folder can't be written to.
        RunError: the folder holds another run already, or nothing to resume; the run to start from
            can't be loaded; another of the team has stopped, or was told to do something else.
        DataError, PictureError: the data or one of its photos can't be used.
        WeightsError: the encoder's weights can't be used.
    """
    listener = listener or TrainingListener()
    data = read_data(Path(config.data))
    config = replace(config, data_digest=data.digest)
    if config.rehearse:
        data = rehearse(data, read_data(Path(config.rehearse)), config.training.seed)
    if not team.is_chief:
        with team.together():
            _Trainer(config, data, run, listener, engine, team).run(resume)
            team.barrier()
        return {}
    with lock_folder(run.path), team.together():
        _check_folder(config, run, resume)
        scores = _train(config, data, run, resume, listener, engine, team)
        team.barrier()
        return scores


def _train(
    config: RunConfig,
    data: DataSet,
    run: Run,
    resume: bool,
    listener: TrainingListener,
    engine: Engine,
    team: WorkerGroup,
) -> dict[str, Any]:
    trainer = _Trainer(config, data, run, listener, engine, team)
    run.write_config(config)
    trainer.run(resume)
    trainer.calibrate()

    model, rows = trainer.model, trainer.validate()
    model.confidence_threshold = fit_confidence_threshold(rows)
    scores = score(rows)
    run.validation.write_answers(rows)
    write_json(run.validation.metrics_file, {"split": "validation", **scores})
    run.save_model(model)
    return scores


def _start(config: RunConfig, data: DataSet) -> Captioner:
    """A new model, or that of another run, which may have words and fruits to learn."""
    words = data.vocabulary(config.training.quiz).words
    if config.start:
        return extend_vocabulary(
            Run(Path(config.start)).load_model(), words, data.fruits, config.model.unfreeze
        )
    if _reads(config, data):
        words = tuple(dict.fromkeys([*words, *synthetic_words(data.fruits, data.is_varied)]))
    return Captioner(config.model, words, data.fruits)


def _reads(config: RunConfig, data: DataSet) -> bool:
    """Whether there are lessons before the photos; they are about fruit."""
    return not config.start and bool(config.training.pretrain_steps and data.fruits)


def prepare(
    trained: keras.Model, training: TrainingConfig, steps: int, gently: Sequence[Any] = ()
) -> None:
    """Compile a captioner, or its head, for training.

    It learns the words by cross-entropy and the density maps by `DensityLoss`, both summed: what
    `Batches` gives is weighted so that the sums are means.

    Args:
        trained: the model.
        training: how it learns.
        steps: of an epoch.
        gently: variables that learn slower than the others.
    """
    trained.compile(
        optimizer=cosine_adamw(training.learning_rate, steps * training.epochs, gently),
        loss={
            "logits": keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="sum"),
            "density": DensityLoss(reduction="sum"),
        },
        loss_weights={"logits": 1.0, "density": training.density_weight},
    )
    # Else Keras makes variables while it traces a step, for which TensorFlow traces it twice.
    trained.optimizer.build(trained.trainable_variables)
    said = {name: np.zeros([size or 1 for size in o.shape]) for name, o in trained.output.items()}
    trained.compute_loss(y=said | {"logits": said["logits"][..., 0]}, y_pred=said)


class _Trainer:
    """Trains a model, alone or as one of a team.

    Attributes:
        model: what comes out, and what is asked after each epoch.
        head: what is trained: the model's own, or its twin that a team shares.
    """

    def __init__(
        self,
        config: RunConfig,
        data: DataSet,
        run: Run,
        listener: TrainingListener,
        engine: Engine,
        team: WorkerGroup,
    ) -> None:
        self.config, self.data, self.run_folder = config, data, run
        self.listener, self.engine, self.team = listener, engine, team
        self.cache = data.folder / FEATURES
        self.history: list[dict[str, Any]] = []
        keras.utils.set_random_seed(config.training.seed)
        self.model = _start(config, data)
        self.training_model = self.model.training_model if team.is_one else self._twin()

    def run(self, resume: bool) -> None:
        """Train to the end and leave the model with its best weights."""
        self._agree()
        training = self.config.training
        if not self.team.is_chief:
            self.team.barrier()  # the chief looks
        self.files = self._look("train", training.views)
        self.validation_files = self._look("validation")
        if self.team.is_chief:
            self.team.barrier()
        # What ImageNet taught the encoder is adjusted, not overwritten.
        taught = self.model.trainable_encoder if self.config.model.unfreeze else None
        gently = taught.trainable_variables if taught else ()
        with self.team.scope():
            prepare(self.training_model, training, len(self._epoch(0)), gently)
        if resume and self.run_folder.state_file.is_file():
            self._restore()
        else:
            self._begin()
        while len(self.history) < training.epochs and not self._is_stale():
            epoch = len(self.history)
            began = time.monotonic()
            seed_dropout(self.training_model, training.seed, epoch * 2**20)
            callbacks = self.listener.keras_callbacks(f"epoch {epoch + 1}")
            fitted = self.team.fit(
                self.training_model, self._epoch(epoch), epoch, callbacks
            ).history
            row = {"epoch": epoch + 1, "loss": fitted["loss"][-1]}
            row |= {f"{name}_loss": fitted[f"{name}_loss"][-1] for name in ("logits", "density")}
            row["validation_exact"] = self._validation_exact()
            row["seconds"] = round(time.monotonic() - began, 2)
            self.history.append(row)
            if self.team.is_chief:
                self._save(improved=self._best() == len(self.history) - 1)
            self.listener.on_epoch_end(row, self.history[self._best()]["validation_exact"])
        if self.team.is_chief:
            self.model.training_model.load_weights(self.run_folder.best_file)
            self.model.training_model.compile(
                optimizer=None
            )  # momenta would double the model's file

    def _twin(self) -> keras.Model:
        """The head once more, by the same weights, where the team can train it."""
        with self.team.scope():
            model = replace(self.config.model, encoder_weights="saved")
            twin = Captioner(model, self.model.vocabulary.words, self.model.fruits)
        synchronize_batch_norm(twin.training_model)
        return twin.training_model

    def _agree(self) -> None:
        """See that all of the team were told to do the same."""
        settings = json.dumps(replace(self.config, versions={}).to_json()).encode()
        ours = np.frombuffer(sha256(settings).digest(), "int32")
        [theirs] = self.team.broadcast([ours])
        if (ours != theirs).any():
            raise RunError("This worker was begun with other settings or data than the first.")

    def _begin(self) -> None:
        """The weights to begin with; the chief alone learns to read."""
        if self.team.is_chief and _reads(self.config, self.data):
            callbacks = self.listener.keras_callbacks("learning to read")
            pretrain_decoder(self.model, self.data.is_varied, self.config.training, callbacks)
        if not self.team.is_one:
            self.training_model.set_weights(
                self.team.broadcast(self.model.training_model.get_weights())
            )

    def _hand_over(self) -> None:
        """Give the model what the team has learnt."""
        if not self.team.is_one:
            self.model.training_model.set_weights(self.training_model.get_weights())

    def _validation_exact(self) -> float:
        """The share of right answers after an epoch, as the chief finds it."""
        self._hand_over()
        exact = score(self.validate())["exact"] if self.team.is_chief else 0.0
        return float(self.team.broadcast([np.array([exact])])[0][0])

    def validate(self) -> list[Prediction]:
        """Answer the validation questions as a person would get them answered."""
        return predict(self.model, self.data.splits["validation"], self.validation_files)

    def calibrate(self) -> None:
        """Make the model as sure of the right answers to the validation questions as it may be."""
        batches = self._batches("validation", self.validation_files, quiz=False)
        logits, words = [], []
        for number in range(len(batches)):
            inputs, following, weights = batches[number]
            answers = weights["logits"] > 0
            logits.append(self.model.training_model.predict_on_batch(inputs)["logits"][answers])
            words.append(following["logits"][answers])
        self.model.set_temperature(fit_temperature(np.concatenate(logits), np.concatenate(words)))

    def _look(self, split: Split, views: int = 1) -> list[list[Path]]:
        return encode_photos(
            self.model,
            self.data.splits[split],
            self.cache,
            views,
            self.listener.on_photos_encoded,
            self.engine,
        )

    def _epoch(self, number: int) -> Batches:
        quiz = self.config.training.quiz
        return self._batches("train", self.files, quiz, number)

    def _batches(
        self,
        split: Split,
        files: Sequence[Sequence[Path]],
        quiz: bool,
        epoch: int = 0,
    ) -> Batches:
        grid = self.model.neck.output["density"].shape[1:3]
        return Batches(
            self.data.splits[split],
            files,
            self.model.vocabulary,
            self.model.fruits,
            grid,
            replace(self.config.training, quiz=quiz),
            epoch,
        )

    def _best(self) -> int:
        scores = [row["validation_exact"] for row in self.history]
        return scores.index(max(scores))

    def _is_stale(self) -> bool:
        behind = len(self.history) - 1 - self._best() if self.history else 0
        return behind >= self.config.training.patience

    def _save(self, improved: bool) -> None:
        """Keep what resuming needs. The state comes last: it says how many epochs are done."""
        if improved:
            save_state(self.training_model, self.run_folder.best_file)
        self.run_folder.write_history(self.history)
        save_state(self.training_model, self.run_folder.state_file)

    def _restore(self) -> None:
        # The optimizer's momenta are restored too: `prepare` has made variables to hold them.
        self.training_model.load_weights(self.run_folder.state_file)
        steps = int(keras.ops.convert_to_numpy(self.training_model.optimizer.iterations))
        self.history = self.run_folder.read_history()[: steps // len(self._epoch(0))]


def _check_folder(config: RunConfig, run: Run, resume: bool) -> None:
    if run.is_finished:
        raise RunError(f"{run} holds a finished run.", "run-finished")
    if not resume:
        if run.is_started:
            raise RunError(f"{run} holds an unfinished run.", "run-unfinished")
        return
    if not run.is_started:
        raise RunError(f"{run} holds no run to resume.", "run-not-started")
    unlike = run.read_config().unlike(config)
    if unlike:
        raise RunError(
            f"{run} was started with other settings ({unlike}); resume with those in "
            f"{run.config_file.name}."
        )
