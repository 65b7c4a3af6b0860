"""The unified model: shapes, parts that agree with the whole, and saving."""

import keras
import numpy as np
import pytest
from PIL import Image

from fruit_caption.config import ModelConfig
from fruit_caption.data.qa import QAPair
from fruit_caption.inference.predictor import Predictor
from fruit_caption.language.vocabulary import Vocabulary
from fruit_caption.models.captioner import Captioner

WORDS = ("how", "many", "apples", "two")
FRUITS = ("apple", "pear", "plum")
PIXELS = np.random.default_rng(0).integers(0, 256, (2, 48, 48, 3), "uint8")
SEQUENCES = np.array([[[4, 5, 6, 2, 7], [4, 5, 2, 0, 0]]] * 2, "int32")


def build(**changes):
    settings = {"encoder": "scratch", "encoder_weights": "saved", "image_size": 48,
                "channels": 8, "units": 16}  # fmt: skip
    return Captioner(ModelConfig(**settings | changes), WORDS, FRUITS)


VARIANTS = [
    ("vgg16", True), ("vgg16", False), ("scratch", True), ("scratch", False),
    ("efficientnet-lite0", True),
]  # fmt: skip


@pytest.mark.parametrize(("encoder", "attention"), [*VARIANTS, ("blind", False)])
def test_every_variant_answers_and_reloads(tmp_path, encoder, attention):
    model = build(encoder=encoder, attention=attention)
    inputs = {"pixels": PIXELS, "words": SEQUENCES}
    outputs = model.predict_on_batch(inputs)
    rows = 1 if encoder == "blind" else 3
    assert outputs["logits"].shape == (2, 2, 5, len(Vocabulary(WORDS)))
    assert outputs["density"].shape == (2, rows, rows, 3)
    assert (outputs["density"] >= 0).all()

    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    assert type(again) is Captioner
    assert again.vocabulary.words == WORDS
    assert again.fruits == FRUITS
    assert again.config.attention is attention
    new = again.predict_on_batch(inputs)
    np.testing.assert_array_equal(new["logits"], outputs["logits"])
    np.testing.assert_array_equal(new["density"], outputs["density"])


@pytest.mark.parametrize(("weights", "unfreeze"), [("none", 0), ("saved", 1)])
def test_what_learns_is_saved_as_it_was_divided(tmp_path, weights, unfreeze):
    model = build(encoder="efficientnet-lite0", encoder_weights=weights, unfreeze=unfreeze)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    for new, old in zip(again.weights, model.weights, strict=True):
        assert new.path == old.path
        np.testing.assert_array_equal(new, old)
    assert (again.frozen_encoder is None) == (model.frozen_encoder is None) == (weights == "none")


@pytest.mark.parametrize(
    ("encoder", "attention", "same"),
    [("scratch", True, False), ("scratch", False, False), ("blind", False, True)],
)
def test_the_photo_changes_the_answer_unless_the_model_is_blind(encoder, attention, same):
    model = build(encoder=encoder, attention=attention)
    first, second = (
        model.predict_on_batch({"pixels": pixels, "words": SEQUENCES})["logits"]
        for pixels in (PIXELS, 255 - PIXELS)
    )
    assert np.array_equal(first, second) is same


@pytest.mark.parametrize(
    ("encoder", "unfreeze", "frozen", "learns"),
    [
        ("scratch", 0, False, True),
        ("efficientnet-lite0", 0, True, False),
        ("efficientnet-lite0", 1, True, True),
    ],
)
def test_the_head_is_all_that_learns(encoder, unfreeze, frozen, learns):
    model = build(encoder=encoder, unfreeze=unfreeze)
    assert (model.frozen_encoder is not None, model.trainable_encoder is not None) == (
        frozen,
        learns,
    )
    seen = (
        {"features": model.frozen_encoder.predict_on_batch(PIXELS)}
        if frozen
        else {"pixels": PIXELS}
    )
    head = model.training_model.predict_on_batch(seen | {"words": SEQUENCES})
    whole = model.predict_on_batch({"pixels": PIXELS, "words": SEQUENCES})
    np.testing.assert_allclose(head["logits"], whole["logits"], atol=1e-5)
    assert len(model.training_model.trainable_weights) == len(model.trainable_weights)
    features = model.encoder.predict_on_batch(PIXELS)
    density = model.neck.predict_on_batch(features)["density"]
    np.testing.assert_allclose(density, whole["density"], atol=1e-5)


def test_without_fruits_it_still_builds():
    config = ModelConfig(encoder="blind", encoder_weights="none", image_size=48)
    assert Captioner(config, WORDS, ()).output["density"].shape[-1] == 1


def test_attention_is_what_the_variants_differ_in():
    names = [{layer.name for layer in build(attention=a).decoder.layers} for a in (True, False)]
    assert names[0] - names[1] == {"attend", "spoken_and_seen", "keys", "values", "counts"}


def likely_to_end(likely):
    """A model that has learnt nothing but when to end: at once, or never."""
    keras.utils.set_random_seed(0)
    model = build()
    bias = model.decoder.get_layer("logits").bias
    bias.assign(np.eye(bias.shape[0])[model.vocabulary.end] * (50 if likely else -50))
    return model


def test_an_answer_holds_what_the_model_saw(tmp_path):
    model = build()
    Image.fromarray(PIXELS[1]).save(tmp_path / "photo.png")
    item = QAPair("describe the photo", "a photo of two apples", "caption", None, "")
    answer = Predictor(model).encode(tmp_path / "photo.png").ask_words(item)
    assert answer.question == "describe the photo"
    assert answer.value is None
    assert " ".join(answer.words) == answer.text.replace(",", " ,")
    assert answer.attention.shape == (len(answer.words), 3, 3)
    assert answer.fruits == FRUITS
    density = model.encoder_fn()(PIXELS)["density"][1]
    np.testing.assert_allclose(answer.density, density, rtol=1e-3)


def test_cooling_changes_how_sure_it_is_and_nothing_that_it_sees():
    model, inputs = build(), {"pixels": PIXELS, "words": SEQUENCES}
    before = model.predict_on_batch(inputs)
    model.set_temperature(2.0)
    after = model.predict_on_batch(inputs)
    np.testing.assert_allclose(after["logits"], before["logits"] / 2, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(after["density"], before["density"])


@pytest.mark.parametrize("attention", [True, False])
def test_a_step_tells_what_follows_the_last_word(attention):
    model = build(attention=attention)
    seen = model.encoder_fn()(np.zeros((2, 48, 48, 3), "uint8"))
    known = {name: seen[name] for name in model.decoder_inputs}
    words = np.array([[[5, 6, 7], [5, 6, 0]], [[7, 0, 0], [6, 5, 5]]], "int32")
    said = model.decode_step(known | {"words": words})
    all_of_it = model.decoder.predict_on_batch(known | {"words": words})
    assert said["logits"].shape[2] == 1
    for name, expected in all_of_it.items():
        expected = expected if name.startswith("state") else expected[:, :, -1:]
        np.testing.assert_allclose(said[name], expected, atol=1e-6)
