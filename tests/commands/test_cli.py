"""The command line: options, output and exit codes."""

import csv
import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from PIL import Image
from rich.console import Console
from typer.testing import CliRunner

from fruit_caption.commands import terminal
from fruit_caption.commands.app import app
from fruit_caption.commands.printing import describe_counts
from fruit_caption.inference.answer import FruitCount
from fruit_caption.runs import Run
from tests.independent_check import find_wrong_texts

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "docs" / "sample" / "images"
GRAMMAR = ("--writer", "grammar")
SURENESS = r"\((?:very sure|fairly sure|a guess), \d+ %\)"
COMMANDS = (
    "generate-data", "train-writer", "train", "evaluate", "compare", "export",
    "ask", "caption", "count", "quiz", "serve",
)  # fmt: skip


def fruit(*arguments):
    """Run the command in this process."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def refusal(*arguments):
    """The error message, one line, of a command that must fail with exit code 2."""
    result = fruit(*arguments)
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("error: ")
    return lines[0]


@pytest.fixture(scope="module", autouse=True)
def plain_output():
    """Errors go to the stream that the test runner captures, unstyled."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(terminal, "output", Console(width=200))
        patch.setattr(terminal, "errors", Console(stderr=True, width=200))
        patch.setattr(terminal, "notes", Console(stderr=True, width=200))
        yield


@pytest.fixture(scope="module")
def run(data, tmp_path_factory):
    """A run trained by the command."""
    folder = tmp_path_factory.mktemp("cli") / "run"
    result = fruit(
        "train", "--scratch", "--no-attention", "--data", data, "--run", folder, "--epochs", 1,
        "--decoder-epochs", 2, "--pretrain-steps", 0, "--image-size", 48, "--quiz",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "of the validation answers are exact" in result.stdout
    assert "most frequent answer" in result.stdout
    assert re.search(rf"scratch: \d+ photos of {data} to train on, \d+ to validate", result.stderr)
    progress = re.findall(
        r"^(\w+, epoch \d)  loss \d+\.\d{3}  validation \d+\.\d % right \(best \d+\.\d %\)$",
        result.stderr,
        flags=re.MULTILINE,
    )
    assert progress == ["detector, epoch 1", "decoder, epoch 1", "decoder, epoch 2"]
    return folder


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["ask", "docs/sample/images/hand.jpg", "how many fruits are there?"]],
)
def test_help_and_ask_do_not_import_tensorflow(arguments):
    code = (
        "import sys\n"
        "from fruit_caption.commands.app import app\n"
        f"try: app({arguments})\n"
        "except SystemExit as end: assert not end.code\n"
        "assert not {'tensorflow', 'keras', 'matplotlib'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_help_and_version():
    text = fruit("--help").stdout
    assert all(f"  {command} " in text for command in COMMANDS)
    assert fruit("--version").stdout.startswith("fruit ")


@pytest.mark.parametrize("program", [["cli.py"], ["-m", "fruit_caption"]])
def test_the_program_can_be_started_from_a_checkout(program):
    done = subprocess.run(
        [sys.executable, *program, "ask", "none.jpg", "how many apples?"],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 2
    assert re.fullmatch(r"error: .*none\.jpg.*\n", done.stderr)


@pytest.mark.parametrize(
    "words", [["--quiet", "count", "PHOTOS"], ["count", "PHOTOS", "--quiet"],
              ["count", "--quiet", "PHOTOS"]],
)  # fmt: skip
def test_quiet_stands_before_or_after_the_command(words, monkeypatch):
    noisy = fruit("count", SAMPLES)
    assert terminal.notes.quiet is False
    quiet = fruit(*[SAMPLES if word == "PHOTOS" else word for word in words])
    assert terminal.notes.quiet is True
    assert quiet.stdout == noisy.stdout
    assert quiet.exit_code == 0


def test_verbose_after_the_command_prints_the_traceback(monkeypatch):
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
    assert "Traceback" not in fruit("count", "none.jpg").stderr
    assert "Traceback" in fruit("count", "none.jpg", "--verbose").stderr
    assert "Traceback" in fruit("--verbose", "count", "none.jpg").stderr


@pytest.mark.parametrize(
    "line", ["fruit ask --run ", "fruit evaluate --run ", "fruit train --from "]
)
def test_names_of_runs_are_completed(line, run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("apples", "tables/apricots"):
        shutil.copytree(run, tmp_path / "artifacts" / name)
    (tmp_path / "artifacts" / "appendix").mkdir()
    (tmp_path / "artifacts" / "appendix" / "config.json").write_text('{"vocabulary_size": 3}')

    def completed(start):
        words = f"{line}{start}"
        environment = {"COMP_WORDS": words, "COMP_CWORD": str(line.count(" "))}
        environment["_FRUIT_COMPLETE"] = "complete_bash"
        return CliRunner().invoke(app, [], prog_name="fruit", env=environment).stdout.split()

    assert completed("") == ["apples", "tables/apricots"]
    assert completed("app") == ["apples"]
    assert completed("pears") == []


def test_a_missing_package_is_named_but_a_bug_is_not_hidden(monkeypatch):
    def missing(name):
        def find(*_):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

        return find

    monkeypatch.setattr("fruit_caption.inference.sources.find_pictures", missing("yaml.loader"))
    assert "This needs yaml, which is not installed" in refusal("count", "a.jpg")
    monkeypatch.setattr("fruit_caption.inference.sources.find_pictures", missing("fruit_caption.x"))
    assert isinstance(fruit("count", "a.jpg").exception, ModuleNotFoundError)


def test_ctrl_c_prints_what_is_kept(tmp_path, monkeypatch):
    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("fruit_caption.datagen.generate.generate_data", stopped)
    result = fruit("generate-data", "--scenes", 1, "--out", tmp_path, *GRAMMAR)
    assert result.exit_code == 130
    assert "stopped: finished files are kept" in result.stderr
    monkeypatch.setattr("fruit_caption.inference.sources.find_pictures", stopped)
    assert fruit("count", tmp_path).stderr.strip() == "stopped: nothing was changed."


def test_generate_data_from_photos_prints_a_summary(photos, tmp_path):
    folder = tmp_path / "photos"
    shutil.copytree(photos, folder)
    content = json.loads((photos / "instances.json").read_text())
    content["images"][0]["file_name"] = "missing[1].png"
    content["categories"].append({"id": 99, "name": "spoon"})
    (folder / "instances.json").write_text(json.dumps(content))
    result = fruit("generate-data", "--photos", folder, "--out", tmp_path / "out", *GRAMMAR)
    assert result.exit_code == 0, result.output
    assert "39 photos" in result.stdout
    assert "not a known fruit: spoon" in result.stdout
    assert "skipped 1:" in result.stderr
    assert "missing[1].png: " in result.stderr
    made = json.loads((tmp_path / "out" / "qa.json").read_text())
    assert len(made["photos"]) == 39
    assert made["info"] == {
        "writer": "grammar", "prompt_version": 2, "seed": 0, "photos": "instances.json",
    }  # fmt: skip


def test_generate_data_renders_the_same_scenes_again(tmp_path):
    for out in ("a", "b"):
        result = fruit(
            "generate-data", "--scenes", 4, "--seed", 5, "--out", tmp_path / out, *GRAMMAR
        )
        assert result.exit_code == 0, result.output
    for name in ("qa.json", "instances.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    pictures = sorted((tmp_path / "a" / "images").iterdir())
    assert len(pictures) == 4
    for picture in pictures:
        other = tmp_path / "b" / "images" / picture.name
        assert picture.read_bytes() == other.read_bytes()


def test_texts_of_the_shipped_language_model_are_correct(tmp_path):
    result = fruit("generate-data", "--scenes", 3, "--out", tmp_path, "--show", 1)
    assert result.exit_code == 0, result.output
    assert "from templates" in result.stdout
    items = [
        item
        for photo in read(tmp_path / "qa.json")["photos"]
        for item in (*photo["questions"], photo["caption"])
    ]
    assert sum(item["by"] == "gpt2" for item in items) > 0.7 * len(items)
    assert find_wrong_texts(tmp_path, 1000) == []


def test_photos_of_an_unseen_source_are_kept_apart(tmp_path):
    fruit("generate-data", "--scenes", 3, "--out", tmp_path, "--unseen", "rendered", *GRAMMAR)
    made = json.loads((tmp_path / "qa.json").read_text())
    assert {photo["split"] for photo in made["photos"]} == {"unseen"}


def test_ask(run, data):
    picture = data / "images" / "05.png"
    result = fruit("ask", picture, "how many apples?", "--run", run)
    assert result.exit_code == 0, result.output
    assert re.search(SURENESS, result.stdout)
    result = fruit("ask", picture, "how many apples?", "--run", run, "--json")
    answer = json.loads(result.stdout)
    assert answer["question"] == "how many apples?"
    assert answer["image"] == str(picture)
    assert {"answer", "value", "confidence"} <= set(answer)


def test_ask_draws_an_overlay(run, data, tmp_path):
    asked = ("ask", data / "images" / "05.png", "how many apples?", "--run", run)
    result = fruit(*asked, "--show", tmp_path / "overlay[1].png")
    assert result.exit_code == 0, result.output
    assert re.search(rf"{SURENESS}$", result.stdout.strip())
    assert result.stderr.strip() == f"Overlay: {tmp_path / 'overlay[1].png'}"
    with Image.open(tmp_path / "overlay[1].png") as picture:
        assert picture.format == "PNG"
    result = fruit(*asked, "--json", "--show", tmp_path / "again.PNG")
    assert json.loads(result.stdout)["question"] == "how many apples?"
    assert (tmp_path / "again.PNG").is_file()


def lines(result):
    """The lines that a command printed; the command must have succeeded."""
    assert result.exit_code == 0, result.output
    return result.stdout.splitlines()


def test_many_pictures_and_questions(run, data, tmp_path):
    folder = data / "images"
    asked = ("-q", "how many apples?", "-q", "any limes?", "--run", run)
    printed = lines(fruit("ask", folder, *asked, "--csv", tmp_path / "answers.csv"))
    names = sorted(str(path) for path in folder.iterdir())
    assert [line.split(": ")[0] for line in printed] == [name for name in names for _ in range(2)]
    assert all(" how many apples? " in line for line in printed[::2])
    with (tmp_path / "answers.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["image"] for row in rows] == [name for name in names for _ in range(2)]
    answers = [json.loads(line) for line in lines(fruit("ask", folder, *asked, "--json"))]
    assert [a["answer"] for a in answers] == [row["answer"] for row in rows]
    pattern = str(folder / "0[1-3].png")
    assert len(lines(fruit("ask", pattern, "any limes?", "--run", run))) == 3


def test_a_link_stays_a_link_to_the_file_that_is_written(tmp_path):
    """As /dev/stdout is."""
    (tmp_path / "link.csv").symlink_to(tmp_path / "real.csv")
    result = fruit("ask", SAMPLES, "any limes?", "--csv", tmp_path / "link.csv")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "real.csv").read_text().startswith("image,question,")


def test_an_unreadable_picture_is_reported_and_the_others_are_answered(run, data, tmp_path):
    shutil.copy(data / "images" / "05.png", tmp_path / "a.png")
    (tmp_path / "b.png").write_text("no picture")
    shutil.copy(data / "images" / "06.png", tmp_path / "c.png")
    for command in (("ask", tmp_path, "any limes?"), ("caption", tmp_path), ("count", tmp_path)):
        result = fruit(*command, "--run", run)
        assert result.exit_code == 2
        assert re.findall(r"[abc]\.png", result.stdout) == ["a.png", "c.png"]
        assert re.search(r"error: .*b\.png", result.stderr)


def test_top_prints_runners_up(learnt):
    folder, _, data = learnt
    asked = ("ask", data / "images", "which fruits are there?", "--run", folder)
    assert "  or " not in fruit(*asked).stdout
    result = fruit(*asked, "--top", 3)
    others = [line for line in lines(result) if line.startswith("  or ")]
    assert others
    assert all(line.count("%") <= 2 for line in others)
    answers = [json.loads(line) for line in lines(fruit(*asked, "--json", "--top", 3))]
    assert max(len(answer["alternatives"]) for answer in answers) == 2


def test_without_a_question_every_line_of_stdin_is_answered(run, data):
    arguments = ["ask", str(data / "images" / "05.png"), "--run", str(run)]
    typed = "how many apples?\nwho painted this?\nany limes?\n\nnever read\n"
    result = CliRunner().invoke(app, arguments, input=typed)
    assert len(re.findall(SURENESS, result.stdout)) == 2
    assert result.stderr.count("error: ") == 1
    assert result.exit_code == 2
    result = CliRunner().invoke(app, arguments, input="how many apples?")
    assert result.exit_code == 0
    assert len(re.findall(SURENESS, result.stdout)) == 1


def test_invalid_combinations_of_pictures_and_questions_are_refused(data, tmp_path):
    picture, other = data / "images" / "05.png", data / "images" / "06.png"
    assert "is not a picture" in refusal("ask", "how many apples?")
    assert "2 pictures but no question" in refusal("ask", picture, other)
    assert "with -q" in refusal("ask", "-")
    assert "need a question" in refusal("ask", picture, "--csv", tmp_path / "a.csv")
    assert "exactly one picture and one question" in refusal(
        "ask", picture, other, "any limes?", "--show", tmp_path / "a.png"
    )
    assert "no such folder" in refusal(
        "ask", picture, "any limes?", "--csv", tmp_path / "none" / "a.csv"
    )
    (tmp_path / "null.csv").symlink_to("/dev/null")
    assert "not a regular file" in refusal(
        "ask", picture, "any limes?", "--csv", tmp_path / "null.csv"
    )
    assert "contains 40 pictures" in refusal("quiz", data / "images")


def test_a_picture_from_standard_input(run, data):
    content = (data / "images" / "05.png").read_bytes()
    arguments = ["ask", "-", "any limes?", "--json", "--run", str(run)]
    answer = json.loads(CliRunner().invoke(app, arguments, input=content).stdout)
    assert answer["image"] == "standard input"
    other = fruit("ask", data / "images" / "05.png", "any limes?", "--json", "--run", run)
    assert answer | {"image": ""} == json.loads(other.stdout) | {"image": ""}


def test_count_and_caption_and_quiz(learnt, tmp_path):
    folder, _, data = learnt
    pictures = [data / "images" / f"0{number}.png" for number in range(3)]
    printed = lines(fruit("count", *pictures, "--run", folder))
    objects = [
        json.loads(line) for line in lines(fruit("count", *pictures, "--run", folder, "--json"))
    ]
    assert len(printed) == 4
    for line, found in zip(printed, objects, strict=False):
        counts = {
            name: FruitCount(number, found["confidence"][name], True)
            for name, number in found["counts"].items()
        }
        assert line.replace("perhaps ", "") == f"{found['image']}: {describe_counts(counts)}"
        assert found["total"] == sum(found["counts"].values())
    assert printed[3].startswith("in all: ")
    [caption] = lines(fruit("caption", pictures[0], "--run", folder))
    assert re.search(rf"{SURENESS}$", caption)
    questions = lines(fruit("quiz", pictures[0], "--run", folder, "--questions", 3))
    assert 1 <= len(questions) <= 3
    assert all("? " in line for line in questions)


def test_quiet_and_verbose(run, data, monkeypatch, tmp_path):
    asked = ("ask", data / "images" / "05.png", "any limes?", "--run", run, "--show")
    result = fruit("--quiet", *asked, tmp_path / "a.png")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "Overlay" in fruit(*asked, tmp_path / "a.png").stderr
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
    result = fruit("--verbose", "ask", tmp_path / "none.png", "any limes?")
    assert result.exit_code == 2
    assert "open_picture" in result.stderr
    assert re.search(r"^error: .*none\.png", result.stderr, flags=re.MULTILINE)


def test_show_refuses_a_bad_path_before_the_model_is_loaded(data, tmp_path):
    picture = data / "images" / "05.png"
    asked = ("ask", picture, "how many apples?", "--run", tmp_path / "no-run", "--show")
    assert "ends in .png" in refusal(*asked, tmp_path / "overlay.jpg")
    assert "no such folder" in refusal(*asked, tmp_path / "none" / "overlay.png")
    assert "would overwrite" in refusal(*asked, picture)
    (tmp_path / "folder.png").mkdir()
    assert "is a folder" in refusal(*asked, tmp_path / "folder.png")


def test_without_a_run_the_released_model_is_used(run, data, monkeypatch, tmp_path):
    monkeypatch.setattr(Run, "released", lambda: Run(run))
    assert fruit("ask", data / "images" / "05.png", "any limes?").exit_code == 0
    monkeypatch.setattr(Run, "released", lambda: Run(tmp_path))
    assert str(tmp_path) in refusal("ask", data / "images" / "05.png", "any limes?")


def test_ask_refuses_in_one_line(run, data, tmp_path):
    picture = data / "images" / "05.png"
    refused = refusal("ask", picture, "who painted this?")
    assert 'Ask for example "which fruits are there?"' in refused
    assert "not trained on durians" in refusal("ask", picture, "how many durians?", "--run", run)
    assert str(tmp_path) in refusal("ask", picture, "any limes?", "--run", tmp_path)
    (tmp_path / "text.jpg").write_text("no picture")
    assert "text.jpg" in refusal("ask", tmp_path / "text.jpg", "any limes?", "--run", run)


@pytest.mark.parametrize("mode", ["CMYK", "L", "P", "1", "RGBA", "I;16"])
def test_pictures_of_unusual_modes_are_answered(run, tmp_path, mode):
    path = tmp_path / ("a.tiff" if mode == "CMYK" else "a.png")
    gray = Image.linear_gradient("L")
    if mode == "I;16":
        gray = Image.frombytes("I;16", (2, 2), bytes(range(8)))
    (gray if mode in ("L", "I;16") else gray.convert(mode)).save(path)
    result = fruit("ask", path, "any limes?", "--run", run)
    assert result.exit_code == 0, result.output


def test_evaluate_prints_scores_and_baselines(run, data, tmp_path):
    shutil.copytree(run, tmp_path / "run")
    result = fruit("evaluate", "--run", tmp_path / "run", "--data", data)
    assert result.exit_code == 0, result.output
    heading, *rows, _ = result.stdout.splitlines()
    assert f"{tmp_path / 'run'} on the test split of {data}: " in heading
    assert re.split("  +", rows[0]) == [
        "right answers in %", "majority", "question alone", "color histogram", "this run"
    ]  # fmt: skip
    assert max(map(len, rows)) <= 80
    metrics = read(tmp_path / "run" / "test" / "metrics.json")
    name, *shares = rows[1].split()
    assert (name, shares[-1]) == ("overall", f"{100 * metrics['scores']['exact']:.1f}")
    assert f"count ({metrics['scores']['kinds']['count']['n']}) " in result.stdout
    assert "unseen" in refusal("evaluate", "--run", run, "--data", data, "--split", "unseen")
    assert str(tmp_path) in refusal("evaluate", "--run", tmp_path, "--data", data)


def test_compare_takes_variants_by_name(data, tmp_path):
    assert "scratch + luck" in refusal(
        "compare", "--data", data, "--variant", "scratch + luck", "--name", tmp_path / "compared"
    )
    assert not (tmp_path / "compared").exists()


def test_options_of_training():
    text = fruit("train", "--help").stdout
    for option in ("--freeze", "--decoder-epochs", "--mixed-precision"):
        assert f" {option} " in text
    for option in ("--unfreeze", "--views"):
        assert option not in text
        assert f"No such option: {option}" in fruit("train", option, 1).stderr


def test_train_refuses_in_one_line_and_writes_nothing(data, tmp_path):
    weights = tmp_path / "none.h5"
    line = refusal("train", "--data", data, "--run", tmp_path / "run", "--encoder-weights", weights)
    assert "none.h5" in line
    assert not (tmp_path / "run").exists()
    assert "generate-data" in refusal("train", "--data", tmp_path, "--run", tmp_path / "run")
    assert "Train without --resume" in refusal(
        "train", "--data", data, "--run", tmp_path / "run", "--resume"
    )
    assert "epochs must be between" in refusal("train", "--data", data, "--epochs", -1)
    assert "at least one epoch" in refusal("train", "--data", data, "--epochs", 0)
    assert "--encoder can't be combined" in refusal("train", "--encoder", "vgg16", "--scratch")
    assert "nonsense" in refusal("train", "--data", data, "--encoder", "nonsense")


def test_a_new_decoder_is_trained_on_the_detector_of_a_run(run, plain_data, tmp_path):
    assert "--from can't be combined" in refusal("train", "--from", run, "--detector", run)
    for option in (["--scratch"], ["--image-size", 64]):
        assert f"--detector can't be combined with {option[0]}" in refusal(
            "train", "--detector", run, *option
        )
    target = tmp_path / "decoder"
    result = fruit(
        "train", "--detector", run, "--no-attention", "--data", plain_data, "--run", target,
        "--epochs", 0, "--decoder-epochs", 1, "--pretrain-steps", 0,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    config, model = Run(target).read_config(), Run(target).read_config().model
    assert config.detector == str(run)
    assert model == replace(Run(run).read_config().model, attention=False)


def test_continuing_from_a_run_keeps_its_model(run, plain_data, tmp_path):
    for option in ("--scratch", "--no-attention"):
        assert f"combined with {option}" in refusal("train", "--from", run, option)
    assert str(tmp_path) in refusal("train", "--from", tmp_path, "--data", plain_data)
    result = fruit(
        "train", "--from", run, "--data", plain_data, "--run", tmp_path / "tuned", "--epochs", 1
    )
    assert result.exit_code == 0, result.output
    assert "of the validation answers are exact" in result.stdout


def test_lines_in_a_pipe_are_not_wrapped(capsys):
    terminal.console().print("many words " * 100)
    assert capsys.readouterr().out == "many words " * 100 + "\n"


def test_an_unknown_writer_is_refused_before_anything_is_made(tmp_path):
    line = refusal("generate-data", "--scenes", 2, "--out", tmp_path / "out", "--writer", "nobody")
    assert "'nobody'" in line
    assert not (tmp_path / "out").exists()


def test_generate_data_refuses_in_one_line(tmp_path):
    assert str(tmp_path / "none") in refusal("generate-data", "--photos", tmp_path / "none")
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "instances.json").write_text("{")
    line = refusal("generate-data", "--photos", photos, "--out", tmp_path / "out")
    assert "instances.json" in line
    assert not (tmp_path / "out").exists()
    assert str(photos) in refusal("generate-data", "--photos", photos, "--out", photos)
    assert "Pass --photos" in refusal("generate-data", "--scenes", 0, "--out", tmp_path / "out")


def test_several_pictures_get_a_table_on_a_terminal(run, data, monkeypatch):
    text = StringIO()
    console = Console(file=text, force_terminal=True, color_system=None, width=200)
    monkeypatch.setattr(terminal, "output", console)
    pictures = [data / "images" / name for name in ("05.png", "06.png")]
    asked = ("-q", "how many apples?", "-q", "any limes?", "--run", run, "--top", 2)
    result = fruit("ask", *pictures, *asked)
    assert result.exit_code == 0, result.output
    heading, *rows = [line for line in text.getvalue().splitlines() if "┃" in line or "│" in line]
    assert [cell.strip() for cell in heading.strip("┃ ").split("┃")] == [
        "picture", "question", "answer", "confidence"
    ]  # fmt: skip
    cells = [[cell.strip() for cell in row.strip("│").split("│")] for row in rows]
    named = [row[:2] for row in cells if row[0]]
    assert named == [
        [str(picture), question]
        for picture in pictures
        for question in ("how many apples?", "any limes?")
    ]
    sureness = [row[3] for row in cells if row[0]]
    assert all(re.fullmatch(SURENESS, f"({text})") for text in sureness)


def test_a_refusal_names_questions_that_fit_the_picture():
    picture = SAMPLES / "hand.jpg"  # two pears
    result = fruit("ask", picture, "who painted this?")
    assert result.exit_code == 2
    assert '"how many pears are there?"' in result.stderr
    assert '"are there any bananas?"' in result.stderr
    result = CliRunner().invoke(app, ["ask", str(picture)], input="who painted this?\n")
    assert '"how many pears are there?"' in result.stderr
    several = fruit("ask", picture, picture, "who painted this?")
    assert '"how many apples are there?"' in several.stderr
