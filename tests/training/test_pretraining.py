"""Decoder pre-training: correct synthetic texts, and a decoder that learns from them."""

import random
from dataclasses import replace

import keras
import numpy as np
import pytest

from fruit_caption.config import ModelConfig, TrainingConfig
from fruit_caption.data.qa import CAPTION_PROMPT, QUIZ_PROMPT
from fruit_caption.datagen.checker import is_true_caption
from fruit_caption.language.answers import parse_answer
from fruit_caption.language.fruits import NUMBER_WORDS, plural
from fruit_caption.language.questions import parse_question
from fruit_caption.language.wordings import Wordings
from fruit_caption.models.captioner import Captioner
from fruit_caption.training import pretraining
from fruit_caption.training.pretraining import (
    SyntheticBatches,
    pretrain_decoder,
    synthetic_words,
)

FRUITS = ("apple", "kiwi", "pear")
WORDINGS = Wordings(
    [("name the number of kiwis", "count", "kiwi"), ("what is on show", "identify", None)],
    ["one apple behind two pears", "a heap with three kiwis in it"],
)
CONFIG = TrainingConfig(batch_size=8, questions=8, learning_rate=5e-3, pretrain_steps=2)


def new_model(attention=True):
    keras.utils.set_random_seed(0)
    words = (*synthetic_words(FRUITS, WORDINGS), *QUIZ_PROMPT.split())
    config = ModelConfig("scratch", "saved", attention=attention, image_size=48, channels=16,
                         units=64, dropout=0.0)  # fmt: skip
    return Captioner(config, words, FRUITS)


def test_texts_agree_with_the_facts_in_many_wordings():
    rng = random.Random(1)
    checked, all_texts = 0, []
    for _ in range(200):
        photo = pretraining.random_photo(FRUITS, rng)
        texts = pretraining._write_texts(photo, FRUITS, WORDINGS, rng)
        assert [question for question, _ in texts].count(CAPTION_PROMPT) == 1
        assert is_true_caption(texts[-1][1], photo)
        all_texts += texts
        for question, answer in texts[:-1]:
            parsed = parse_question(question)
            expected = photo.true_answer(parsed.kind, parsed.fruit)
            assert parse_answer(parsed.kind, answer, parsed.fruit) == expected, (question, answer)
            checked += 1
    assert checked > 800
    questions, answers = (set(column) for column in zip(*all_texts, strict=True))
    assert {"how many kiwis are there?", "name the number of pears"} <= questions  # templates, data
    assert "a heap with three apples in it" in answers
    assert len(questions) > 300  # the phrasebook


def test_batches():
    model = new_model()
    batches = SyntheticBatches(model.vocabulary, FRUITS, 16, WORDINGS, CONFIG)
    assert len(batches) == 2
    (inputs, targets, weights), again = batches[1], batches[1]
    assert inputs["counts"].shape == (8, 4, 2)
    np.testing.assert_allclose(
        inputs["counts"][:, 0], inputs["counts"][:, 1:].sum(axis=1), rtol=1e-6
    )
    numbers, expected_numbers = inputs["counts"][:, 1:, 0], inputs["counts"][:, 1:, 1]
    np.testing.assert_array_equal(numbers, numbers.round())
    assert (expected_numbers >= 0).all()
    assert 0 < np.abs(numbers - expected_numbers).max() < 3
    assert inputs["regions"].shape == (8, 2, 16)
    words, next_words, answer = inputs["words"], targets["logits"], weights["logits"]
    assert words.shape == next_words.shape == answer.shape == (8, 8, pretraining.MAX_WORDS)
    is_unknown = words == model.vocabulary.unknown_id
    assert 0 < is_unknown.sum() < 0.05 * (words > 0).sum()
    assert not answer[is_unknown].any()  # words of answers are all known
    is_word = (words[:, :, 1:] > 0) & ~is_unknown[:, :, 1:]
    np.testing.assert_array_equal(words[:, :, 1:][is_word], next_words[:, :, :-1][is_word])
    np.testing.assert_array_equal(inputs["counts"], again[0]["counts"])
    assert not np.array_equal(inputs["counts"], batches[0][0]["counts"])


@pytest.mark.parametrize(
    ("answer", "rows"),
    [
        ("four", [0]),
        ("no, there is no dragon fruit", [2, 2, 2, 2, 2, 2, 2]),
        ("two apples and one dragon fruit here", [1, 1, 2, 2, 2, 2, 0]),
    ],
)
def test_each_word_of_an_answer_is_about_a_kind(answer, rows):
    kinds = pretraining.kinds_by_word(answer, ["apple", "dragon fruit"])
    assert kinds == rows


def test_attention_is_taught_where_the_answer_names_a_kind(monkeypatch):
    monkeypatch.setattr(pretraining, "UNKNOWN_PROBABILITY", 0)
    model = new_model()
    batches = SyntheticBatches(
        model.vocabulary, FRUITS, 16, WORDINGS, replace(CONFIG, quiz=True, batch_size=64)
    )
    inputs, targets, weights = batches[0]
    kinds, is_taught = targets["kind_attention"], weights["kind_attention"] > 0
    asks = inputs["words"][:, :, 0] == model.vocabulary.encode_prompt(QUIZ_PROMPT)[0]
    assert asks.any()
    assert not is_taught[asks].any()
    np.testing.assert_array_equal(is_taught[~asks], (weights["logits"] > 0)[~asks])
    for row, fruit in enumerate(FRUITS, start=1):  # before a fruit is named, it is looked up
        ids = [model.vocabulary.encode_prompt(name)[0] for name in (fruit, plural(fruit))]
        named = is_taught & np.isin(targets["logits"], ids)
        assert named.any()
        assert (kinds[named] == row).all()


def test_vocabulary_has_all_numbers_and_fruits():
    words = set(synthetic_words(FRUITS, WORDINGS))
    assert {"apple", "apples", "kiwis", "pears", "no", "yes"} <= words
    assert set(NUMBER_WORDS[1 : pretraining.MAX_COUNT + 1]) <= words


def test_expected_numbers_are_a_little_below_the_true_ones():
    numbers = np.tile([0.0, 1.0, 6.0], (5000, 1))
    expected = pretraining._expected_numbers(numbers, np.random.default_rng(0))
    np.testing.assert_allclose(expected.mean(axis=0), [0.01, 0.93, 5.53], atol=0.02)
    assert (expected.round() == numbers).mean(axis=0).tolist() == pytest.approx(
        [0.99, 0.99, 0.64], abs=0.02
    )


@pytest.mark.parametrize("attention", [False, True])
def test_pretraining_teaches_the_decoder_and_leaves_the_detector_alone(attention):
    model = new_model(attention)
    test_batch = SyntheticBatches(model.vocabulary, FRUITS, 16, WORDINGS, replace(CONFIG, seed=1))[
        0
    ]
    accuracy_before, detector_before = accuracy(model, *test_batch), model.detector.get_weights()
    pretrain_decoder(model, WORDINGS, replace(CONFIG, pretrain_steps=300), [])
    assert accuracy(model, *test_batch) > max(0.7, accuracy_before + 0.4)
    for before, after in zip(detector_before, model.detector.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


class Steps(keras.callbacks.Callback):
    """Remembers the steps, and stops like Ctrl-C at one of them."""

    def __init__(self, last=None):
        super().__init__()
        self.last, self.steps = last, []

    def on_train_batch_end(self, batch, logs=None):
        self.steps.append((batch, self.params["steps"]))
        if batch == self.last:
            raise KeyboardInterrupt


def test_an_interrupted_pretraining_goes_on_within_it(tmp_path, monkeypatch):
    monkeypatch.setattr(pretraining, "SAVE_INTERVAL", 3)
    config, state = replace(CONFIG, pretrain_steps=8), tmp_path / "state.weights.h5"
    whole, cut = new_model(), new_model()
    pretrain_decoder(whole, WORDINGS, config, [])
    with pytest.raises(KeyboardInterrupt):
        pretrain_decoder(cut, WORDINGS, config, [Steps(last=4)], state)
    shown, resumed = Steps(), new_model()
    pretrain_decoder(resumed, WORDINGS, config, [shown], state, resume=True)
    assert shown.steps == [(step, 8) for step in range(3, 8)]
    for expected, weights in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(weights, expected)
    pretrain_decoder(resumed, WORDINGS, config, [shown], state, resume=True)
    assert len(shown.steps) == 5


@pytest.mark.parametrize(
    ("photos", "epochs", "steps"), [(160, 2, 800), (51, 30, 1440), (1500, 30, 3000)]
)
def test_pretraining_is_as_long_as_the_job(photos, epochs, steps):
    assert pretraining.fitting_steps(TrainingConfig(epochs=epochs), photos) == steps


@pytest.mark.parametrize("attention", [False, True])
def test_two_regions_have_the_effect_of_all(attention):
    model = new_model(attention)
    inputs, _, _ = SyntheticBatches(model.vocabulary, FRUITS, 16, WORDINGS, CONFIG)[0]
    _, number, _ = model.connector.input["regions"].shape
    assert number > pretraining.NUM_REGIONS
    all_regions = inputs["regions"][:, :1].repeat(number, axis=1)
    counts = {"counts": inputs["counts"]}
    arrays = model.connector.predict_on_batch(counts | {"regions": all_regions})
    arrays |= counts | {"words": inputs["words"]}
    outputs = model.decoder.predict_on_batch({name: arrays[name] for name in model.decoder.input})
    found = pretraining._build_decoder(model).predict_on_batch(inputs)
    assert ("kind_attention" in found) == attention
    for name, array in found.items():
        np.testing.assert_allclose(array, outputs[name], atol=1e-5)


def accuracy(model, inputs, targets, weights):
    """The share of answer words that are predicted from the words before them."""
    outputs = pretraining._build_decoder(model).predict_on_batch(inputs)
    predicted = outputs["logits"].argmax(axis=-1)
    return (predicted == targets["logits"])[weights["logits"] > 0].mean()
