"""Teaches the decoder to read before it sees a photo: questions about counts that are made up.

Which fruit a question asks for takes a decoder longer to learn than it takes to know a thousand
photos by heart. But facts are free: it first answers questions about numbers of fruit that nobody
has photographed, blurred as an eye would sum them, while all else that an eye gives is noise.
Photos then need only teach the eye.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import keras
import numpy as np

from fruit_caption.config import TrainingConfig
from fruit_caption.data.dataset import sequences
from fruit_caption.data.qa import DESCRIBE
from fruit_caption.data.records import FruitBox, Photo
from fruit_caption.datagen.question_specs import question_specs
from fruit_caption.datagen.template_writer import write_pair
from fruit_caption.language import phrasebook, templates
from fruit_caption.language.vocabulary import Vocabulary
from fruit_caption.models.captioner import Captioner
from fruit_caption.training.optimizer import cosine_adamw

KINDS = (0.05, 0.5, 0.25, 0.12, 0.08)
"""How often a made-up photo shows no fruit, one kind, two kinds …"""
MOST = 12
"""Of one kind."""
FEWER = 0.6
"""One fruit of a kind is about e^0.6 times as frequent as two, these as three, and so on."""
BLUR = 0.15
"""Of a count: about half of it per fruit, all of it where there are none."""
LONGEST = 20
"""Words of a question and its answer; longer ones are left out."""
ALIKE = 2
"""Regions that stand for all of a photo's; of a softmax over a single one Keras would warn."""
SAMPLE = 2000
"""Made-up photos whose texts show which words there are to know."""


def pretrain_decoder(
    model: Captioner,
    varied: bool,
    config: TrainingConfig,
    callbacks: Sequence[keras.callbacks.Callback],
) -> None:
    """Train the decoder, and the layers from which it starts, on `config.pretrain_steps` batches.

    Args:
        model: a new one.
        varied: whether half of the texts are the phrasebook's; else all are the grammar's.
        config: see `TrainingConfig`.
        callbacks: told of every step.
    """
    reader = _reader(model)
    reader.compile(
        optimizer=cosine_adamw(config.learning_rate, config.pretrain_steps),
        loss=keras.losses.SparseCategoricalCrossentropy(
            from_logits=True, reduction="mean_with_sample_weight"
        ),
    )
    reader.optimizer.build(reader.trainable_variables)
    channels = model.config.channels
    lessons = SyntheticBatches(model.vocabulary, model.fruits, channels, varied, config)
    reader.fit(lessons, shuffle=False, verbose=0, callbacks=list(callbacks))


def synthetic_words(fruits: Sequence[str], varied: bool) -> tuple[str, ...]:
    """The words of questions and answers about some fruits, the most frequent first."""
    rng = random.Random(0)
    photos = [_facts(fruits, rng) for _ in range(SAMPLE)]
    texts = [text for photo in photos for text in _texts(photo, fruits, varied, rng)]
    return Vocabulary.of(chain.from_iterable(texts)).words


class SyntheticBatches(keras.utils.PyDataset):
    """Batches of made-up facts, blurred, with questions and answers; the same for the same seed.

    A batch is (inputs, next words, weights): `regions` (batch, ALIKE, channels), which stand for
    all of a photo, `counts` (batch, fruits) and `words` (batch, questions, steps); (batch,
    questions, steps); the same, 1 where the answer is.

    Args:
        vocabulary, fruits: of the model.
        channels: of a region that the eye sees in a photo.
        varied: see `pretrain_decoder`.
        config: seed, number and sizes of batches.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        fruits: Sequence[str],
        channels: int,
        varied: bool,
        config: TrainingConfig,
    ) -> None:
        super().__init__(workers=1, max_queue_size=4)
        self.vocabulary, self.fruits, self.channels = vocabulary, fruits, channels
        self.varied, self.config = varied, config

    def __len__(self) -> int:
        return self.config.pretrain_steps

    def __getitem__(self, index: int) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
        rng = random.Random(f"{self.config.seed} {index}")
        noise = np.random.default_rng([self.config.seed, index])
        photos = [_facts(self.fruits, rng) for _ in range(self.config.batch_size)]
        counts = np.array([[photo.count(fruit) for fruit in self.fruits] for photo in photos])
        shape = (self.config.questions, LONGEST)
        asked = [self._ask(photo, rng) for photo in photos]
        rows = [sequences(self.vocabulary, texts, shape) for texts in asked]
        words, following, weights = (np.stack(arrays) for arrays in zip(*rows, strict=True))
        inputs = {"counts": _blur(counts, noise), "regions": self._nothing(noise), "words": words}
        return inputs, following, weights

    def _ask(self, photo: Photo, rng: random.Random) -> list[tuple[str, str]]:
        texts = [
            text
            for text in _texts(photo, self.fruits, self.varied, rng)
            if len(self.vocabulary.sequence(*text)) <= LONGEST + 1
        ]
        return rng.sample(texts, min(len(texts), self.config.questions))

    def _nothing(self, noise: np.random.Generator) -> np.ndarray:
        """Regions that look alike and say nothing."""
        photos = self.config.batch_size
        seen = noise.random((photos, 1, 1)) * noise.standard_normal((photos, 1, self.channels))
        return np.maximum(seen, 0).astype("float32").repeat(ALIKE, axis=1)


def _reader(model: Captioner) -> keras.Model:
    """From counts and regions, as an eye would see them, and words to the next words."""
    eye, decoder = model.neck, model.decoder
    regions, counts = eye.get_layer("regions").output, eye.output["counts"]
    inputs = {
        "regions": keras.Input((ALIKE, *regions.shape[2:]), name="regions"),
        "counts": keras.Input(counts.shape[1:], name="counts"),
        "words": keras.Input((None, None), dtype="int32", name="words"),
    }
    given = {name: eye.output[name] for name in model.decoder_inputs if name not in inputs}
    # With all regions alike, a few of them are enough …
    known = _called_anew(
        keras.Model([regions, counts], given), [inputs["regions"], inputs["counts"]]
    ).output
    if "values" in known:
        # … if they count for all where regions are added up.
        known["values"] *= np.array([1, regions.shape[1] / ALIKE], "float32").reshape(2, 1, 1)
    known = {name: (known | inputs)[name] for name in decoder.input}
    shapes = {
        name: keras.Input(one.shape[1:], dtype=one.dtype, name=name) for name, one in known.items()
    }
    return keras.Model(inputs, _called_anew(decoder, shapes)(known)["logits"])


def _called_anew(network: keras.Model, inputs: Any) -> keras.Model:
    """The same layers, for inputs of other shapes."""
    return keras.models.clone_model(
        network, input_tensors=inputs, clone_function=lambda layer: layer
    )


def _facts(fruits: Sequence[str], rng: random.Random) -> Photo:
    """A photo that was never taken, of which all is known."""
    [kinds] = rng.choices(range(len(KINDS)), KINDS)
    boxes: list[FruitBox] = []
    for fruit in rng.sample(list(fruits), min(kinds, len(fruits))):
        number = min(MOST, 1 + int(rng.expovariate(FEWER)))
        boxes += [FruitBox(fruit, 0, 0, 1, 1)] * number
    return Photo(Path(), 1, 1, tuple(boxes), frozenset(fruits))


def _texts(
    photo: Photo, fruits: Sequence[str], varied: bool, rng: random.Random
) -> Iterator[tuple[str, str]]:
    """Questions of every kind about a photo with their answers, and its caption."""
    for spec in question_specs(photo, dict.fromkeys(fruits, 1), rng):
        if varied and rng.random() < 0.5:
            question = phrasebook.write_question(spec.kind, spec.fruit, rng)
            yield question, phrasebook.write_answer(spec.kind, spec.fruit, spec.value, rng)
        else:
            item = write_pair(spec, rng)
            yield item.question, item.answer
    if varied and rng.random() < 0.5:
        yield DESCRIBE, phrasebook.write_caption(photo.counts(), rng)
    else:
        yield DESCRIBE, templates.caption(photo.counts())


def _blur(counts: np.ndarray, noise: np.random.Generator) -> np.ndarray:
    """Counts as the sums of density maps: not whole, and seldom quite nothing."""
    spread = BLUR / 2 * counts * noise.standard_normal(counts.shape)
    ghosts = BLUR * np.abs(noise.standard_normal(counts.shape)) * (noise.random(counts.shape) < 0.5)
    return np.maximum(0, counts + spread + ghosts).astype("float32")
