"""The unified model: shapes, parts that agree with the whole, and saving."""

import keras
import numpy as np
import pytest
from PIL import Image

from fruit_caption.answering import watch_words
from fruit_caption.config import ModelConfig
from fruit_caption.models.captioner import Captioner
from fruit_caption.models.decoding import look, speak
from fruit_caption.vocabulary import Vocabulary
from fruit_caption.writer.qa import Item

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


def test_the_head_continues_the_encoder():
    model = build()
    features = model.encoder.predict_on_batch(PIXELS)
    head = model.head.predict_on_batch({"features": features, "words": SEQUENCES})
    whole = model.predict_on_batch({"pixels": PIXELS, "words": SEQUENCES})
    np.testing.assert_allclose(head["logits"], whole["logits"], atol=1e-5)


def test_without_fruits_it_still_builds():
    config = ModelConfig(encoder="blind", encoder_weights="none", image_size=48)
    assert Captioner(config, WORDS, ()).output["density"].shape[-1] == 1


def test_attention_is_what_the_variants_differ_in():
    names = [{layer.name for layer in build(attention=a).decoder.layers} for a in (True, False)]
    assert names[0] - names[1] == {"attend", "spoken_and_seen", "regions", "counts"}


def likely_to_end(likely):
    """A model that has learnt nothing but when to end: at once, or never."""
    keras.utils.set_random_seed(0)
    model = build()
    bias = model.decoder.get_layer("logits").bias
    bias.assign(np.eye(bias.shape[0])[model.vocabulary.end] * (50 if likely else -50))
    return model


def test_who_watches_sees_where_it_looked_for_each_word():
    model = likely_to_end(False)
    seen = look(model, PIXELS)
    seen["regions"] *= 1000  # so that attention, which has learnt nothing, differs between words
    questions = [["how many apples"], ["how", "how many apples how many apples how many"]]
    watched = speak(model, seen, questions, watch=True)
    unwatched = speak(model, seen, questions)
    for photo, place in ((0, 0), (1, 0), (1, 1)):
        spoken, question = watched[photo][place], questions[photo][place]
        assert spoken.text == unwatched[photo][place].text == " ".join(spoken.words)
        assert spoken.confidence == unwatched[photo][place].confidence
        assert unwatched[photo][place].looked is None

        # The same from question and answer read at once, as in training.
        start = len(model.vocabulary.prompt(question)) - 1
        words = model.vocabulary.sequence(question, spoken.text)[:-2]
        known = {name: seen[name][[photo]] for name in model.decoder.input if name != "words"}
        new = model.decoder.predict_on_batch(known | {"words": np.array([[words]])})
        looked = new["looked"][0, 0, start:].reshape(-1, 3, 3)
        np.testing.assert_allclose(spoken.looked, looked, atol=1e-6)
        assert np.ptp(looked, axis=0).max() > 1e-3
        powers = np.exp(new["logits"][0, 0, start:, model.vocabulary.end + 1 :])
        likeliest = powers.max(axis=-1) / np.exp(new["logits"][0, 0, start:]).sum(axis=-1)
        np.testing.assert_allclose(spoken.probabilities, likeliest, rtol=1e-4)


def test_an_answer_without_words_looks_nowhere():
    model = likely_to_end(True)
    [[spoken]] = speak(model, look(model, PIXELS[:1]), [["how many apples"]], watch=True)
    assert (spoken.text, spoken.words, spoken.probabilities) == ("", (), ())
    assert spoken.looked.shape == (0, 3, 3)
    assert spoken.confidence == pytest.approx(1)


def test_without_attention_there_is_nothing_to_watch():
    model = build(attention=False)
    [[spoken]] = speak(model, look(model, PIXELS[:1]), [["how many apples"]], watch=True)
    assert spoken.looked is None
    assert len(spoken.words) == len(spoken.probabilities)


def test_who_watches_sees_the_density_maps(tmp_path):
    model = build()
    Image.fromarray(PIXELS[1]).save(tmp_path / "photo.png")
    item = Item("describe the photo", "a photo of two apples", "caption", None, "")
    watched = watch_words(model, tmp_path / "photo.png", item)
    assert watched.answer.question == "describe the photo"
    assert watched.answer.value is None
    assert watched.answer.answer == watched.spoken.text
    assert watched.spoken.looked.shape == (len(watched.spoken.words), 3, 3)
    assert watched.fruits == FRUITS
    density = look(model, PIXELS)["density"][1]
    np.testing.assert_allclose(watched.density, density, rtol=1e-3)
