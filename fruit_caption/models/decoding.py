"""Decoding of answers: greedy, sampling and beam search.

The photo is encoded once; then the decoder predicts one word at a time. This module does not
import Keras, so that an exported model can be decoded without it (see `Runtime`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from math import isqrt
from typing import Protocol

import numpy as np

from fruit_caption.language.vocabulary import Vocabulary, split_words

MAX_WORDS = 40
"""Maximum number of words of an answer."""
BEAM_WIDTH = 8
"""Maximum number of beginnings of an answer that beam search usually follows at once."""
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
        hypotheses: The answers that were found, other ones by beam search only, most likely first;
            none that is less likely than `MIN_CONFIDENCE`.
    """

    text: str
    confidence: float
    words: tuple[str, ...]
    probabilities: tuple[float, ...]
    attention: np.ndarray | None = None
    hypotheses: tuple[Hypothesis, ...] = ()


def decode(
    model: Runtime,
    encoding: Arrays,
    questions: Sequence[Sequence[str]],
    return_attention: bool = False,
    rng: np.random.Generator | None = None,
    beams: int = 1,
) -> list[list[Decoded]]:
    """Answer questions about photos, word by word.

    Beam search (Sutskever et al. 2014) follows other beginnings of an answer, too, as long as they
    are likelier than `MIN_CONFIDENCE`. It may find a likelier answer than the one returned.

    Args:
        model: The model.
        encoding: Encoder outputs for the photos.
        questions: Questions about each photo; their number may differ between photos.
        return_attention: Whether to return the attention weights of each word.
        rng: Samples each word from its probabilities. By default, the most likely word is chosen
            (greedy decoding).
        beams: Maximum number of beginnings that are followed at once for each question. With 1,
            there is no beam search.

    Returns:
        The answers to the questions about each photo, of at most `MAX_WORDS` words.
    """
    if not any(questions):
        return [[] for _ in questions]
    vocabulary = model.vocabulary
    words = pad_prompts([[vocabulary.encode_prompt(text) for text in texts] for texts in questions])
    inputs = model.to_device({name: encoding[name] for name in model.decoder_inputs})
    drafts = _Drafts.empty([len(texts) for texts in questions])
    finished: list[_Drafts] = []
    attention: list[list[np.ndarray]] = [[] for _ in drafts.question]
    for _ in range(MAX_WORDS):
        outputs = model.decode_step(inputs | {"words": words})
        predicted = _word_probabilities(outputs["logits"][drafts.place][:, -1], vocabulary)
        chosen = _sample(predicted, rng) if rng else predicted.argmax(axis=-1)
        drafts = drafts.extend(predicted, chosen, beams)
        if return_attention and "attention" in outputs:
            main = drafts.select(drafts.is_main)
            weights = outputs["attention"][main.place][:, -1]
            for question, of_regions in zip(main.question, weights, strict=True):
                attention[question].append(of_regions)
        has_ended = drafts.words[:, -1] == vocabulary.end_id
        finished.append(drafts.select(has_ended))
        drafts = drafts.select(~has_ended)
        if not drafts.question.size:
            break
        states = {name: outputs[name][drafts.place] for name in ("state_h", "state_c")}
        drafts = drafts.in_new_rows()
        shape = len(questions), _num_rows(words.shape[1], 1 + drafts.row.max())
        inputs |= {name: _scatter(state, drafts.place, shape) for name, state in states.items()}
        words = _scatter(drafts.words[:, -1:], drafts.place, shape)
    answers = iter(_collect([*finished, drafts], attention, vocabulary))
    return [[next(answers) for _ in texts] for texts in questions]


@dataclass(frozen=True)
class _Drafts:
    """Beginnings of answers, sorted by question.

    Attributes:
        question: Number of the question that each one answers, counted over all photos.
        photo: Number of its photo.
        row: Row of its photo in which the decoder's last outputs are.
        is_main: Whether it is the greedy or sampled answer; one draft of each question is.
        words: Ids of its words, (drafts, words).
        probabilities: Probabilities of its words, (drafts, words).
    """

    question: np.ndarray
    photo: np.ndarray
    row: np.ndarray
    is_main: np.ndarray
    words: np.ndarray
    probabilities: np.ndarray

    @classmethod
    def empty(cls, numbers: Sequence[int]) -> _Drafts:
        """A draft without words for each of some numbers of questions about photos."""
        photo = np.repeat(np.arange(len(numbers)), numbers)
        question, nothing = np.arange(len(photo)), np.zeros((len(photo), 0))
        row = _ranks(photo)
        return cls(question, photo, row, question >= 0, nothing.astype("int32"), nothing)

    @property
    def place(self) -> tuple[np.ndarray, np.ndarray]:
        """Index of each draft's row in arrays (photos, rows, ...)."""
        return self.photo, self.row

    @property
    def confidence(self) -> np.ndarray:
        """Product of the words' probabilities, (drafts,)."""
        return self.probabilities.prod(axis=1)

    def select(self, index: np.ndarray) -> _Drafts:
        """The drafts at an index of NumPy."""
        return _Drafts(*(getattr(self, field.name)[index] for field in fields(self)))

    def extend(self, predicted: np.ndarray, chosen: np.ndarray, beams: int) -> _Drafts:
        """The drafts with one more word, each continued by all words that are likely enough.

        Args:
            predicted: Probability of each word, (drafts, vocabulary size).
            chosen: The word that continues the main draft of each question, (drafts,).
            beams: Maximum number of drafts of each question.
        """
        scores = self.confidence[:, None] * predicted
        follows = scores >= (MIN_CONFIDENCE if beams > 1 else np.inf)
        follows[self.is_main, chosen[self.is_main]] = True
        parent, word = np.nonzero(follows)  # sorted by parent, and so by question
        is_main = self.is_main[parent] & (word == chosen[parent])
        order = np.lexsort((-scores[parent, word], ~is_main, self.question[parent]))
        order = order[_ranks(self.question[parent]) < beams]
        parent, word = parent[order], word[order]
        old, probability = self.select(parent), predicted[parent, word]
        return replace(
            old,
            is_main=is_main[order],
            words=np.column_stack([old.words, word.astype("int32")]),
            probabilities=np.column_stack([old.probabilities, probability]),
        )

    def in_new_rows(self) -> _Drafts:
        """The drafts in rows without gaps."""
        return replace(self, row=_ranks(self.photo))


def _ranks(groups: np.ndarray) -> np.ndarray:
    """The place of each element within its group, from 0; `groups` is sorted."""
    ranks: np.ndarray = np.arange(len(groups)) - np.searchsorted(groups, groups)
    return ranks


def _num_rows(rows: int, needed: int) -> int:
    """The number of rows for the next word: Keras compiles once per shape, so there are few."""
    while rows < needed:
        rows *= 2
    return rows


def _scatter(
    values: np.ndarray, place: tuple[np.ndarray, np.ndarray], shape: tuple[int, int]
) -> np.ndarray:
    """Put values (drafts, ...) into their places of an array (photos, rows, ...) of zeros."""
    table = np.zeros((*shape, *values.shape[1:]), values.dtype)
    table[place] = values
    return table


def _collect(
    finished: Sequence[_Drafts], attention: Sequence[Sequence[np.ndarray]], vocabulary: Vocabulary
) -> list[Decoded]:
    """The answer to each question, from all drafts that were finished or became too long."""
    answers: dict[int, Decoded] = {}
    hypotheses: list[list[Hypothesis]] = [[] for _ in attention]
    for drafts in finished:
        columns = (drafts.question, drafts.is_main, drafts.words, drafts.probabilities)
        for question, is_main, ids, probabilities in zip(*columns, strict=True):
            text, confidence = vocabulary.decode(ids), float(probabilities.prod())
            if ids[-1] == vocabulary.end_id and confidence >= MIN_CONFIDENCE:
                hypotheses[question].append((text, confidence))
            if is_main:
                words = tuple(split_words(text))
                maps = _maps(attention[question][: len(words)])
                of_words = tuple(probabilities[: len(words)].tolist())
                answers[question] = Decoded(text, confidence, words, of_words, maps)
    for found in hypotheses:
        found.sort(key=lambda hypothesis: -hypothesis[1])
    return [
        replace(answers[question], hypotheses=tuple(found))
        for question, found in enumerate(hypotheses)
    ]


def _maps(weights: Sequence[np.ndarray]) -> np.ndarray | None:
    """Attention weights (words, rows, columns) of the regions, which form a square grid."""
    if not weights:
        return None
    side = isqrt(weights[0].size)
    return np.reshape(weights, (-1, side, side))


def _word_probabilities(logits: np.ndarray, vocabulary: Vocabulary) -> np.ndarray:
    """Probability of each word, (drafts, vocabulary size).

    Special tokens other than `<end>` can't be generated and get probability 0, so the
    probabilities sum to less than 1.
    """
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    probabilities: np.ndarray = powers / powers.sum(axis=-1, keepdims=True)
    probabilities[:, : vocabulary.end_id] = 0.0
    return probabilities


def _sample(probabilities: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw a word for each draft, (drafts,)."""
    cumulative = probabilities.cumsum(axis=-1)
    threshold = rng.random((len(probabilities), 1)) * cumulative[:, -1:]
    ids: np.ndarray = (cumulative <= threshold).sum(axis=-1)
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
