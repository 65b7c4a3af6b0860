"""Draws a sheet of photos with the questions, the model's answers and the true answers."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from fruit_caption.data.qa import Prediction
from fruit_caption.utils.errors import PictureError
from fruit_caption.utils.files import atomic_write
from fruit_caption.utils.images import letterbox, open_picture
from fruit_caption.utils.picture_sheet import CaptionedPicture, draw_sheet
from fruit_caption.utils.plotting import GREEN, INK, VERMILION

COLUMNS = 5
"""Number of photos in a row."""

PHOTO_SIDE = 224
"""Side of a photo in pixels."""

FRAME_WIDTH = 4
"""Width of the frame around a photo in pixels."""

MARK_SIDE = 32
"""Side of the check mark or cross in pixels."""

_SUPERSAMPLING = 4
"""Marks are drawn this many times larger and scaled down, because Pillow does not antialias."""


def worst_mistakes(rows: Sequence[Prediction], number: int = 20) -> list[Prediction]:
    """Return the wrong answers with the highest confidence, the most confident first.

    Args:
        rows: Answers.
        number: Maximum number of mistakes.
    """
    wrong = [row for row in rows if not row.correct]
    return sorted(wrong, key=lambda row: -row.confidence)[:number]


def sample_correct(rows: Sequence[Prediction], number: int = 20) -> list[Prediction]:
    """Sample correct answers, spread over photos and kinds of question.

    The same rows give the same sample.

    Args:
        rows: Answers.
        number: Maximum number of answers.
    """
    remaining = [row for row in rows if row.correct]
    random.Random(0).shuffle(remaining)
    photos, kinds = Counter[str](), Counter[str]()
    sample: list[Prediction] = []
    while remaining and len(sample) < number:
        row = min(remaining, key=lambda row: (photos[row.photo], kinds[row.qa_pair.kind]))
        remaining.remove(row)
        photos[row.photo] += 1
        kinds[row.qa_pair.kind] += 1
        sample.append(row)
    return sample


def draw_photo_sheet(
    path: Path, title: str, rows: Sequence[Prediction], photos: Mapping[str, Path]
) -> None:
    """Draw answers with their photos as a transparent PNG.

    Frames and marks show whether an answer is correct. A photo that can't be read is replaced by a
    gray square that says so.

    Args:
        path: The PNG file to write.
        title: Title of the sheet.
        rows: The answers to draw.
        photos: Picture file of each photo, by `Prediction.photo`.

    Raises:
        FruitError: The file can't be written.
    """
    items = [_item(row, photos[row.photo]) for row in rows]
    sheet = draw_sheet(items, COLUMNS, title=title, frame_width=FRAME_WIDTH, ink=INK)
    with atomic_write(path) as draft:
        sheet.save(draft, optimize=True)


def captions(row: Prediction) -> list[str]:
    """Return the texts below a photo: question, answer and, if that is wrong, the true answer."""
    lines = [row.qa_pair.question, f"{row.confidence:.0%} sure: {row.answer}"]
    return lines if row.correct else [*lines, f"truth: {row.qa_pair.answer}"]


def _item(row: Prediction, path: Path) -> CaptionedPicture:
    color = GREEN if row.correct else VERMILION
    photo = _photo(path)
    photo.paste(_mark(row.correct, color))
    return CaptionedPicture(photo, captions(row), color)


def _photo(path: Path) -> Image.Image:
    try:
        return Image.fromarray(letterbox(open_picture(path), PHOTO_SIDE))
    except PictureError:
        gray = Image.new("RGB", (PHOTO_SIDE, PHOTO_SIDE), "#d0d0d0")
        text = "unreadable" if path.exists() else "missing"
        center = (PHOTO_SIDE / 2, PHOTO_SIDE / 2)
        font = ImageFont.load_default(17)
        ImageDraw.Draw(gray).text(center, text, "#303030", font, anchor="mm")
        return gray


def _mark(correct: bool, color: str) -> Image.Image:
    """Draw a white ✓ or ✗ on a colored square; Pillow's font has neither character."""
    side = MARK_SIDE * _SUPERSAMPLING
    mark = Image.new("RGB", (side, side), color)
    strokes = (
        [[(0.2, 0.52), (0.42, 0.74), (0.82, 0.28)]]
        if correct
        else [[(0.26, 0.26), (0.74, 0.74)], [(0.26, 0.74), (0.74, 0.26)]]
    )
    for stroke in strokes:
        points = [(side * x, side * y) for x, y in stroke]
        ImageDraw.Draw(mark).line(points, "white", width=side // 9, joint="curve")
    return mark.resize((MARK_SIDE, MARK_SIDE), Image.Resampling.LANCZOS)
