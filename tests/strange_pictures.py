"""Makes pictures as strangers send them: odd, broken, hostile. Some hundred files in seconds."""

from __future__ import annotations

import io
import os
import random
import struct
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin

FORMATS = (
    "PNG JPEG GIF BMP TIFF WEBP PPM TGA ICO PCX SGI JPEG2000 DDS ICNS IM AVIF MSP XBM BLP QOI"
).split()
MODES = "RGB L 1 P RGBA LA PA CMYK YCbCr HSV LAB I;16 I F".split()
DEEP_MODES, DEEP_FORMATS = ("I;16", "I"), "PNG TIFF PPM SGI JPEG2000 IM".split()
"""More than 8 bits; Pillow would write them into the other formats as white."""

BREAKABLE = "PNG JPEG GIF BMP TIFF WEBP TGA JPEG2000 PCX ICO".split()
CUTS = (0.01, 0.1, 0.3, 0.5, 0.8, 0.97)
FLIPS = 12
"""Files a format, each with some of its bytes changed."""


def scene(side: int = 48) -> Image.Image:
    """A picture whose corners can be told apart: red left above, green right above, blue below."""
    pixels = np.full((side, side, 3), (40, 60, 220), np.uint8)
    pixels[: side // 2, : side // 2] = (220, 40, 40)
    pixels[: side // 2, side // 2 :] = (40, 200, 60)
    return Image.fromarray(pixels)


def write_sound(folder: Path) -> list[Path]:
    """Whole pictures in every format and mode that Pillow writes."""
    written = []
    for form in FORMATS:
        for mode in MODES:
            if mode in DEEP_MODES and form not in DEEP_FORMATS:
                continue
            path = folder / f"{form}-{mode.replace(';', '_')}{_ending(form)}"
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # about what Pillow will write no more
                    _in_mode(mode).save(path, form)
                    with Image.open(path) as picture:
                        picture.load()
            except (OSError, ValueError, KeyError, SystemError, struct.error):
                path.unlink(missing_ok=True)  # the format knows no such mode
            else:
                written.append(path)
    return written


def write_broken(folder: Path) -> list[Path]:
    """Pictures that are cut off, or in which some bytes are others."""
    chance, written = random.Random(0), []
    for form in BREAKABLE:
        file = io.BytesIO()
        scene().save(file, form)
        content = file.getvalue()
        parts = [content[: int(share * len(content))] for share in CUTS]
        for number, part in enumerate([*parts, *(_flipped(content, chance) for _ in range(FLIPS))]):
            path = folder / f"broken-{form}-{number}{_ending(form)}"
            path.write_bytes(part)
            written.append(path)
    return written


def write_odd(folder: Path) -> list[Path]:
    """One of each: bombs, polyglots, wrong endings, animations, strange metadata and names."""
    written = []
    for name, content in _contents():
        path = folder / name
        path.write_bytes(content)
        written.append(path)
    (folder / "folder.jpg").mkdir()
    (folder / "loop.jpg").symlink_to(folder / "loop.jpg")
    (folder / "gone.jpg").symlink_to(folder / "nowhere.jpg")
    os.mkfifo(folder / "pipe.jpg")
    (folder / "zeros.jpg").symlink_to("/dev/zero")
    return [*written, *(folder / f"{name}.jpg" for name in "folder loop gone pipe zeros".split())]


def _contents() -> Iterator[tuple[str, bytes]]:
    yield from _no_pictures()
    yield from _bombs()
    yield from _called_otherwise()
    yield from _odd_inside()
    for width, height in ((1, 1), (1, 5000), (5000, 1), (2, 3)):
        yield f"thin-{width}x{height}.png", _saved(scene().resize((width, height)), "PNG")
    for name in ("with space", "ünïcödé 🍎", "-leading", "new\nline", "[glob]*", "%s%n", "a" * 200):
        yield f"{name}.png", _saved(scene(), "PNG")


def _no_pictures() -> Iterator[tuple[str, bytes]]:
    script = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(x) (w) file\n%%EOF\n"
    yield "empty.jpg", b""
    yield "blank.png", bytes(5000)
    yield "text.jpg", b"no picture at all\n" * 40
    yield "page.png", b"<!doctype html><script>alert(1)</script>"
    yield "drawing.png", b'<svg xmlns="http://www.w3.org/2000/svg"><image href="/etc/hosts"/></svg>'
    yield "print.eps", script
    yield "print.jpg", script
    yield "paper.jpg", b"%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF"
    yield "program.png", b"\x7fELF" + bytes(300)


def _bombs() -> Iterator[tuple[str, bytes]]:
    """Small files that say that they are large, or are once they are unpacked."""
    wide = struct.pack("<HH", 65535, 65535)
    head = struct.pack("<IHHIIiiHHIIiiII", 99, 0, 0, 54, 40, 60000, 60000, 1, 24, *[0] * 6)
    yield "bomb-declared.png", _png(30_000, 30_000, b"")
    yield "bomb-declared.gif", b"GIF89a" + wide + b"\x80\x00\x00" + bytes(60)
    yield "bomb-declared.bmp", b"BM" + head
    yield "bomb-packed.png", _png(11_000, 11_000, zlib.compress(bytes(11_000 * 1376), 9), depth=1)
    yield "bomb-of-text.png", _with_text("x" * 9_000_000)
    yield "none-wide.png", _png(0, 10, zlib.compress(b""))


def _called_otherwise() -> Iterator[tuple[str, bytes]]:
    """Whole pictures under a wrong ending, or in a file that is something else, too."""
    whole = _saved(scene(), "JPEG")
    yield "jpeg-called.png", whole
    yield "png-called.jpg", _saved(scene(), "PNG")
    yield "jpeg-and-zip.jpg", whole + _zipped()
    yield "zip-and-jpeg.jpg", _zipped() + whole
    yield "jpeg-and-more.jpg", whole + bytes(2_000_000)


def _odd_inside() -> Iterator[tuple[str, bytes]]:
    """Turned by EXIF, with broken or much metadata, or moving."""
    for turn in range(10):
        exif = Image.Exif()
        exif[0x0112] = turn
        yield f"turned-{turn}.jpg", _saved(scene(), "JPEG", exif=exif)
    broken = b"Exif\0\0MM\0*\xff\xff\xff\xff" + bytes(60)
    yield "exif-broken.jpg", _saved(scene(), "JPEG", exif=broken)
    yield "exif-huge.jpg", _saved(scene(), "JPEG", exif=b"Exif\0\0" + bytes(65_000))
    yield "icc-broken.jpg", _saved(scene(), "JPEG", icc_profile=bytes(range(256)) * 300)
    yield "icc-broken.png", _saved(scene(), "PNG", icc_profile=b"no profile")
    yield "text-much.png", _with_text("fruit " * 100_000)
    first, *others = [scene().rotate(90 * turn) for turn in range(40)]
    for form in ("GIF", "PNG", "WEBP", "TIFF", "MPO"):
        content = _saved(first, form, save_all=True, append_images=others)
        yield f"moving-{form}{_ending(form)}", content


def _ending(form: str) -> str:
    return min(ending for ending, other in Image.registered_extensions().items() if other == form)


def _in_mode(mode: str) -> Image.Image:
    if mode in DEEP_MODES:
        gray = np.asarray(scene().convert("L"), np.uint16) * 257
        return Image.fromarray(gray if mode == "I;16" else gray.astype(np.int32))
    if mode == "LAB":
        from PIL import ImageCms

        profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
        return ImageCms.profileToProfile(scene(), *profiles, outputMode="LAB")
    return scene().convert("P").convert("PA") if mode == "PA" else scene().convert(mode)


def _saved(picture: Image.Image, form: str, **how: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, form, **how)
    return file.getvalue()


def _with_text(text: str) -> bytes:
    info = PngImagePlugin.PngInfo()
    info.add_text("comment", text, zip=True)
    return _saved(scene(), "PNG", pnginfo=info)


def _flipped(content: bytes, chance: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(chance.randint(1, 6)):
        changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


def _zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("../../out.txt", "out")
    return file.getvalue()


def _png(width: int, height: int, packed: bytes, depth: int = 8) -> bytes:
    """A gray PNG that says how large it is; its pixels are packed already."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        told = kind + content
        return struct.pack(">I", len(content)) + told + struct.pack(">I", zlib.crc32(told))

    head = struct.pack(">IIBBBBB", width, height, depth, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")
    )
