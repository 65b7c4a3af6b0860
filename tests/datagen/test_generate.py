"""Data sets are reproducible after a kill, and no file outside the given folders is touched."""

import errno
import json
import os
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from fruit_caption.config import DataConfig
from fruit_caption.data.formats.coco import read_coco, write_coco
from fruit_caption.data.qa import read_qa
from fruit_caption.data.records import FruitBox, Photo
from fruit_caption.datagen.generate import generate_data
from fruit_caption.utils.errors import DataError, FruitError

KILLED = """
import json, os, sys
from pathlib import Path
from fruit_caption.datagen.generate import generate_data
from fruit_caption.config import DataConfig

replace, written = os.replace, 0

def replace_or_die(*paths):
    global written
    written += 1
    if written == 6:
        os._exit(9)  # like SIGKILL: no cleanup
    replace(*paths)

os.replace = replace_or_die
generate_data(DataConfig.from_json(json.loads(sys.argv[1])), Path(sys.argv[2]))
"""


def paint(path: Path, number: int) -> Photo:
    """Paint a whole apple and a whole lime, far apart, on a plain background."""
    picture = Image.new("RGB", (160, 100), (200 + number, 200, 190))
    pen = ImageDraw.Draw(picture)
    pen.ellipse((20, 25, 65, 70), (190, 40, 45))
    pen.ellipse((95, 30, 140, 80), (90, 170, 50))
    picture.save(path)
    boxes = FruitBox("apple", 20, 25, 46, 46), FruitBox("lime", 95, 30, 46, 51)
    return Photo(path, 160, 100, boxes, frozenset(["apple", "lime"]), group=path.stem)


@pytest.fixture(scope="module")
def whole_fruits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A COCO folder of photos whose fruits can be cut out."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "images").mkdir()
    painted = [paint(folder / "images" / f"{number}.png", number) for number in range(8)]
    write_coco(folder, painted, frozenset(["apple", "lime"]))
    return folder


@pytest.fixture
def config(whole_fruits: Path) -> DataConfig:
    return DataConfig((str(whole_fruits),), compose=7, scenes=4, scene_size=32, writer="grammar")


def contents(folder: Path) -> dict[str, bytes]:
    """Return the content of every file in a folder by its path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_killed_runs_can_be_repeated_until_done(config: DataConfig, tmp_path: Path) -> None:
    generate_data(config, tmp_path / "uninterrupted")
    command = [sys.executable, "-c", KILLED, json.dumps(asdict(config)), str(tmp_path / "killed")]
    # A run writes five files, so copying, composing and rendering are all interrupted.
    for _ in range(4):
        assert subprocess.run(command, check=False).returncode == 9
        hidden = [name for name in contents(tmp_path / "killed") if "/." in f"/{name}"]
        assert hidden, "the kill should leave an incomplete file"
    assert subprocess.run(command, check=False).returncode == 0
    assert contents(tmp_path / "killed") == contents(tmp_path / "uninterrupted")


def test_a_full_disk_gives_one_error_and_loses_nothing(
    config: DataConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generate_data(config, tmp_path / "uninterrupted")
    fsync, files_left = os.fsync, [12]

    def fsync_or_fail(number: int) -> None:
        files_left[0] -= 1
        if files_left[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        fsync(number)

    monkeypatch.setattr(os, "fsync", fsync_or_fail)
    with pytest.raises(FruitError, match="can't be written: No space left on device"):
        generate_data(config, tmp_path / "full")
    assert len(contents(tmp_path / "full")) == 12
    files_left[0] = 1000
    generate_data(config, tmp_path / "full")
    assert contents(tmp_path / "full") == contents(tmp_path / "uninterrupted")


def test_with_real_photos_scenes_are_only_for_training(config: DataConfig, tmp_path: Path) -> None:
    generate_data(config, tmp_path / "both")
    splits = {text.file_name: text.split for text in read_qa(tmp_path / "both")}
    assert {splits[name] for name in splits if name.startswith("scene_")} == {"train"}
    scenes = DataConfig(scenes=40, scene_size=32, writer="grammar")
    generate_data(scenes, tmp_path / "scenes")
    assert {text.split for text in read_qa(tmp_path / "scenes")} == {"train", "validation", "test"}


def test_photos_in_the_folder_none_become_backgrounds(whole_fruits: Path, tmp_path: Path) -> None:
    for name in ("apple", "none"):
        (tmp_path / "classes" / name).mkdir(parents=True)
        for number in range(4):
            color = (200, number, 0) if name == "apple" else (90, 90, number)
            picture = Image.new("RGB", (64, 48), color)
            picture.save(tmp_path / "classes" / name / f"{name}{number}.png")
    folders = str(whole_fruits), str(tmp_path / "classes")
    generate_data(DataConfig(folders, compose=12, writer="grammar"), tmp_path / "out")
    photos = read_coco(tmp_path / "out").photos
    made = [photo for photo in photos if photo.path.name.startswith("composed_")]
    on_none = [photo for photo in made if "none" in photo.source]
    assert len(made) == 12
    assert 0 < len(on_none) < 12
    # Nobody looked for limes in these backgrounds.
    assert {photo.listed for photo in on_none} == {frozenset(["apple"])}


def test_photos_with_names_of_generated_ones_are_not_overwritten(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    generate_data(DataConfig(scenes=40, scene_size=32, writer="grammar"), first)
    scenes = contents(first / "images")
    generate_data(DataConfig((str(first),), scenes=2, scene_size=48, writer="grammar"), second)
    assert set(scenes.values()) < set(contents(second / "images").values())
    assert len(read_coco(second).photos) == 42


def test_the_data_set_must_not_be_inside_the_photos(whole_fruits: Path) -> None:
    for out in (whole_fruits, whole_fruits / "data" / "fruit"):
        with pytest.raises(DataError, match="make the data set elsewhere"):
            generate_data(DataConfig((str(whole_fruits),), writer="grammar"), out)


# Bad input -----------------------------------------------------------------------------------


@pytest.fixture
def class_folder(tmp_path: Path) -> Path:
    """Four photos of apples, and a secret photo outside of the folder."""
    home = tmp_path / "photos" / "apple"
    home.mkdir(parents=True)
    for number in range(4):
        Image.new("RGB", (8, 8), (200, number, 0)).save(home / f"{number}.png")
    (tmp_path / "elsewhere").mkdir()
    Image.new("RGB", (8, 8), "blue").save(tmp_path / "elsewhere" / "secret.png")
    return tmp_path / "photos"


def test_links_are_not_followed_out_of_the_folder(class_folder: Path, tmp_path: Path) -> None:
    elsewhere, home = tmp_path / "elsewhere", class_folder / "apple"
    (home / "out.png").symlink_to(elsewhere / "secret.png")
    (home / "loop.png").symlink_to(home / "loop.png")
    (home / "gone.png").symlink_to(home / "nothing.png")
    (home / "again").symlink_to(class_folder)
    (class_folder / "pear").symlink_to(elsewhere)
    summary = generate_data(DataConfig((str(class_folder),), writer="grammar"), tmp_path / "out")
    assert sum(summary.photos.values()) == 4
    reasons = {line.split(": ")[0]: line.split(": ", 1)[1] for line in summary.skipped}
    assert set(reasons) == {
        "apple/out.png",
        "apple/loop.png",
        "apple/gone.png",
        "pear/secret.png",
    }
    assert (
        reasons["apple/out.png"] == reasons["pear/secret.png"] == "a link leads out of the folder"
    )
    secret = (elsewhere / "secret.png").read_bytes()
    assert secret not in contents(tmp_path / "out").values()


def test_links_in_the_data_set_are_replaced_and_not_followed(
    class_folder: Path, tmp_path: Path
) -> None:
    images = tmp_path / "out" / "images" / "apple"
    images.mkdir(parents=True)
    secret = tmp_path / "elsewhere" / "secret.png"
    before = secret.read_bytes()
    (images / "0.png").symlink_to(secret)
    generate_data(DataConfig((str(class_folder),), writer="grammar"), tmp_path / "out")
    assert secret.read_bytes() == before
    assert (images / "0.png").read_bytes() == (class_folder / "apple" / "0.png").read_bytes()


LABEL = "0 0.5 0.5 0.5 0.5"
XML = (
    "<annotation><size><width>8</width><height>8</height></size><object><name>apple</name><bndbox>"
    "<xmin>1</xmin><ymin>1</ymin><xmax>5</xmax><ymax>5</ymax></bndbox></object></annotation>"
)


@pytest.mark.parametrize(("ending", "text"), [(".txt", LABEL), (".xml", XML)])
def test_annotations_are_not_read_through_links(ending: str, text: str, tmp_path: Path) -> None:
    folder, secret = tmp_path / "photos", tmp_path / "secret"
    folder.mkdir()
    secret.write_text(text)
    if ending == ".txt":
        (folder / "classes.txt").write_text("apple")
    for name in ("kept", "lost"):
        Image.new("RGB", (8, 8), (len(name), ord(name[0]), 0)).save(folder / f"{name}.png")
    (folder / f"kept{ending}").write_text(text)
    (folder / f"lost{ending}").symlink_to(secret)
    summary = generate_data(DataConfig((str(folder),), writer="grammar"), tmp_path / "out")
    assert sum(summary.photos.values()) == 1
    assert "a link leads out of the folder" in summary.skipped[0]


def test_a_huge_picture_is_skipped(class_folder: Path, tmp_path: Path) -> None:
    # A few kilobytes that would decode to 2.7 gigabytes.
    Image.new("1", (30_000, 30_000)).save(class_folder / "apple" / "huge.png")
    summary = generate_data(DataConfig((str(class_folder),), writer="grammar"), tmp_path / "out")
    assert sum(summary.photos.values()) == 4
    assert "far too many pixels; scale it down" in summary.skipped[0]


@pytest.fixture
def markets(tmp_path):
    """Class folders whose photos come from two places, with a split for each."""
    folder, rows = tmp_path / "photos", ["file;source;split"]
    for number in range(40):
        name = f"{('apple', 'lime')[number % 2]}/{number}.png"
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (number, 0, 0)).save(folder / name)
        rows.append(f"{name};{('Hof', 'Markt')[number % 2]};{'train' if number < 30 else 'test'}")
    (folder / "photos.csv").write_text("\n".join(rows))
    return folder


@pytest.mark.parametrize(
    "unseen", [("markt",), ("Markt", "Hafen"), ("",), (" Markt",), ("Markt;",)]
)
def test_an_unseen_source_that_is_not_there_is_refused(markets, tmp_path, unseen):
    config = DataConfig(photos=(str(markets),), writer="grammar", unseen=unseen)
    with pytest.raises(DataError, match=r"the sources are: Hof, Markt\.$"):
        generate_data(config, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_kept_splits(markets, tmp_path):
    config = DataConfig(
        photos=(str(markets),), writer="grammar", unseen=("Markt",), keep_splits=True
    )
    summary = generate_data(config, tmp_path / "out")
    assert summary.photos["unseen"] == 20
    assert summary.photos["test"] == 5
    splits = {text.file_name: text.split for text in read_qa(tmp_path / "out")}
    assert {splits[f"apple/{number}.png"] for number in range(30, 40, 2)} == {"test"}
    without = generate_data(replace(config, keep_splits=False), tmp_path / "hashed")
    assert without.photos["test"] != 5 or without.photos["train"] != summary.photos["train"]


def test_names_that_no_class_has_are_said(markets, tmp_path):
    (tmp_path / "names.json").write_text('{"bosskop": "apple", "lime": "lemon"}')
    config = DataConfig(
        photos=(str(markets),), writer="grammar", names=str(tmp_path / "names.json")
    )
    note, _ = generate_data(config, tmp_path / "out").notes
    assert note.endswith("has names that no class has: bosskop")


def test_shares_of_the_splits(photos, tmp_path):
    config = DataConfig(photos=(str(photos),), writer="grammar", shares="50/25/25")
    summary = generate_data(config, tmp_path / "out")
    assert summary.photos["train"] < 0.7 * sum(summary.photos.values())
    assert any(note.startswith("few photos: ") for note in summary.notes)
    wide = replace(config, shares="96/2/2")
    assert generate_data(wide, tmp_path / "wide").photos["train"] > summary.photos["train"]
    with pytest.raises(DataError, match="'96/2' is not the shares"):
        generate_data(replace(config, shares="96/2"), tmp_path / "none")
    assert not (tmp_path / "none").exists()
