"""Exports: equal to the Keras model, loaded in its place, and robust against broken files."""

import errno
import shutil
import subprocess
import sys
from dataclasses import replace
from itertools import chain

import keras
import numpy as np
import onnx
import onnxruntime
import pytest

import fruit_caption as fc
from fruit_caption.config import ModelConfig, RunConfig
from fruit_caption.data.dataset import read_data
from fruit_caption.data.features import load_pixels
from fruit_caption.inference import export, exported
from fruit_caption.inference.exported import DECODER, ENCODER, MANIFEST, MODELS, SUFFIXES
from fruit_caption.inference.half_precision import store_float16
from fruit_caption.models.captioner import Captioner
from fruit_caption.models.decoding import decode
from fruit_caption.runs import Run
from fruit_caption.utils.errors import FruitError, RunError

FORMATS = [name for name in MODELS if name != "litert" or export.converts_to_litert()]


def assert_same_encoding(actual, expected, tolerance):
    """Compare outputs of the encoder, with a tolerance relative to the largest number."""
    assert set(actual) == set(expected)
    # Where there is no fruit, its kind says nothing.
    found = expected["peaks"] > 0
    np.testing.assert_array_equal(actual["peaks"] > 0, found)
    np.testing.assert_array_equal(actual["peak_kinds"][found], expected["peak_kinds"][found])
    np.testing.assert_array_equal(actual["counts"][:, :, 0], expected["counts"][:, :, 0])
    for name in set(expected) - {"peak_kinds"}:
        limit = tolerance * np.abs(expected[name]).max()
        np.testing.assert_allclose(actual[name], expected[name], atol=limit)


@pytest.fixture(scope="module")
def run(learnt, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported") / "run"
    shutil.copytree(learnt[0], folder)
    for format in FORMATS:
        export.export(Run(folder), format)
    return folder


@pytest.mark.parametrize("format", FORMATS)
def test_exports_answer_like_the_keras_model(run, learnt, format):
    examples = read_data(learnt[2]).splits["validation"]
    pixels = load_pixels([example.path for example in examples], 48)
    questions = [[item.question for item in example.qa_pairs] for example in examples]
    models = (Run(run).load_model(), MODELS[format](run / format))
    expected, actual = (
        [*chain(*decode(model, model.encoder_fn()(pixels), questions, return_attention=True))]
        for model in models
    )
    assert len(expected) > 10
    for original, answer in zip(expected, actual, strict=True):
        assert answer.text == original.text
        assert answer.confidence == pytest.approx(original.confidence, abs=1e-3)
        np.testing.assert_allclose(answer.attention, original.attention, atol=1e-3)
    expected, actual = (
        decode(model, model.encoder_fn()(pixels[:2]), [questions[0][:2], []], beams=8)[0][0]
        for model in models
    )
    assert [text for text, _ in actual.hypotheses] == [text for text, _ in expected.hypotheses]


@pytest.mark.parametrize("attention", [True, False])
def test_onnx_decoder_reads_padded_prompts_and_single_words_like_the_keras_model(
    tmp_path, attention
):
    keras.utils.set_random_seed(0)
    config = ModelConfig("scratch", "none", image_size=48, channels=8, units=16)
    words = ["how", "many", "apples", "two"]
    model = Captioner(replace(config, attention=attention), words, ["apple", "pear"])
    run = Run(tmp_path)
    run.write_config(RunConfig(data="data", model=model.config))
    run.save_model(model)
    exported_model = MODELS["onnx"](export.export(run, "onnx"))
    pixels = np.random.default_rng(0).integers(0, 256, (2, 48, 48, 3), dtype="uint8")
    encoding = model.encoder_fn()(pixels)
    inputs = {name: encoding[name] for name in model.decoder_inputs}
    prompts = np.zeros((2, 3, 8), "int32")
    prompts[:, :2, :4], prompts[:, 2, :6] = (4, 5, 6, 2), (4, 5, 6, 4, 5, 2)
    for words in (prompts, np.full((2, 3, 1), 7, "int32")):
        expected, actual = (
            m.decode_step(inputs | {"words": words}) for m in (model, exported_model)
        )
        assert set(actual) == set(expected)
        for name in expected:
            np.testing.assert_allclose(actual[name], expected[name], atol=1e-5)
        inputs |= {name: expected[name] for name in ("state_h", "state_c")}


@pytest.mark.parametrize("format", FORMATS)
def test_float16_exports_are_smaller_and_almost_as_exact(run, learnt, tmp_path, format):
    copy = tmp_path / "run"
    shutil.copytree(learnt[0], copy)
    small = export.export(Run(copy), format, 16)
    before, after = (
        sum(file.stat().st_size for file in folder.glob(f"*.{SUFFIXES[format]}"))
        for folder in (run / format, small)
    )
    assert after < 0.7 * before
    [example] = read_data(learnt[2]).splits["validation"][:1]
    pixels = load_pixels([example.path], 48)
    expected, actual = (
        MODELS[format](folder).encoder_fn()(pixels) for folder in (run / format, small)
    )
    assert_same_encoding(actual, expected, 0.01)


def test_store_float16_rounds_to_the_nearest(tmp_path):
    path = tmp_path / "model.onnx"
    weights = np.full((2, 600), 1 / 3, "float32")
    inputs = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, (1, 2))
    outputs = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, (1, 600))
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("MatMul", ["x", "w"], ["y"])], "graph", [inputs], [outputs],
        [onnx.numpy_helper.from_array(weights, "w")],
    )  # fmt: skip
    version = onnx.helper.make_opsetid("", 15)
    onnx.save(onnx.helper.make_model(graph, opset_imports=[version], ir_version=8), path)
    store_float16(path)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    [[first]] = session.run(["y"], {"x": np.array([[1, 0]], "float32")})
    # The nearest float16 to 1 / 3 is 1365 / 4096.
    np.testing.assert_array_equal(first, np.full(600, 1365 / 4096, "float32"))


def test_other_numbers_of_bits_are_rejected(run):
    with pytest.raises(FruitError, match=r"32 or 16 bits, not 8"):
        export.export(Run(run), "onnx", 8)


def test_a_full_disk_keeps_the_previous_export(run, tmp_path, monkeypatch):
    shutil.copytree(run, tmp_path / "run")
    before = {path: path.read_bytes() for path in (tmp_path / "run" / "onnx").iterdir()}

    def convert(network, path, format):
        path.write_bytes(b"half")
        if DECODER in path.name:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(export, "_convert", convert)
    with pytest.raises(
        FruitError, match=r"decoder\.onnx can't be written: No space left on device"
    ):
        export.export(Run(tmp_path / "run"), "onnx", 16)
    assert {path: path.read_bytes() for path in (tmp_path / "run" / "onnx").iterdir()} == before


@pytest.mark.parametrize("format", FORMATS)
def test_the_exported_encoder_finds_the_same_fruits(tmp_path, format):
    keras.utils.set_random_seed(0)
    config = ModelConfig("scratch", "none", image_size=64, channels=8, units=8)
    model = Captioner(config, ("two", "apples"), ("apple", "pear"))
    # An untrained detector finds nothing; without its bias it finds something in noise.
    center = model.detector.get_layer("center")
    kernel, bias = center.get_weights()
    center.set_weights([3 * kernel, 0 * bias])
    model.peak_threshold = 0.5
    model.save(Run(tmp_path).model_file)
    pixels = np.random.default_rng(0).integers(0, 256, (4, 64, 64, 3), "uint8")
    expected = model.encoder_fn()(pixels)
    assert expected["counts"][:, :, 0].sum() >= 4
    actual = MODELS[format](export.export(Run(tmp_path), format)).encoder_fn()(pixels)
    assert_same_encoding(actual, expected, 1e-3)


@pytest.mark.parametrize("format", FORMATS)
def test_models_without_attention_can_be_exported(tmp_path, format):
    config = ModelConfig("scratch", "none", attention=False, image_size=48, channels=8, units=8)
    Captioner(config, ("two", "apples"), ("apple",), confidence_threshold=0.25).save(
        Run(tmp_path).model_file
    )
    model = MODELS[format](export.export(Run(tmp_path), format))
    assert (model.confidence_threshold, model.fruits, model.vocabulary.words) == (
        0.25,
        ("apple",),
        ("two", "apples"),
    )
    photos = np.zeros((2, 48, 48, 3), "uint8")
    decoded = decode(model, model.encoder_fn()(photos), [["two", "apples two"], []])
    assert [len(answers) for answers in decoded] == [2, 0]


def test_load_prefers_the_export_and_does_not_import_tensorflow(run, learnt):
    picture = sorted((learnt[2] / "images").iterdir())[0]
    code = (
        "import sys, fruit_caption as fc\n"
        f"print(fc.load({str(run)!r}).ask({str(picture)!r}, 'how many apples?').text)\n"
        "assert 'keras' not in sys.modules and 'tensorflow' not in sys.modules"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == fc.load(learnt[0]).ask(picture, "how many apples?").text


def test_an_outdated_export_is_ignored(run, tmp_path):
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    assert isinstance(exported.current(Run(copy)), exported.OnnxModel)
    with Run(copy).model_file.open("ab") as file:
        file.write(b"more")
    assert exported.current(Run(copy)) is None
    Run(copy).model_file.unlink()
    assert isinstance(exported.current(Run(copy)), exported.OnnxModel)


@pytest.mark.parametrize("format", FORMATS)
def test_a_broken_export_raises_a_run_error(run, tmp_path, format):
    copy = tmp_path / format
    shutil.copytree(run / format, copy)
    [encoder] = copy.glob(f"{ENCODER}.*")
    encoder.write_bytes(encoder.read_bytes()[:1000])
    with pytest.raises(RunError, match="can't be loaded"):
        MODELS[format](copy)
    encoder.unlink()
    with pytest.raises(RunError, match="can't be loaded"):
        MODELS[format](copy)
    (copy / MANIFEST).write_text("{}")
    with pytest.raises(RunError, match="can't be loaded"):
        MODELS[format](copy)


def test_missing_packages_are_named(run, tmp_path, monkeypatch):
    for module in ("tf2onnx", "ai_edge_litert.interpreter"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(RunError, match=r"fruit-caption\[export\]"):
        export.export(Run(run), "onnx")
    shutil.copy(run / "onnx" / MANIFEST, tmp_path)
    with pytest.raises(RunError, match=r"fruit-caption\[litert\]"):
        MODELS["litert"](tmp_path)


def test_litert_needs_a_newer_keras_and_leaves_no_folder(run, tmp_path, monkeypatch):
    shutil.copytree(run, tmp_path / "run", ignore=shutil.ignore_patterns("litert"))
    monkeypatch.setattr("keras.__version__", "3.12.4")
    with pytest.raises(
        RunError, match=r"needs Keras 3\.13, which needs Python 3\.11; this is Keras 3\.12"
    ):
        export.export(Run(tmp_path / "run"), "litert")
    assert not (tmp_path / "run" / "litert").exists()
