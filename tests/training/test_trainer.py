"""Training learns, resumes to the same result, and saves a complete run."""

import json
import shutil
from dataclasses import replace

import keras
import numpy as np
import pytest

from fruit_caption.data.dataset import read_data
from fruit_caption.data.features import FEATURES, load_pixels
from fruit_caption.evaluation.calibration import fit_confidence_threshold, fit_temperature
from fruit_caption.evaluation.evaluate import encode_photos, predict
from fruit_caption.evaluation.metrics import score
from fruit_caption.inference.predictor import Predictor
from fruit_caption.models.decoding import decode
from fruit_caption.runs import Run
from fruit_caption.training.trainer import TrainingListener, train
from fruit_caption.utils.errors import OutOfDomain, RunError, WeightsError


class Interrupted(Exception):
    pass


class StopAfter(TrainingListener):
    """Interrupts the training after an epoch."""

    def __init__(self, epoch):
        self.epoch = epoch

    def on_epoch_end(self, row, best):
        if row["epoch"] == self.epoch:
            raise Interrupted


def test_training_learns(learnt):
    folder, _, _ = learnt
    history = Run(folder).read_history()
    assert history[-1]["logits_loss"] < 0.5 * history[0]["logits_loss"]
    best = max(row["validation_exact"] for row in history)
    assert best > 0.3


def test_a_run_is_complete(learnt):
    folder, scores, data = learnt
    assert sorted(path.name for path in folder.iterdir()) == [
        "answers.jsonl", "config.json", "history.csv", "metrics.json", "model.keras",
    ]  # fmt: skip
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["exact"] == scores["exact"]
    assert scores["exact"] == max(row["validation_exact"] for row in Run(folder).read_history())
    rows = [json.loads(line) for line in (folder / "answers.jsonl").read_text().splitlines()]
    validation = read_data(data).splits["validation"]
    assert len(rows) == sum(len(example.qa_pairs) for example in validation)
    assert json.loads((folder / "config.json").read_text())["data"] == str(data)
    # The weights are stored once, as float32, without the optimizer's state.
    weights = 4 * Run(folder).load_model().count_params()
    assert weights < (folder / "model.keras").stat().st_size < 1.5 * weights + 300_000


def test_confidence_is_calibrated(learnt):
    folder, _, data = learnt
    model, examples = Run(folder).load_model(), read_data(data).splits["validation"]
    rows = Run(folder).validation.read_answers(examples)
    assert model.confidence_threshold == pytest.approx(fit_confidence_threshold(rows), abs=1e-3)
    logits, words = [], []
    for example in examples:
        pixels = load_pixels([example.path], 48)
        for item in example.qa_pairs:
            sequence = np.array(model.vocabulary.encode_pair(item.question, item.answer))
            inputs = {"pixels": pixels, "words": sequence[None, None, :-1]}
            answer = len(model.vocabulary.encode_prompt(item.question)) - 1
            logits.append(model.predict_on_batch(inputs)["logits"][0, 0, answer:])
            words.append(sequence[answer + 1 :])
    # Calibration used a sample of the questions; the best temperature for all is not quite 1.
    assert fit_temperature(np.concatenate(logits), np.concatenate(words)) == pytest.approx(1, 0.1)


def test_a_reloaded_run_gives_the_same_answers(learnt):
    folder, scores, data = learnt
    model = Run(folder).load_model()
    validation = read_data(data).splits["validation"]
    rows = predict(model, validation, encode_photos(model, validation, data / FEATURES))
    saved = [json.loads(line) for line in (folder / "answers.jsonl").read_text().splitlines()]
    assert [row.to_json() for row in rows] == saved
    assert score(rows) == scores


def test_decoding_in_batches_or_alone_or_without_cache_is_the_same(learnt):
    folder, _, data = learnt
    model = Run(folder).load_model()
    paths = sorted((data / "images").iterdir())[:3]
    encoded = model.encoder_fn()(load_pixels(paths, 48))
    questions = [["how many apples are there?", "describe the photo"], ["is there a lime?"], []]
    batched = decode(model, encoded, questions)
    assert [len(answers) for answers in batched] == [2, 1, 0]
    single = decode(model, {name: array[1:2] for name, array in encoded.items()}, [questions[1]])
    assert single[0][0].text == batched[1][0].text
    assert single[0][0].confidence == pytest.approx(batched[1][0].confidence, rel=1e-4)

    # Run the whole model again for every word.
    vocabulary = model.vocabulary
    words = vocabulary.encode_prompt(questions[0][0])
    likelihood = 1.0
    while words[-1] != vocabulary.end_id:
        inputs = {"pixels": load_pixels(paths[:1], 48), "words": np.array([[words]])}
        logits = model.predict_on_batch(inputs)["logits"][0, 0, -1]
        probabilities = np.exp(logits) / np.exp(logits).sum()
        words.append(int(probabilities[3:].argmax()) + 3)
        likelihood *= probabilities[words[-1]]
    answer = vocabulary.decode(words[len(vocabulary.encode_prompt(questions[0][0])) :])
    assert answer == batched[0][0].text
    assert likelihood == pytest.approx(batched[0][0].confidence, rel=1e-3)


def test_ask(learnt):
    folder, _, data = learnt
    model = Run(folder).load_model()
    picture = data / "images" / "00.png"
    answer = Predictor(model).ask(picture, "Number of APPLES?")
    assert (answer.kind, answer.fruit) == ("count", "apple")
    assert answer.value is None or isinstance(answer.value, int)
    assert 0 < answer.confidence <= 1
    assert json.loads(json.dumps(answer.to_json())).keys() >= {
        "image", "question", "answer", "value", "confidence",
    }  # fmt: skip
    with pytest.raises(OutOfDomain, match="not trained on durians"):
        Predictor(model).ask(picture, "how many durians?")


@pytest.mark.parametrize(("encoder", "unfreeze"), [("scratch", 0), ("vgg16", 0), ("vgg16", 1)])
def test_a_resumed_training_gives_the_same_result(tiny, tmp_path, encoder, unfreeze):
    model = replace(tiny.model, encoder=encoder, unfreeze=unfreeze)
    if encoder == "vgg16":
        # Both models need the same random weights.
        network = keras.applications.VGG16(weights=None, include_top=False, input_shape=(48, 48, 3))
        cut = keras.Model(network.input, network.get_layer("block4_pool").output)
        cut.save_weights(tmp_path / "vgg.weights.h5")
        model = replace(model, encoder_weights=str(tmp_path / "vgg.weights.h5"))
    config = replace(tiny, model=model, training=replace(tiny.training, epochs=3))
    train(config, Run(tmp_path / "whole"))
    config = Run(tmp_path / "whole").read_config()
    with pytest.raises(Interrupted):
        train(config, Run(tmp_path / "cut"), listener=StopAfter(1))
    if encoder == "scratch":
        # As if killed between writing two files: the history is one epoch ahead of the state.
        state = (tmp_path / "cut" / "state.weights.h5").read_bytes()
        with pytest.raises(Interrupted):
            train(config, Run(tmp_path / "cut"), resume=True, listener=StopAfter(2))
        (tmp_path / "cut" / "state.weights.h5").write_bytes(state)
    train(config, Run(tmp_path / "cut"), resume=True)
    for name in ("metrics.json", "answers.jsonl"):
        assert (tmp_path / "cut" / name).read_text() == (tmp_path / "whole" / name).read_text()
    histories = [
        [{name: value for name, value in row.items() if name != "seconds"} for row in rows]
        for rows in (Run(tmp_path / run).read_history() for run in ("whole", "cut"))
    ]
    assert histories[0] == histories[1]
    weights = [Run(tmp_path / run).load_model().get_weights() for run in ("whole", "cut")]
    for one, other in zip(*weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_training_can_start_from_another_run(learnt, tiny, tmp_path):
    model = Run(learnt[0]).read_config().model
    training = replace(tiny.training, epochs=1, learning_rate=1e-8)
    train(
        replace(tiny, start=str(learnt[0]), model=model, training=training), Run(tmp_path / "run")
    )
    before, after = (Run(run).load_model() for run in (learnt[0], tmp_path / "run"))
    calibrated = after.decoder.get_layer("logits").weights
    for old, new in zip(before.trainable_weights, after.trainable_weights, strict=True):
        if not any(new is weight for weight in calibrated):
            np.testing.assert_allclose(new, old, atol=1e-5)


def test_training_stops_without_improvement(tiny, tmp_path):
    training = replace(tiny.training, epochs=50, patience=1, learning_rate=1e-8)
    train(replace(tiny, training=training), Run(tmp_path / "run"))
    assert len(Run(tmp_path / "run").read_history()) == 2


def test_existing_runs_are_not_overwritten(learnt, tiny, tmp_path):
    shutil.copytree(learnt[0], tmp_path / "run")
    before = {path: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    with pytest.raises(RunError, match="holds a finished run"):
        train(tiny, Run(tmp_path / "run"))
    assert {path: path.read_bytes() for path in (tmp_path / "run").iterdir()} == before
    with pytest.raises(RunError, match="no run to resume"):
        train(tiny, Run(tmp_path / "other"), resume=True)
    (tmp_path / "run" / "model.keras").unlink()
    with pytest.raises(RunError, match="holds an unfinished run"):
        train(tiny, Run(tmp_path / "run"))
    with pytest.raises(RunError, match="other settings"):
        train(tiny, Run(tmp_path / "run"), resume=True)


def test_missing_encoder_weights_leave_no_run(tiny, tmp_path):
    model = replace(tiny.model, encoder="vgg16", encoder_weights=str(tmp_path / "none.h5"))
    with pytest.raises(WeightsError):
        train(replace(tiny, model=model), Run(tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_runs_that_cannot_be_loaded_are_errors_of_one_line(tmp_path):
    with pytest.raises(RunError, match=r"has no model\.keras"):
        Run(tmp_path).load_model()
    Run(tmp_path).model_file.write_text("no model")
    with pytest.raises(RunError, match="can't be loaded") as error:
        Run(tmp_path).load_model()
    assert "\n" not in str(error.value)
    Run(tmp_path).model_file.unlink()
    (tmp_path / "state.weights.h5").write_text("")
    with pytest.raises(RunError, match="not fully trained"):
        Run(tmp_path).load_model()


def test_data_needs_no_fruits_or_boxes(tiny, data, tmp_path):
    copy = tmp_path / "data"
    shutil.copytree(data, copy, ignore=shutil.ignore_patterns(FEATURES, "instances.json"))
    text = (copy / "qa.json").read_text()
    (copy / "qa.json").write_text(text.replace('"kind": "total"', '"kind": "other"'))
    config = replace(tiny, data=str(copy), training=replace(tiny.training, epochs=1))
    scores = train(config, Run(tmp_path / "run"))
    assert "other" in scores["kinds"]
