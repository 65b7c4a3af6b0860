"""Trains a model on a data set and saves it as a run.

There are two stages. First encoder and detector learn to find fruit from boxes and labels. Then
the decoder learns to answer from what the detector counts; in a new model it is pre-trained on
synthetic facts before (see `pretraining`). A data set without boxes and labels has the second stage
only, in which the whole model is trained. In the end, the model's confidence is calibrated on the
validation split.

The weights that answer the validation questions, and that are saved, are moving averages of those
that are trained.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from hashlib import sha256
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import keras
import numpy as np

from fruit_caption.config import RunConfig
from fruit_caption.data.batches import (
    Batches,
    CachedViews,
    DetectionBatches,
    QuestionBatches,
    encode_all_pairs,
)
from fruit_caption.data.dataset import DataSet, Example, read_data
from fruit_caption.data.features import (
    FEATURES,
    cache_features,
    fixed_views,
    load_features,
    load_pixels,
)
from fruit_caption.data.qa import Prediction
from fruit_caption.data.records import Split
from fruit_caption.evaluation.calibration import fit_confidence_threshold, fit_temperature
from fruit_caption.evaluation.detection import (
    Detected,
    find_candidates,
    fit_peak_threshold,
    score_detections,
)
from fruit_caption.evaluation.evaluate import answer_questions
from fruit_caption.evaluation.metrics import score, without_captions
from fruit_caption.models.captioner import Captioner, extend_vocabulary
from fruit_caption.models.decoding import Arrays
from fruit_caption.runs import STAGES, Run
from fruit_caption.training.checkpoint import save_state, save_weights, seed_dropout
from fruit_caption.training.distribution import SINGLE_WORKER, WorkerGroup, synchronize_batch_norm
from fruit_caption.training.pretraining import (
    fitting_steps,
    pretrain_decoder,
    synthetic_words,
)
from fruit_caption.training.rehearsal import rehearse
from fruit_caption.training.stages import StagePlan, compile_model, dtype_policy
from fruit_caption.utils.engines import LOCAL, Engine
from fruit_caption.utils.errors import FruitError, RunError
from fruit_caption.utils.files import lock_folder, write_json
from fruit_caption.utils.startup import silence_stderr

CACHED_VIEWS = 2
"""Number of views of each training photo whose features are cached if the encoder is frozen."""

DETECTOR_WEIGHT_DECAY = 1e-2

DECODER_LR_FACTOR = 0.2
"""Factor of the learning rate if only the decoder is trained. At the full rate, photos on which the
detector is wrong make the pre-trained decoder forget how to read counts."""

VALIDATION_BATCH = 32
"""Number of validation photos in a batch."""

TENSORBOARD = "tensorboard"
"""Folder inside the run for TensorBoard's event files."""


class TrainingListener:
    """Receives the progress of a training; the command line prints it."""

    def on_start(self, config: RunConfig, data: DataSet) -> None:
        """Called before anything is trained, when settings and data are known to be usable."""

    def on_photos_encoded(self, done: int, total: int) -> None:
        """Called while photos are encoded that are not in the cache yet."""

    def keras_callbacks(self, phase: str) -> list[keras.callbacks.Callback]:
        """Return Keras callbacks for a phase, such as "epoch 1", to follow its steps."""
        return []

    def on_epoch_end(self, row: dict[str, Any], best: float) -> None:
        """Called after each epoch.

        Args:
            row: The row of the training history: `stage`, "detector" or "decoder"; `epoch`, from 1;
                `loss` on the training photos; `validation`, the share of what is right on the
                validation photos from 0 to 1 (counts and kinds in the first stage, answers in the
                second); `seconds`.
            best: The highest `validation` of the stage so far.
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

    After each epoch the model is tried on the validation photos. The latest weights that are about
    as good as the best are kept (see `StagePlan.kept_epoch`), and a stage ends when `patience`
    epochs brought no improvement.

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
        FruitError: If another process trains this run, if the folder can't be written to, if a new
            model is to be trained for no epoch, or if TensorBoard is not installed.
        RunError: If the folder holds another run, or none to resume; if the run to start from
            can't be loaded; if another worker has stopped or has other settings.
        DataError, PictureError: If the data set or one of its photos can't be used.
        WeightsError: If the weights of the encoder can't be used.
    """
    if not (config.training.epochs or config.start or config.detector):
        raise FruitError("A new model needs at least one epoch.")
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
        listener = listener or TrainingListener()
        trainer = _Trainer(config, data, run, listener, engine, workers)
        if workers.is_chief:
            run.write_config(config)
        listener.on_start(config, data)
        trainer.train(resume, tensorboard)
        scores = trainer.finish() if workers.is_chief else {}
        workers.barrier()
        return scores


class _Trainer:
    """Trains one model, alone or as one of several workers.

    Attributes:
        model: The model with the averaged weights, which answers the validation questions.
        replica: The model that is trained, in the precision of the training and for its devices.
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
        self.config, self.data, self.run = config, data, run
        steps = fitting_steps(config.training, len(data.splits["train"]))
        self.training = replace(config.training, pretrain_steps=steps)
        self.listener, self.engine, self.workers = listener, engine, workers
        self.history: list[dict[str, Any]] = []
        default = keras.config.dtype_policy().name
        self.policy = "mixed_bfloat16" if self.training.mixed_precision else default
        self.pretrains = bool(not config.start and self.training.pretrain_steps and data.fruits)
        with silence_stderr():  # with another backend, this imports TensorFlow
            keras.utils.set_random_seed(self.training.seed)
        self.model = self._new_model()
        self.replica = self._new_replica()

    def train(self, resume: bool, tensorboard: bool) -> None:
        """Train both stages; in the end, `model` has the weights that are kept."""
        self._check_same_config()
        self.cached = self._cache_features("train", CACHED_VIEWS)
        self.cached_validation = self._cache_features("validation", 1)
        self.history = self.run.read_history() if resume else self._history_of_detector()
        detects = any(teaches_detector(example) for example in self.data.splits["train"])
        keeps_detector = self.training.epochs == 0 or self.config.detector is not None
        resumes_decoder = resume and self.run.state_file("decoder").is_file()
        if detects and not keeps_detector and not resumes_decoder:
            self._train_stage(self._detector_stage(), resume, tensorboard)
        if not resumes_decoder:
            self._pretrain_decoder(resume)
        self._train_stage(self._decoder_stage(detects or keeps_detector), resume, tensorboard)

    def finish(self) -> dict[str, Any]:
        """Calibrate the trained model, then save it with its validation answers and scores."""
        self._calibrate()
        predictions = self._answer_validation()
        self.model.confidence_threshold = fit_confidence_threshold(without_captions(predictions))
        scores = score(predictions)
        self.run.validation.write_answers(predictions)
        write_json(self.run.validation.metrics_file, {"split": "validation", **scores})
        self.run.save_model(self.model)
        return scores

    def _new_model(self) -> Captioner:
        """A new model, or that of the run to start from, extended by new words and fruits.

        A new model may have the encoder and detector of another run, extended likewise.
        """
        words, fruits = self.data.vocabulary(self.training.quiz).words, self.data.fruits
        if self.config.start:
            start = Run(Path(self.config.start)).load_model()
            return extend_vocabulary(start, words, fruits, self.config.model.freeze)
        other = Run(Path(self.config.detector)).load_model() if self.config.detector else None
        if other:
            fruits = tuple(dict.fromkeys([*other.fruits, *fruits]))
        if self.pretrains:
            synthetic = synthetic_words(fruits, self.data.wordings)
            words = tuple(dict.fromkeys([*words, *synthetic]))
        if not other:
            return Captioner(self.config.model, words, fruits)
        model = Captioner(self.config.model.with_saved_weights(), words, fruits)
        other = extend_vocabulary(other, (), fruits, self.config.model.freeze)
        model.encoder.set_weights(other.encoder.get_weights())
        model.detector.set_weights(other.detector.get_weights())
        return model

    def _history_of_detector(self) -> list[dict[str, Any]]:
        """The epochs that trained the detector, if it is taken over from another run."""
        if not self.config.detector:
            return []
        history = Run(Path(self.config.detector)).read_history()
        return [row for row in history if row["stage"] == "detector"]

    def _new_replica(self) -> Captioner:
        """A copy of the model, created where and in the precision in which it is trained."""
        config = self.model.config.with_saved_weights()
        with self.workers.scope(), dtype_policy(self.policy):
            replica = Captioner(config, self.model.vocabulary.words, self.model.fruits)
        if self.workers.is_distributed:
            synchronize_batch_norm(replica)
        replica.set_weights(self.model.get_weights())
        return replica

    def _check_same_config(self) -> None:
        config = json.dumps(replace(self.config, versions={}).to_json()).encode()
        digest = np.frombuffer(sha256(config).digest(), "int32")
        [chief_digest] = self.workers.broadcast([digest])
        if (digest != chief_digest).any():
            raise RunError("The settings or data of this worker differ from the chief's.")

    def _cache_features(self, split: Split, views: int) -> CachedViews | None:
        """Run a frozen encoder on all photos; the other workers wait for the chief's cache."""
        if not self.model.is_encoder_frozen:
            return None
        if not self.workers.is_chief:
            self.workers.barrier()
        shown = [fixed_views(example, views) for example in self.data.splits[split]]
        files = iter(
            cache_features(
                self.model.encoder,
                [pair for pairs in shown for pair in pairs],
                self.model.image_size,
                self.data.folder / FEATURES,
                self.listener.on_photos_encoded,
                self.engine,
            )
        )
        if self.workers.is_chief:
            self.workers.barrier()
        return [[(view, next(files)) for _, view in pairs] for pairs in shown]

    def _detector_stage(self) -> StagePlan:
        with self.workers.scope(), dtype_policy(self.policy):
            model = self.replica.detector_training_model()
        examples, size = self.data.splits["train"], self.model.image_size
        fruits, grid = self.model.fruits, self.model.detector.output["center"].shape[1:3]

        def batches(epoch: int) -> Batches:
            return DetectionBatches(examples, size, self.training, epoch, fruits, grid, self.cached)

        return StagePlan(
            "detector",
            model,
            batches,
            self._validate_detector,
            self._num_detector_cases(),
            self.training.epochs,
            self.training.learning_rate,
            DETECTOR_WEIGHT_DECAY,
        )

    def _decoder_stage(self, freeze_detector: bool) -> StagePlan:
        with self.workers.scope(), dtype_policy(self.policy):
            model = self.replica.decoder_training_model(freeze_detector)
        examples, size = self.data.splits["train"], self.model.image_size

        def batches(epoch: int) -> Batches:
            return QuestionBatches(
                examples, size, self.training, epoch, self.model.vocabulary, self.cached
            )

        def validate() -> float:
            return float(score(self._answer_validation())["exact"])

        epochs, rate = self.training.epochs, self.training.learning_rate
        if freeze_detector:
            epochs, rate = self.training.decoder_epochs, DECODER_LR_FACTOR * rate
        asked = [
            example.questions or example.qa_pairs for example in self.data.splits["validation"]
        ]
        cases = sum(map(len, asked))
        return StagePlan("decoder", model, batches, validate, cases, epochs, rate)

    def _train_stage(self, stage: StagePlan, resume: bool, tensorboard: bool) -> None:
        """Train the epochs of a stage that are not done yet, then load the kept weights."""
        pretrained = self.replica.config.encoder_weights != "none"
        variables = self.replica.encoder.trainable_variables if pretrained else ()
        steps = len(stage.batches(0))
        with self.workers.scope():
            compile_model(
                stage.model,
                stage.learning_rate,
                steps * stage.epochs,
                variables,
                stage.weight_decay,
            )
        rows = [row for row in self.history if row["stage"] == stage.name]
        if resume and self.run.state_file(stage.name).is_file():
            stage.history = rows[: self._restore(stage, steps)]
        # A training that was killed between writing two files has one row too many.
        earlier = STAGES[: STAGES.index(stage.name)]
        self.history = [row for row in self.history if row["stage"] in earlier] + stage.history
        board = self._tensorboard(stage) if tensorboard and self.workers.is_chief else None
        try:
            while not stage.is_finished(self.training.patience):
                self._train_epoch(stage, board)
        finally:
            if board:
                board.on_train_end()
        if self.workers.is_chief:
            self.model.load_weights(self.run.kept_file(stage.name))
        self._share_weights()

    def _train_epoch(self, stage: StagePlan, board: keras.callbacks.Callback | None) -> None:
        """Train one epoch, then validate and save it."""
        epoch, start = len(stage.history), time.monotonic()
        seed_dropout(stage.model, self.training.seed, epoch * 2**20)
        callbacks = self.listener.keras_callbacks(f"{stage.name}, epoch {epoch + 1}")
        logs = self.workers.fit(stage.model, stage.batches(epoch), epoch, callbacks)
        self._copy_averages(stage.model)
        result = stage.validate() if self.workers.is_chief else 0.0
        row = {
            "stage": stage.name,
            "epoch": epoch + 1,
            "loss": logs["loss"],
            "validation": float(self.workers.broadcast([np.array([result])])[0][0]),
            "seconds": round(time.monotonic() - start, 2),
        }
        stage.history.append(row)
        self.history.append(row)
        if board:  # it takes numbers only
            board.on_epoch_end(epoch, logs | {"validation": row["validation"]})
        if self.workers.is_chief:
            self._save(stage)
        self.listener.on_epoch_end(row, max(stage.scores))

    def _copy_averages(self, trained: keras.Model) -> None:
        """Copy the replica's weights to the model, with the averages in place of trained ones."""
        weights = self.replica.get_weights()
        trained.optimizer.assign_averages(trained.trainable_variables)
        self.model.set_weights(self.replica.get_weights())
        self.replica.set_weights(weights)

    def _share_weights(self) -> None:
        """Copy the chief's weights to the replica, and to all other workers."""
        weights = self.workers.broadcast(self.model.get_weights())
        self.model.set_weights(weights)
        self.replica.set_weights(weights)

    def _pretrain_decoder(self, resume: bool) -> None:
        if self.workers.is_chief and self.pretrains:
            callbacks = self.listener.keras_callbacks("pre-training the decoder")
            shared = self.config.pretraining
            state = Path(shared) if shared else self.run.pretraining_file
            resume = resume or shared is not None
            pretrain_decoder(
                self.model, self.data.wordings, self.training, callbacks, state, resume
            )
        self._share_weights()

    def _validation_features(self) -> Iterator[tuple[list[Example], Arrays]]:
        """The validation photos in batches, with the features of the encoder."""
        examples = self.data.splits["validation"]
        for start in range(0, len(examples), VALIDATION_BATCH):
            batch = examples[start : start + VALIDATION_BATCH]
            if self.cached_validation:
                cached = self.cached_validation[start : start + VALIDATION_BATCH]
                yield batch, load_features([file for [(_, file)] in cached])
            else:
                pixels = load_pixels([example.path for example in batch], self.model.image_size)
                # Not `encoder_fn`: fusing batch normalization after every epoch would cost more
                # than it saves.
                yield batch, self.model.encoder.predict_on_batch(pixels)

    def _validate_detector(self) -> float:
        """Choose the threshold of the detector; return its score."""
        features = (features for _, features in self._validation_features())
        candidates = find_candidates(self.model, features)
        examples = self.data.splits["validation"]
        threshold, result = fit_peak_threshold(candidates, examples, self.model.fruits)
        self.model.peak_threshold = threshold
        return result

    def _num_detector_cases(self) -> int:
        examples = self.data.splits["validation"]
        nothing = [Detected(np.zeros(0), np.zeros(0, "int32"))] * len(examples)
        return int(score_detections(nothing, examples, self.model.fruits)["overall"]["n"])

    def _answer_validation(self) -> list[Prediction]:
        return [
            prediction
            for examples, features in self._validation_features()
            for prediction in answer_questions(
                self.model, examples, self.model.encode_features(features)
            )
        ]

    def _calibrate(self) -> None:
        """Calibrate the model's confidence on the validation split by temperature scaling.

        Captions are left out where there are questions, see `without_captions`.
        """
        logits, words = [], []
        for examples, features in self._validation_features():
            encoding = self.model.encode_features(features)
            asked = [example.questions or example.qa_pairs for example in examples]
            inputs, targets, weights = encode_all_pairs(self.model.vocabulary, asked)
            arrays = {name: encoding[name] for name in self.model.decoder_inputs}
            outputs = self.model.decoder.predict_on_batch(arrays | {"words": inputs})
            logits.append(outputs["logits"][weights > 0])
            words.append(targets[weights > 0])
        self.model.set_temperature(fit_temperature(np.concatenate(logits), np.concatenate(words)))

    def _tensorboard(self, stage: StagePlan) -> keras.callbacks.Callback:
        board = keras.callbacks.TensorBoard(
            self.run.path / TENSORBOARD / stage.name, write_graph=False
        )
        board.set_model(stage.model)
        return board

    def _save(self, stage: StagePlan) -> None:
        if stage.kept_epoch == len(stage.history) - 1:
            save_weights(self.model, self.run.kept_file(stage.name))
        self.run.write_history(self.history)
        # The state file must come last: its number of steps says how many epochs are finished.
        save_state(stage.model, self.run.state_file(stage.name))

    def _restore(self, stage: StagePlan, steps: int) -> int:
        """Load the state of an interrupted stage; return its number of finished epochs."""
        stage.model.load_weights(self.run.state_file(stage.name))
        return int(keras.ops.convert_to_numpy(stage.model.optimizer.iterations)) // steps


def teaches_detector(example: Example) -> bool:
    """Whether a photo's boxes or labels teach the detector anything."""
    photo = example.photo
    return bool(photo and (photo.boxes or photo.labels))


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
