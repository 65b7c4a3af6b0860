"""The captioner: shapes, agreement of its parts with the whole, saving, and extension."""

import keras
import numpy as np
import pytest
from PIL import Image

from fruit_caption.config import ModelConfig
from fruit_caption.data.qa import QAPair
from fruit_caption.inference.predictor import Predictor
from fruit_caption.language.vocabulary import Vocabulary
from fruit_caption.models.captioner import Captioner, extend_vocabulary

WORDS = ("how", "many", "apples", "two")
FRUITS = ("apple", "pear", "plum")
PIXELS = np.random.default_rng(0).integers(0, 256, (2, 48, 48, 3), "uint8")
SEQUENCES = np.array([[[4, 5, 6, 2, 7], [4, 5, 2, 0, 0]]] * 2, "int32")
INPUTS = {"pixels": PIXELS, "words": SEQUENCES}


def build(**changes):
    settings = {"encoder": "scratch", "encoder_weights": "saved", "image_size": 48,
                "channels": 8, "units": 16}  # fmt: skip
    return Captioner(ModelConfig(**settings | changes), WORDS, FRUITS)


def save_and_load(model, folder):
    model.save(folder / "model.keras")
    return keras.saving.load_model(folder / "model.keras", safe_mode=True)


@pytest.mark.parametrize(
    ("encoder", "attention"),
    [
        ("vgg16", True),
        ("vgg16", False),
        ("scratch", True),
        ("scratch", False),
        ("efficientnet-lite0", True),
        ("blind", False),
    ],
)
def test_outputs_survive_saving(tmp_path, encoder, attention):
    model = build(encoder=encoder, attention=attention)
    outputs = model.predict_on_batch(INPUTS)
    rows = 1 if encoder == "blind" else 3
    assert outputs["logits"].shape == (2, 2, 5, len(Vocabulary(WORDS)))
    assert outputs["density"].shape == (2, rows, rows, 3)
    assert (outputs["density"] >= 0).all()

    loaded = save_and_load(model, tmp_path)
    assert type(loaded) is Captioner
    assert loaded.vocabulary.words == WORDS
    assert loaded.fruits == FRUITS
    assert loaded.config.attention is attention
    loaded_outputs = loaded.predict_on_batch(INPUTS)
    np.testing.assert_array_equal(loaded_outputs["logits"], outputs["logits"])
    np.testing.assert_array_equal(loaded_outputs["density"], outputs["density"])


@pytest.mark.parametrize(("weights", "unfreeze"), [("none", 0), ("saved", 1)])
def test_saving_keeps_the_split_of_the_encoder(tmp_path, weights, unfreeze):
    model = build(encoder="efficientnet-lite0", encoder_weights=weights, unfreeze=unfreeze)
    loaded = save_and_load(model, tmp_path)
    for new, old in zip(loaded.weights, model.weights, strict=True):
        assert new.path == old.path
        np.testing.assert_array_equal(new, old)
    assert (loaded.frozen_encoder is None) == (model.frozen_encoder is None) == (weights == "none")


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
    ("encoder", "unfreeze", "has_frozen", "has_trainable"),
    [
        ("scratch", 0, False, True),
        ("efficientnet-lite0", 0, True, False),
        ("efficientnet-lite0", 1, True, True),
    ],
)
def test_parts_agree_with_the_whole_model(encoder, unfreeze, has_frozen, has_trainable):
    model = build(encoder=encoder, unfreeze=unfreeze)
    assert (model.frozen_encoder is not None) is has_frozen
    assert (model.trainable_encoder is not None) is has_trainable
    image = (
        {"features": model.frozen_encoder.predict_on_batch(PIXELS)}
        if has_frozen
        else {"pixels": PIXELS}
    )
    trained = model.training_model.predict_on_batch(image | {"words": SEQUENCES})
    whole = model.predict_on_batch(INPUTS)
    np.testing.assert_allclose(trained["logits"], whole["logits"], atol=1e-5)
    assert len(model.training_model.trainable_weights) == len(model.trainable_weights)
    density = model.encode_features(model.encoder.predict_on_batch(PIXELS))["density"]
    np.testing.assert_allclose(density, whole["density"], atol=1e-5)


def test_without_fruits_there_is_one_density_map():
    config = ModelConfig(encoder="blind", encoder_weights="none", image_size=48)
    assert Captioner(config, WORDS, ()).output["density"].shape[-1] == 1


def test_layers_that_only_attention_adds():
    names = [{layer.name for layer in build(attention=a).decoder.layers} for a in (True, False)]
    assert names[0] - names[1] == {"attention", "state_and_context", "keys", "values", "counts"}


def test_predictor_returns_attention_and_density_of_the_model(tmp_path):
    model = build()
    Image.fromarray(PIXELS[1]).save(tmp_path / "photo.png")
    item = QAPair("describe the photo", "a photo of two apples", "caption", None, "")
    answer = Predictor(model).encode(tmp_path / "photo.png").ask_qa_pair(item)
    assert answer.question == "describe the photo"
    assert answer.value is None
    assert " ".join(answer.words) == answer.text.replace(",", " ,")
    assert answer.attention.shape == (len(answer.words), 3, 3)
    assert answer.fruits == FRUITS
    density = model.encoder_fn()(PIXELS)["density"][1]
    np.testing.assert_allclose(answer.density, density, rtol=1e-3)


def test_temperature_divides_logits_and_keeps_density():
    model = build()
    before = model.predict_on_batch(INPUTS)
    model.set_temperature(2.0)
    after = model.predict_on_batch(INPUTS)
    np.testing.assert_allclose(after["logits"], before["logits"] / 2, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(after["density"], before["density"])


@pytest.mark.parametrize("attention", [True, False])
def test_decode_step_gives_the_decoder_outputs_of_the_last_word(attention):
    model = build(attention=attention)
    encoding = model.encoder_fn()(np.zeros((2, 48, 48, 3), "uint8"))
    inputs = {name: encoding[name] for name in model.decoder_inputs}
    inputs["words"] = np.array([[[5, 6, 7], [5, 6, 0]], [[7, 0, 0], [6, 5, 5]]], "int32")
    outputs = model.decode_step(inputs)
    assert outputs["logits"].shape[2] == 1
    for name, expected in model.decoder.predict_on_batch(inputs).items():
        expected = expected if name.startswith("state") else expected[:, :, -1:]
        np.testing.assert_allclose(outputs[name], expected, atol=1e-6)


def test_extension_appends_new_words_and_fruits():
    extended = extend_vocabulary(build(), ["kiwi", "two"], ["kiwi", "apple"], unfreeze=0)
    assert extended.vocabulary.words == (*WORDS, "kiwi")
    assert extended.fruits == (*FRUITS, "kiwi")


def test_extension_by_nothing_keeps_outputs():
    model = build()
    expected = model.predict_on_batch(INPUTS)
    outputs = extend_vocabulary(model, WORDS, FRUITS, unfreeze=0).predict_on_batch(INPUTS)
    for name, values in expected.items():
        np.testing.assert_array_equal(outputs[name], values)


@pytest.mark.parametrize("weights", ["saved", "none"])
@pytest.mark.parametrize("unfreeze", [0, 1, 2])
def test_extension_can_change_the_split_of_the_encoder(weights, unfreeze):
    model = build(encoder="efficientnet-lite0", encoder_weights=weights)
    extended = extend_vocabulary(model, WORDS, FRUITS, unfreeze)
    assert (extended.trainable_encoder is not None) == bool(unfreeze)
    outputs = extended.predict_on_batch(INPUTS)
    for name, values in model.predict_on_batch(INPUTS).items():
        np.testing.assert_allclose(outputs[name], values, atol=1e-5)


def test_extension_keeps_logits_and_density_of_old_words_and_fruits():
    model = build()
    extended = extend_vocabulary(model, ["kiwi"], ["kiwi"], unfreeze=0)
    # Give the new fruit no share of the density.
    share = extended.neck.get_layer("fruit_share")
    share.bias.assign(np.add(share.bias, [0, 0, 0, -100]))
    old, new = (one.predict_on_batch(INPUTS) for one in (model, extended))
    size = old["logits"].shape[-1]
    np.testing.assert_allclose(new["logits"][..., :size], old["logits"], atol=1e-5)
    np.testing.assert_allclose(new["density"][..., :3], old["density"], atol=1e-6)
    assert new["logits"].shape[-1] == size + 1
