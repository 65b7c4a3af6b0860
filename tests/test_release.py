"""The model that ships: it is whole, it answers anywhere, and its card says what it does."""

import json
import re
from configparser import ConfigParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import fruit_caption as fc
from fruit_caption.commands.app import app
from fruit_caption.comparison.report import score_table
from fruit_caption.inference import exported
from fruit_caption.inference.predictor import Predictor
from fruit_caption.rendering.scenes import Scene, render_scene
from fruit_caption.runs import Run

ROOT = Path(__file__).parent.parent
RELEASE = ROOT / "artifacts" / "release"
CARD = (RELEASE / "README.md").read_text(encoding="utf-8")
MOST_MEGABYTES = 40
UNSEEN_SEED = 77  # its scenes were rendered from seed 0


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return [render_scene(UNSEEN_SEED, number, 320, most=3) for number in range(12)]


def test_it_answers_from_any_directory_without_tensorflow(scenes, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.fromarray(scenes[0].pixels).save("scene.png")
    result = CliRunner().invoke(app, ["ask", "scene.png", "is there any fruit?", "--json"])
    assert result.exit_code == 0, result.output
    assert isinstance(fc.load().model, exported.OnnxModel)


def test_it_sees_what_scenes_show(scenes):
    eye, seen, refused = fc.load(), [], []
    for place, scene in enumerate(scenes):
        # Kinds that are rendered since it was trained it never met.
        there = {box.fruit for box in scene.boxes} & set(eye.fruits)
        elsewhere = {box.fruit for box in scenes[place - 1].boxes} & set(eye.fruits) - there
        sight = eye.encode(Image.fromarray(scene.pixels))
        seen += [sight.ask(f"is there a {fruit}?").value for fruit in sorted(there)]
        refused += [sight.ask(f"is there a {fruit}?").value for fruit in sorted(elsewhere)]
    assert np.mean(seen) > 0.8
    assert np.mean(refused) < 0.2


def test_keras_and_the_export_say_the_same(scenes):
    pictures = [Image.fromarray(scene.pixels) for scene in scenes]
    questions = ["which fruits are there?", "how many fruits are there?", "describe the photo"]
    models = Run(RELEASE).load_model(), exported.current(Run(RELEASE))
    ours, theirs = ([*Predictor(model).ask_many(pictures, questions)] for model in models)
    assert [answer.text for answer in ours] == [answer.text for answer in theirs]
    # The weights of the export have 16 bits.
    assert [a.confidence for a in ours] == pytest.approx([a.confidence for a in theirs], abs=0.02)


@pytest.mark.parametrize("split", ["test", "unseen"])
def test_its_card_gives_the_scores_that_evaluate_wrote(split):
    metrics = json.loads((RELEASE / split / "metrics.json").read_text(encoding="utf-8"))
    rows = {**metrics["baselines"], "the model that ships": metrics["scores"]}
    assert score_table({name: [scores] for name, scores in rows.items()}) in CARD
    assert metrics["model"] == json.loads((RELEASE / "onnx" / "model.json").read_text())["model"]


@pytest.mark.parametrize("file", re.findall(r"\]\(((?:test|unseen)/[^)]+)\)", CARD))
def test_graphs_of_the_card_are_there(file):
    assert (RELEASE / file).is_file()


def test_the_writers_card_gives_the_scores_that_its_training_wrote():
    writer = ROOT / "artifacts" / "writer"
    card = (writer / "README.md").read_text(encoding="utf-8")
    scores = json.loads((writer / "scores.json").read_text(encoding="utf-8"))
    told = [f"{value:.2f}" for value in scores["perplexity"].values()]
    told += [f"{100 * share:.0f} %" for share in (*scores["true"].values(), scores["new"])]
    assert re.findall(r"\| ([\d.]+(?: %)?) \|", card) == told
    assert f"{scores['steps']:,} steps" in card


def test_it_is_installed_with_the_package_and_small():
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    patterns = setup["options.package_data"]["fruit_caption.shipped"].split()
    files = {path for pattern in patterns for path in (ROOT / "artifacts").glob(pattern)}
    shipped = {path.relative_to(RELEASE).as_posix() for path in files if RELEASE in path.parents}
    assert shipped >= {"model.keras", "config.json", "README.md", "onnx/encoder.onnx"}
    size = sum(path.stat().st_size for path in RELEASE.rglob("*") if path.is_file())
    assert size < MOST_MEGABYTES * 1e6


def test_its_settings_name_no_folder_of_the_machine_it_was_made_on():
    config = Run(RELEASE).read_config()
    assert not re.search(r"\.\.|^/", f"{config.data} {config.model.encoder_weights}")
