"""Decoding of answers: greedy, sampling and beam search.

The photo is encoded once; then the decoder predicts one word at a time. This module does not
import Keras, so that an exported model can be decoded without it (see `Runtime`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isqrt
from typing import Protocol

import numpy as np

from fruit_caption.language.vocabulary import Vocabulary, split_words

MAX_WORDS = 40
"""Maximum number of words of an answer."""
BEAM_WIDTH = 8
"""Maximum number of hypotheses that beam search keeps per question; a power of two."""
MIN_CONFIDENCE = 1e-2
"""Minimum confidence of the hypotheses that beam search returns."""

Arrays = dict[str, np.ndarray]
"""Inputs or outputs of a network by name."""
EncodeFn = Callable[[np.ndarray], Arrays]
"""Function from uint8 pixels (photos, size, size, 3) to neck outputs, see `captioner.Captioner`."""
Hypothesis = tuple[str, float]
"""An answer and its confidence, the product of its words' probabilities."""


class Runtime(Protocol):
    """A trained model, independent of the engine that runs it.

    Attributes:
        confidence_threshold: Confidence, 0 to 1, below which an answer is more likely wrong than
            right.
    """

    confidence_threshold: float

    @property
    def vocabulary(self) -> Vocabulary:
        """Vocabulary of questions and answers."""

    @property
    def fruits(self) -> tuple[str, ...]:
        """Kinds of fruit, in the order of the detector's outputs."""

    @property
    def image_size(self) -> int:
        """Side of the input image in pixels."""

    @property
    def decoder_inputs(self) -> Sequence[str]:
        """Names of the encoder outputs that every decoder step needs."""

    def encoder_fn(self) -> EncodeFn:
        """Return a function from pixels to encoder outputs."""

    def to_device(self, arrays: Arrays) -> Arrays:
        """Convert arrays that are reused at every step to the form the engine reads fastest."""

    def decode_step(self, inputs: Mapping[str, np.ndarray]) -> Arrays:
        """Run the decoder and return its outputs for the last word.

        Args:
            inputs: `words` (photos, questions, steps), padded with zeros, and the arrays named by
                `decoder_inputs`.

        Returns:
            `logits` (photos, questions, 1, vocabulary size), `state_h` and `state_c` (photos,
            questions, units), and, from a model with attention, `attention` (photos, questions,
            1, regions).
        """


@dataclass(frozen=True)
class Decoded:
    """A decoded answer and its probabilities.

    Attributes:
        text: The answer as a sentence.
        confidence: Product of the words' probabilities, 0 to 1.
        words: The words of the answer without `<end>`; a comma is a word.
        probabilities: Probability of each word, 0 to 1.
        attention: Attention weights of each word, (words, rows, columns), which sum to 1 for each
            word. None for a model without attention, or if not requested.
    """

    text: str
    confidence: float
    words: tuple[str, ...]
    probabilities: tuple[float, ...]
    attention: np.ndarray | None = None


def decode(
    model: Runtime,
    encoding: Arrays,
    questions: Sequence[Sequence[str]],
    return_attention: bool = False,
    rng: np.random.Generator | None = None,
) -> list[list[Decoded]]:
    """Answer questions about photos, word by word.

    Args:
        model: The model.
        encoding: Encoder outputs for the photos.
        questions: Questions about each photo; their number may differ between photos.
        return_attention: Whether to return the attention weights of each word.
        rng: Samples each word from its probabilities. By default, the most likely word is chosen
            (greedy decoding).

    Returns:
        The answers to the questions about each photo, of at most `MAX_WORDS` words.
    """
    vocabulary = model.vocabulary
    words = pad_prompts([[vocabulary.encode_prompt(text) for text in texts] for texts in questions])
    inputs = model.to_device({name: encoding[name] for name in model.decoder_inputs})
    output = np.full((*words.shape[:2], MAX_WORDS), vocabulary.end_id)
    probabilities = np.ones(output.shape)
    attention: np.ndarray | None = None
    if return_attention and "keys" in model.decoder_inputs:
        side = isqrt(encoding["keys"].shape[3])  # the regions form a square grid
        attention = np.zeros((*output.shape, side, side), "float32")
    active = words[:, :, 0] != 0
    for step in range(MAX_WORDS):
        outputs = model.decode_step(inputs | {"words": words})
        predicted = _next_word_probabilities(outputs["logits"], vocabulary)
        words = _sample(predicted, rng) if rng else predicted.argmax(axis=-1, keepdims=True)
        words = words.astype("int32")
        output[active, step] = words[active, 0]
        probabilities[active, step] = np.take_along_axis(predicted, words, -1)[active, 0]
        if attention is not None:
            weights = outputs["attention"][:, :, -1]
            attention[:, :, step] = weights.reshape(attention[:, :, step].shape)
        active &= words[:, :, 0] != vocabulary.end_id
        inputs |= {name: outputs[name] for name in ("state_h", "state_c")}
        if not active.any():
            break

    def answer(photo: int, question: int) -> Decoded:
        text = vocabulary.decode(output[photo, question])
        words = tuple(split_words(text))
        return Decoded(
            text,
            # Steps after the end have probability 1.
            float(probabilities[photo, question].prod()),
            words,
            tuple(probabilities[photo, question, : len(words)].tolist()),
            None if attention is None else attention[photo, question, : len(words)],
        )

    return [
        [answer(photo, question) for question in range(len(texts))]
        for photo, texts in enumerate(questions)
    ]


def beam_search(
    model: Runtime, encoding: Arrays, questions: Sequence[Sequence[str]]
) -> list[list[list[Hypothesis]]]:
    """Find several likely answers to questions about photos.

    Keeps the most likely beginnings after every word, at most `BEAM_WIDTH` (Sutskever et al. 2014).
    The most likely answer found may differ from the greedy one.

    Args:
        model: The model.
        encoding: Encoder outputs for the photos.
        questions: Questions about each photo.

    Returns:
        The finished hypotheses for each question about each photo, most likely first. The list is
        empty if all are less likely than `MIN_CONFIDENCE`.
    """
    vocabulary = model.vocabulary
    pairs = [(photo, text) for photo, texts in enumerate(questions) for text in texts]
    if not pairs:
        return [[] for _ in questions]
    # To the decoder each question is a photo, and each of its beams a question. The search starts
    # from one beam.
    photos = [photo for photo, _ in pairs]
    inputs = model.to_device({name: encoding[name][photos] for name in model.decoder_inputs})
    words = pad_prompts([[vocabulary.encode_prompt(text)] for _, text in pairs])
    output = np.full((len(pairs), 1, MAX_WORDS), vocabulary.end_id)
    log_confidence, ended = np.zeros(output.shape[:2]), np.zeros(output.shape[:2], bool)
    for step in range(MAX_WORDS):
        outputs = model.decode_step(inputs | {"words": words})
        predicted = _next_word_probabilities(outputs["logits"], vocabulary)
        predicted[ended] = np.eye(predicted.shape[2])[vocabulary.end_id]
        log_confidence, beam, word = _extend_beams(log_confidence, predicted)
        output = np.take_along_axis(output, beam[:, :, None], 1)
        output[:, :, step] = word
        ended = np.take_along_axis(ended, beam, 1) | (word == vocabulary.end_id)
        if (ended | (log_confidence < np.log(MIN_CONFIDENCE))).all():
            break
        for name in ("state_h", "state_c"):
            inputs[name] = np.take_along_axis(outputs[name], beam[:, :, None], 1)
        words = word[:, :, None].astype("int32")
    finished = ended & (log_confidence >= np.log(MIN_CONFIDENCE))
    hypotheses = (
        [
            (vocabulary.decode(output[row, place]), float(np.exp(log_confidence[row, place])))
            for place in np.flatnonzero(finished[row])
        ]
        for row in range(len(pairs))
    )
    return [[next(hypotheses) for _ in texts] for texts in questions]


def _extend_beams(
    log_confidence: np.ndarray, predicted: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Log confidence, beam and next word of the most likely continuations, (rows, beams) each.

    There are as many beams as the question with the most hypotheses above `MIN_CONFIDENCE` needs: a
    hypothesis never becomes likelier again.
    """
    rows, beams, words = predicted.shape
    with np.errstate(divide="ignore"):
        scores = (log_confidence[:, :, None] + np.log(predicted)).reshape(rows, beams * words)
    width = min(BEAM_WIDTH, beams * words)
    best = np.sort(np.argpartition(-scores, width - 1, axis=1)[:, :width], axis=1)
    order = np.argsort(-np.take_along_axis(scores, best, 1), axis=1, kind="stable")
    best = np.take_along_axis(best, order, 1)
    found = np.take_along_axis(scores, best, 1)
    needed = (found >= np.log(MIN_CONFIDENCE)).sum(axis=1).max()
    # Keras compiles once per shape, so there are few sizes.
    best = best[:, : next(size for size in (1, 2, 4, BEAM_WIDTH) if size >= needed)]
    return np.take_along_axis(scores, best, 1), best // words, best % words


def _next_word_probabilities(logits: np.ndarray, vocabulary: Vocabulary) -> np.ndarray:
    """Probability of each word, (photos, questions, vocabulary size), after the last step.

    Special tokens other than `<end>` can't be generated and get probability 0, so the
    probabilities sum to less than 1.
    """
    logits = logits[:, :, -1]
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    probabilities: np.ndarray = powers / powers.sum(axis=-1, keepdims=True)
    probabilities[:, :, : vocabulary.end_id] = 0.0
    return probabilities


def _sample(probabilities: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw a token id for each question, (photos, questions, 1)."""
    cumulative = probabilities.cumsum(axis=-1)
    threshold = rng.random((*probabilities.shape[:-1], 1)) * cumulative[:, :, -1:]
    ids: np.ndarray = (cumulative <= threshold).sum(axis=-1, keepdims=True)
    return ids


def pad_prompts(prompts: list[list[list[int]]]) -> np.ndarray:
    """Pad token ids with zeros to an int32 array (photos, questions, steps).

    Keras compiles once per input shape, so sizes are rounded up: steps to a multiple of 8, the
    number of questions to 1, 2, 4 or a multiple of 8.
    """
    questions = max(len(photo) for photo in prompts)
    steps = max((len(prompt) for photo in prompts for prompt in photo), default=1)
    rows = next(size for size in (1, 2, 4, _round_up(questions)) if size >= questions)
    words = np.zeros((len(prompts), rows, _round_up(steps)), "int32")
    for photo, photo_prompts in enumerate(prompts):
        for row, prompt in enumerate(photo_prompts):
            words[photo, row, : len(prompt)] = prompt
    return words


def _round_up(number: int) -> int:
    """Round up to a multiple of 8."""
    return -(-number // 8) * 8
