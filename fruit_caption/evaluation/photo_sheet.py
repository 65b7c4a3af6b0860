"""A sheet of photos to look at, each with what was asked and answered, right or wrong."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from fruit_caption.data.qa import Prediction
from fruit_caption.utils.errors import PictureError
from fruit_caption.utils.files import atomic_write
from fruit_caption.utils.images import letterbox, open_picture
from fruit_caption.utils.plotting import GREEN, INK, VERMILION

ACROSS = 5
PHOTO = 224
FRAME = 4
GAP = 16
MARK = 32

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

_TILE = PHOTO + 2 * FRAME
_LINE = 21
_SPACE = 5
_HEADER = 44
_SMOOTH = 4
"""Pillow's lines have steps: marks are drawn so many times larger, and then made smaller."""


@dataclass(frozen=True)
class Shown:
    """A photo on the sheet.

    Attributes:
        picture: its file.
        lines: what is said below it.
        right: whether that is right; None where nobody can tell.
    """

    picture: Path
    lines: Sequence[str]
    right: bool | None


def show(row: Prediction, picture: Path) -> Shown:
    """An answer as it stands on the sheet: question, answer and, if that is wrong, the truth."""
    lines = [row.item.question, f"{row.confidence:.0%} sure: {row.answer}"]
    truth = [] if row.correct else [f"truth: {row.item.answer}"]
    return Shown(picture, lines + truth, row.correct)


def mistakes(rows: Sequence[Prediction], number: int = 20) -> list[Prediction]:
    """The wrong answers that the model was most sure of, the surest first."""
    wrong = [row for row in rows if not row.correct]
    return sorted(wrong, key=lambda row: -row.confidence)[:number]


def right_ones(rows: Sequence[Prediction], number: int = 20) -> list[Prediction]:
    """Some right answers, from as many photos and kinds of question as there are.

    The same rows give the same sample.
    """
    left = [row for row in rows if row.correct]
    random.Random(0).shuffle(left)
    photos, kinds = Counter[str](), Counter[str]()
    sample: list[Prediction] = []
    while left and len(sample) < number:
        row = min(left, key=lambda row: (photos[row.photo], kinds[row.item.kind]))
        left.remove(row)
        photos[row.photo] += 1
        kinds[row.item.kind] += 1
        sample.append(row)
    return sample


def draw_photo_sheet(path: Path, title: str, shown: Sequence[Shown]) -> None:
    """Photos in rows of `ACROSS`, their lines below them, as a transparent PNG.

    A frame and a mark say whether an answer is right. A photo that can't be read is a gray square
    that says so.
    """
    tiles = [_tile(each) for each in shown]
    rows = [tiles[start : start + ACROSS] for start in range(0, len(tiles), ACROSS)]
    heights = [max(tile.height for tile in row) + GAP for row in rows]
    size = (GAP + ACROSS * (_TILE + GAP), _HEADER + sum(heights))
    sheet = Image.new("RGBA", size)
    ImageDraw.Draw(sheet).text((GAP, 8), title, INK, ImageFont.load_default(24))
    top = _HEADER
    for row, height in zip(rows, heights, strict=True):
        for place, tile in enumerate(row):
            sheet.paste(tile, (GAP + place * (_TILE + GAP), top))
        top += height
    with atomic_write(path) as draft:
        sheet.save(draft, optimize=True)


def wrap(text: str, font: Font, width: int) -> list[str]:
    """Break a text into lines of at most so many pixels, a word that is longer by itself."""
    lines: list[str] = []
    for word in text.split():
        if lines and font.getlength(f"{lines[-1]} {word}") <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def _tile(shown: Shown) -> Image.Image:
    font = ImageFont.load_default(17)
    texts = []
    bottom = _TILE + _SPACE
    for line in shown.lines:
        for part in wrap(line, font, _TILE):
            texts.append(((0, bottom), part))
            bottom += _LINE
        bottom += _SPACE
    tile = Image.new("RGBA", (_TILE, bottom))
    color = {True: GREEN, False: VERMILION, None: INK}[shown.right]
    tile.paste(color, (0, 0, _TILE, _TILE))
    tile.paste(_photo(shown.picture), (FRAME, FRAME))
    if shown.right is not None:
        tile.paste(_mark(shown.right, color), (FRAME, FRAME))
    for place, text in texts:
        ImageDraw.Draw(tile).text(place, text, INK, font)
    return tile


def _photo(picture: Path) -> Image.Image:
    try:
        return Image.fromarray(letterbox(open_picture(picture), PHOTO))
    except PictureError:
        gray = Image.new("RGB", (PHOTO, PHOTO), "#d0d0d0")
        said = "unreadable" if picture.exists() else "missing"
        ImageDraw.Draw(gray).text(
            (PHOTO / 2, PHOTO / 2), said, "#303030", ImageFont.load_default(17), anchor="mm"
        )
        return gray


def _mark(right: bool, color: str) -> Image.Image:
    """A white ✓ or ✗ on a square of the frame's color; the font has neither."""
    side = MARK * _SMOOTH
    mark = Image.new("RGB", (side, side), color)
    strokes = (
        [[(0.2, 0.52), (0.42, 0.74), (0.82, 0.28)]]
        if right
        else [[(0.26, 0.26), (0.74, 0.74)], [(0.26, 0.74), (0.74, 0.26)]]
    )
    for stroke in strokes:
        points = [(side * x, side * y) for x, y in stroke]
        ImageDraw.Draw(mark).line(points, "white", width=side // 9, joint="curve")
    return mark.resize((MARK, MARK), Image.Resampling.LANCZOS)
