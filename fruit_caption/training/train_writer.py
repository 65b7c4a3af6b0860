"""Trains the language model that writes texts: a small GPT-2 from scratch, or another preset."""

from __future__ import annotations

import json
import math
import os
import random
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import keras_nlp
import numpy as np
import tokenizers

from fruit_caption.datagen.diversity import wording
from fruit_caption.datagen.language_model.presets import SCORES, load_preset
from fruit_caption.datagen.language_model.requests import TextRequest
from fruit_caption.datagen.language_model.writer import LanguageModelWriter
from fruit_caption.datagen.question_specs import question_specs
from fruit_caption.language.fruits import FRUITS
from fruit_caption.training.checkpoint import save_state, seed_dropout, weights_file_size
from fruit_caption.training.writer_data import Line, pack_rows, random_photo, write_lines
from fruit_caption.utils.errors import WriterError
from fruit_caption.utils.files import lock_folder, read_json, write_errors, write_json
from fruit_caption.utils.progress import Progress, no_progress

VOCABULARY_SIZE, NUM_LAYERS, NUM_HEADS, HIDDEN_DIM, MAX_SEQUENCE_LENGTH = 2048, 4, 6, 192, 320
"""Size of the small GPT-2: 2.2 million parameters, 9 MB."""

BATCH_SIZE = 16
"""Number of rows in a batch."""

LINES_PER_ROW = 6
"""Approximate number of lines that fill a row."""

EVALUATION_LINES, EVALUATION_PHOTOS = 2000, 100
"""Sizes of the held-out data for perplexity and for the share of correct texts."""

CHECKPOINT_STEPS = 100
"""Number of training steps between two checkpoints."""

REPORT_STEPS = 20
"""Number of training steps between two progress messages."""

CONFIG, STATE, PRESET = "config.json", "state.weights.h5", "preset"
"""Contents of the folder of an unfinished training."""


def train_writer(
    out: Path,
    start: str | None = None,
    steps: int = 1500,
    seed: int = 0,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Train a language model and save it as a KerasNLP preset.

    An interrupted training, even a killed one, continues with the next call and ends with the
    same weights.

    Args:
        out: The folder of the preset.
        start: The preset to continue from; by default a small GPT-2 and its tokenizer are trained
            from scratch.
        steps: The number of training steps, of `BATCH_SIZE` rows each.
        seed: The random seed of facts, texts and weights.
        progress: Receives status messages.

    Returns:
        The scores on held-out data, see `evaluate_writer`.

    Raises:
        WriterError: If the folder is not empty, or if the preset to start from can't be loaded.
        FruitError: If another process is training it, or if the folder can't be written to.
    """
    if out.exists() and any(out.iterdir()):
        raise WriterError(f"{out} already exists and is not empty.", "writer-exists")
    config = {"start": start, "steps": steps, "seed": seed}
    folder = out.with_name(f".{out.name}.unfinished")
    with lock_folder(folder):
        if (folder / CONFIG).is_file() and read_json(folder / CONFIG) != config:
            _clear(folder)
        write_json(folder / CONFIG, config)
        scores = _train_and_evaluate(folder, config, progress)
        os.replace(folder / PRESET, out)
        _clear(folder)
    return scores


def _train_and_evaluate(folder: Path, config: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Do what is left to do of a training, and write the preset with its scores."""
    start, steps, seed = config["start"], config["steps"], config["seed"]
    preset = folder / PRESET
    keras.utils.set_random_seed(seed)
    progress("writing training lines")
    lines = write_lines(steps * BATCH_SIZE * LINES_PER_ROW, seed)
    if (preset / SCORES).is_file():
        model = load_preset(str(preset))
    else:
        model = load_preset(start) if start else _new_model(lines)
        rows, weights = pack_rows(lines, model.preprocessor.tokenizer, seed)
        learning_rate = 1e-4 if start else 2e-3
        _fit(model, rows, weights, steps, learning_rate, seed, folder / STATE, progress)
        with write_errors(preset, weights_file_size(model.variables)):
            model.save_to_preset(str(preset))
        # This file marks the preset as trained on our prompts, which the evaluation relies on.
        write_json(preset / SCORES, config)
    progress("evaluating on held-out data")
    scores = evaluate_writer(preset, model, lines, seed)
    write_json(preset / SCORES, scores | config)
    return scores


def _clear(folder: Path) -> None:
    """Remove the files of an unfinished training, its settings last."""
    shutil.rmtree(folder / PRESET, ignore_errors=True)
    for name in (STATE, CONFIG):
        (folder / name).unlink(missing_ok=True)


def _new_model(lines: Sequence[Line]) -> Any:
    """A small GPT-2 with random weights, and a byte-level BPE tokenizer trained on the lines."""
    bpe = tokenizers.ByteLevelBPETokenizer()
    texts = [line.prompt + line.completion for line in lines]
    bpe.train_from_iterator(
        texts, VOCABULARY_SIZE, special_tokens=["<|endoftext|>"], show_progress=False
    )
    content = json.loads(bpe.to_str())["model"]
    # Depending on the version of tokenizers, a merge is "a b" or ["a", "b"].
    merges = [pair if isinstance(pair, str) else " ".join(pair) for pair in content["merges"]]
    tokenizer = keras_nlp.models.GPT2Tokenizer(vocabulary=content["vocab"], merges=merges)
    backbone = keras_nlp.models.GPT2Backbone(
        vocabulary_size=len(content["vocab"]),
        num_layers=NUM_LAYERS,
        num_heads=NUM_HEADS,
        hidden_dim=HIDDEN_DIM,
        intermediate_dim=4 * HIDDEN_DIM,
        dropout=0.0,  # no line is seen twice
        max_sequence_length=MAX_SEQUENCE_LENGTH,
    )
    preprocessor = keras_nlp.models.GPT2CausalLMPreprocessor(tokenizer, MAX_SEQUENCE_LENGTH)
    return keras_nlp.models.GPT2CausalLM(backbone, preprocessor)


def _fit(
    model: Any,
    rows: np.ndarray,
    weights: np.ndarray,
    steps: int,
    learning_rate: float,
    seed: int,
    state: Path,
    progress: Progress,
) -> None:
    """Train from the last checkpoint on, and write checkpoints to `state`."""
    # The same layers without the preprocessor, because the rows are tokens already.
    network = keras.Model(model.inputs, model.outputs)
    schedule = keras.optimizers.schedules.CosineDecay(
        learning_rate / 10, steps, warmup_target=learning_rate, warmup_steps=max(1, steps // 20)
    )
    network.compile(
        optimizer=keras.optimizers.AdamW(schedule, weight_decay=0.01, clipnorm=1.0),
        loss=keras.losses.SparseCategoricalCrossentropy(
            from_logits=True, reduction="mean_with_sample_weight"
        ),
    )
    if state.is_file():
        network.optimizer.build(network.trainable_variables)  # to restore its state, too
        network.load_weights(state)
    for done in range(int(network.optimizer.iterations), steps, CHECKPOINT_STEPS):
        seed_dropout(network, seed, done)
        batches = _Batches(rows, weights, done, min(CHECKPOINT_STEPS, steps - done))
        callback = _progress_callback(done, steps, progress)
        network.fit(batches, shuffle=False, verbose=0, callbacks=[callback])
        save_state(network, state)


class _Batches(keras.utils.PyDataset):
    """The batches of some training steps; the rows are repeated if there are too few."""

    def __init__(self, rows: np.ndarray, weights: np.ndarray, first: int, steps: int) -> None:
        super().__init__()
        self.rows, self.weights, self.first, self.steps = rows, weights, first, steps

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, index: int) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
        start = (self.first + index) * BATCH_SIZE
        batch = np.arange(start, start + BATCH_SIZE) % len(self.rows)
        return (*_inputs_and_targets(self.rows[batch]), self.weights[batch, 1:])


def _inputs_and_targets(rows: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
    tokens = rows[:, :-1]
    return {"token_ids": tokens, "padding_mask": np.ones_like(tokens)}, rows[:, 1:]


def _progress_callback(done: int, steps: int, progress: Progress) -> keras.callbacks.Callback:
    def report(batch: int, logs: dict[str, float]) -> None:
        if batch % REPORT_STEPS == 0:
            step = done + batch + 1
            progress(f"training: step {step} of {steps}, loss {logs['loss']:.3f}")

    return keras.callbacks.LambdaCallback(on_train_batch_end=report)


def evaluate_writer(preset: Path, model: Any, lines: Sequence[Line], seed: int) -> dict[str, Any]:
    """Evaluate a language model on held-out facts and phrasings.

    Args:
        preset: The folder of the model's preset.
        model: The same model, loaded.
        lines: The lines that it was trained on.
        seed: The random seed.

    Returns:
        A dictionary with these items:
            `perplexity`: Perplexity per token of a completion, for facts and phrasings as in
                training ("learnt"), for held-out facts, and for held-out phrasings ("words").
            `true`: For each task, the share of correct completions for held-out facts.
            `new`: The share of its correct captions whose wording, apart from fruits and numbers,
                does not occur in the training captions.
    """
    held_out = {"learnt": (False, False), "facts": (True, False), "words": (False, True)}
    perplexity = {}
    for name, options in held_out.items():
        test_lines = write_lines(EVALUATION_LINES, seed + 1, *options)
        rows, weights = pack_rows(test_lines, model.preprocessor.tokenizer, seed)
        perplexity[name] = round(_perplexity(model, rows, weights), 3)
    rng = random.Random(seed)
    photos = [random_photo(rng, held_out=True) for _ in range(EVALUATION_PHOTOS)]
    frequencies = dict.fromkeys(FRUITS, 1)
    requests = [
        TextRequest(str(number), photo, spec)
        for number, photo in enumerate(photos)
        for spec in (None, *question_specs(photo, frequencies, rng))
    ]
    texts, stats = LanguageModelWriter(str(preset), seed).generate(requests)
    known = {wording(line.completion) for line in lines if line.task == "caption"}
    is_new = [wording(text) not in known for text in texts if isinstance(text, str)]
    correct = {task: round(stats.accepted[task] / n, 4) for task, n in stats.written.items()}
    new = round(sum(is_new) / max(1, len(is_new)), 4)
    return {"perplexity": perplexity, "true": correct, "new": new}


def _perplexity(model: Any, rows: np.ndarray, weights: np.ndarray) -> float:
    total = count = 0.0
    for start in range(0, len(rows), BATCH_SIZE):
        batch = slice(start, start + BATCH_SIZE)
        inputs, targets = _inputs_and_targets(rows[batch])
        hidden = keras.ops.convert_to_tensor(model.backbone(inputs))
        logits = model.backbone.token_embedding(hidden, reverse=True)
        loss = keras.losses.sparse_categorical_crossentropy(targets, logits, from_logits=True)
        total += float(np.sum(np.asarray(loss) * weights[batch, 1:]))
        count += float(weights[batch, 1:].sum())
    return math.exp(total / count)
