"""The released model: complete, usable from any folder, and as good as its model card says."""

import json
import re
from configparser import ConfigParser
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import fruit_caption as fc
from fruit_caption.commands.app import app
from fruit_caption.comparison.report import score_table
from fruit_caption.data.formats.coco import read_coco
from fruit_caption.data.splits import split_of
from fruit_caption.inference import exported
from fruit_caption.inference.encoded import to_question
from fruit_caption.inference.predictor import Predictor
from fruit_caption.language import templates
from fruit_caption.language.questions import KINDS, parse
from fruit_caption.language.tables import read_tables
from fruit_caption.rendering.scenes import Scene, render_scene
from fruit_caption.runs import Run

ROOT = Path(__file__).parent.parent
PHOTOS = ROOT.parent / "shared" / "photos" / "boxed"
RELEASE = ROOT / "artifacts" / "release"
CARD = (RELEASE / "README.md").read_text(encoding="utf-8")
MAX_MEGABYTES = 40
UNSEEN_SEED = 77  # the model was trained on scenes of seed 0


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return [render_scene(UNSEEN_SEED, number, 320, max_fruits=3) for number in range(12)]


def test_it_answers_from_any_folder_without_tensorflow(scenes, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.fromarray(scenes[0].pixels).save("scene.png")
    result = CliRunner().invoke(app, ["ask", "scene.png", "is there any fruit?", "--json"])
    assert result.exit_code == 0, result.output
    assert isinstance(fc.load().model, exported.OnnxModel)


def test_it_recognizes_fruits_in_new_scenes(scenes):
    predictor, present_answers, absent_answers = fc.load(), [], []
    for number, scene in enumerate(scenes):
        # The renderer has fruits that it did not have when the model was trained.
        present = {box.fruit for box in scene.boxes} & set(predictor.fruits)
        other = {box.fruit for box in scenes[number - 1].boxes} & set(predictor.fruits)
        image = predictor.encode(Image.fromarray(scene.pixels))
        present_answers += [image.ask(f"is there a {name}?").value for name in sorted(present)]
        absent_answers += [
            image.ask(f"is there a {name}?").value for name in sorted(other - present)
        ]
    # It was made for photographs; in scenes it knows most fruits, and claims few that aren't there.
    assert np.mean(present_answers) > 0.5
    assert np.mean(absent_answers) < 0.2


@pytest.mark.skipif(not PHOTOS.is_dir(), reason="needs the photos for development")
def test_it_counts_fruits_in_photos_that_it_was_not_trained_on():
    photos = [photo for photo in read_coco(PHOTOS).photos if split_of(photo) == "validation"]
    predictor, rights = fc.load(), []
    for photo in photos[:60]:
        image = predictor.encode(photo.path)
        for fruit, number in photo.counts().items():
            if number:
                points = [point for point in image.points() if point.fruit == fruit]
                value = image.ask(f"how many {fruit}?").value
                rights.append((value == number, len(points) == number))
    answered, pointed = np.mean(rights, axis=0)
    assert len(rights) > 40
    assert answered > 0.8
    assert pointed > 0.85


def test_model_and_rules_read_the_same_question_in_the_words_of_people():
    """The rules parse a question, the model reads it; seldom do they not ask for the same thing."""
    predictor = fc.load()
    asked = [
        to_question(text, parse(text))
        for name, texts in read_tables(ROOT / "tests" / "language" / "phrasings.txt").items()
        for text in texts
        if name.split()[0] in KINDS
    ]
    plain = [
        replace(question, prompt=templates.question(question.kind, question.fruit))
        for question in asked
    ]
    assert len(asked) > 200
    picture = ROOT / "docs" / "sample" / "images" / "plate.jpg"
    batch = predictor.encode(picture)._batch
    [read], [meant] = batch.answer_by_model([asked]), batch.answer_by_model([plain])
    differing = [
        (one.question, one.text, other.text)
        for one, other in zip(read, meant, strict=True)
        if one.value != other.value
    ]
    assert len(differing) < 0.05 * len(asked), differing


def test_the_export_answers_like_the_keras_model(scenes):
    pictures = [Image.fromarray(scene.pixels) for scene in scenes]
    questions = ["which fruits are there?", "how many fruits are there?", "describe the photo"]
    models = Run(RELEASE).load_model(), exported.current(Run(RELEASE))
    keras, export = ([*Predictor(model).ask_many(pictures, questions)] for model in models)
    assert [answer.text for answer in export] == [answer.text for answer in keras]
    # The weights of the export have 16 bits.
    expected = pytest.approx([answer.confidence for answer in keras], abs=0.02)
    assert [answer.confidence for answer in export] == expected


@pytest.mark.parametrize("split", ["test", "unseen"])
def test_the_model_card_has_the_evaluated_scores(split):
    metrics = json.loads((RELEASE / split / "metrics.json").read_text(encoding="utf-8"))
    rows = {**metrics["baselines"], "the model that ships": metrics["scores"]}
    assert score_table({name: [scores] for name, scores in rows.items()}) in CARD
    assert metrics["model"] == json.loads((RELEASE / "onnx" / "model.json").read_text())["model"]


@pytest.mark.parametrize("file", re.findall(r"\]\(((?:test|unseen)/[^)]+)\)", CARD))
def test_plots_of_the_model_card_exist(file):
    assert (RELEASE / file).is_file()


def test_the_writers_card_has_the_scores_of_its_training():
    writer = ROOT / "artifacts" / "writer"
    card = (writer / "README.md").read_text(encoding="utf-8")
    scores = json.loads((writer / "scores.json").read_text(encoding="utf-8"))
    expected = [f"{value:.2f}" for value in scores["perplexity"].values()]
    expected += [f"{100 * share:.0f} %" for share in (*scores["true"].values(), scores["new"])]
    assert re.findall(r"\| ([\d.]+(?: %)?) \|", card) == expected
    assert f"{scores['steps']:,} steps" in card


def test_it_is_part_of_the_package_and_small():
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    patterns = setup["options.package_data"]["fruit_caption.shipped"].split()
    files = {path for pattern in patterns for path in (ROOT / "artifacts").glob(pattern)}
    shipped = {path.relative_to(RELEASE).as_posix() for path in files if RELEASE in path.parents}
    assert shipped >= {"model.keras", "config.json", "README.md", "onnx/encoder.onnx"}
    size = sum(path.stat().st_size for path in RELEASE.rglob("*") if path.is_file())
    assert size < MAX_MEGABYTES * 1e6


def test_its_config_contains_no_local_paths():
    config = Run(RELEASE).read_config()
    assert not re.search(r"\.\.|^/", f"{config.data} {config.model.encoder_weights}")
