"""Decodes: what a photo shows is worked out once, then words one by one.

It needs no Keras: a trained model may also be run by another engine, see `Runtime`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from fruit_caption.language.vocabulary import Vocabulary, split_words

MAX_WORDS = 40
Encoding = dict[str, np.ndarray]
EncodeFn = Callable[[np.ndarray], Encoding]
"""From uint8 pixels (photos, size, size, 3) to what the eye gives, see `captioner.Captioner`."""


class Runtime(Protocol):
    """A trained model, whatever runs it.

    Attributes:
        confidence_threshold: answers of which it is less sure than this, 0 to 1, are more likely wrong than right.
    """

    confidence_threshold: float

    @property
    def vocabulary(self) -> Vocabulary:
        """The words that it knows."""

    @property
    def fruits(self) -> tuple[str, ...]:
        """The kinds that it knows, in the order of the density maps."""

    @property
    def image_size(self) -> int:
        """The side in pixels of what it looks at."""

    @property
    def decoder_inputs(self) -> Sequence[str]:
        """What of that which the eye gives each step of the decoder takes."""

    def encoder_fn(self) -> EncodeFn:
        """A function that looks at pixels."""

    def to_device(self, known: Encoding) -> Encoding:
        """What each step will be given once more, in the form that is read the fastest."""

    def decode_step(self, known: Mapping[str, np.ndarray]) -> Encoding:
        """What the decoder gives after the last of `words` (photos, questions, steps).

        Args:
            known: the words, padded with zeros, and what it `needs`.

        Returns:
            `logits` (photos, questions, 1, words), `state_h` and `state_c` (photos, questions,
            units), and of a model with attention `looked` (photos, questions, 1, regions).
        """


@dataclass(frozen=True)
class Decoded:
    """What the model says, and how sure it is: the product of its words' probabilities.

    Attributes:
        text: the answer, as a person writes it.
        confidence: 0 to 1.
        words: the answer word by word, without `<end>`; a comma is a word.
        probabilities: of each word, 0 to 1.
        looked: where the model looked for each word, (words, rows, columns), the weights of a word
            summing to 1; None without attention, or if not asked for (see `speak`).
    """

    text: str
    confidence: float
    words: tuple[str, ...]
    probabilities: tuple[float, ...]
    looked: np.ndarray | None = None


def decode(
    model: Runtime,
    seen: Encoding,
    questions: Sequence[Sequence[str]],
    return_attention: bool = False,
    rng: np.random.Generator | None = None,
) -> list[list[Decoded]]:
    """Answer questions about photos, each word the likeliest after the ones before (greedy).

    The LSTM's state is kept between words, so that no word is worked out twice.

    Args:
        model: a trained model.
        seen: what its eye gives for the photos.
        questions: for each photo its questions; numbers of questions may differ.
        return_attention: whether to keep the attention weights of each word.
        rng: draws each word by its probability, instead of the likeliest.

    Returns:
        for each photo the answers to its questions, each of at most `MAX_WORDS` words.
    """
    vocabulary = model.vocabulary
    words = pad_prompts([[vocabulary.prompt(text) for text in texts] for texts in questions])
    known = model.to_device({name: seen[name] for name in model.decoder_inputs})
    said = np.full((*words.shape[:2], MAX_WORDS), vocabulary.end)
    probabilities = np.ones(said.shape)
    grid = seen["density"].shape[1:3]
    looked = (
        np.zeros((*said.shape, *grid))
        if return_attention and "keys" in model.decoder_inputs
        else None
    )
    speaking = words[:, :, 0] != 0
    for step in range(MAX_WORDS):
        new = model.decode_step(known | {"words": words})
        following = next_word_probabilities(new, vocabulary)
        words = _draw(following, rng) if rng else following.argmax(axis=-1, keepdims=True)
        words = words.astype("int32")
        said[speaking, step] = words[speaking, 0]
        probabilities[speaking, step] = np.take_along_axis(following, words, -1)[speaking, 0]
        if looked is not None:
            looked[:, :, step] = new["looked"][:, :, -1].reshape(*said.shape[:2], *grid)
        speaking &= words[:, :, 0] != vocabulary.end
        known |= {name: new[name] for name in ("state_h", "state_c")}
        if not speaking.any():
            break
    return [
        [
            _spoken(
                vocabulary.text(said[photo, place]),
                probabilities[photo, place],
                None if looked is None else looked[photo, place].astype("float32"),
            )
            for place in range(len(texts))
        ]
        for photo, texts in enumerate(questions)
    ]


def _spoken(text: str, probabilities: np.ndarray, looked: np.ndarray | None) -> Decoded:
    """An answer from what happened at every step; the steps after its end have probability 1."""
    words = tuple(split_words(text))
    length = len(words)
    return Decoded(
        text,
        float(probabilities.prod()),
        words,
        tuple(probabilities[:length].tolist()),
        None if looked is None else looked[:length],
    )


def next_word_probabilities(new: Encoding, vocabulary: Vocabulary) -> np.ndarray:
    """The probability of each word, (photos, questions, words), to be said after a step.

    Of the special words only `<end>` can be said: without the others they add up to less than 1.

    Args:
        new: what `Runtime.step` gives.
        vocabulary: of the model.
    """
    # Padding keeps the state of the last word, so the last step is right for every prompt.
    chances = _softmax(new["logits"][:, :, -1])
    chances[:, :, : vocabulary.end] = 0.0
    return chances


def _draw(chances: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A word number for each question, (photos, questions, 1), drawn by its chance."""
    reached = chances.cumsum(axis=-1)
    drawn = rng.random((*chances.shape[:-1], 1)) * reached[:, :, -1:]
    numbers: np.ndarray = (reached <= drawn).sum(axis=-1, keepdims=True)
    return numbers


def pad_prompts(prompts: list[list[list[int]]]) -> np.ndarray:
    """Word numbers (photos, questions, steps), padded with zeros.

    Keras compiles anew for every shape, so few are used: steps are multiples of 8, and questions,
    too, or a power of 2.
    """
    questions = max(len(photo) for photo in prompts)
    steps = max((len(prompt) for photo in prompts for prompt in photo), default=1)
    room = next(n for n in (1, 2, 4, _up_to_8(questions)) if n >= questions)
    words = np.zeros((len(prompts), room, _up_to_8(steps)), "int32")
    for photo, rows in enumerate(prompts):
        for place, prompt in enumerate(rows):
            words[photo, place, : len(prompt)] = prompt
    return words


def _up_to_8(number: int) -> int:
    """The next multiple of 8."""
    return -(-number // 8) * 8


def _softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities of the shape of the logits, which add up to 1 along the last axis."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


WIDTH = 8
LEAST = 1e-2
"""A sentence that is less likely is not worth finishing."""

Hypothesis = tuple[str, float]
"""A text and its confidence, the product of its words' probabilities."""


def beam_search(
    model: Runtime, seen: Encoding, questions: Sequence[Sequence[str]]
) -> list[list[list[Hypothesis]]]:
    """Answer questions about photos in several ways.

    After every word the `WIDTH` likeliest beginnings are kept (Sutskever et al. 2014). The
    likeliest answer that is found may differ from the greedy one.

    Args:
        model: a trained model.
        seen: what its eye gives for the photos.
        questions: for each photo its questions.

    Returns:
        for each photo and question the answers found, the likeliest first; none where every answer
        is less likely than `LEAST`.
    """
    vocabulary = model.vocabulary
    asked = [(photo, text) for photo, texts in enumerate(questions) for text in texts]
    if not asked:
        return [[] for _ in questions]
    photos = [photo for photo, _ in asked]
    # The decoder's questions are the beams of one question; its photos, a question each. At first
    # there is one beam, which becomes many with the first word.
    known = model.to_device({name: seen[name][photos] for name in model.decoder_inputs})
    words = pad_prompts([[vocabulary.prompt(text)] for _, text in asked])
    said = np.full((len(asked), 1, MAX_WORDS), vocabulary.end)
    likelihood, ended = np.zeros(said.shape[:2]), np.zeros(said.shape[:2], bool)
    for step in range(MAX_WORDS):
        new = model.decode_step(known | {"words": words})
        following = next_word_probabilities(new, vocabulary)
        # After the end nothing else can be said.
        following[ended] = np.eye(following.shape[2])[vocabulary.end]
        beam, word = _likeliest(likelihood, following)
        chosen = np.take_along_axis(following, beam[:, :, None], 1)
        chances = np.take_along_axis(chosen, word[:, :, None], 2)[:, :, 0]
        likelihood = np.take_along_axis(likelihood, beam, 1) + _log(chances)
        said = np.take_along_axis(said, beam[:, :, None], 1)
        said[:, :, step] = word
        ended = np.take_along_axis(ended, beam, 1) | (word == vocabulary.end)
        if (ended | (likelihood < np.log(LEAST))).all():
            break
        for name in ("state_h", "state_c"):
            known[name] = np.take_along_axis(new[name], beam[:, :, None], 1)
        words = word[:, :, None].astype("int32")
    finished = ended & (likelihood >= np.log(LEAST))
    answers = (
        [
            (vocabulary.text(said[row, place]), float(np.exp(likelihood[row, place])))
            for place in np.flatnonzero(finished[row])
        ]
        for row in range(len(asked))
    )
    return [[next(answers) for _ in texts] for texts in questions]


def _likeliest(likelihood: np.ndarray, following: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each row the beams and the words with which the likeliest sentences go on."""
    rows, beams, words = following.shape
    sentences = (likelihood[:, :, None] + _log(following)).reshape(rows, beams * words)
    best = np.argsort(-sentences, axis=1, kind="stable")[:, :WIDTH]
    return best // words, best % words


def _log(chances: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        logs: np.ndarray = np.log(chances)
    return logs
