"""Training and inference run on other Keras backends, and with unusual settings in keras.json."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from fruit_caption.data.features import load_pixels
from fruit_caption.inference import exported
from fruit_caption.rendering.scenes import render_scene
from fruit_caption.runs import Run

ROOT = Path(__file__).parents[2]
QUICK = (
    "--scratch --epochs 1 --decoder-epochs 1 --pretrain-steps 0 --image-size 48 --batch-size 8"
).split()
ENCODE = """
import sys
import numpy as np
from pathlib import Path
from fruit_caption.runs import Run

model = Run(Path(sys.argv[1])).load_model()
np.savez(sys.argv[3], **model.encoder_fn()(np.load(sys.argv[2])))
"""
PREDICT = """
import sys
import numpy as np
from pathlib import Path
from fruit_caption.runs import Run

model = Run(Path(sys.argv[1])).load_model()
with np.load(sys.argv[2]) as arrays:
    inputs = dict(arrays)
outputs = model.predict_on_batch(inputs) | model.encoder_fn()(inputs["pixels"])
np.savez(sys.argv[3], **outputs)
"""

needs_jax = pytest.mark.skipif(not find_spec("jax"), reason="pip install 'fruit-caption[jax]'")


def run_python(arguments, **variables):
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=ROOT,
        env=os.environ | variables,
        capture_output=True,
        text=True,
    )


def train(data, run, *options, **variables):
    return run_python(
        ["cli.py", "train", "--data", data, "--run", run, *QUICK, *options], **variables
    )


@pytest.mark.parametrize(("backend", "options"), [("jax", ["--mixed-precision"]), ("torch", [])])
def test_a_model_trains_with_another_backend(data, tmp_path, backend, options):
    pytest.importorskip(backend, reason=f"pip install 'fruit-caption[{backend}]'")
    done = train(data, tmp_path / "run", *options, KERAS_BACKEND=backend)
    assert done.returncode == 0, done.stderr
    run = Run(tmp_path / "run")
    assert backend in run.read_config().versions
    history = run.read_history()
    assert [row["stage"] for row in history] == ["detector", "decoder"]
    assert np.isfinite([row["loss"] for row in history]).all()
    model = run.load_model()
    assert model.image_size == 48
    assert {weight.dtype for weight in model.trainable_weights} == {"float32"}
    assert model.encoder.compute_dtype == "float32"


@needs_jax
def test_outputs_are_the_same_with_jax(learnt, tmp_path):
    folder, _, data = learnt
    model = Run(folder).load_model()
    words = model.vocabulary.encode_pair("how many apples are there?", "there is one apple")
    pictures = sorted((data / "images").iterdir())[:8]
    inputs = {
        "pixels": load_pixels(pictures, 48),
        "words": np.tile(np.array(words, "int32"), (len(pictures), 1, 1)),
    }
    np.savez(tmp_path / "inputs.npz", **inputs)
    arguments = ["-c", PREDICT, folder, tmp_path / "inputs.npz", tmp_path / "outputs.npz"]
    done = run_python(arguments, KERAS_BACKEND="jax")
    assert done.returncode == 0, done.stderr
    expected = model.predict_on_batch(inputs) | model.encoder_fn()(inputs["pixels"])
    with np.load(tmp_path / "outputs.npz") as outputs:
        assert {"logits", "peaks", "counts"} <= set(outputs.files) == set(expected)
        for name, values in expected.items():
            tolerance = 1e-3 * max(1, np.abs(values).max())
            np.testing.assert_allclose(outputs[name], values, atol=tolerance, err_msg=name)


@needs_jax
def test_exporting_with_jax_is_refused_in_one_line(tmp_path):
    done = run_python(["cli.py", "export", "--run", tmp_path], KERAS_BACKEND="jax")
    assert done.returncode == 2
    assert done.stderr == "error: Exporting needs the TensorFlow backend of Keras; this is jax.\n"


@needs_jax
def test_the_released_model_gives_the_same_outputs_with_jax(tmp_path):
    pixels = np.stack([render_scene(5, number, 320).pixels for number in range(2)])
    np.save(tmp_path / "pixels.npy", pixels)
    arguments = ["-c", ENCODE, ROOT / "artifacts" / "release", tmp_path / "pixels.npy"]
    done = run_python([*arguments, tmp_path / "jax.npz"], KERAS_BACKEND="jax")
    assert done.returncode == 0, done.stderr
    reference = Run.released().load_model().encoder_fn()(pixels)
    half_precision = exported.current(Run.released()).encoder_fn()(pixels)
    with np.load(tmp_path / "jax.npz") as outputs:
        # In cells without a fruit, two kinds may be equally likely.
        is_fruit = reference["peaks"] > 0
        kinds = reference.pop("peak_kinds")[is_fruit]
        assert len(kinds) > 5
        for other in (outputs["peak_kinds"], half_precision["peak_kinds"]):
            np.testing.assert_array_equal(other[is_fruit], kinds)
        for name, values in reference.items():
            np.testing.assert_allclose(outputs[name], values, atol=1e-3 * np.abs(values).max())
            # The exported weights have 16 bits.
            np.testing.assert_allclose(
                half_precision[name], values, atol=1e-2 * np.abs(values).max()
            )


def test_the_settings_of_keras_json_do_not_matter(plain_data, tmp_path):
    settings = {"image_data_format": "channels_first", "floatx": "float16"}
    (tmp_path / "keras.json").write_text(json.dumps(settings))
    done = train(plain_data, tmp_path / "run", KERAS_HOME=str(tmp_path))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("backend", "reason"),
    [
        ("nonsense", "KERAS_BACKEND and keras.json"),
        ("numpy", "use tensorflow, jax or torch"),
        ("openvino", "use tensorflow, jax or torch"),
        pytest.param(
            "torch",
            "pip install 'fruit-caption[torch]'",
            marks=pytest.mark.skipif(bool(find_spec("torch")), reason="PyTorch is installed"),
        ),
    ],
)
def test_an_unusable_backend_is_reported_in_one_line(data, tmp_path, backend, reason):
    done = train(data, tmp_path / "run", KERAS_BACKEND=backend)
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert reason in line
    assert not (tmp_path / "run").exists()


def test_an_invalid_keras_json_is_reported_in_one_line(data, tmp_path):
    (tmp_path / "keras.json").write_text('{"floatx": "float8"}')
    done = train(data, tmp_path / "run", KERAS_HOME=str(tmp_path))
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert "keras.json" in line
