"""Pre-trains the decoder on questions and answers about synthetic facts.

With a thousand photos, the model overfits the photos before it learns which fruit a question is
about. Synthetic facts cost nothing: the decoder first learns to answer from random fruit counts,
with noise like that of a detector, while all other inputs are uninformative. The photos then
only have to teach the image side of the model.

Questions and captions are worded as in the data set, as in the phrasebook, and as in the templates,
so that the decoder learns to read the words of many writers. Answers have one wording per kind of
question.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

import keras
import numpy as np

from fruit_caption.config import TrainingConfig
from fruit_caption.data.batches import encode_pairs
from fruit_caption.data.qa import CAPTION_PROMPT, QUIZ_PROMPT
from fruit_caption.data.records import FruitBox, Photo
from fruit_caption.datagen.question_specs import QuestionSpec, question_specs
from fruit_caption.language import phrasebook, templates
from fruit_caption.language.fruits import SPELLINGS, plural
from fruit_caption.language.vocabulary import Vocabulary, split_words
from fruit_caption.language.wordings import Wordings, replace_by_synonym
from fruit_caption.models.captioner import Captioner
from fruit_caption.models.decoding import Arrays
from fruit_caption.training.checkpoint import save_state, seed_dropout
from fruit_caption.training.optimizer import cosine_adamw

NUM_KINDS_WEIGHTS = (0.05, 0.4, 0.27, 0.16, 0.12)
"""Probabilities that a synthetic photo shows 0, 1, 2, 3 or 4 kinds of fruit."""
MAX_COUNT = 15
"""Maximum number of fruits of one kind."""
COUNT_RATE = 0.4
"""Rate of the exponential distribution of counts: n + 1 fruits are e^0.4 times rarer than n."""
DOUBT = 0.08
"""Mean of the share by which expected numbers are below the numbers, as a detector is not quite
sure of the fruits that it counts. On 400 training photos, that of the released model has 0.92 to
0.96 for each of up to five fruits."""
MAX_DOUBT = 0.5
"""Maximum of this share."""
BACKGROUND_PROBABILITY = 0.02
"""Probability that a kind's expected number has up to 1 more: fruit that is not counted as this
kind, but could be. On those photos, 1.5 % of the absent kinds had more than 0.01."""
PLAIN_PROBABILITY, PHRASEBOOK_PROBABILITY = 0.25, 0.375
"""Probabilities that a question or caption is worded as in the templates or as in the phrasebook;
the others are worded as in the data set."""
QUIZ_PROBABILITY = 0.25
"""Probability that one of the questions is an answer to `QUIZ_PROMPT`."""
UNKNOWN_PROBABILITY = 0.03
"""Probability that a word of a question, other than a fruit, is replaced by the unknown word: the
words that people use are not all in the vocabulary."""
MAX_WORDS = 20
"""Maximum number of words of a question with its answer; longer ones are not used."""
KIND_ATTENTION = "kind_attention"
"""Output of the decoder that is taught, too: which kind of fruit to look up at each word. To find
it out from the words alone would take several times as many steps."""
NUM_REGIONS = 2
"""Number of identical image regions: two, because Keras warns about a softmax over one element."""
LEARNING_RATE_FACTOR = 6
"""Factor of the learning rate. After 600 steps of eight photos with six fruits, 92 % of the
templates' questions were answered rightly; 83 % with half of this rate, 46 % with ten times the
learning rate."""
PRETRAINING_STEP = 2**30
"""Seeds dropout; larger than the number of any step of the training on photos."""
STEPS_PER_PHOTO_STEP = 10
"""Steps for each step of the training on photos, at most: a short training needs no long
preparation."""
SAVE_INTERVAL = 50
"""Number of steps after which the state is saved."""
VOCABULARY_PHOTOS = 2000
"""Number of synthetic photos from whose texts the vocabulary is collected."""


def fitting_steps(config: TrainingConfig, photos: int) -> int:
    """Return for how many steps to pre-train: as set, but fewer before a short training.

    Args:
        config: The training settings.
        photos: Number of photos to train on.
    """
    steps = math.ceil(photos / config.batch_size) * (config.epochs + config.decoder_epochs)
    return min(config.pretrain_steps, STEPS_PER_PHOTO_STEP * steps)


def pretrain_decoder(
    model: Captioner,
    wordings: Wordings,
    config: TrainingConfig,
    callbacks: Sequence[keras.callbacks.Callback],
    state: Path | None = None,
    resume: bool = False,
) -> None:
    """Train the decoder and its input layers for `config.pretrain_steps` steps.

    Args:
        model: A new model.
        wordings: The wordings of the data set.
        config: The training settings.
        callbacks: Keras callbacks.
        state: File to save the state to after every `SAVE_INTERVAL` steps, or None.
        resume: Whether to continue from that file, if it is there; the result is the same.

    Raises:
        FruitError: The file can't be written.
    """
    decoder = _build_decoder(model)
    decoder.compile(
        optimizer=cosine_adamw(LEARNING_RATE_FACTOR * config.learning_rate, config.pretrain_steps),
        loss={
            name: keras.losses.SparseCategoricalCrossentropy(
                from_logits=name == "logits", reduction="mean_with_sample_weight"
            )
            for name in decoder.output
        },
    )
    decoder.optimizer.build(decoder.trainable_variables)
    done = 0
    if resume and state and state.is_file():
        decoder.load_weights(state)
        done = int(keras.ops.convert_to_numpy(decoder.optimizer.iterations))
    channels = model.config.channels
    batches = SyntheticBatches(
        model.vocabulary, model.fruits, channels, wordings, config, tuple(decoder.output)
    )
    for start in range(done, config.pretrain_steps, SAVE_INTERVAL):
        seed_dropout(decoder, config.seed, PRETRAINING_STEP + start)
        part = batches.part(start, min(start + SAVE_INTERVAL, config.pretrain_steps))
        shown = [_PartOfAll(callback, start, config.pretrain_steps) for callback in callbacks]
        decoder.fit(part, shuffle=False, verbose=0, callbacks=shown)
        if state:
            save_state(decoder, state)


class _PartOfAll(keras.callbacks.Callback):
    """Tells another callback the number of each step among all, not among those of a part."""

    def __init__(self, callback: keras.callbacks.Callback, start: int, total: int) -> None:
        super().__init__()
        self.callback, self.start, self.total = callback, start, total

    def on_train_begin(self, logs: Any = None) -> None:
        self.callback.set_params({**self.params, "steps": self.total})

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.callback.on_train_batch_end(self.start + batch, logs)


def synthetic_words(fruits: Sequence[str], wordings: Wordings) -> tuple[str, ...]:
    """Return the words of the synthetic texts about some fruits, the most frequent first.

    Args:
        fruits: Names of the fruits.
        wordings: The wordings of the data set.
    """
    rng = random.Random(0)
    photos = [random_photo(fruits, rng) for _ in range(VOCABULARY_PHOTOS)]
    texts = [text for photo in photos for text in _write_texts(photo, fruits, wordings, rng)]
    return Vocabulary.from_texts(chain.from_iterable(texts)).words


class SyntheticBatches(keras.utils.PyDataset):
    """Batches of synthetic facts with questions and answers; reproducible from the seed.

    A batch is (inputs, targets, weights); targets and weights are dictionaries by output:

    - inputs: `counts` (batch, 1 + fruits, 2), the numbers and the expected numbers;
      `regions` (batch, NUM_REGIONS, channels), uninformative features in place of those of a photo;
      `words` (batch, questions, steps).
    - targets: `logits`, the next words; `kind_attention`, the row of `counts` to attend to, see
      `kinds_by_word`; both (batch, questions, steps).
    - weights: 1 where the next word belongs to the answer, otherwise 0; likewise.

    Args:
        vocabulary: The model's vocabulary.
        fruits: The model's fruits.
        channels: Number of channels of an image region.
        wordings: The wordings of the data set.
        config: Settings with the seed, the number and size of batches, and whether to learn to
            generate questions.
        outputs: The outputs that get targets.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        fruits: Sequence[str],
        channels: int,
        wordings: Wordings,
        config: TrainingConfig,
        outputs: Sequence[str] = ("logits", KIND_ATTENTION),
    ) -> None:
        super().__init__(workers=1, max_queue_size=4)
        self.vocabulary, self.fruits, self.channels = vocabulary, fruits, channels
        self.wordings, self.config, self.outputs = wordings, config, outputs
        self.start, self.end = 0, config.pretrain_steps
        names = [name for name, fruit in SPELLINGS.items() if fruit in fruits]
        ids = [vocabulary.encode_prompt(name) for name in names]
        self.essential_ids = sorted(set(chain.from_iterable(ids)))

    def part(self, start: int, end: int) -> SyntheticBatches:
        """Return the batches from one number up to another."""
        part = SyntheticBatches(
            self.vocabulary, self.fruits, self.channels, self.wordings, self.config, self.outputs
        )
        part.start, part.end = start, end
        return part

    def __len__(self) -> int:
        return self.end - self.start

    def __getitem__(self, index: int) -> tuple[Arrays, Arrays, Arrays]:
        index += self.start
        rng = random.Random(f"{self.config.seed} {index}")
        noise_rng = np.random.default_rng([self.config.seed, index])
        photos = [random_photo(self.fruits, rng) for _ in range(self.config.batch_size)]
        numbers = np.array(
            [[photo.count(fruit) for fruit in self.fruits] for photo in photos], "float32"
        )
        shape = (self.config.questions, MAX_WORDS)
        texts = [self._sample_texts(photo, rng) for photo in photos]
        rows = [encode_pairs(self.vocabulary, pairs, shape) for pairs in texts]
        words, next_words, weights = (np.stack(arrays) for arrays in zip(*rows, strict=True))
        kinds, kind_weights = self._kinds_to_attend_to(texts, weights)
        replaced = noise_rng.random(words.shape) < UNKNOWN_PROBABILITY
        replaced &= (words > 0) & (weights == 0) & ~np.isin(words, self.essential_ids)
        inputs = {
            "counts": with_total(
                np.stack([numbers, _expected_numbers(numbers, noise_rng)], axis=-1)
            ),
            "regions": self._random_regions(noise_rng),
            "words": np.where(replaced, self.vocabulary.unknown_id, words),
        }
        targets = {"logits": next_words, KIND_ATTENTION: kinds}
        sample_weights = {"logits": weights, KIND_ATTENTION: kind_weights}
        return (
            inputs,
            {name: targets[name] for name in self.outputs},
            {name: sample_weights[name] for name in self.outputs},
        )

    def _kinds_to_attend_to(
        self, texts: Sequence[Sequence[tuple[str, str]]], weights: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Targets and weights of the attention to kinds, where answers are written."""
        kinds, kind_weights = np.zeros(weights.shape, "int32"), weights.copy()
        for photo, pairs in enumerate(texts):
            for row, (question, answer) in enumerate(pairs):
                if question == QUIZ_PROMPT:  # it may ask about any kind
                    kind_weights[photo, row] = 0
                else:
                    places = weights[photo, row] > 0
                    kinds[photo, row, places] = [*kinds_by_word(answer, self.fruits), 0]
        return kinds, kind_weights

    def _sample_texts(self, photo: Photo, rng: random.Random) -> list[tuple[str, str]]:
        texts = [
            text
            for text in _write_texts(photo, self.fruits, self.wordings, rng)
            if len(self.vocabulary.encode_pair(*text)) <= MAX_WORDS + 1
        ]
        if self.config.quiz and rng.random() < QUIZ_PROBABILITY:
            texts.append((QUIZ_PROMPT, rng.choice(texts[:-1])[0]))  # the last one is the caption
        return rng.sample(texts, min(len(texts), self.config.questions))

    def _random_regions(self, rng: np.random.Generator) -> np.ndarray:
        """Random features, the same for all regions of a photo."""
        batch = self.config.batch_size
        features = rng.random((batch, 1, 1)) * rng.standard_normal((batch, 1, self.channels))
        return np.maximum(features, 0).astype("float32").repeat(NUM_REGIONS, axis=1)


def kinds_by_word(answer: str, fruits: Sequence[str]) -> list[int]:
    """Return which row of `counts` each word of an answer is about.

    The words up to the name of a fruit are about this fruit; those behind the last name, or of an
    answer that names none, about all fruits, which are row 0.

    Args:
        answer: The answer.
        fruits: The model's fruits.
    """
    rows_by_name = _rows_by_name(tuple(fruits))
    words = split_words(answer)
    rows: list[int] = []
    for end in range(1, len(words) + 1):
        for length in (2, 1):
            row = rows_by_name.get(tuple(words[max(0, end - length) : end]))
            if row:
                rows += [row] * (end - len(rows))
                break
    return rows + [0] * (len(words) - len(rows))


@cache
def _rows_by_name(fruits: tuple[str, ...]) -> dict[tuple[str, ...], int]:
    """The row of `counts` of each fruit by the words of its name, singular and plural."""
    return {
        tuple(split_words(name)): row
        for row, fruit in enumerate(fruits, start=1)
        for name in (fruit, plural(fruit))
    }


def _build_decoder(model: Captioner) -> keras.Model:
    """A model from counts, image regions and words to the logits of the next words.

    With attention, it also returns the attention to kinds.

    It consists of the captioner's own layers from the detector's regions and counts on.
    """
    connector, decoder = model.connector, model.decoder
    regions = connector.input["regions"]
    inputs = {
        "regions": keras.Input((NUM_REGIONS, *regions.shape[2:]), name="regions"),
        "counts": keras.Input(connector.input["counts"].shape[1:], name="counts"),
    }
    words = keras.Input((None, None), dtype="int32", name="words")
    tensors = dict(_rebuild(connector, inputs).output)
    if "values" in tensors:
        # Attention also sums over all regions of a photo, so the few regions here have to weigh
        # as much as those.
        scale = np.array([1, regions.shape[1] / NUM_REGIONS], "float32").reshape(2, 1, 1)
        tensors["values"] *= scale
    tensors |= inputs | {"words": words}
    tensors = {name: tensors[name] for name in decoder.input}
    decoder_inputs = {
        name: keras.Input(tensor.shape[1:], dtype=tensor.dtype, name=name)
        for name, tensor in tensors.items()
    }
    outputs = _rebuild(decoder, decoder_inputs)(tensors)
    trained = {name: outputs[name] for name in ("logits", KIND_ATTENTION) if name in outputs}
    return keras.Model(inputs | {"words": words}, trained)


def _rebuild(network: keras.Model, inputs: Any) -> keras.Model:
    """The same layers, shared, with inputs of other shapes."""
    return keras.models.clone_model(
        network, input_tensors=inputs, clone_function=lambda layer: layer
    )


def random_photo(fruits: Sequence[str], rng: random.Random) -> Photo:
    """Boxes of random fruits, without an image."""
    [num_kinds] = rng.choices(range(len(NUM_KINDS_WEIGHTS)), NUM_KINDS_WEIGHTS)
    boxes: list[FruitBox] = []
    for fruit in rng.sample(list(fruits), min(num_kinds, len(fruits))):
        count = min(MAX_COUNT, 1 + int(rng.expovariate(COUNT_RATE)))
        boxes += [FruitBox(fruit, 0, 0, 1, 1)] * count
    return Photo(Path(), 1, 1, tuple(boxes), frozenset(fruits))


def _write_texts(
    photo: Photo, fruits: Sequence[str], wordings: Wordings, rng: random.Random
) -> list[tuple[str, str]]:
    """A caption of a photo, and questions of every kind about it, with their answers."""
    specs = question_specs(photo, dict.fromkeys(fruits, 1), rng)
    texts = [
        (_write_question(spec, wordings, rng), templates.answer(spec.kind, spec.fruit, spec.value))
        for spec in specs
    ]
    return [*texts, (CAPTION_PROMPT, _write_caption(photo.counts(), wordings, rng))]


def _write_question(spec: QuestionSpec, wordings: Wordings, rng: random.Random) -> str:
    chance = rng.random()
    if chance < PLAIN_PROBABILITY:
        return templates.question(spec.kind, spec.fruit, rng)
    if chance > PLAIN_PROBABILITY + PHRASEBOOK_PROBABILITY:
        text = wordings.write_question(spec.kind, spec.fruit, rng)
        if text:
            return text
    text = phrasebook.write_question(spec.kind, spec.fruit, rng)
    return replace_by_synonym(text, spec.fruit, rng) if spec.fruit else text


def _write_caption(counts: Mapping[str, int | None], wordings: Wordings, rng: random.Random) -> str:
    chance = rng.random()
    if chance < PLAIN_PROBABILITY:
        return templates.caption(counts)
    if chance > PLAIN_PROBABILITY + PHRASEBOOK_PROBABILITY:
        text = wordings.write_caption(counts, rng)
        if text:
            return text
    return phrasebook.write_caption(counts, rng)


def with_total(counts: np.ndarray) -> np.ndarray:
    """Put the sums over all fruits in front of the counts of each, as `PeakCounts` does.

    Args:
        counts: The numbers and expected numbers, (batch, fruits, 2).

    Returns:
        (batch, 1 + fruits, 2).
    """
    return np.concatenate([counts.sum(axis=1, keepdims=True), counts], axis=1)


def _expected_numbers(numbers: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Expected numbers of a detector that counts rightly, see `DOUBT`."""
    doubt = np.minimum(MAX_DOUBT, rng.exponential(DOUBT, numbers.shape))
    background = rng.random(numbers.shape) * (rng.random(numbers.shape) < BACKGROUND_PROBABILITY)
    return (numbers * (1 - doubt) + background).astype("float32")
