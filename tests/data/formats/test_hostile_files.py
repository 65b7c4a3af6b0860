"""Malicious model files are rejected with a one-line error and do no harm."""

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
from fruit_caption.models.pretrained import build_pretrained
from fruit_caption.runs import Run
from fruit_caption.utils.errors import FruitError, RunError, WeightsError, WriterError

ROOT = Path(__file__).parents[3]
RELEASE = ROOT / "artifacts" / "release"
WRITER = ROOT / "artifacts" / "writer"


class Exploit:
    """Creates a file when it is unpickled."""

    def __init__(self, victim):
        self.victim = victim

    def __reduce__(self):
        return open, (str(self.victim), "w")


@pytest.fixture
def victim(tmp_path):
    """The file that a malicious file tries to create."""
    path = tmp_path / "harm"
    yield path
    assert not path.exists()


def error_of(function, *args, error_class=FruitError):
    """Call a function that must raise an error with a one-line message, and return the message."""
    with pytest.raises(error_class) as error:
        function(*args)
    message = str(error.value)
    assert len(message.splitlines()) == 1
    return message


def write_changed_model(folder, change):
    """Write the released model with changed parts to a run folder."""
    with zipfile.ZipFile(RELEASE / "model.keras") as valid:
        parts = {name: valid.read(name) for name in valid.namelist()}
    change(parts)
    with zipfile.ZipFile(folder / "model.keras", "w") as file:
        for name, content in parts.items():
            file.writestr(name, content)
    return folder


def config_calling(module, name, *arguments):
    """A Keras config that would call a function of any module."""
    return {"module": module, "class_name": name, "config": {"args": arguments},
            "registered_name": name}  # fmt: skip


@pytest.mark.parametrize(
    "config",
    [config_calling("os", "system", "touch {victim}"),
     config_calling("builtins", "exec", "open('{victim}', 'w')"),
     config_calling("subprocess", "run", "touch {victim}"), config_calling("nowhere", "Nothing"),
     {"class_name": "__lambda__", "config": {"value": "x"}}, {}, [], None, "text"],
    ids=str,
)  # fmt: skip
def test_a_model_of_another_class_is_rejected(config, victim, tmp_path):
    content = json.dumps(config).replace("{victim}", str(victim)).encode()
    folder = write_changed_model(tmp_path, lambda parts: parts.update({"config.json": content}))
    assert "model.keras" in error_of(Run(folder).load_model, error_class=RunError)


def test_a_lambda_layer_is_rejected(victim, tmp_path):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Lambda(lambda x: x)])
    model.save(tmp_path / "model.keras")
    assert "can't be loaded" in error_of(Run(tmp_path).load_model, error_class=RunError)


def test_another_keras_model_is_rejected(tmp_path):
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]).save(tmp_path / "model.keras")
    assert "is not a fruit model" in error_of(Run(tmp_path).load_model, error_class=RunError)


def test_a_broken_model_is_rejected(tmp_path):
    whole = (RELEASE / "model.keras").read_bytes()
    for content in (b"", b"PK", whole[: len(whole) // 2], whole[:-200], bytes(10_000)):
        (tmp_path / "model.keras").write_bytes(content)
        assert "model.keras" in error_of(Run(tmp_path).load_model, error_class=RunError)


def test_paths_in_a_model_stay_in_its_folder(victim, tmp_path):
    """A zip entry named `../harm` is not written there."""
    (tmp_path / "run").mkdir()
    folder = write_changed_model(
        tmp_path / "run", lambda parts: parts.update({"../harm": b"x", str(victim): b"x"})
    )
    message = error_of(Run(folder).load_model, error_class=RunError)
    assert "invalid path" in message or "'ZipInfo' object has no attribute" in message  # Keras 3.12
    assert not (tmp_path / "harm").exists()


def test_weights_are_never_unpickled(victim, tmp_path):
    path = tmp_path / "weights.npz"
    np.savez(path, stem=np.array([Exploit(victim)], dtype=object))
    victim.unlink(missing_ok=True)
    error_of(build_pretrained, "efficientnet-lite0", 96, str(path), error_class=WeightsError)
    path.write_bytes(pickle.dumps(Exploit(victim)))
    error_of(build_pretrained, "efficientnet-lite0", 96, str(path), error_class=WeightsError)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"words": 1}', b"null"])
def test_an_export_with_an_invalid_manifest_is_rejected(content, tmp_path):
    shutil.copytree(RELEASE / "onnx", tmp_path / "onnx")
    (tmp_path / "onnx" / "model.json").write_bytes(content)
    error_of(exported.OnnxModel, tmp_path / "onnx", error_class=RunError)


def test_an_export_can_only_read_files_in_its_folder(tmp_path):
    """ONNX allows weights in other files, but they must be in the same folder."""
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
        error_of(exported.OnnxModel, tmp_path / "run" / "onnx", error_class=RunError)


def test_a_preset_with_a_link_out_of_its_folder_is_rejected(tmp_path):
    shutil.copytree(WRITER, tmp_path / "writer")
    weights = tmp_path / "writer" / "model.weights.h5"
    shutil.move(weights, tmp_path / "elsewhere.h5")
    weights.symlink_to(tmp_path / "elsewhere.h5")
    assert "leads out" in error_of(load_preset, str(tmp_path / "writer"), error_class=WriterError)


@pytest.mark.parametrize(
    "config", [config_calling("os", "system", "touch {victim}"), {}, []], ids=str
)
def test_a_preset_of_another_class_is_rejected(config, victim, tmp_path):
    shutil.copytree(WRITER, tmp_path / "writer")
    content = json.dumps(config).replace("{victim}", str(victim))
    for name in ("config.json", "task.json"):
        (tmp_path / "writer" / name).write_text(content)
    error_of(load_preset, str(tmp_path / "writer"), error_class=WriterError)


def test_a_zip_bomb_is_rejected(tmp_path):
    """50 MB of zeros compress to almost nothing."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", bytes(50_000_000))
    (tmp_path / "model.keras").write_bytes(file.getvalue())
    assert "model.keras" in error_of(Run(tmp_path).load_model, error_class=RunError)
