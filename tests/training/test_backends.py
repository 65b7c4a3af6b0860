"""Training and inference run on other Keras backends, and with unusual settings in keras.json."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from fruit_caption.inference import exported
from fruit_caption.rendering.scenes import render_scene
from fruit_caption.runs import Run

ROOT = Path(__file__).parents[2]
QUICK = ("--scratch --epochs 1 --pretrain-steps 1 --views 1 --image-size 48 --batch-size 8").split()
ENCODE = """
import sys
import numpy as np
from pathlib import Path
from fruit_caption.runs import Run

model = Run(Path(sys.argv[1])).load_model()
np.savez(sys.argv[3], **model.encoder_fn()(np.load(sys.argv[2])))
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


def train(data, run, **variables):
    return run_python(["cli.py", "train", "--data", data, "--run", run, *QUICK], **variables)


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_a_model_trains_with_another_backend(data, tmp_path, backend):
    pytest.importorskip(backend, reason=f"pip install 'fruit-caption[{backend}]'")
    done = train(data, tmp_path / "run", KERAS_BACKEND=backend)
    assert done.returncode == 0, done.stderr
    assert "epoch 1/1" in done.stderr
    assert backend in Run(tmp_path / "run").read_config().versions
    assert Run(tmp_path / "run").load_model().image_size == 48


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
        for name, values in reference.items():
            np.testing.assert_allclose(outputs[name], values, atol=1e-3 * np.abs(values).max())
            # The exported weights have 16 bits.
            np.testing.assert_allclose(
                half_precision[name], values, atol=1e-2 * np.abs(values).max()
            )


def test_the_settings_of_keras_json_do_not_matter(data, tmp_path):
    settings = {"image_data_format": "channels_first", "floatx": "float16"}
    (tmp_path / "keras.json").write_text(json.dumps(settings))
    done = train(data, tmp_path / "run", KERAS_HOME=str(tmp_path))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("backend", "reason"),
    [
        ("nonsense", "KERAS_BACKEND and keras.json"),
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
