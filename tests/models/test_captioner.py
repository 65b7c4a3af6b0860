"""The captioner: shapes, agreement of its parts with the whole, saving, training, extension."""

import keras
import numpy as np
import pytest

from fruit_caption.config import ModelConfig
from fruit_caption.language.vocabulary import Vocabulary
from fruit_caption.models.captioner import Captioner, extend_vocabulary
from fruit_caption.models.detector import CenterLoss, pool_kinds
from tests.models import tiny_network

WORDS = ("how", "many", "apples", "two")
FRUITS = ("apple", "pear", "plum")
PIXELS = np.random.default_rng(0).integers(0, 256, (2, 48, 48, 3), "uint8")
SEQUENCES = np.array([[[4, 5, 6, 2, 7], [4, 5, 2, 0, 0]]] * 2, "int32")
INPUTS = {"pixels": PIXELS, "words": SEQUENCES}
EYE = ("encoder", "detector")
SPEAKER = ("connector", "decoder")


@pytest.fixture(scope="module", autouse=True)
def tiny():
    """Let all tests build the encoder "tiny-network"."""
    with tiny_network.known() as name:
        yield name


def build(fruits=FRUITS, **changes):
    """A model that sees fruit, although it is not trained."""
    keras.utils.set_random_seed(0)
    settings = {"encoder": "scratch", "encoder_weights": "none", "image_size": 48,
                "channels": 8, "units": 16}  # fmt: skip
    model = Captioner(ModelConfig(**settings | changes), WORDS, fruits)
    model.detector.get_layer("center").bias.assign([0.0])
    return model


@pytest.fixture(scope="module")
def model():
    """A model with attention, not to be changed."""
    return build()


@pytest.fixture(scope="module")
def frozen():
    """A model with a frozen encoder, not to be changed."""
    return build(encoder="tiny-network", encoder_weights="saved", freeze=True)


def outputs_of(network, inputs=INPUTS, training=False):
    return {name: np.asarray(array) for name, array in network(inputs, training=training).items()}


def weights_of(model, parts):
    return {
        weight.path: np.array(weight) for part in parts for weight in getattr(model, part).weights
    }


def changed(before, after):
    return {path for path in before if not np.array_equal(before[path], after[path])}


def save_and_load(model, folder):
    model.save(folder / "model.keras")
    return keras.saving.load_model(folder / "model.keras", safe_mode=True)


@pytest.mark.parametrize(
    ("encoder", "attention"),
    [("vgg16", False), ("scratch", True), ("tiny-network", True), ("blind", False)],
)
def test_outputs_and_thresholds_survive_saving(tmp_path, encoder, attention):
    model = build(encoder=encoder, attention=attention, encoder_weights="saved")
    model.peak_threshold, model.confidence_threshold = 0.51, 0.25
    outputs = outputs_of(model)
    rows = 4 if encoder == "blind" else 6
    assert outputs["logits"].shape == (2, 2, 5, len(Vocabulary(WORDS)))
    assert outputs["center"].shape == (2, rows, rows, 1)
    assert outputs["kind"].shape == (2, rows, rows, 3)

    loaded = save_and_load(model, tmp_path)
    assert type(loaded) is Captioner
    assert loaded.vocabulary.words == WORDS
    assert loaded.fruits == FRUITS
    assert loaded.config == model.config
    assert loaded.confidence_threshold == 0.25
    assert loaded.peak_threshold == pytest.approx(0.51)
    for name, array in outputs_of(loaded).items():
        np.testing.assert_array_equal(array, outputs[name])


@pytest.mark.parametrize(("weights", "freeze"), [("none", True), ("saved", True), ("saved", False)])
def test_saving_keeps_what_is_trained(tmp_path, weights, freeze):
    model = build(encoder="tiny-network", encoder_weights=weights, freeze=freeze)
    loaded = save_and_load(model, tmp_path)
    for new, old in zip(loaded.weights, model.weights, strict=True):
        assert new.path == old.path
        np.testing.assert_array_equal(new, old)
    for one in (loaded, model):
        assert one.is_encoder_frozen == (weights == "saved" and freeze)
        assert bool(one.encoder.trainable_weights) != one.is_encoder_frozen


def test_only_pretrained_encoders_are_frozen():
    assert not build(encoder_weights="saved", freeze=True).is_encoder_frozen
    assert not build(encoder="blind", encoder_weights="saved", freeze=True).is_encoder_frozen


@pytest.mark.parametrize(
    ("encoder", "attention", "same"),
    [("scratch", True, False), ("scratch", False, False), ("blind", False, True)],
)
def test_the_photo_changes_the_answer_unless_the_model_is_blind(encoder, attention, same):
    model = build(encoder=encoder, attention=attention)
    first, second = (
        outputs_of(model, {"pixels": pixels, "words": SEQUENCES})["logits"]
        for pixels in (PIXELS, 255 - PIXELS)
    )
    assert np.array_equal(first, second) is same


def test_without_attention_the_counts_reach_the_answer_through_the_state():
    model = build(attention=False)
    assert set(model.decoder_inputs) == {"state_h", "state_c"}
    before = outputs_of(model)
    model.peak_threshold = 0.99
    after = outputs_of(model)
    np.testing.assert_array_equal(before["center"], after["center"])
    assert not np.array_equal(before["logits"], after["logits"])


def test_layers_that_only_attention_adds(model):
    names = [
        {layer.name for layer in one.decoder.layers} for one in (model, build(attention=False))
    ]
    assert names[0] - names[1] == {"attention", "state_and_context", "keys", "values", "counts"}
    assert not names[1] - names[0]


def test_without_fruits_the_detector_has_one_kind():
    model = build(fruits=())
    outputs = outputs_of(model)
    assert outputs["kind"].shape == (2, 6, 6, 1)
    detected = outputs_of(model.detector_training_model(), {"pixels": PIXELS})
    np.testing.assert_allclose(detected["label"], [[1], [1]], rtol=1e-5)


@pytest.mark.parametrize("name", ["model", "frozen"])
def test_parts_agree_with_the_whole_model(name, request):
    model = request.getfixturevalue(name)
    whole = outputs_of(model)
    features = outputs_of(model.encoder, PIXELS)
    image = features if model.is_encoder_frozen else {"pixels": PIXELS}
    assert set(model.training_inputs()) == set(image)

    detected = outputs_of(model.detector_training_model(), image)
    assert set(detected) == {"center", "kind", "label"}
    for output in ("center", "kind"):
        np.testing.assert_allclose(detected[output], whole[output], atol=1e-5)
    np.testing.assert_allclose(
        detected["label"], pool_kinds(whole["center"], whole["kind"]), atol=1e-5
    )
    np.testing.assert_allclose(detected["label"].sum(axis=1), [1, 1], rtol=1e-5)

    decoder = model.decoder_training_model(freeze_detector=False)
    decoded = outputs_of(decoder, image | {"words": SEQUENCES})
    assert set(decoded) == {"logits"}
    np.testing.assert_allclose(decoded["logits"], whole["logits"], atol=1e-5)

    encoding = model.encode_features(features)
    for output, array in outputs_of(model.detector, features).items():
        if output in encoding:
            np.testing.assert_allclose(encoding[output], array, atol=1e-5)
    assert {"peaks", "peak_kinds", "counts", *model.decoder_inputs} == set(encoding)


def test_encoder_fn_gives_the_neck_outputs(model):
    expected = model.encode_features(outputs_of(model.encoder, PIXELS))
    assert expected["counts"].any()
    for name, array in model.encoder_fn()(PIXELS).items():
        np.testing.assert_allclose(array, expected[name], rtol=1e-3, atol=1e-4)


def train_decoder(model, freeze_detector, image):
    """Train the decoder for a step; return the paths of the weights that it changes, by part."""
    network = model.decoder_training_model(freeze_detector)
    network.compile(
        "sgd", {"logits": keras.losses.SparseCategoricalCrossentropy(True)}, run_eagerly=True
    )
    parts = {part: weights_of(model, [part]) for part in (*EYE, *SPEAKER)}
    network.train_on_batch(image | {"words": SEQUENCES}, {"logits": SEQUENCES})
    return {part: changed(before, weights_of(model, [part])) for part, before in parts.items()}


@pytest.mark.parametrize(("encoder", "freeze"), [("scratch", False), ("tiny-network", True)])
def test_training_the_decoder_alone_changes_nothing_that_it_reads(encoder, freeze):
    """Neither the weights nor the statistics of batch normalization change."""
    model = build(encoder=encoder, encoder_weights="saved", freeze=freeze)
    image = outputs_of(model.encoder, PIXELS) if freeze else {"pixels": PIXELS}
    trained = train_decoder(model, True, image)
    assert all(trained[part] for part in SPEAKER)
    assert not any(trained[part] for part in EYE)


def test_dropout_of_the_detector_is_off_while_only_the_decoder_is_trained():
    model = build(dropout=0.5)
    model.connector.get_layer("image_dropout").rate = 0
    model.decoder.get_layer("output_dropout").rate = 0
    free = model.decoder_training_model(freeze_detector=False)
    assert not np.array_equal(
        *(outputs_of(free, training=training)["logits"] for training in (True, False))
    )
    network = model.decoder_training_model(freeze_detector=True)
    trained = outputs_of(network, training=True)
    np.testing.assert_allclose(trained["logits"], outputs_of(model)["logits"], atol=1e-6)


def test_encoder_and_detector_can_be_trained_with_the_decoder():
    model = build()
    trained = train_decoder(model, False, {"pixels": PIXELS})
    assert all(trained.values())
    assert any("moving_mean" in path for path in trained["encoder"])
    assert any("moving_mean" in path for path in trained["detector"])


@pytest.mark.parametrize("freeze", [True, False])
def test_training_the_detector_leaves_decoder_and_frozen_encoder_alone(freeze):
    model = build(encoder="tiny-network", encoder_weights="saved", freeze=freeze)
    network = model.detector_training_model()
    network.compile(
        "sgd",
        {
            "center": CenterLoss(),
            "kind": keras.losses.SparseCategoricalCrossentropy(True),
            "label": "categorical_crossentropy",
        },
        run_eagerly=True,
    )
    before = {part: weights_of(model, [part]) for part in (*EYE, *SPEAKER)}
    image = outputs_of(model.encoder, PIXELS) if freeze else {"pixels": PIXELS}
    targets = {
        "center": np.ones((2, 6, 6, 1), "float32"),
        "kind": np.zeros((2, 6, 6), "int32"),
        "label": np.eye(3, dtype="float32")[:2],
    }
    network.train_on_batch(image, targets)
    trained = {part: changed(old, weights_of(model, [part])) for part, old in before.items()}
    assert not any(trained[part] for part in SPEAKER)
    assert bool(trained["encoder"]) is not freeze
    threshold = {path for path in before["detector"] if "threshold" in path}
    assert len(threshold) == 1
    assert trained["detector"] == set(before["detector"]) - threshold


def test_peak_threshold_changes_the_counts():
    model = build()
    features = outputs_of(model.encoder, PIXELS)
    assert model.peak_threshold == pytest.approx(0.4)
    numbers = []
    for threshold in (0.3, 0.6, 0.999):
        model.peak_threshold = threshold
        numbers.append(outputs_of(model.neck, features)["counts"][0, 0, 0])
    assert numbers[0] >= numbers[1] >= numbers[2] == 0
    assert numbers[0] > 0


def test_temperature_divides_logits_and_keeps_what_is_detected():
    model = build()
    before = outputs_of(model)
    model.set_temperature(2.0)
    after = outputs_of(model)
    np.testing.assert_allclose(after["logits"], before["logits"] / 2, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(after["center"], before["center"])
    np.testing.assert_array_equal(after["kind"], before["kind"])


@pytest.mark.parametrize("attention", [True, False])
def test_decode_step_gives_the_decoder_outputs_of_the_last_word(model, attention):
    model = model if attention else build(attention=False)
    encoding = outputs_of(model.neck, outputs_of(model.encoder, PIXELS))
    inputs = {name: encoding[name] for name in model.decoder_inputs}
    inputs["words"] = np.array([[[5, 6, 7], [5, 6, 0]], [[7, 0, 0], [6, 5, 5]]], "int32")
    outputs = model.decode_step(inputs)
    assert outputs["logits"].shape[2] == 1
    assert ("attention" in outputs) is attention
    for name, expected in outputs_of(model.decoder, inputs).items():
        expected = expected if name.startswith("state") else expected[:, :, -1:]
        np.testing.assert_allclose(outputs[name], expected, atol=1e-6)


def test_extension_appends_new_words_and_fruits(model):
    extended = extend_vocabulary(model, ["kiwi", "two"], ["kiwi", "apple"], freeze=False)
    assert extended.vocabulary.words == (*WORDS, "kiwi")
    assert extended.fruits == (*FRUITS, "kiwi")


@pytest.mark.parametrize("freeze", [True, False])
@pytest.mark.parametrize("weights", ["saved", "none"])
def test_extension_by_nothing_keeps_outputs_and_may_freeze_the_encoder(weights, freeze):
    model = build(encoder="tiny-network", encoder_weights=weights)
    model.peak_threshold = 0.3
    extended = extend_vocabulary(model, WORDS, FRUITS, freeze)
    assert extended.is_encoder_frozen is freeze
    assert bool(extended.encoder.trainable_weights) is not freeze
    assert extended.peak_threshold == pytest.approx(0.3)
    outputs = outputs_of(extended)
    for name, values in outputs_of(model).items():
        np.testing.assert_array_equal(outputs[name], values)


@pytest.mark.parametrize("attention", [True, False])
def test_extension_keeps_the_outputs_for_old_words_and_fruits(attention):
    model = build(attention=attention)
    extended = extend_vocabulary(model, ["kiwi"], ["kiwi", "lemon"], freeze=False)
    # Let no fruit be of the new kinds.
    kind = extended.detector.get_layer("kind")
    kind.bias.assign(np.add(kind.bias, [0, 0, 0, -1000, -1000]))
    features = outputs_of(model.encoder, PIXELS)
    old_counts, new_counts = (
        outputs_of(one.detector, features)["counts"] for one in (model, extended)
    )
    assert (old_counts.any(axis=(0, 2))).all()  # all fruits, so that none hides an error
    np.testing.assert_allclose(new_counts[:, :4], old_counts, rtol=1e-5)
    assert not new_counts[:, 4:].any()
    old, new = (outputs_of(one) for one in (model, extended))
    size = old["logits"].shape[-1]
    assert new["logits"].shape[-1] == size + 1
    np.testing.assert_allclose(new["logits"][..., :size], old["logits"], atol=2e-5)
    np.testing.assert_allclose(new["center"], old["center"], atol=1e-6)
    np.testing.assert_allclose(new["kind"][..., :3], old["kind"], atol=1e-6)
