"""Tests of `RayEngine`: same results as in this process, even if a worker dies."""

import os
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("ray.data", reason="pip install 'fruit-caption[scale]'")

from fruit_caption.config import DataConfig
from fruit_caption.data import features
from fruit_caption.data.dataset import read_data
from fruit_caption.datagen import texts
from fruit_caption.datagen.generate import generate_data
from fruit_caption.evaluation.evaluate import predict
from fruit_caption.runs import Run
from fruit_caption.utils import ray_engine
from fruit_caption.utils.engines import LOCAL
from fruit_caption.utils.errors import FruitError, WriterError
from fruit_caption.utils.ray_engine import RayEngine

SCENES = 6
pytestmark = pytest.mark.filterwarnings("ignore")  # Ray warns about its next release


@pytest.fixture(scope="module")
def ray():
    with pytest.MonkeyPatch.context() as patch:
        # Workers must find this file, and should not run at a lower priority than other tests.
        patch.setenv("PYTHONPATH", str(Path(__file__).parents[2]), prepend=os.pathsep)
        patch.setenv("RAY_worker_niceness", "0")
        with RayEngine(actors=2) as engine:
            yield engine


def _square(number):
    return [number**2, "text", (number, None)]


def _refuse(number):
    if number == 7:
        raise FruitError("seven is too many.")
    return number


def _adder(more):
    return partial(_add, more)


def _add(more, number):
    return number + more


def _missing():
    raise WriterError("There is no such model.")


def test_results_are_in_order_and_keep_their_types(ray):
    assert list(ray.map(_square, range(120))) == [_square(number) for number in range(120)]
    assert list(ray.map_with_model(partial(_adder, 1), range(5), _double)) == [1, 3, 5, 7, 9]
    assert list(ray.map_with_model(partial(_adder, 1), [])) == []


def _double(number):
    return 2 * number


def test_errors_of_workers_are_raised(ray):
    with pytest.raises(FruitError, match=r"^seven is too many\.$"):
        list(ray.map(_refuse, range(20)))
    with pytest.raises(FruitError, match=r"^seven is too many\.$"):
        list(ray.map_with_model(partial(_adder, 1), range(20), _refuse))
    with pytest.raises(WriterError, match=r"^There is no such model\.$"):
        list(ray.map_with_model(_missing, range(3)))


def test_features_and_answers_equal_local_ones(ray, learnt, tmp_path):
    folder, _, data = learnt
    model = Run(folder).load_model()
    examples = read_data(data).splits["validation"]
    encoder = model.encoder
    photos = [(example.path, features.IDENTITY) for example in examples]
    local, remote = (
        features.load_features(
            features.cache_features(encoder, photos, 48, tmp_path / name, engine=engine)
        )
        for name, engine in (("local", LOCAL), ("ray", ray))
    )
    assert set(local) == set(remote) == {"coarse", "fine"}
    for name, array in local.items():
        np.testing.assert_array_equal(array, remote[name])
    local, remote = (predict(model, examples, batch=2, engine=engine)[0] for engine in (LOCAL, ray))
    assert [row.answer for row in local] == [row.answer for row in remote]
    assert [row.confidence for row in local] == pytest.approx([row.confidence for row in remote])


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_data_set_is_the_same_even_if_a_writer_is_killed(ray, tmp_path, monkeypatch):
    monkeypatch.setattr(texts, "CHUNK", 3)
    config = DataConfig(scenes=SCENES, scene_size=64)
    generate_data(config, tmp_path / "local")
    killed = []

    def kill():
        while not (found := _model_actors()):
            time.sleep(0.1)
        time.sleep(3)
        os.kill(found[0], signal.SIGKILL)
        killed.append(found[0])

    killer = threading.Thread(target=kill)
    killer.start()
    generate_data(config, tmp_path / "ray", engine=ray)
    killer.join()
    assert killed
    assert contents(tmp_path / "ray") == contents(tmp_path / "local")


def _model_actors():
    """Process ids of the workers that hold a model."""
    found = subprocess.run(["pgrep", "-f", "^ray::MapWorker"], capture_output=True, text=True)
    return [int(line) for line in found.stdout.split()]


def test_missing_ray_is_an_error(monkeypatch):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(ray_engine, "import_module", missing)
    with pytest.raises(FruitError, match="Ray is not installed"):
        RayEngine()


def test_unreachable_cluster_is_one_line():
    program = (
        "from fruit_caption.utils.ray_engine import RayEngine\n"
        "from fruit_caption.utils.errors import FruitError\n"
        "try:\n    RayEngine('127.0.0.1:9')\n"
        "except FruitError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.startswith("There is no Ray cluster at 127.0.0.1:9 (")
    assert len(done.stdout.splitlines()) == 1
