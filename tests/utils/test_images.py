"""Tests of opening unusual, broken and missing pictures."""

import io

import numpy as np
import pytest
from PIL import Image

from fruit_caption.utils.errors import PictureError
from fruit_caption.utils.images import (
    PADDING_COLOR,
    decode_picture,
    image_suffixes,
    letterbox,
    letterbox_offset,
    open_picture,
)

RED = (200, 30, 40)


def picture(width=40, height=20, color=RED):
    return Image.new("RGB", (width, height), color)


def pixels_of(path):
    return np.asarray(open_picture(path)).astype(int)


@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "bmp", "gif", "tiff"])
def test_formats(tmp_path, ending):
    path = tmp_path / f"a.{ending}"
    picture().save(path)
    assert np.abs(pixels_of(path) - RED).max() < 12


def test_cmyk(tmp_path):
    path = tmp_path / "a.jpg"
    picture().convert("CMYK").save(path, quality=95)
    assert np.abs(pixels_of(path) - RED).max() < 12


def test_gray(tmp_path):
    path = tmp_path / "a.png"
    Image.new("L", (5, 5), 77).save(path)
    assert (pixels_of(path) == 77).all()


def test_16_bit_gray_is_scaled_not_clipped(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(np.full((4, 6), 257 * 99, "uint16")).save(path)
    assert (pixels_of(path) == 99).all()


def test_transparent_palette_color_becomes_white(tmp_path):
    path = tmp_path / "a.png"
    palette = Image.new("P", (4, 4), 1)
    palette.putpalette([0, 0, 0, *RED])
    palette.putpixel((0, 0), 0)
    palette.save(path, transparency=0)
    pixels = pixels_of(path)
    assert tuple(pixels[0, 0]) == (255, 255, 255)
    assert tuple(pixels[1, 1]) == RED


def test_transparent_pixels_become_white(tmp_path):
    path = tmp_path / "a.png"
    Image.new("RGBA", (4, 4), (0, 0, 0, 0)).save(path)
    assert (pixels_of(path) == 255).all()


def test_animation_is_read_as_its_first_frame(tmp_path):
    path = tmp_path / "a.gif"
    picture(color=RED).save(path, save_all=True, append_images=[picture(color=(0, 0, 255))])
    assert np.abs(pixels_of(path) - RED).max() < 12


def test_exif_orientation_is_applied(tmp_path):
    path = tmp_path / "a.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    picture(40, 20).save(path, exif=exif)
    assert open_picture(path).size == (20, 40)


def test_one_pixel(tmp_path):
    path = tmp_path / "a.png"
    picture(1, 1).save(path)
    square = letterbox(open_picture(path), 32)
    assert square.shape == (32, 32, 3)
    assert (square == RED).all()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("text.jpg", b"this is not a picture"),
        ("empty.jpg", b""),
        ("header.png", b"\x89PNG\r\n\x1a\n"),
    ],
)
def test_invalid_file_is_named(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(PictureError, match=name):
        open_picture(path)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_truncated_jpeg_is_named(tmp_path, share):
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), "uint8")
    whole = io.BytesIO()
    Image.fromarray(noise).save(whole, "JPEG")
    path = tmp_path / "half.jpg"
    path.write_bytes(whole.getvalue()[: int(share * len(whole.getvalue()))])
    with pytest.raises(PictureError, match=r"half\.jpg"):
        open_picture(path)


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(PictureError, match="no such file"):
        open_picture(tmp_path / "a.jpg")
    with pytest.raises(PictureError, match="folder"):
        open_picture(tmp_path)


def test_pixel_limit(tmp_path, monkeypatch):
    monkeypatch.setenv("FRUIT_MAX_PIXELS", "100")
    path = tmp_path / "a.png"
    picture(11, 10).save(path)
    with pytest.raises(PictureError, match="11 x 10"):
        open_picture(path)


def test_letterbox_keeps_the_aspect_ratio():
    square = letterbox(picture(40, 20), 32)
    assert (square[:8] == PADDING_COLOR).all()
    assert (square[24:] == PADDING_COLOR).all()
    assert (square[8:24] == RED).all()
    assert letterbox_offset(40, 20, 32) == (0, 8)


def test_image_suffixes():
    assert image_suffixes() >= {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".heic"}
    assert image_suffixes() >= {".jfif", ".mpo", ".avif", ".heif", ".jp2", ".jxl", ".dng"}
    assert not image_suffixes() & {".pdf", ".txt", ".xml", ".json", ""}


def container(*brands):
    """The beginning of a file in the family of MP4, to which HEIC and AVIF belong."""
    size = (8 + 4 * len(brands) + 4).to_bytes(4, "big")
    return size + b"ftyp" + brands[0] + b"\0\0\0\0" + b"".join(brands[1:]) + bytes(40)


@pytest.mark.parametrize("name", ["a.heic", "b.jpg"])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (container(b"heic", b"mif1"), "HEIC, which needs .* pip install 'fruit-caption\\[heic\\]'"),
        (container(b"mif1", b"mif1", b"heic"), "HEIC, which needs"),
        (container(b"avif", b"mif1"), "AVIF, which .* pip install --upgrade pillow"),
        (container(b"mif1", b"avif"), "AVIF"),
        (b"\xff\x0a" + bytes(60), "JPEG XL, which can't be read; save it as JPEG"),
        (container(b"isom", b"mp42"), "is not a picture"),
    ],
    ids=["heic", "mif1-heic", "avif", "mif1-avif", "jxl", "mp4"],
)
def test_formats_that_can_be_recognized_but_not_read(tmp_path, monkeypatch, name, content, message):
    monkeypatch.setattr("fruit_caption.utils.images._register_heif", lambda: False)
    image_suffixes()  # registers all formats
    monkeypatch.setattr(Image, "ID", [name for name in Image.ID if name != "AVIF"])
    (tmp_path / name).write_bytes(content)
    for open_it in (open_picture, lambda path: decode_picture(path.read_bytes(), path.name)):
        with pytest.raises(PictureError, match=f"{name} .*{message}") as error:
            open_it(tmp_path / name)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["a.heic", "b.jpg"])
def test_heic_is_read_if_pillow_heif_is_installed(tmp_path, name):
    pillow_heif = pytest.importorskip("pillow_heif", reason="pip install 'fruit-caption[heic]'")
    pillow_heif.from_pillow(picture()).save(tmp_path / name)
    assert np.abs(pixels_of(tmp_path / name) - RED).max() < 12


def test_large_jpegs_are_decoded_at_a_lower_resolution_if_that_is_enough(tmp_path):
    picture = Image.linear_gradient("L").resize((1600, 1200)).convert("RGB")
    picture.save(tmp_path / "large.jpg", quality=95)
    picture.save(tmp_path / "large.png")
    assert open_picture(tmp_path / "large.jpg").size == (1600, 1200)
    reduced = open_picture(tmp_path / "large.jpg", min_side=300)
    assert reduced.size == (400, 300)
    assert open_picture(tmp_path / "large.jpg", min_side=301).size == (800, 600)
    assert open_picture(tmp_path / "large.png", min_side=300).size == (1600, 1200)
    difference = np.asarray(reduced, "int16") - np.asarray(picture.resize((400, 300)), "int16")
    assert abs(difference).max() <= 3
