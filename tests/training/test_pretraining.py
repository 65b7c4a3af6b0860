"""SyntheticBatches in reading: facts that agree with their texts, and a decoder that learns from them."""

import random
from dataclasses import replace
from itertools import pairwise

import keras
import numpy as np
import pytest

from fruit_caption.config import ModelConfig, TrainingConfig
from fruit_caption.data.qa import DESCRIBE
from fruit_caption.data.records import true_answer
from fruit_caption.language.answers import parse_answer
from fruit_caption.language.fruits import NUMBER_WORDS
from fruit_caption.language.questions import parse_question
from fruit_caption.models.captioner import Captioner
from fruit_caption.training import pretraining
from fruit_caption.training.pretraining import (
    SyntheticBatches,
    pretrain_decoder,
    synthetic_words,
)

FRUITS = ("apple", "kiwi", "pear")
CONFIG = TrainingConfig(batch_size=8, questions=8, learning_rate=5e-3, pretrain_steps=2)


def reader(words, attention=True):
    config = ModelConfig("scratch", "saved", attention=attention, image_size=48, channels=16,
                         units=64, dropout=0.0)  # fmt: skip
    return Captioner(config, words, FRUITS)


@pytest.mark.parametrize("varied", [False, True])
def test_texts_are_true_of_the_facts(varied):
    rng = random.Random(1)
    checked = 0
    for _ in range(200):
        photo = pretraining._facts(FRUITS, rng)
        texts = list(pretraining._texts(photo, FRUITS, varied, rng))
        assert [question for question, _ in texts].count(DESCRIBE) == 1
        for question, answer in texts[:-1]:
            asked = parse_question(question)
            right = true_answer(photo, asked.kind, asked.fruit)
            assert parse_answer(asked.kind, answer, asked.fruit) == right, (question, answer)
            checked += 1
    assert checked > 800


def test_a_batch():
    words = synthetic_words(FRUITS, varied=False)
    lessons = SyntheticBatches(reader(words).vocabulary, FRUITS, 16, False, CONFIG)
    assert len(lessons) == 2
    (inputs, following, weights), again = lessons[1], lessons[1]
    assert inputs["counts"].shape == (8, 3)
    assert (inputs["counts"] >= 0).all()
    assert inputs["regions"].shape == (8, 2, 16)
    assert inputs["words"].shape == following.shape == weights.shape == (8, 8, pretraining.LONGEST)
    # No word is unknown, and what follows a word is the next one.
    assert not (inputs["words"] == 1).any()
    for now, after in pairwise(range(pretraining.LONGEST)):
        told = inputs["words"][:, :, after] > 0
        assert (inputs["words"][:, :, after] == following[:, :, now])[told].all()
    np.testing.assert_array_equal(inputs["counts"], again[0]["counts"])
    assert not np.array_equal(inputs["counts"], lessons[0][0]["counts"])


def test_every_number_and_fruit_has_its_word():
    words = set(synthetic_words(FRUITS, varied=False))
    assert {"apple", "apples", "kiwis", "pears", "no", "yes"} <= words
    assert set(NUMBER_WORDS[1 : pretraining.MOST + 1]) <= words


def test_counts_are_blurred_but_stay_near():
    counts = np.tile([0.0, 1.0, 6.0], (5000, 1))
    blurred = pretraining._blur(counts, np.random.default_rng(0))
    np.testing.assert_allclose(blurred.mean(axis=0), counts[0] + 0.06, atol=0.03)
    assert (blurred.round() == counts).mean(axis=0).tolist() == pytest.approx([1, 1, 0.75], abs=0.1)


@pytest.mark.parametrize("attention", [False, True])
def test_lessons_teach_the_decoder_to_read_and_leave_the_eye_alone(attention):
    model = reader(synthetic_words(FRUITS, varied=False), attention)
    unseen = SyntheticBatches(model.vocabulary, FRUITS, 16, False, replace(CONFIG, seed=1))[0]
    before, eye = right_words(model, *unseen), weights_of(model.neck, "neck", "density")
    pretrain_decoder(model, False, replace(CONFIG, pretrain_steps=200), [])
    assert right_words(model, *unseen) > max(0.7, before + 0.4)
    for old, new in zip(eye, weights_of(model.neck, "neck", "density"), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("attention", [False, True])
def test_two_regions_stand_for_all(attention):
    model = reader(synthetic_words(FRUITS, varied=False), attention)
    inputs, _, _ = SyntheticBatches(model.vocabulary, FRUITS, 16, False, CONFIG)[0]
    eye = model.neck
    seen = [eye.get_layer("regions").output, eye.output["counts"]]
    given = keras.Model(
        seen, {name: eye.output[name] for name in model.decoder_inputs if name != "counts"}
    )
    regions = inputs["regions"][:, :1].repeat(9, axis=1)
    known = given.predict_on_batch([regions, inputs["counts"]])
    known |= {"counts": inputs["counts"], "words": inputs["words"]}
    said = model.decoder.predict_on_batch({name: known[name] for name in model.decoder.input})[
        "logits"
    ]
    np.testing.assert_allclose(pretraining._reader(model).predict_on_batch(inputs), said, atol=1e-5)


def right_words(model, inputs, following, weights):
    """The share of answers' words that are likeliest after the words before."""
    said = pretraining._reader(model).predict_on_batch(inputs).argmax(axis=-1)
    return (said == following)[weights > 0].mean()


def weights_of(model, *names):
    return [np.array(one) for one in model.weights if one.path.startswith(names)]
