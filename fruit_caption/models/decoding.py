"""Decodes: what a photo shows is worked out once, then words one by one.

It needs no Keras: a trained model may also be run by another engine, see `Runtime`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from fruit_caption.language.vocabulary import Vocabulary, split_words

MOST_WORDS = 40
Seen = dict[str, np.ndarray]
Looker = Callable[[np.ndarray], Seen]
"""From uint8 pixels (photos, size, size, 3) to what the eye gives, see `captioner.Captioner`."""


class Runtime(Protocol):
    """A trained model, whatever runs it.

    Attributes:
        doubt: answers of which it is less sure than this, 0 to 1, are more likely wrong than right.
    """

    doubt: float

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
    def needs(self) -> Sequence[str]:
        """What of that which the eye gives each step of the decoder takes."""

    def looker(self) -> Looker:
        """A function that looks at pixels."""

    def hold(self, known: Seen) -> Seen:
        """What each step will be given once more, in the form that is read the fastest."""

    def step(self, known: Mapping[str, np.ndarray]) -> Seen:
        """What the decoder gives after the last of `words` (photos, questions, steps).

        Args:
            known: the words, padded with zeros, and what it `needs`.

        Returns:
            `logits` (photos, questions, 1, words), `state_h` and `state_c` (photos, questions,
            units), and of a model with attention `looked` (photos, questions, 1, regions).
        """


@dataclass(frozen=True)
class Spoken:
    """What the model says, and how sure it is: the product of its words' probabilities.

    Attributes:
        text: the answer, as a person writes it.
        confidence: 0 to 1.
        words: the answer word by word, without `<end>`; a comma is a word.
        probabilities: of each word, 0 to 1.
        looked: where the model looked for each word, (words, rows, columns), the weights of a word
            summing to 1; None without attention, or if nobody watched (see `speak`).
    """

    text: str
    confidence: float
    words: tuple[str, ...]
    probabilities: tuple[float, ...]
    looked: np.ndarray | None = None


def speak(
    model: Runtime,
    seen: Seen,
    questions: Sequence[Sequence[str]],
    watch: bool = False,
    rng: np.random.Generator | None = None,
) -> list[list[Spoken]]:
    """Answer questions about photos, each word the likeliest after the ones before (greedy).

    The LSTM's state is kept between words, so that no word is worked out twice.

    Args:
        model: a trained model.
        seen: what its eye gives for the photos.
        questions: for each photo its questions; numbers of questions may differ.
        watch: keep where the model with attention looked for each word.
        rng: draws each word by its probability, instead of the likeliest.

    Returns:
        for each photo the answers to its questions, each of at most `MOST_WORDS` words.
    """
    vocabulary = model.vocabulary
    words = padded([[vocabulary.prompt(text) for text in texts] for texts in questions])
    known = model.hold({name: seen[name] for name in model.needs})
    said = np.full((*words.shape[:2], MOST_WORDS), vocabulary.end)
    probabilities = np.ones(said.shape)
    grid = seen["density"].shape[1:3]
    looked = np.zeros((*said.shape, *grid)) if watch and "keys" in model.needs else None
    speaking = words[:, :, 0] != 0
    for step in range(MOST_WORDS):
        new = model.step(known | {"words": words})
        following = chances_of_next(new, vocabulary)
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


def _spoken(text: str, probabilities: np.ndarray, looked: np.ndarray | None) -> Spoken:
    """An answer from what happened at every step; the steps after its end have probability 1."""
    words = tuple(split_words(text))
    length = len(words)
    return Spoken(
        text,
        float(probabilities.prod()),
        words,
        tuple(probabilities[:length].tolist()),
        None if looked is None else looked[:length],
    )


def chances_of_next(new: Seen, vocabulary: Vocabulary) -> np.ndarray:
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


def padded(prompts: list[list[list[int]]]) -> np.ndarray:
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
