"""Trains a model on a data set and files it as a run.

What is frozen of the encoder looks at every photo once; the rest is trained on what that saw, or
on pixels where nothing is frozen. Before the photos come lessons in reading (see `reading`); in
the end the model learns from the validation questions how sure it may be.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import keras
import numpy as np

from fruit_caption import features, runs
from fruit_caption.calibration import doubtful_below, fit_temperature
from fruit_caption.config import RunConfig, TrainingConfig
from fruit_caption.dataset import Batches, DataSet, Example, read_data
from fruit_caption.errors import RunError
from fruit_caption.files import alone_in, whole_file, write_json
from fruit_caption.metrics import Row, score
from fruit_caption.models.attention import DensityLoss
from fruit_caption.models.captioner import Captioner
from fruit_caption.models.decoding import speak
from fruit_caption.models.growing import grow
from fruit_caption.optimizing import falling_adamw, seed_dropout, write_state
from fruit_caption.photos import Split
from fruit_caption.reading import learn_to_read, words_to_read
from fruit_caption.rehearsal import rehearse
from fruit_caption.views import views_of

FEATURES = "features"
"""The folder of the feature cache, in the data set's."""


class Listener:
    """Is told how a training goes on; the command line prints it."""

    def looking(self, done: int, total: int) -> None:
        """So many of the photos that were not in the cache have been looked at."""

    def callbacks(self, what: str) -> list[keras.callbacks.Callback]:
        """Keras callbacks for the progress of what is done now, such as an epoch."""
        return []

    def epoch(self, row: dict[str, Any], best: float) -> None:
        """An epoch is done: its row of the history, and the best validation score so far."""


def versions() -> dict[str, str]:
    """Of the packages that a result depends on."""
    return {name: version(name) for name in ("tensorflow", "keras", "numpy", "pillow")}


def train(
    config: RunConfig, folder: Path, resume: bool = False, listener: Listener | None = None
) -> dict[str, Any]:
    """Train a model and file it as a run.

    After every epoch the validation questions are answered word by word; the weights that answer
    most of them rightly are kept, and training stops when that has not risen for `patience`
    epochs.

    Args:
        config: data, model and training.
        folder: of the run.
        resume: go on with an interrupted training. It ends as an uninterrupted one would have.
        listener: told how it goes on.

    Returns:
        the scores on the validation split.

    Raises:
        FruitError: another process trains there.
        RunError: the folder holds another run already, or nothing to resume.
        DataError, WeightsError: the data or the encoder's weights can't be used.
    """
    listener = listener or Listener()
    data = read_data(Path(config.data))
    config = replace(config, data_digest=data.digest)
    if config.rehearse:
        data = rehearse(data, read_data(Path(config.rehearse)), config.training.seed)
    with alone_in(folder):
        _check_folder(config, folder, resume)
        return _train(config, data, folder, resume, listener)


def _train(
    config: RunConfig, data: DataSet, folder: Path, resume: bool, listener: Listener
) -> dict[str, Any]:
    keras.utils.set_random_seed(config.training.seed)
    model = _start(config, data)
    write_json(folder / runs.CONFIG, config.to_json())
    trainer = _Trainer(model, data, config, folder, listener)
    trainer.run(resume)
    trainer.calibrate()

    rows = trainer.validate()
    model.doubt = doubtful_below(rows)
    scores = score(rows)
    runs.write_answers(folder / runs.ANSWERS, rows)
    write_json(folder / runs.METRICS, {"split": "validation", **scores})
    with whole_file(folder / runs.MODEL) as draft:
        model.save(draft)
    for name in (runs.STATE, runs.BEST):
        (folder / name).unlink(missing_ok=True)
    return scores


def _start(config: RunConfig, data: DataSet) -> Captioner:
    """A new model, or that of another run, which may have words and fruits to learn."""
    words = data.vocabulary(config.training.quiz).words
    if config.start:
        return grow(runs.load_run(Path(config.start)), words, data.fruits, config.model.unfreeze)
    if _reads(config, data):
        words = tuple(dict.fromkeys([*words, *words_to_read(data.fruits, data.is_varied)]))
    return Captioner(config.model, words, data.fruits)


def _reads(config: RunConfig, data: DataSet) -> bool:
    """Whether there are lessons before the photos; they are about fruit."""
    return not config.start and bool(config.training.reading and data.fruits)


def answer_examples(
    model: Captioner, examples: Sequence[Example], files: Sequence[Sequence[Path]], batch: int = 32
) -> list[Row]:
    """Answer every question about some photos.

    Args:
        model: a trained model.
        examples: photos and questions.
        files: what `look_up` gives for the examples; the plain view is answered about.
        batch: photos at a time.
    """
    rows = []
    for start in range(0, len(examples), batch):
        some = examples[start : start + batch]
        seen = features.load([views[0] for views in files[start : start + batch]])
        # Folding what learns, anew after each epoch, would take longer than it saves.
        seen = model.learning.predict_on_batch(seen) if model.learning else seen.astype("float32")
        questions = [[item.question for item in one.items] for one in some]
        spoken = speak(model, model.see(seen), questions)
        rows += [
            Row(example.name, item, said.text, said.confidence)
            for example, answers in zip(some, spoken, strict=True)
            for item, said in zip(example.items, answers, strict=True)
        ]
    return rows


def look_up(
    model: Captioner,
    examples: Sequence[Example],
    cache: Path,
    views: int = 1,
    progress: features.Progress = lambda done, total: None,
) -> list[list[Path]]:
    """For each photo what the frozen part of the model's encoder sees in some views of it, in the
    cache; or the pixels if there is none."""
    shown = [
        (example.path, view)
        for example in examples
        for view in views_of(example.name, example.photo, views)
    ]
    size = model.config.image_size
    if model.frozen:
        files = features.extract_features(model.frozen, shown, size, cache, progress)
    else:
        files = features.extract_pixels(shown, size, cache)
    return [files[start : start + views] for start in range(0, len(files), views)]


def prepare(
    trained: keras.Model, training: TrainingConfig, steps: int, gently: Sequence[Any] = ()
) -> None:
    """Compile a captioner, or its head, for training.

    Args:
        trained: the model.
        training: how it learns.
        steps: of an epoch.
        gently: variables that learn slower than the others.
    """
    trained.compile(
        optimizer=falling_adamw(training.learning_rate, steps * training.epochs, gently),
        loss={
            "logits": keras.losses.SparseCategoricalCrossentropy(
                from_logits=True, reduction="mean_with_sample_weight"
            ),
            "density": DensityLoss(),
        },
        loss_weights={"logits": 1.0, "density": training.density_weight},
    )


@dataclass
class _Trainer:
    model: Captioner
    data: DataSet
    config: RunConfig
    folder: Path
    listener: Listener

    def __post_init__(self) -> None:
        self.head = self.model.head
        self.cache = self.data.folder / FEATURES
        self.files = self._look("train", self.config.training.views)
        self.validation_files = self._look("validation")
        self.history: list[dict[str, Any]] = []

    def run(self, resume: bool) -> None:
        """Train to the end and leave the model with its best weights."""
        training = self.config.training
        # What ImageNet taught the encoder is adjusted, not overwritten.
        taught = self.model.learning if self.config.model.unfreeze else None
        gently = taught.trainable_variables if taught else ()
        prepare(self.head, training, len(self._epoch(0)), gently)
        if resume and (self.folder / runs.STATE).is_file():
            self._restore()
        elif _reads(self.config, self.data):
            callbacks = self.listener.callbacks("learning to read")
            learn_to_read(self.model, self.data.is_varied, training, callbacks)
        while len(self.history) < training.epochs and not self._is_stale():
            epoch = len(self.history)
            began = time.monotonic()
            seed_dropout(self.head, training.seed, epoch * 2**20)
            fitted = self.head.fit(
                self._epoch(epoch),
                shuffle=False,  # `Batches` has its own order
                initial_epoch=epoch,
                epochs=epoch + 1,
                verbose=0,
                callbacks=self.listener.callbacks(f"epoch {epoch + 1}"),
            ).history
            scores = score(self.validate())
            row = {"epoch": epoch + 1, "loss": fitted["loss"][-1]}
            row |= {f"{name}_loss": fitted[f"{name}_loss"][-1] for name in ("logits", "density")}
            row["validation_exact"] = scores["exact"]
            row["seconds"] = round(time.monotonic() - began, 2)
            self.history.append(row)
            self._save(improved=self._best() == len(self.history) - 1)
            self.listener.epoch(row, self.history[self._best()]["validation_exact"])
        self.head.load_weights(self.folder / runs.BEST)
        self.head.compile(optimizer=None)  # its momenta would double the model's file

    def validate(self) -> list[Row]:
        """Answer the validation questions as a person would get them answered."""
        return answer_examples(self.model, self.data.splits["validation"], self.validation_files)

    def calibrate(self) -> None:
        """Make the model as sure of the right answers to the validation questions as it may be."""
        batches = self._batches("validation", self.validation_files, quiz=False)
        logits, words = [], []
        for number in range(len(batches)):
            inputs, following, weights = batches[number]
            answers = weights["logits"] > 0
            logits.append(self.head.predict_on_batch(inputs)["logits"][answers])
            words.append(following["logits"][answers])
        self.model.cool(fit_temperature(np.concatenate(logits), np.concatenate(words)))

    def _look(self, split: Split, views: int = 1) -> list[list[Path]]:
        return look_up(
            self.model, self.data.splits[split], self.cache, views, self.listener.looking
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
        grid = self.model.eye.output["density"].shape[1:3]
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
            write_state(self.head, self.folder / runs.BEST)
        runs.write_history(self.folder, self.history)
        write_state(self.head, self.folder / runs.STATE)

    def _restore(self) -> None:
        # The optimizer's momenta are restored too, once there are variables to hold them.
        self.head.optimizer.build(self.head.trainable_variables)
        self.head.load_weights(self.folder / runs.STATE)
        steps = int(self.head.optimizer.iterations)
        self.history = runs.read_history(self.folder)[: steps // len(self._epoch(0))]


def _check_folder(config: RunConfig, folder: Path, resume: bool) -> None:
    there = (folder / runs.CONFIG).is_file()
    if (folder / runs.MODEL).is_file():
        raise RunError(f"{folder} holds a finished run; choose another name with --run.")
    if not resume:
        if there:
            raise RunError(
                f"{folder} holds an unfinished run; go on with --resume, or choose another name "
                "with --run."
            )
        return
    if not there:
        raise RunError(f"{folder} holds no run to resume; train without --resume.")
    unlike = runs.read_config(folder).unlike(config)
    if unlike:
        raise RunError(
            f"{folder} was begun with other settings ({unlike}); resume with those in its "
            f"{runs.CONFIG}."
        )
