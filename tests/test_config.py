"""Configs check their values and survive a round trip through JSON."""

import json
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fruit_caption.config import DataConfig, ModelConfig, RunConfig, TrainingConfig
from fruit_caption.utils.errors import FruitError


@pytest.mark.parametrize(
    "config",
    [
        DataConfig(photos=("x",), scenes=3, unseen=("a", "b")),
        ModelConfig(encoder="scratch", attention=False),
        ModelConfig(encoder_weights="saved", freeze=True),
        TrainingConfig(epochs=3, decoder_epochs=4, mixed_precision=True),
        RunConfig("data", ModelConfig(units=3), TrainingConfig(seed=4), {"keras": "3"}, "run"),
    ],
)
def test_round_trip(config):
    assert type(config).from_json(json.loads(json.dumps(config.to_json()))) == config


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: DataConfig(scenes=-1), "scenes"),
        (lambda: ModelConfig(image_size=100), "image_size"),
        (lambda: ModelConfig(image_size=16), "image_size"),
        (lambda: ModelConfig(dropout=1.0), "dropout"),
        (lambda: TrainingConfig(epochs=-1), "epochs"),
        (lambda: TrainingConfig(decoder_epochs=0), "decoder_epochs"),
        (lambda: TrainingConfig(learning_rate=float("nan")), "learning_rate"),
        (lambda: TrainingConfig(batch_size="many"), "batch_size"),
    ],
)
def test_numbers_out_of_bounds_are_refused_by_name(make, name):
    with pytest.raises(FruitError, match=name):
        make()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@given(
    where=st.sampled_from(["data", "model", "training", "versions"]),
    field=st.none() | st.sampled_from(["epochs", "units", "encoder", "seed", "image_size"]),
    value=json_values,
)
@settings(max_examples=200, deadline=None)
def test_any_json_is_read_or_refused(where, field, value):
    content = RunConfig("data").to_json()
    if field is None:
        content[where] = value
    elif isinstance(content[where], dict):
        content[where][field] = value
    with suppress(FruitError):
        read = RunConfig.from_json(content)
        assert RunConfig.from_json(read.to_json()) == read


@pytest.mark.parametrize(
    ("where", "name", "value"),
    [
        ("model", "encoder", 5),
        ("model", "attention", "yes"),
        ("model", "freeze", 1),
        ("training", "mixed_precision", "bfloat16"),
        ("training", "quiz", None),
        ("training", "seed", [1]),
        (None, "data", None),
        (None, "start", 7),
        (None, "versions", "3"),
    ],
)
def test_a_value_of_another_type_is_refused_by_name(where, name, value):
    content = RunConfig("data").to_json()
    (content[where] if where else content)[name] = value
    with pytest.raises(FruitError, match=f"{name} must be of type"):
        RunConfig.from_json(content)


def test_a_missing_or_unknown_setting_is_refused():
    with pytest.raises(FruitError, match="'data'"):
        RunConfig.from_json({"model": {}, "training": {}})
    with pytest.raises(FruitError, match="not a valid TrainingConfig"):
        TrainingConfig.from_json({"epoch": 3})
    with pytest.raises(FruitError, match="not a valid ModelConfig"):
        ModelConfig.from_json({"unfreeze": 1})  # a setting of an earlier version


def test_differences_between_runs():
    run = RunConfig("a", ModelConfig(units=3), TrainingConfig(seed=4), {"keras": "3"}, "run")
    assert run.differences(replace(run, versions={}, data_digest="1")) == ""
    other = RunConfig("b", ModelConfig(units=5), TrainingConfig(seed=4))
    assert run.differences(other) == "units, data, start"
    assert replace(run, data_digest="1").differences(replace(run, data_digest="2")) == "data_digest"


@pytest.mark.parametrize(
    ("weights", "name", "encoder", "expected"),
    [
        ("imagenet", "pretrained", "vgg16", "imagenet"),
        ("shipped", "pretrained", "efficientnet-lite0", "shipped"),
        ("imagenet", "MobileNetV3Small", "MobileNetV3Small", "imagenet"),
        ("imagenet", "scratch", "scratch", "none"),
        ("shipped", "blind", "blind", "none"),
    ],
)
def test_another_encoder_has_weights_that_fit_it(weights, name, encoder, expected):
    config = ModelConfig(encoder_weights=weights, image_size=96).with_encoder(name)
    assert (config.encoder, config.encoder_weights, config.image_size) == (encoder, expected, 96)


def test_weights_that_are_loaded_later_are_not_downloaded():
    assert ModelConfig(encoder_weights="imagenet").with_saved_weights().encoder_weights == "saved"
    assert ModelConfig(encoder_weights="none").with_saved_weights().encoder_weights == "none"
