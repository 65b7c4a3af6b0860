"""Teaches a language model to write about fruit: a small GPT-2 from nothing, or one that can write.

It learns from lines as `prompts` makes them, with facts at random and the words of the phrasebook.
Some pairs of a fruit and a number, and some phrasings, it never sees: how it does with those tells
whether it has learnt to write or to recite.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import random
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import keras_nlp
import numpy as np
import tokenizers

from fruit_caption.data.records import FruitBox, Photo
from fruit_caption.datagen.diversity import wording
from fruit_caption.datagen.language_model import prompts
from fruit_caption.datagen.language_model.generation import tokenize
from fruit_caption.datagen.language_model.presets import SCORES, load_preset
from fruit_caption.datagen.language_model.prompts import ANSWER, END, TASKS, Task
from fruit_caption.datagen.language_model.writer import LanguageModelWriter, TextRequest
from fruit_caption.datagen.question_specs import question_specs
from fruit_caption.language import phrasebook
from fruit_caption.language.fruits import FRUITS
from fruit_caption.training.optimizer import save_state, seed_dropout, weights_file_size
from fruit_caption.utils.errors import WriterError
from fruit_caption.utils.files import lock_folder, read_json, write_errors, write_json
from fruit_caption.utils.progress import Progress, no_progress

VOCABULARY, LAYERS, HEADS, UNITS, POSITIONS = 2048, 4, 6, 192, 320
"""Of the small GPT-2: 2.2 million parameters, nine megabytes."""

ROW, BATCH = 160, 16
"""Tokens in a row of a batch, and rows."""

LINES_A_ROW = 6
"""So many lines, about, fill a row."""

TRIED_LINES, TRIED_PHOTOS = 2000, 100
"""On how many lines and photos a writer is tried that it never saw."""

KEPT = 100
"""Steps after which it is kept how far the training is."""

CONFIG, STATE, PRESET = "config.json", "state.weights.h5", "preset"
"""What lies in the folder of an unfinished training."""

MOST = 12
"""The largest number of fruits of a kind in the facts."""


@dataclass(frozen=True)
class Line:
    """A finished line in two halves: what is given, and what the model learns to write."""

    task: Task
    given: str
    text: str


def train_writer(
    out: Path,
    start: str | None = None,
    steps: int = 1500,
    seed: int = 0,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Train a writer and save it as a preset of KerasNLP.

    A training that was stopped, however hard, goes on where it was when it is asked for again, and
    ends with the same weights.

    Args:
        out: the folder of the preset.
        start: a preset to go on from; without one, a small GPT-2 and its byte-pair encoding are
            made from nothing.
        steps: of training, each of `BATCH` rows.
        seed: of facts, words and weights.
        progress: told in words what is being done.

    Returns:
        how the writer does with what it never saw, see `scores`.

    Raises:
        WriterError: the folder is in the way, or the preset to start from can't be loaded.
        FruitError: another process trains it, or the folder can't be written to.
    """
    if out.exists() and any(out.iterdir()):
        raise WriterError(f"{out} already exists and is not empty.", "writer-exists")
    made = {"start": start, "steps": steps, "seed": seed}
    unfinished = out.with_name(f".{out.name}.unfinished")
    with lock_folder(unfinished):
        if (unfinished / CONFIG).is_file() and read_json(unfinished / CONFIG) != made:
            _empty(unfinished)
        write_json(unfinished / CONFIG, made)
        result = _train(unfinished, made, progress)
        os.replace(unfinished / PRESET, out)
        _empty(unfinished)
    return result


def _train(folder: Path, made: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Train what is not trained yet, and try it."""
    start, steps, seed = made["start"], made["steps"], made["seed"]
    preset = folder / PRESET
    keras.utils.set_random_seed(seed)
    progress("making up lines to learn from")
    learnt = lines(steps * BATCH * LINES_A_ROW, seed)
    if (preset / SCORES).is_file():
        model = load_preset(str(preset))
    else:
        texts = [line.given + line.text for line in learnt]
        model = load_preset(start) if start else _new_model(texts)
        rows, weights = _rows(learnt, model.preprocessor.tokenizer, seed)
        rate = 1e-4 if start else 2e-3
        _fit(model, rows, weights, steps, rate, seed, folder / STATE, progress)
        with write_errors(preset, weights_file_size(model.variables)):
            model.save_to_preset(str(preset))
        # Whoever writes with it, knows by this file how it was taught.
        write_json(preset / SCORES, made)
    progress("trying the writer on what it never saw")
    result = scores(preset, model, learnt, seed)
    write_json(preset / SCORES, result | made)
    return result


def _empty(folder: Path) -> None:
    """Remove what an unfinished training has left, the settings last."""
    shutil.rmtree(folder / PRESET, ignore_errors=True)
    for name in (STATE, CONFIG):
        (folder / name).unlink(missing_ok=True)


# What is learnt ------------------------------------------------------------------------------


def is_held_out(fruit: str, number: int | None) -> bool:
    """Whether the model never reads of so many of a fruit while it learns: one pair in ten."""
    digest = hashlib.sha256(f"{fruit} {number}".encode()).digest()
    return number is not None and number > 1 and digest[0] % 10 == 0


def random_photo(rng: random.Random, held_out: bool = False) -> Photo:
    """A photo of nothing: just facts. With `held_out`, one at least of a pair never learnt."""
    while True:
        kinds = rng.choices(range(6), (6, 44, 22, 14, 9, 5))[0]
        counts = {
            fruit: None if rng.random() < 0.12 else min(MOST, 1 + int(rng.expovariate(0.3)))
            for fruit in rng.sample(sorted(FRUITS), kinds)
        }
        if any(is_held_out(*pair) for pair in counts.items()) == held_out:
            break
    boxes = [FruitBox(fruit, 0, 0, 1, 1) for fruit, n in counts.items() for _ in range(n or 1)]
    known = frozenset(fruit for fruit, number in counts.items() if number)
    return Photo(Path("facts"), 1, 1, tuple(boxes), frozenset(FRUITS), count_ok=known)


def lines(
    number: int, seed: int, held_out_facts: bool = False, held_out_words: bool = False
) -> list[Line]:
    """Lines about facts at random, in the words of the phrasebook."""
    rng = random.Random(f"{seed} {held_out_facts} {held_out_words}")
    rivals = dict.fromkeys(FRUITS, 1)
    made: list[Line] = []
    while len(made) < number:
        photo = random_photo(rng, held_out_facts)
        counts = photo.counts()
        caption = phrasebook.write_caption(counts, rng, held_out_words)
        made.append(_line("caption", photo, None, caption))
        for spec in rng.sample(asked := question_specs(photo, rivals, rng), min(2, len(asked))):
            question = phrasebook.write_question(spec.kind, spec.fruit, rng, held_out_words)
            answer = phrasebook.write_answer(spec.kind, spec.fruit, spec.value, rng, held_out_words)
            made.append(_line(spec.kind, photo, spec.fruit, f"{question}{ANSWER}{answer}"))
    return made[:number]


def _line(task: Task, photo: Photo, fruit: str | None, text: str) -> Line:
    return Line(task, prompts.prompt(task, photo.counts(), fruit), f" {text}{END}")


def _rows(learnt: Sequence[Line], tokenizer: Any, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Lines of one task after each other, as they stand in a prompt.

    Returns:
        tokens (rows, ROW + 1), and the weight of each as something to be written: the
        facts are given.
    """
    by_task: dict[Task, list[Line]] = {task: [] for task in TASKS}
    for line in learnt:
        by_task[line.task].append(line)
    rows, weights = [], []
    for some in by_task.values():
        tokens, weight = [np.empty(0, int)], [np.empty(0)]
        given = tokenize(tokenizer, [line.given for line in some])
        texts = tokenize(tokenizer, [line.text for line in some])
        for before, text in zip(given, texts, strict=True):
            tokens += [before, text]
            weight += [np.zeros(len(before)), np.ones(len(text))]
        rows.append(_cut(np.concatenate(tokens)))
        weights.append(_cut(np.concatenate(weight)))
    # Every row begins with the token that begins every prompt.
    together = np.concatenate(rows).astype("int32")
    begin = np.full((len(together), 1), tokenizer.start_token_id, "int32")
    order = np.random.default_rng(seed).permutation(len(together))
    marks = np.concatenate(weights).astype("float32")
    return np.concatenate([begin, together], 1)[order], np.pad(marks, ((0, 0), (1, 0)))[order]


def _cut(values: np.ndarray) -> np.ndarray:
    return values[: len(values) // ROW * ROW].reshape(-1, ROW)


# The model -----------------------------------------------------------------------------------


def _new_model(texts: Sequence[str]) -> Any:
    """A small GPT-2 with a byte-level byte-pair encoding of its own."""
    encoding = tokenizers.ByteLevelBPETokenizer()
    encoding.train_from_iterator(
        texts, VOCABULARY, special_tokens=["<|endoftext|>"], show_progress=False
    )
    content = encoding._tokenizer.to_str()
    vocabulary, merges = _parts(content)
    tokenizer = keras_nlp.models.GPT2Tokenizer(vocabulary=vocabulary, merges=merges)
    backbone = keras_nlp.models.GPT2Backbone(
        vocabulary_size=len(vocabulary),
        num_layers=LAYERS,
        num_heads=HEADS,
        hidden_dim=UNITS,
        intermediate_dim=4 * UNITS,
        dropout=0.0,  # no line is seen twice
        max_sequence_length=POSITIONS,
    )
    preprocessor = keras_nlp.models.GPT2CausalLMPreprocessor(tokenizer, POSITIONS)
    return keras_nlp.models.GPT2CausalLM(backbone, preprocessor)


def _parts(content: str) -> tuple[dict[str, int], list[str]]:
    """Vocabulary and merges of an encoding that was written as JSON."""
    model = json.loads(content)["model"]
    merges = [pair if isinstance(pair, str) else " ".join(pair) for pair in model["merges"]]
    return model["vocab"], merges


def _fit(
    model: Any,
    rows: np.ndarray,
    weights: np.ndarray,
    steps: int,
    rate: float,
    seed: int,
    state: Path,
    progress: Progress,
) -> None:
    # The same weights without the preprocessor: the rows are tokens already.
    student = keras.Model(model.inputs, model.outputs)
    schedule = keras.optimizers.schedules.CosineDecay(
        rate / 10, steps, warmup_target=rate, warmup_steps=max(1, steps // 20)
    )
    student.compile(
        optimizer=keras.optimizers.AdamW(schedule, weight_decay=0.01, clipnorm=1.0),
        loss=keras.losses.SparseCategoricalCrossentropy(
            from_logits=True, reduction="mean_with_sample_weight"
        ),
    )
    if state.is_file():
        student.optimizer.build(student.trainable_variables)  # to have its momenta restored, too
        student.load_weights(state)
    for done in range(int(student.optimizer.iterations), steps, KEPT):
        seed_dropout(student, seed, done)
        batches = _Rows(rows, weights, done, min(KEPT, steps - done))
        told = _Told(done, steps, progress)
        student.fit(batches, epochs=1, shuffle=False, verbose=0, callbacks=[told])
        save_state(student, state)


class _Told(keras.callbacks.Callback):
    """Tells how far the training is."""

    def __init__(self, done: int, steps: int, progress: Progress) -> None:
        super().__init__()
        self.done, self.steps, self.progress = done, steps, progress

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if batch % 20 == 0:
            step = self.done + batch + 1
            self.progress(f"training: step {step} of {self.steps}, loss {logs['loss']:.3f}")


class _Rows(keras.utils.PyDataset):
    """So many batches of rows from the `first` on, from the start again where they end."""

    def __init__(self, rows: np.ndarray, weights: np.ndarray, first: int, steps: int) -> None:
        super().__init__()
        self.rows, self.weights, self.first, self.steps = rows, weights, first, steps

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, step: int) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
        first = (self.first + step) * BATCH
        place = np.arange(first, first + BATCH) % len(self.rows)
        rows = self.rows[place]
        inputs = {"token_ids": rows[:, :-1], "padding_mask": np.ones_like(rows[:, :-1])}
        return inputs, rows[:, 1:], self.weights[place][:, 1:]


# How it does ---------------------------------------------------------------------------------


def scores(preset: Path, model: Any, learnt: Sequence[Line], seed: int) -> dict[str, Any]:
    """How a writer does with facts and phrasings that it never saw.

    Returns:
        `perplexity`: a token of the texts, for facts and words of the kind it learnt, for facts
            held out, and for words held out;
        `true`: for each task, the share of its drafts about held-out facts that are true;
        `new`: the share of its true captions whose wording, fruits and numbers aside, is in none
            of the captions that it learnt.
    """
    tokenizer = model.preprocessor.tokenizer
    kinds = {"learnt": (False, False), "facts": (True, False), "words": (False, True)}
    perplexity = {}
    for name, held_out in kinds.items():
        rows, weights = _rows(lines(TRIED_LINES, seed + 1, *held_out), tokenizer, seed)
        perplexity[name] = round(_perplexity(model, rows, weights), 3)
    rng = random.Random(seed)
    photos = [random_photo(rng, held_out=True) for _ in range(TRIED_PHOTOS)]
    rivals = dict.fromkeys(FRUITS, 1)
    requests = [
        TextRequest(str(number), photo, spec)
        for number, photo in enumerate(photos)
        for spec in (None, *question_specs(photo, rivals, rng))
    ]
    author = LanguageModelWriter(str(preset), seed)
    texts, tally = author.generate(requests)
    captions = [
        (text, request.photo)
        for text, request in zip(texts, requests, strict=True)
        if isinstance(text, str)
    ]
    known = {wording(line.text) for line in learnt if line.task == "caption"}
    new = [wording(text) not in known for text, _ in captions]
    return {
        "perplexity": perplexity,
        "true": {
            task: round(tally.accepted[task] / number, 4) for task, number in tally.written.items()
        },
        "new": round(sum(new) / max(1, len(new)), 4),
    }


def _perplexity(model: Any, rows: np.ndarray, weights: np.ndarray) -> float:
    total = count = 0.0
    for start in range(0, len(rows), BATCH):
        some, weight = rows[start : start + BATCH], weights[start : start + BATCH, 1:]
        inputs = {"token_ids": some[:, :-1], "padding_mask": np.ones_like(some[:, :-1])}
        logits = keras.ops.convert_to_tensor(model.backbone(inputs))
        logits = model.backbone.token_embedding(logits, reverse=True)
        loss = keras.losses.sparse_categorical_crossentropy(some[:, 1:], logits, from_logits=True)
        total += float(np.sum(np.asarray(loss) * weight))
        count += float(weight.sum())
    return math.exp(total / count)
