"""Cases made after public bug reports about annotated photos, file names, settings and streams.

`tests/cases/` holds the annotations of each case; the pictures are painted here, in the sizes that
the annotations say. Each case runs its command and compares what comes out with what a user may
rightly expect. `make cases` runs this file alone.
"""

import csv
import json
import os
import shutil
import subprocess
import sys
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from PIL import Image, features
from typer.testing import CliRunner

from fruit_caption.commands.app import app
from fruit_caption.datagen.language_model import presets

ROOT = Path(__file__).parents[1]
CASES = ROOT / "tests" / "cases"
GENERATE = ("generate-data", "--photos", "photos", "--writer", "grammar", "--out", "OUT")
IMPORT = ("generate-data", "--vqa", "photos", "--out", "OUT")
APPLES = "aifyb_00363.jpg"
NOT_UTF8 = os.fsdecode(b"\xc4pfel.jpg")


@dataclass
class Case:
    """A folder, a command, and what must come out.

    Attributes:
        name: The folder in `tests/cases/`.
        pictures: The pictures to paint in its folder `photos`, with the lengths of their sides.
        options: Options after those of `GENERATE`.
        command: The whole command.
        captions: The captions by file name; None if there is no data set.
        splits: The splits by file name.
        error: What the one line of an error says; the exit code is then 2.
        told: What standard error says besides.
    """

    name: str
    pictures: dict[str, tuple[int, int]] | list[str]
    options: tuple[str, ...] = ()
    command: tuple[str, ...] = GENERATE
    captions: dict[str, str] | None = None
    splits: dict[str, str] = field(default_factory=dict)
    error: str = ""
    told: str = ""


FOUR = "a photo of four apples"
SOME = {"apple/1.jpg": "a photo of some apples", "banana/1.jpg": "a photo of some bananas"}
ENDINGS = {f"apple/p{n}.{end}": (100 + 10 * n, 100) for n, end in
           enumerate("jpg jfif tif gif avif mpo".split())}  # fmt: skip
DATA_CASES = [
    Case(
        "class_folders_in_splits",
        ["train/apple/1.jpg", "test/banana/1.jpg"],
        captions={f"{split}/{name}": text for split, (name, text) in
                  zip(("train", "test"), SOME.items(), strict=True)},
    ),
    Case(
        "class_folders_in_splits",
        ["train/apple/1.jpg", "test/banana/1.jpg"],
        ("--keep-splits",),
        captions={f"{split}/{name}": text for split, (name, text) in
                  zip(("train", "test"), SOME.items(), strict=True)},
        splits={"train/apple/1.jpg": "train", "test/banana/1.jpg": "test"},
    ),
    Case("coco_backslash", ["images/sub/a.jpg"], captions={"sub/a.jpg": FOUR}),
    Case("coco_bom", [f"images/{APPLES}"], captions={APPLES: FOUR}),
    Case("coco_double_rows", [f"images/{APPLES}"], captions={APPLES: FOUR}),
    Case("coco_float_id", [f"images/{APPLES}"], captions={APPLES: FOUR}),
    Case(
        "coco_nfd",
        [unicodedata.normalize("NFD", "images/Äpfel.jpg")],
        captions={"Äpfel.jpg": FOUR},
    ),
    Case("coco_where_tools_put_it", [f"images/{APPLES}"], captions={APPLES: FOUR}),
    Case(
        "csv_semicolon",
        [*SOME],
        ("--unseen", "Markt"),
        captions=SOME,
        splits={"banana/1.jpg": "unseen"},
    ),
    Case(
        "endings_silent",
        ENDINGS,
        captions=dict.fromkeys(ENDINGS, "a photo of some apples"),
    ),
    Case(
        "hf_folder",
        [f"images/{APPLES}"],
        command=("generate-data", "--photos", "photos", "--writer", "hf", "--out", "OUT"),
        error="safetensors",
    ),
    Case(
        "name_not_utf8",
        [f"apple/{NOT_UTF8}", "banana/b.jpg"],
        captions={"apple/%C4pfel.jpg": SOME["apple/1.jpg"], "banana/b.jpg": SOME["banana/1.jpg"]},
    ),
    Case("unknown_class_only", [f"images/{APPLES}"], error="fruit"),
    Case("unseen_typo", [*SOME], ("--unseen", "markt"), error="Hof, Markt"),
    Case("voc_posix_path", [APPLES], captions={APPLES: FOUR}),
    Case(
        "voc_same_name",
        ["monday/img_1.jpg", "tuesday/img_1.jpg"],
        captions={"monday/img_1.jpg": FOUR, "tuesday/img_1.jpg": "a photo of three bananas"},
    ),
    Case("voc_size_0", [APPLES], captions={APPLES: FOUR}),
    Case(
        "voc_tif_message",
        {"p0.jpg": (100, 100), "p1.tif": (101, 100), "p2.jfif": (102, 100)},
        captions=dict.fromkeys(["p0.jpg", "p1.tif", "p2.jfif"], "a photo of one apple"),
    ),
    Case("yolo_double_rows", [f"images/{APPLES}"], captions={APPLES: FOUR}),
    Case(
        "yolo_images_twice",
        [f"images/train/images/{APPLES}"],
        captions={f"train/images/{APPLES}": FOUR},
    ),
    Case("yolo_polygons", [f"images/{APPLES}"], captions={APPLES: FOUR}),
]  # fmt: skip


def paint(path, size, number):
    """Paint a picture that is equal to no other of its case."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.new("RGB", size, (200, 40 + 30 * number, 40))
    if path.suffix == ".mpo":
        picture.save(path, "MPO", save_all=True, append_images=[picture])
    else:
        picture.save(path)


@pytest.fixture
def enter(tmp_path, monkeypatch):
    """Copies a case, paints its pictures, and makes its folder the current one."""

    def prepare(name, pictures=()):
        if (CASES / name).is_dir():
            shutil.copytree(CASES / name, tmp_path, dirs_exist_ok=True)
        (tmp_path / "photos").mkdir(exist_ok=True)
        for number, picture in enumerate(pictures):
            size = pictures[picture] if isinstance(pictures, dict) else (512, 512)
            paint(tmp_path / "photos" / picture, size, number)
        monkeypatch.chdir(tmp_path)
        return tmp_path

    return prepare


def fruit(*arguments, charset="utf-8"):
    """Run the command in this process."""
    return CliRunner(charset=charset).invoke(app, [str(argument) for argument in arguments])


def one_line(result):
    """The error of a command that must fail with exit code 2 and one line."""
    assert result.exit_code == 2, result.output
    [line] = [line for line in result.stderr.splitlines() if not line.startswith("note:")]
    assert line.startswith("error: ")
    return line


@pytest.mark.parametrize("case", DATA_CASES, ids=lambda case: f"{case.name} {case.options}")
def test_a_data_set(case, enter, monkeypatch):
    if ".avif" in str(case.pictures) and not features.check("avif"):
        pytest.skip("this Pillow can't write AVIF")
    folder = enter(case.name, case.pictures)
    if case.name == "hf_folder":
        (folder / "hf" / "model.safetensors").write_bytes(b"no weights")
        monkeypatch.setattr(presets, "find_spec", lambda name: None)
    result = fruit(*case.command, *case.options)
    if case.captions is None:
        line = one_line(result)
        assert case.error in line
        assert "connection" not in line
        assert not (folder / "OUT").exists()
        return
    assert result.exit_code == 0, result.output
    photos = json.loads((folder / "OUT" / "qa.json").read_text(encoding="utf-8"))["photos"]
    made = {
        unicodedata.normalize("NFC", photo["file_name"]): photo["caption"]["text"]
        for photo in photos
    }
    assert made == case.captions
    splits = {photo["file_name"]: photo["split"] for photo in photos}
    assert case.splits.items() <= splits.items()


def test_unknown_class_part(enter):
    """Boxes of a class that is no fruit: how many fruits there are is unknown, or four."""
    folder = enter("unknown_class_part", [f"images/{APPLES}"])
    result = fruit(*GENERATE)
    if result.exit_code == 2:
        return
    assert result.exit_code == 0, result.output
    [photo] = json.loads((folder / "OUT" / "qa.json").read_text())["photos"]
    texts = [photo["caption"]["text"], *(item["answer"] for item in photo["questions"])]
    assert not [text for text in texts if "two" in text]


def vqa_questions(folder):
    photos = json.loads((folder / "OUT" / "qa.json").read_text())["photos"]
    return {photo["file_name"]: [q["answer"] for q in photo["questions"]] for photo in photos}


def test_vqa_namesake_number(enter):
    named = "train2014/COCO_train2014_000000000001.jpg"
    folder = enter("vqa_namesake_number", [named, "zoomed/detail_1.jpg"])
    result = fruit(*IMPORT)
    if result.exit_code != 2:
        assert result.exit_code == 0, result.output
        assert vqa_questions(folder) == {named: ["there are four apples"]}


def test_vqa_test_split(enter):
    named = "train2014/COCO_train2014_000000000001.jpg"
    folder = enter("vqa_test_split", [named])
    result = fruit(*IMPORT)
    assert result.exit_code == 0, result.output
    assert vqa_questions(folder) == {named: ["there are four apples"]}
    assert "test2015" in result.output


def test_count_hidden(enter):
    folder = enter("count_hidden", ["a.jpg", ".thumbnails/t.jpg"])
    (folder / "photos" / "._a.jpg").write_bytes(b"\0\5\x16\7 no picture")
    result = fruit("count", "photos")
    assert result.exit_code == 0, result.output
    assert [line.split(":")[0] for line in result.stdout.splitlines()] == ["photos/a.jpg"]
    assert result.stderr.count("._a.jpg") == result.stderr.count(".thumbnails") == 1
    # What is named itself is meant.
    assert fruit("count", "photos/.thumbnails").stdout.startswith("photos/.thumbnails/t.jpg: ")


def test_csv_out_not_utf8(enter):
    folder = enter("csv_out_not_utf8", [NOT_UTF8])
    result = fruit("ask", "photos", "how many apples?", "--csv", "OUT.csv")
    assert result.exit_code == 0, result.output
    with (folder / "OUT.csv").open(newline="", encoding="utf-8") as file:
        [row] = csv.DictReader(file)
    assert row["image"] == "photos/\\udcc4pfel.jpg"
    [line] = fruit("ask", "photos", "how many apples?", "--json").stdout.splitlines()
    assert json.loads(line)["image"] == f"photos/{NOT_UTF8}"


def test_stdout_cp1252(enter):
    enter("stdout_cp1252", ["苹果.jpg", "🍎.jpg"])
    result = fruit("count", "photos/苹果.jpg", "photos/🍎.jpg", charset="cp1252")
    assert result.exit_code == 0, result.output
    assert "photos/\\u82f9\\u679c.jpg: " in result.stdout
    result = fruit("count", "photos/🍎.jpg", "--json", charset="cp1252")
    assert json.loads(result.stdout)["image"] == "photos/🍎.jpg"


def run_fruit(arguments, **options):
    """Run the command in a process of its own."""
    return subprocess.run(
        [sys.executable, ROOT / "cli.py", *arguments],
        stderr=subprocess.PIPE, text=True, check=False, **options,
    )  # fmt: skip


def test_pipe_head(enter):
    """The reader of standard output is gone, as `head -1` is after the first line."""
    enter("pipe_head", [f"{number}.png" for number in range(3)])
    reading, writing = os.pipe()
    os.close(reading)
    done = run_fruit(["count", "--json", "photos"], stdout=writing)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")


def test_stdin_closed(enter):
    enter("stdin_closed", ["a.jpg"])
    done = run_fruit(
        ["ask", "photos/a.jpg"], stdout=subprocess.PIPE, preexec_fn=lambda: os.close(0)
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: Standard input is closed; give the question with -q.\n"


QUICK = (
    "--scratch --no-attention --epochs 1 --decoder-epochs 1 --pretrain-steps 0 "
    "--image-size 32 --batch-size 32"
).split()


def test_the_users_keras_json(plain_data, enter):
    """The settings of both cases at once: training takes most of the time of this file."""
    import keras

    folder = enter("keras_float16")
    settings = [
        json.loads((CASES / name / "keras.json").read_text())
        for name in ("keras_channels_first", "keras_float16")
    ]
    keras.config.set_image_data_format(settings[0]["image_data_format"])
    keras.config.set_floatx(settings[1]["floatx"])
    try:
        result = fruit("train", "--data", plain_data, "--run", folder / "x", *QUICK)
    finally:
        keras.config.set_image_data_format("channels_last")
        keras.config.set_floatx("float32")
    assert result.exit_code == 0, result.output
    assert (folder / "x" / "model.keras").is_file()


def test_keras_backend(enter):
    """A backend that is not installed; `training/test_backends.py` trains with one that is."""
    folder = enter("keras_backend")
    (folder / "jax.py").write_text("raise ModuleNotFoundError('No jax', name='jax')")
    done = run_fruit(
        ["train", "--data", "none", "--run", "x", *QUICK],
        stdout=subprocess.PIPE,
        env=os.environ | {"KERAS_BACKEND": "jax", "PYTHONPATH": f"{folder}:{ROOT}"},
    )
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "KERAS_BACKEND" in done.stderr


def test_every_case_is_run():
    """A case whose files lie here but that no test names would never run."""
    source = Path(__file__).read_text(encoding="utf-8")
    assert [path.name for path in CASES.iterdir() if path.name not in source] == []
