"""Training learns, resumes to the same result, and saves a complete run."""

import json
import shutil
from dataclasses import replace
from importlib.util import find_spec

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from fruit_caption.config import DataConfig
from fruit_caption.data.dataset import read_data
from fruit_caption.data.features import load_pixels
from fruit_caption.data.formats.coco import write_coco
from fruit_caption.data.records import FruitBox, Photo
from fruit_caption.datagen.generate import generate_data
from fruit_caption.evaluation.calibration import fit_confidence_threshold, fit_temperature
from fruit_caption.evaluation.detection import find_candidates, fit_peak_threshold
from fruit_caption.evaluation.evaluate import predict
from fruit_caption.evaluation.metrics import score, without_captions
from fruit_caption.inference.predictor import Predictor
from fruit_caption.models.captioner import Captioner
from fruit_caption.models.decoding import decode
from fruit_caption.runs import STAGES, Run
from fruit_caption.training import trainer
from fruit_caption.training.pretraining import SyntheticBatches
from fruit_caption.training.trainer import TENSORBOARD, TrainingListener, train
from fruit_caption.utils.errors import FruitError, OutOfDomain, PictureError, RunError, WeightsError
from tests.models import tiny_network


class Interrupted(Exception):
    pass


class StopAfter(TrainingListener):
    """Interrupts the training after an epoch of a stage."""

    def __init__(self, stage, epoch):
        self.stage, self.epoch = stage, epoch

    def on_epoch_end(self, row, best):
        if (row["stage"], row["epoch"]) == (self.stage, self.epoch):
            raise Interrupted


class AfterEpoch(TrainingListener):
    """Calls a function with the trained model and the row of each epoch."""

    def __init__(self, function):
        self.function = function
        self.callback = keras.callbacks.Callback()

    def keras_callbacks(self, phase):
        return [self.callback]

    def on_epoch_end(self, row, best):
        self.function(self.callback.model, row)


def test_training_learns(learnt):
    folder, _, _ = learnt
    history = Run(folder).read_history()
    # The second stage starts from a pre-trained decoder, at a fifth of the learning rate: little
    # of its loss is left to lose.
    stages = (("detector", 10, 0.7, 0.8), ("decoder", 4, 0.95, 0.3))
    for stage, epochs, loss_below, better_than in stages:
        rows = [row for row in history if row["stage"] == stage]
        assert [row["epoch"] for row in rows] == list(range(1, epochs + 1))
        assert rows[-1]["loss"] < loss_below * rows[0]["loss"]
        assert max(row["validation"] for row in rows) > better_than


def test_a_run_is_complete(learnt):
    folder, scores, data = learnt
    assert sorted(path.name for path in folder.iterdir()) == [
        "answers.jsonl", "config.json", "history.csv", "metrics.json", "model.keras",
    ]  # fmt: skip
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["exact"] == scores["exact"]
    history = Run(folder).read_history()
    decoder = [row["validation"] for row in history if row["stage"] == "decoder"]
    assert scores["exact"] == max(decoder)
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
    rows = without_captions(Run(folder).validation.read_answers(examples))
    assert model.confidence_threshold == pytest.approx(fit_confidence_threshold(rows), abs=1e-3)
    logits, words = [], []
    for example in examples:
        pixels = load_pixels([example.path], 48)
        for item in example.questions:
            sequence = np.array(model.vocabulary.encode_pair(item.question, item.answer))
            inputs = {"pixels": pixels, "words": sequence[None, None, :-1]}
            answer = len(model.vocabulary.encode_prompt(item.question)) - 1
            logits.append(model.predict_on_batch(inputs)["logits"][0, 0, answer:])
            words.append(sequence[answer + 1 :])
    temperature = fit_temperature(np.concatenate(logits), np.concatenate(words))
    assert temperature == pytest.approx(1, 0.02)


def test_the_threshold_of_the_detector_is_the_best(learnt):
    folder, _, data = learnt
    model, examples = Run(folder).load_model(), read_data(data).splits["validation"]
    features = model.encoder.predict_on_batch(load_pixels([e.path for e in examples], 48))
    candidates = find_candidates(model, [features])
    best, share = fit_peak_threshold(candidates, examples, model.fruits)
    assert model.peak_threshold == pytest.approx(best)
    history = Run(folder).read_history()
    assert share == max(row["validation"] for row in history if row["stage"] == "detector")


def test_a_reloaded_run_gives_the_same_answers(learnt):
    folder, scores, data = learnt
    model = Run(folder).load_model()
    validation = read_data(data).splits["validation"]
    rows, _ = predict(model, validation)
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
        probabilities = np.exp(logits - logits.max())
        probabilities /= probabilities.sum()
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


def interrupted(config, run, *place, resume=True, **options):
    with pytest.raises(Interrupted):
        train(config, run, resume, StopAfter(*place), **options)


@pytest.fixture(scope="module", params=["scratch", "frozen"])
def twins(request, tiny, tmp_path_factory):
    """A run trained without interruption, the same run interrupted three times, and the folder.

    The folder also has the kept weights of the first stage. Training writes files for TensorBoard.
    """
    folder = tmp_path_factory.mktemp(request.param)
    config = replace(tiny, training=replace(tiny.training, pretrain_steps=2))
    if request.param == "frozen":
        # Both models need the same random weights.
        tiny_network.build((48, 48, 3)).save_weights(folder / "tiny.weights.h5")
        weights = str(folder / "tiny.weights.h5")
        model = replace(tiny.model, encoder=tiny_network.NAME, encoder_weights=weights, freeze=True)
        config = replace(tiny, model=model)
    whole, run = Run(folder / "whole"), Run(folder / "cut")

    def keep_detector(_, row):
        if (row["stage"], row["epoch"]) == ("decoder", 1):
            shutil.copy(whole.kept_file("detector"), folder / "detector.weights.h5")

    options = {"tensorboard": bool(find_spec("tensorboard"))}
    with tiny_network.known():
        train(config, whole, listener=AfterEpoch(keep_detector))
        interrupted(config, run, "detector", 1, resume=False, **options)
        interrupted(config, run, "detector", 2, **options)
        # As if killed between the stages, after the first row of the next one was written.
        rows = run.read_history()
        run.write_history([*rows, rows[0] | {"stage": "decoder"}])
        interrupted(config, run, "decoder", 1, **options)
        train(config, run, resume=True, **options)
        yield whole, run, folder


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # from TensorBoard's own imports
def test_a_resumed_training_gives_the_same_result(twins):
    whole, cut, _ = twins
    for name in ("metrics.json", "answers.jsonl"):
        assert (cut.path / name).read_text() == (whole.path / name).read_text()
    one, other = (
        [{name: value for name, value in row.items() if name != "seconds"} for row in rows]
        for rows in (whole.read_history(), cut.read_history())
    )
    assert one == other
    assert [(row["stage"], row["epoch"]) for row in one] == [
        ("detector", 1), ("detector", 2), ("decoder", 1), ("decoder", 2),
    ]  # fmt: skip
    weights = [run.load_model().get_weights() for run in (whole, cut)]
    for one, other in zip(*weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_second_stage_keeps_encoder_and_detector(twins):
    whole, _, folder = twins
    final = whole.load_model()
    first = Captioner(
        replace(final.config, encoder_weights="saved"), final.vocabulary.words, final.fruits
    )
    first.load_weights(folder / "detector.weights.h5")
    assert first.peak_threshold == final.peak_threshold
    for part in ("encoder", "detector"):
        pairs = zip(getattr(first, part).weights, getattr(final, part).weights, strict=True)
        for before, after in pairs:
            np.testing.assert_array_equal(before, after)
    assert is_changed(first.connector, final.connector)
    assert is_changed(first.decoder, final.decoder)


def is_changed(before, after):
    """Whether weights of a model differ that are trained; a bias may have no gradient."""
    pairs = zip(before.trainable_weights, after.trainable_weights, strict=True)
    return np.mean([not np.array_equal(one, other) for one, other in pairs]) > 0.8


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # from TensorBoard's own imports
def test_curves_of_a_resumed_training_are_complete(twins):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    _, cut, _ = twins
    for stage in STAGES:
        events = accumulator.EventAccumulator(str(cut.path / TENSORBOARD / stage / "train"))
        events.Reload()
        rows = [row for row in cut.read_history() if row["stage"] == stage]
        for name in ("loss", "validation"):
            curve = {
                event.step: float(tf.make_ndarray(event.tensor_proto))
                for event in events.Tensors(f"epoch_{name}")
            }
            assert curve == pytest.approx({row["epoch"] - 1: row[name] for row in rows})


def test_missing_tensorboard_is_an_error(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(trainer, "find_spec", lambda name: None)
    with pytest.raises(FruitError, match="TensorBoard is not installed") as error:
        train(tiny, Run(tmp_path / "run"), tensorboard=True)
    assert error.value.code == "no-tensorboard"
    assert not (tmp_path / "run").exists()


SCORES = (0.1, 0.9, 0.9, 0.2)
"""Validation scores of the epochs of `plain`."""


@pytest.fixture(scope="module")
def plain(tiny, plain_data, tmp_path_factory):
    """A run on data without boxes, its scores, and the weights after its epochs, by layer.

    The validation scores are `SCORES`, and training stops after two epochs without improvement.
    Some questions are of an unknown kind.
    """
    folder = tmp_path_factory.mktemp("one-stage")
    shutil.copytree(plain_data, folder / "data")
    text = (folder / "data" / "qa.json").read_text()
    (folder / "data" / "qa.json").write_text(text.replace('"kind": "total"', '"kind": "other"'))
    training = replace(tiny.training, epochs=50, patience=2)
    epochs, weights = iter(SCORES), []

    def given_score(rows):
        return score(rows) | {"exact": value} if (value := next(epochs, None)) else score(rows)

    def keep_averages(model, row):
        trained = model.get_weights()
        model.optimizer.assign_averages(model.trainable_variables)
        weights.append({layer.name: layer.get_weights() for layer in model.layers})
        model.set_weights(trained)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trainer, "score", given_score)
        config = replace(tiny, data=str(folder / "data"), training=training)
        scores = train(config, Run(folder / "run"), listener=AfterEpoch(keep_averages))
    return Run(folder / "run"), scores, weights


def test_data_needs_no_fruits_or_boxes(plain):
    run, scores, _ = plain
    assert {row["stage"] for row in run.read_history()} == {"decoder"}
    assert "other" in scores["kinds"]


def test_training_stops_without_improvement(plain):
    assert [row["validation"] for row in plain[0].read_history()] == list(SCORES)


def test_the_latest_of_the_best_averaged_weights_are_kept(plain):
    run, _, weights = plain
    model = run.load_model()
    for part in (model.encoder, model.detector, model.connector):
        for one, other in zip(part.get_weights(), weights[2][part.name], strict=True):
            np.testing.assert_array_equal(one, other)


def test_without_boxes_the_whole_model_is_trained(plain):
    _, _, (first, *_, last) = plain
    for name in ("scratch", "detector", "connector", "decoder"):
        # All but the kernels of the embedding, which has words that no question has.
        changed = [
            not np.array_equal(one, other)
            for one, other in zip(first[name], last[name], strict=True)
        ]
        assert np.mean(changed) > 0.9, name


@pytest.fixture(scope="module")
def kiwis(tmp_path_factory):
    """A data set of kiwis only."""
    folder = tmp_path_factory.mktemp("kiwis")
    (folder / "photos" / "images").mkdir(parents=True)
    photos = []
    for number in range(8):
        path = folder / "photos" / "images" / f"kiwi{number}.png"
        picture = Image.new("RGB", (48, 48), (90, 90 + number, 110))
        picture.paste((120, 90, 40), (8, 8, 24, 24))
        picture.save(path)
        boxes = (FruitBox("kiwi", 8, 8, 16, 16),)
        photos.append(Photo(path, 48, 48, boxes, frozenset(["kiwi"]), group=path.stem))
    write_coco(folder / "photos", photos, frozenset(["kiwi"]))
    generate_data(DataConfig(photos=(str(folder / "photos"),), writer="grammar"), folder / "data")
    return folder / "data"


def test_training_can_start_from_another_run(learnt, kiwis, tiny, tmp_path):
    folder, _, data = learnt
    config = replace(
        tiny,
        data=str(kiwis),
        start=str(folder),
        rehearse=str(data),
        model=Run(folder).read_config().model,
        training=replace(
            tiny.training, epochs=1, decoder_epochs=1, learning_rate=1e-8, mixed_precision=True
        ),
    )
    train(config, Run(tmp_path / "run"))
    before, after = (Run(run).load_model() for run in (folder, tmp_path / "run"))
    assert after.fruits == (*before.fruits, "kiwi")
    assert set(before.vocabulary.words) < set(after.vocabulary.words)
    calibrated = after.decoder.get_layer("logits").weights
    for old, new in zip(before.trainable_weights, after.trainable_weights, strict=True):
        if not any(new is weight for weight in calibrated):
            kept = np.array(new)[tuple(slice(length) for length in old.shape)]
            np.testing.assert_allclose(kept, old, atol=1e-5)
    # Trained in bfloat16, stored in single precision.
    assert {weight.dtype for weight in after.trainable_weights} == {"float32"}
    assert after.compute_dtype == after.encoder.layers[2].compute_dtype == "float32"
    assert np.isfinite([row["loss"] for row in Run(tmp_path / "run").read_history()]).all()


def test_no_epochs_keep_the_detector(learnt, tiny, tmp_path):
    folder, _, data = learnt
    training = replace(tiny.training, epochs=0, decoder_epochs=1)
    with pytest.raises(FruitError, match="at least one epoch"):
        train(replace(tiny, training=training), Run(tmp_path / "run"))
    model = Run(folder).read_config().model
    config = replace(tiny, data=str(data), start=str(folder), model=model, training=training)
    train(config, Run(tmp_path / "run"))
    assert [row["stage"] for row in Run(tmp_path / "run").read_history()] == ["decoder"]
    before, after = (Run(run).load_model() for run in (folder, tmp_path / "run"))
    for part in ("encoder", "detector"):
        pairs = zip(getattr(before, part).weights, getattr(after, part).weights, strict=True)
        for old, new in pairs:
            np.testing.assert_array_equal(old, new)
    assert is_changed(before.decoder, after.decoder)


def test_a_photo_that_breaks_during_training_is_an_error(tiny, plain_data, tmp_path):
    shutil.copytree(plain_data, tmp_path / "data")
    broken = read_data(tmp_path / "data").splits["train"][0].path
    config = replace(tiny, data=str(tmp_path / "data"))
    listener = AfterEpoch(lambda model, row: broken.write_text("no picture"))
    with pytest.raises(PictureError, match=broken.name) as error:
        train(config, Run(tmp_path / "run"), listener=listener)
    assert "\n" not in str(error.value)
    assert error.value.__cause__ is None
    assert error.value.__suppress_context__
    assert len(Run(tmp_path / "run").read_history()) == 1


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
    Run(tmp_path).history_file.write_text("")
    with pytest.raises(RunError, match="not fully trained"):
        Run(tmp_path).load_model()


def test_a_detector_is_taken_over_from_another_run(learnt, tiny, tmp_path):
    folder, _, _ = learnt
    model = replace(Run(folder).read_config().model, attention=False)
    training = replace(tiny.training, decoder_epochs=1)
    run = Run(tmp_path / "run")
    train(replace(tiny, model=model, training=training, detector=str(folder)), run)
    taken, own = Run(folder).load_model(), run.load_model()
    assert not own.config.attention
    for part in ("encoder", "detector"):
        weights = (getattr(each, part).get_weights() for each in (taken, own))
        for before, after in zip(*weights, strict=True):
            np.testing.assert_array_equal(before, after)
    stages = [row["stage"] for row in run.read_history()]
    assert stages == ["detector"] * 10 + ["decoder"]


def test_a_detector_learns_no_new_fruit_but_its_model_has_their_names(tiny, data, tmp_path):
    words, known = read_data(data).vocabulary().words, read_data(data).fruits[1:]
    other = Captioner(tiny.model, words, known)
    Run(tmp_path / "other").save_model(other)
    training = replace(tiny.training, epochs=0, decoder_epochs=1)
    config = replace(tiny, training=training, detector=str(tmp_path / "other"))
    train(config, Run(tmp_path / "run"))
    model = Run(tmp_path / "run").load_model()
    assert model.fruits == (*known, read_data(data).fruits[0])
    kernel = model.detector.get_layer("kind").kernel
    np.testing.assert_array_equal(
        kernel[..., : len(known)], other.detector.get_layer("kind").kernel
    )


def test_pretraining_is_taken_over_from_a_file(learnt, tiny, tmp_path, monkeypatch):
    folder, _, _ = learnt
    state = tmp_path / "pretraining.weights.h5"
    training = replace(tiny.training, decoder_epochs=1, pretrain_steps=60)
    config = replace(
        Run(folder).read_config(),
        training=training,
        detector=str(folder),
        pretraining=str(state),
    )
    train(config, Run(tmp_path / "first"))
    written = state.read_bytes()
    # The second one must not train a step.
    monkeypatch.setattr(SyntheticBatches, "__getitem__", None)
    train(config, Run(tmp_path / "second"))
    assert state.read_bytes() == written
    first, second = (Run(tmp_path / name).load_model() for name in ("first", "second"))
    for before, after in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
