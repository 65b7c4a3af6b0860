"""An exported model says what the model says, without TensorFlow, and is asked in its place."""

import errno
import shutil
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
import pytest

import fruit_caption as fc
from fruit_caption.config import ModelConfig
from fruit_caption.data.dataset import read_data
from fruit_caption.data.features import load_pixels
from fruit_caption.inference import export, exported
from fruit_caption.inference.exported import DECODER, ENCODER, ENDINGS, MANIFEST, MODELS
from fruit_caption.inference.half_precision import store_float16
from fruit_caption.models.captioner import Captioner
from fruit_caption.models.decoding import beam_search, decode
from fruit_caption.runs import Run
from fruit_caption.utils.errors import FruitError, RunError

FORMS = [form for form in MODELS if form != "litert" or export.converts_to_litert()]


@pytest.fixture(scope="module")
def run(learnt, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported") / "run"
    shutil.copytree(learnt[0], folder)
    for form in FORMS:
        export.export(Run(folder), form)
    return folder


@pytest.mark.parametrize("form", FORMS)
def test_it_says_the_same_as_sure(run, learnt, form):
    examples = read_data(learnt[2]).splits["validation"]
    pixels = load_pixels([example.path for example in examples], 48)
    questions = [[item.question for item in example.items] for example in examples]
    models = (Run(run).load_model(), MODELS[form](run / form))
    keras, other = (
        [answer for photo in decode(model, model.encoder_fn()(pixels), questions, return_attention=True)
         for answer in photo]
        for model in models
    )  # fmt: skip
    assert len(keras) > 10
    for ours, theirs in zip(keras, other, strict=True):
        assert ours.text == theirs.text
        assert ours.confidence == pytest.approx(theirs.confidence, abs=1e-3)
        np.testing.assert_allclose(ours.looked, theirs.looked, atol=1e-3)
    found, again = (
        beam_search(model, model.encoder_fn()(pixels[:2]), [questions[0][:2], []])
        for model in models
    )
    assert [text for text, _ in found[0][0]] == [text for text, _ in again[0][0]]


@pytest.mark.parametrize("form", FORMS)
def test_float16_files_are_smaller_and_see_about_the_same(run, learnt, tmp_path, form):
    copy = tmp_path / "run"
    shutil.copytree(learnt[0], copy)
    small = export.export(Run(copy), form, 16)
    before, after = (
        sum(file.stat().st_size for file in folder.glob(f"*.{ENDINGS[form]}"))
        for folder in (run / form, small)
    )
    assert after < 0.7 * before
    [example] = read_data(learnt[2]).splits["validation"][:1]
    pixels = load_pixels([example.path], 48)
    wanted, seen = (MODELS[form](folder).encoder_fn()(pixels) for folder in (run / form, small))
    for name, array in wanted.items():
        np.testing.assert_allclose(seen[name], array, atol=0.01 * np.abs(array).max())


def test_float16_weights_by_hand(tmp_path):
    path = tmp_path / "model.onnx"
    weights = np.full((2, 600), 1 / 3, "float32")
    given = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, (1, 2))
    result = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, (1, 600))
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("MatMul", ["x", "w"], ["y"])], "graph", [given], [result],
        [onnx.numpy_helper.from_array(weights, "w")],
    )  # fmt: skip
    version = onnx.helper.make_opsetid("", 15)
    onnx.save(onnx.helper.make_model(graph, opset_imports=[version], ir_version=8), path)
    store_float16(path)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    [[first]] = session.run(["y"], {"x": np.array([[1, 0]], "float32")})
    # The float16 nearest to a third is 1365 / 4096.
    np.testing.assert_array_equal(first, np.full(600, 1365 / 4096, "float32"))


def test_no_other_number_of_bits(run):
    with pytest.raises(FruitError, match=r"32 or 16 bits, not 8"):
        export.export(Run(run), "onnx", 8)


def test_a_disk_that_is_full_keeps_the_export_that_was_there(run, tmp_path, monkeypatch):
    shutil.copytree(run, tmp_path / "run")
    before = {path: path.read_bytes() for path in (tmp_path / "run" / "onnx").iterdir()}

    def convert(network, form, bits, path):
        path.write_bytes(b"half")
        if DECODER in path.name:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(export, "_convert", convert)
    with pytest.raises(
        FruitError, match=r"decoder\.onnx can't be written: No space left on device"
    ):
        export.export(Run(tmp_path / "run"), "onnx", 16)
    assert {path: path.read_bytes() for path in (tmp_path / "run" / "onnx").iterdir()} == before


@pytest.mark.parametrize("form", FORMS)
def test_without_attention_too(tmp_path, form):
    config = ModelConfig("scratch", "none", attention=False, image_size=48, channels=8, units=8)
    Captioner(config, ("two", "apples"), ("apple",), confidence_threshold=0.25).save(
        Run(tmp_path).model_file
    )
    model = MODELS[form](export.export(Run(tmp_path), form))
    assert (model.confidence_threshold, model.fruits, model.vocabulary.words) == (
        0.25,
        ("apple",),
        ("two", "apples"),
    )
    photos = np.zeros((2, 48, 48, 3), "uint8")
    spoken = decode(model, model.encoder_fn()(photos), [["two", "apples two"], []])
    assert [len(answers) for answers in spoken] == [2, 0]


def test_it_is_asked_in_the_models_place_and_tensorflow_is_not_started(run, learnt):
    picture = sorted((learnt[2] / "images").iterdir())[0]
    code = (
        "import sys, fruit_caption as fc\n"
        f"print(fc.load({str(run)!r}).ask({str(picture)!r}, 'how many apples?').text)\n"
        "assert 'keras' not in sys.modules and 'tensorflow' not in sys.modules"
    )
    asked = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert asked.stdout.strip() == fc.load(learnt[0]).ask(picture, "how many apples?").text


def test_an_export_of_another_model_is_not_asked(run, tmp_path):
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    assert isinstance(exported.current(Run(copy)), exported.OnnxModel)
    with Run(copy).model_file.open("ab") as file:
        file.write(b"more")
    assert exported.current(Run(copy)) is None
    Run(copy).model_file.unlink()
    assert isinstance(exported.current(Run(copy)), exported.OnnxModel)


@pytest.mark.parametrize("form", FORMS)
def test_a_broken_export_is_told(run, tmp_path, form):
    copy = tmp_path / form
    shutil.copytree(run / form, copy)
    [look] = copy.glob(f"{ENCODER}.*")
    look.write_bytes(look.read_bytes()[:1000])
    with pytest.raises(RunError, match="can't be loaded"):
        MODELS[form](copy)
    look.unlink()
    with pytest.raises(RunError, match="can't be loaded"):
        MODELS[form](copy)
    (copy / MANIFEST).write_text("{}")
    with pytest.raises(RunError, match="can't be loaded"):
        MODELS[form](copy)


def test_what_is_not_installed_is_named(run, tmp_path, monkeypatch):
    for module in ("tf2onnx", "ai_edge_litert.interpreter"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(RunError, match=r"fruit-caption\[export\]"):
        export.export(Run(run), "onnx")
    shutil.copy(run / "onnx" / MANIFEST, tmp_path)
    with pytest.raises(RunError, match=r"fruit-caption\[litert\]"):
        MODELS["litert"](tmp_path)


def test_a_keras_that_is_too_old_is_told_and_leaves_nothing(run, tmp_path, monkeypatch):
    shutil.copytree(run, tmp_path / "run", ignore=shutil.ignore_patterns("litert"))
    monkeypatch.setattr("keras.__version__", "3.12.4")
    with pytest.raises(
        RunError, match=r"needs Keras 3\.13, which needs Python 3\.11; this is Keras 3\.12"
    ):
        export.export(Run(tmp_path / "run"), "litert")
    assert not (tmp_path / "run" / "litert").exists()
