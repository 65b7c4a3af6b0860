"""Models from strangers: what could do harm is refused in a line, and does none."""

import io
import json
import pickle
import shutil
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest

from fruit_caption.datagen.language_model.presets import load_preset
from fruit_caption.inference import exported
from fruit_caption.models.pretrained import pretrained
from fruit_caption.runs import Run
from fruit_caption.utils.errors import FruitError, RunError, WeightsError, WriterError

ROOT = Path(__file__).parents[3]
RELEASE = ROOT / "artifacts" / "release"
WRITER = ROOT / "artifacts" / "writer"


class Harm:
    """Unpickled, it makes a file."""

    def __init__(self, victim):
        self.victim = victim

    def __reduce__(self):
        return open, (str(self.victim), "w")


@pytest.fixture
def victim(tmp_path):
    """A file that hostile ones try to make."""
    path = tmp_path / "harm"
    yield path
    assert not path.exists()


def refused(how, *given, kind=FruitError):
    with pytest.raises(kind) as refusal:
        how(*given)
    told = str(refusal.value)
    assert len(told.splitlines()) == 1
    return told


def changed(folder, change):
    """A run whose model says what `change` makes of its settings."""
    with zipfile.ZipFile(RELEASE / "model.keras") as sound:
        parts = {name: sound.read(name) for name in sound.namelist()}
    change(parts)
    with zipfile.ZipFile(folder / "model.keras", "w") as file:
        for name, content in parts.items():
            file.writestr(name, content)
    return folder


def named(module, name, *arguments):
    """Settings that would call a function of any module."""
    return {"module": module, "class_name": name, "config": {"args": arguments},
            "registered_name": name}  # fmt: skip


@pytest.mark.parametrize(
    "settings",
    [named("os", "system", "touch {victim}"), named("builtins", "exec", "open('{victim}', 'w')"),
     named("subprocess", "run", "touch {victim}"), named("nowhere", "Nothing"),
     {"class_name": "__lambda__", "config": {"value": "x"}}, {}, [], None, "text"],
    ids=str,
)  # fmt: skip
def test_a_model_of_another_class_is_refused(settings, victim, tmp_path):
    content = json.dumps(settings).replace("{victim}", str(victim)).encode()
    folder = changed(tmp_path, lambda parts: parts.update({"config.json": content}))
    assert "model.keras" in refused(Run(folder).load_model, kind=RunError)


def test_a_lambda_is_refused(victim, tmp_path):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Lambda(lambda x: x)])
    model.save(tmp_path / "model.keras")
    assert "can't be loaded" in refused(Run(tmp_path).load_model, kind=RunError)


def test_a_model_that_is_none_of_ours_is_refused(tmp_path):
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]).save(tmp_path / "model.keras")
    assert "is not a fruit model" in refused(Run(tmp_path).load_model, kind=RunError)


def test_a_broken_model_is_refused(tmp_path):
    whole = (RELEASE / "model.keras").read_bytes()
    for content in (b"", b"PK", whole[: len(whole) // 2], whole[:-200], bytes(10_000)):
        (tmp_path / "model.keras").write_bytes(content)
        assert "model.keras" in refused(Run(tmp_path).load_model, kind=RunError)


def test_names_in_a_model_lead_nowhere_else(victim, tmp_path):
    """What a zip calls `../harm` is not written there."""
    (tmp_path / "run").mkdir()
    folder = changed(
        tmp_path / "run", lambda parts: parts.update({"../harm": b"x", str(victim): b"x"})
    )
    told = refused(Run(folder).load_model, kind=RunError)
    assert "invalid path" in told or "'ZipInfo' object has no attribute" in told  # Keras 3.12
    assert not (tmp_path / "harm").exists()


def test_weights_are_never_unpickled(victim, tmp_path):
    path = tmp_path / "weights.npz"
    np.savez(path, stem=np.array([Harm(victim)], dtype=object))
    victim.unlink(missing_ok=True)
    refused(pretrained, "efficientnet-lite0", 96, str(path), kind=WeightsError)
    path.write_bytes(pickle.dumps(Harm(victim)))
    refused(pretrained, "efficientnet-lite0", 96, str(path), kind=WeightsError)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"words": 1}', b"null"])
def test_an_export_that_says_nonsense_is_refused(content, tmp_path):
    shutil.copytree(RELEASE / "onnx", tmp_path / "onnx")
    (tmp_path / "onnx" / "model.json").write_bytes(content)
    refused(exported.OnnxModel, tmp_path / "onnx", kind=RunError)


def test_an_export_cannot_read_files_elsewhere(tmp_path):
    """Weights may lie beside an ONNX file, but not in any file of the machine."""
    onnx = pytest.importorskip("onnx")
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(4))
    shutil.copytree(RELEASE / "onnx", tmp_path / "run" / "onnx")
    path = tmp_path / "run" / "onnx" / "decoder.onnx"
    model = onnx.load(path)
    weights = model.graph.initializer[0]
    weights.ClearField("raw_data")
    weights.data_location = onnx.TensorProto.EXTERNAL
    for place in ("../../secret", str(secret)):
        del weights.external_data[:]
        entry = weights.external_data.add()
        entry.key, entry.value = "location", place
        path.write_bytes(model.SerializeToString())
        refused(exported.OnnxModel, tmp_path / "run" / "onnx", kind=RunError)


def test_a_preset_that_leads_out_of_its_folder_is_refused(tmp_path):
    shutil.copytree(WRITER, tmp_path / "writer")
    weights = tmp_path / "writer" / "model.weights.h5"
    shutil.move(weights, tmp_path / "elsewhere.h5")
    weights.symlink_to(tmp_path / "elsewhere.h5")
    assert "leads out" in refused(load_preset, str(tmp_path / "writer"), kind=WriterError)


@pytest.mark.parametrize("settings", [named("os", "system", "touch {victim}"), {}, []], ids=str)
def test_a_preset_of_another_class_is_refused(settings, victim, tmp_path):
    shutil.copytree(WRITER, tmp_path / "writer")
    content = json.dumps(settings).replace("{victim}", str(victim))
    for name in ("config.json", "task.json"):
        (tmp_path / "writer" / name).write_text(content)
    refused(load_preset, str(tmp_path / "writer"), kind=WriterError)


def test_a_zip_that_unpacks_to_much_more_is_told(tmp_path):
    """A model file of zeros that packs to almost nothing."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", bytes(50_000_000))
    (tmp_path / "model.keras").write_bytes(file.getvalue())
    assert "model.keras" in refused(Run(tmp_path).load_model, kind=RunError)
