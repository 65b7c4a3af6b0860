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
from fruit_caption import runs
from fruit_caption.config import ModelConfig
from fruit_caption.data.dataset import read_data
from fruit_caption.data.features import load_pixels
from fruit_caption.inference import export, exported
from fruit_caption.inference.exported import ENDINGS, LOOK, MODELS, REST, SPEAK
from fruit_caption.inference.shrinking import shrink
from fruit_caption.models.beam import beam_search
from fruit_caption.models.captioner import Captioner
from fruit_caption.models.decoding import speak
from fruit_caption.utils.errors import FruitError, RunError

FORMS = [form for form in MODELS if form != "litert" or export.converts_to_litert()]


@pytest.fixture(scope="module")
def run(learnt, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported") / "run"
    shutil.copytree(learnt[0], folder)
    for form in FORMS:
        export.export(folder, form)
    return folder


@pytest.mark.parametrize("form", FORMS)
def test_it_says_the_same_as_sure(run, learnt, form):
    examples = read_data(learnt[2]).splits["validation"]
    pixels = load_pixels([example.path for example in examples], 48)
    questions = [[item.question for item in example.items] for example in examples]
    models = (runs.load_run(run), MODELS[form](run / form))
    keras, other = (
        [answer for photo in speak(model, model.looker()(pixels), questions, watch=True)
         for answer in photo]
        for model in models
    )  # fmt: skip
    assert len(keras) > 10
    for ours, theirs in zip(keras, other, strict=True):
        assert ours.text == theirs.text
        assert ours.confidence == pytest.approx(theirs.confidence, abs=1e-3)
        np.testing.assert_allclose(ours.looked, theirs.looked, atol=1e-3)
    found, again = (
        beam_search(model, model.looker()(pixels[:2]), [questions[0][:2], []]) for model in models
    )
    assert [text for text, _ in found[0][0]] == [text for text, _ in again[0][0]]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("bits", "size", "apart"), [(16, 0.7, 0.01), (8, 0.5, 0.1)])
def test_fewer_bits_are_smaller_files_that_see_about_the_same(
    run, learnt, tmp_path, form, bits, size, apart
):
    copy = tmp_path / "run"
    shutil.copytree(learnt[0], copy)
    small = export.export(copy, form, bits)
    before, after = (
        sum(file.stat().st_size for file in folder.glob(f"*.{ENDINGS[form]}"))
        for folder in (run / form, small)
    )
    assert after < size * before
    [example] = read_data(learnt[2]).splits["validation"][:1]
    pixels = load_pixels([example.path], 48)
    wanted, seen = (MODELS[form](folder).looker()(pixels) for folder in (run / form, small))
    for name, array in wanted.items():
        np.testing.assert_allclose(seen[name], array, atol=apart * np.abs(array).max())


def test_weights_in_eight_bits_by_hand(tmp_path):
    path = tmp_path / "model.onnx"
    weights = np.zeros((2, 600), "float32")
    weights[:, 0], weights[:, 1] = (1.27, -0.634), (0.0, 2.54)
    given = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, (1, 2))
    result = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, (1, 600))
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("MatMul", ["x", "w"], ["y"])], "graph", [given], [result],
        [onnx.numpy_helper.from_array(weights, "w")],
    )  # fmt: skip
    version = onnx.helper.make_opsetid("", 15)
    onnx.save(onnx.helper.make_model(graph, opset_imports=[version], ir_version=8), path)
    shrink(path, 8)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    [[first], [second]] = (
        session.run(["y"], {"x": np.array([x], "float32")})[0] for x in ([1, 0], [0, 1])
    )
    # The scales are 0.01 and 0.02: -0.634 becomes -63 hundredths; all else is exact.
    np.testing.assert_allclose(first[:3], [1.27, 0.0, 0.0], rtol=1e-6)
    np.testing.assert_allclose(second[:3], [-0.63, 2.54, 0.0], rtol=1e-6)


def test_no_other_number_of_bits(run):
    with pytest.raises(FruitError, match=r"32, 16 or 8 bits, not 4"):
        export.export(run, "onnx", 4)


def test_a_disk_that_is_full_keeps_the_export_that_was_there(run, tmp_path, monkeypatch):
    shutil.copytree(run, tmp_path / "run")
    before = {path: path.read_bytes() for path in (tmp_path / "run" / "onnx").iterdir()}

    def convert(network, form, bits, path):
        path.write_bytes(b"half")
        if SPEAK in path.name:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(export, "_convert", convert)
    with pytest.raises(FruitError, match=r"speak\.onnx can't be written: No space left on device"):
        export.export(tmp_path / "run", "onnx", 16)
    assert {path: path.read_bytes() for path in (tmp_path / "run" / "onnx").iterdir()} == before


@pytest.mark.parametrize("form", FORMS)
def test_without_attention_too(tmp_path, form):
    config = ModelConfig("scratch", "none", attention=False, image_size=48, channels=8, units=8)
    Captioner(config, ("two", "apples"), ("apple",), doubt=0.25).save(tmp_path / runs.MODEL)
    model = MODELS[form](export.export(tmp_path, form))
    assert (model.doubt, model.fruits, model.vocabulary.words) == (
        0.25,
        ("apple",),
        ("two", "apples"),
    )
    photos = np.zeros((2, 48, 48, 3), "uint8")
    spoken = speak(model, model.looker()(photos), [["two", "apples two"], []])
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
    assert isinstance(exported.current(copy), exported.OnnxModel)
    with (copy / runs.MODEL).open("ab") as file:
        file.write(b"more")
    assert exported.current(copy) is None
    (copy / runs.MODEL).unlink()
    assert isinstance(exported.current(copy), exported.OnnxModel)


@pytest.mark.parametrize("form", FORMS)
def test_a_broken_export_is_told(run, tmp_path, form):
    copy = tmp_path / form
    shutil.copytree(run / form, copy)
    [look] = copy.glob(f"{LOOK}.*")
    look.write_bytes(look.read_bytes()[:1000])
    with pytest.raises(RunError, match="`fruit export`"):
        MODELS[form](copy)
    look.unlink()
    with pytest.raises(RunError, match="`fruit export`"):
        MODELS[form](copy)
    (copy / REST).write_text("{}")
    with pytest.raises(RunError, match="`fruit export`"):
        MODELS[form](copy)


def test_what_is_not_installed_is_named(run, tmp_path, monkeypatch):
    for module in ("tf2onnx", "ai_edge_litert.interpreter"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(RunError, match=r"fruit-caption\[export\]"):
        export.export(run, "onnx")
    shutil.copy(run / "onnx" / REST, tmp_path)
    with pytest.raises(RunError, match=r"fruit-caption\[litert\]"):
        MODELS["litert"](tmp_path)


def test_a_keras_that_is_too_old_is_told_and_leaves_nothing(run, tmp_path, monkeypatch):
    shutil.copytree(run, tmp_path / "run", ignore=shutil.ignore_patterns("litert"))
    monkeypatch.setattr("keras.__version__", "3.12.4")
    with pytest.raises(
        RunError, match=r"needs Keras 3\.13, which needs Python 3\.11; this is Keras 3\.12"
    ):
        export.export(tmp_path / "run", "litert")
    assert not (tmp_path / "run" / "litert").exists()
