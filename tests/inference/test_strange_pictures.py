"""Odd, broken and hostile pictures: each is read, or rejected with a one-line message."""

import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from fruit_caption.commands.app import app
from fruit_caption.config import DataConfig
from fruit_caption.data.formats.folders import read_photos
from fruit_caption.datagen.generate import generate_data
from fruit_caption.utils.errors import PictureError
from fruit_caption.utils.images import open_picture
from tests.strange_pictures import scene, write_broken, write_odd, write_sound

MIN_PICTURES = 300
MAX_SECONDS = 5


@pytest.fixture(scope="module")
def sound(tmp_path_factory) -> list[Path]:
    return write_sound(tmp_path_factory.mktemp("sound"))


@pytest.fixture(scope="module")
def strange(sound, tmp_path_factory) -> list[Path]:
    folder = tmp_path_factory.mktemp("strange")
    paths = [*sound, *write_broken(folder), *write_odd(folder)]
    assert len(paths) >= MIN_PICTURES
    return paths


def opened(path):
    """The picture, or the error message."""
    start = time.monotonic()
    try:
        return open_picture(path)
    except PictureError as error:
        return str(error)
    finally:
        assert time.monotonic() - start < MAX_SECONDS, path


def test_pictures_are_opened_or_rejected_in_one_line(strange):
    rejected = 0
    for path in strange:
        found = opened(path)
        if isinstance(found, str):
            rejected += 1
            assert found.startswith(str(path)), found
            assert len(found.replace(str(path), "").splitlines()) == 1, found
        else:
            assert found.mode == "RGB"
    assert 100 < rejected < len(strange) - 100


def test_intact_pictures_keep_their_brightness_in_every_format(sound):
    assert len(sound) > 60
    for path in sound:
        correlation = np.corrcoef(brightness(scene()), brightness(open_picture(path)))[0, 1]
        assert correlation > 0.9, path


def brightness(picture):
    """Mean brightness of 6 x 6 parts, because pictures with two colors are dithered."""
    small = picture.convert("L").resize((6, 6), Image.Resampling.BOX)
    return np.asarray(small, float).ravel()


@pytest.mark.parametrize("turn", range(10))
def test_exif_orientation_is_applied(turn, tmp_path):
    write_odd(tmp_path)
    found = open_picture(tmp_path / f"turned-{turn}.jpg")
    # The transformations of the EXIF standard; 0 and 9 are not defined.
    steps = {2: "FLIP_LEFT_RIGHT", 3: "ROTATE_180", 4: "FLIP_TOP_BOTTOM", 5: "TRANSPOSE",
             6: "ROTATE_270", 7: "TRANSVERSE", 8: "ROTATE_90"}  # fmt: skip
    expected = scene()
    if turn in steps:
        expected = expected.transpose(Image.Transpose[steps[turn]])
    assert np.abs(np.asarray(found, float) - np.asarray(expected, float)).mean() < 6


def test_animations_show_their_first_frame(tmp_path):
    for path in [path for path in write_odd(tmp_path) if path.name.startswith("moving")]:
        found = np.asarray(open_picture(path), float)
        assert np.abs(found - np.asarray(scene(), float)).mean() < 10, path


def test_count_answers_or_names_each_picture(strange):
    start = time.monotonic()
    strange = [path for path in strange if not path.is_dir()]
    result = CliRunner().invoke(app, ["count", "--json", "--", *map(str, strange)])
    assert time.monotonic() - start < MAX_SECONDS * len(strange)
    assert result.exit_code == 2, result.output
    assert isinstance(result.exception, SystemExit)
    rejected = [path for path in strange if isinstance(opened(path), str)]
    assert len(result.stdout.splitlines()) == len(strange) - len(rejected)
    errors = "".join(result.stderr.split())  # a terminal wraps lines
    assert [path for path in rejected if "".join(str(path).split()) not in errors] == []


def test_generate_data_reads_or_skips_each_picture(strange, tmp_path):
    home = tmp_path / "photos" / "apple"
    home.mkdir(parents=True)
    for number, path in enumerate(strange):
        if path.is_file():
            shutil.copy(path, home / f"{number}.png")
    copies = sorted(home.iterdir())
    sound = [path for path in copies if not isinstance(opened(path), str)]
    found = read_photos(tmp_path / "photos")
    assert len(found.photos) == len(sound)
    assert len(found.skipped) == len(copies) - len(sound) > 100
    generate_data(DataConfig((str(tmp_path / "photos"),), writer="grammar"), tmp_path / "data")
    assert 50 < len([*(tmp_path / "data" / "images").rglob("*.*")]) <= len(sound)
