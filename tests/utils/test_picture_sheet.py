"""The grid of pictures with captions."""

from __future__ import annotations

from PIL import Image, ImageFont

from fruit_caption.utils.picture_sheet import CaptionedPicture, draw_sheet, wrap


def _square(color: str) -> Image.Image:
    return Image.new("RGB", (40, 40), color)


def test_pictures_stand_in_rows_inside_their_frames() -> None:
    items = [CaptionedPicture(_square("blue"), ["a caption"], frame="red") for _ in range(3)]
    sheet = draw_sheet(items, 2, gap=10, frame_width=4)
    assert sheet.width == 10 + 2 * (48 + 10)
    assert sheet.getpixel((10, 10)) == (255, 0, 0, 255)
    assert sheet.getpixel((68, 10)) == (255, 0, 0, 255)
    assert sheet.getpixel((30, 30)) == (0, 0, 255, 255)
    assert sheet.getpixel((0, 0)) == (0, 0, 0, 0)
    second_row = 10 + (sheet.height - 10) // 2
    assert sheet.getpixel((10, second_row)) == (255, 0, 0, 255)
    assert sheet.getpixel((68, second_row)) == (0, 0, 0, 0)


def test_rows_grow_with_their_captions() -> None:
    short = draw_sheet([CaptionedPicture(_square("blue"), ["short"])], 1)
    long = draw_sheet([CaptionedPicture(_square("blue"), ["several words to wrap"])], 1)
    assert long.height > short.height
    assert long.width == short.width


def test_a_sheet_without_pictures_shows_its_title() -> None:
    sheet = draw_sheet([], 5, title="No pictures at all on this sheet", ink="red")
    assert any(alpha for _, (*_, alpha) in sheet.getcolors(1 << 16) or ())


def test_lines_fit_the_width_except_for_single_long_words() -> None:
    font = ImageFont.load_default(17)
    lines = wrap("How many unbelievablylongwords are there?", font, 90)
    assert " ".join(lines) == "How many unbelievablylongwords are there?"
    assert all(font.getlength(line) <= 90 or " " not in line for line in lines)
