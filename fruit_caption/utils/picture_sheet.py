"""Draws a sheet: a grid of pictures with captions below them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@dataclass(frozen=True)
class CaptionedPicture:
    """One cell of a sheet.

    Attributes:
        picture: The picture.
        captions: Paragraphs of text to print below it, each wrapped to the width of the cell.
        frame: Color of the frame around the picture, or None for a transparent frame.
    """

    picture: Image.Image
    captions: Sequence[str] = ()
    frame: str | None = None


def draw_sheet(
    items: Sequence[CaptionedPicture],
    columns: int,
    *,
    title: str = "",
    gap: int = 16,
    frame_width: int = 0,
    font_size: int = 17,
    ink: str = "black",
) -> Image.Image:
    """Draw pictures of one width in rows, each row as high as its tallest cell.

    Args:
        items: The pictures and their captions, row by row.
        columns: Number of pictures per row.
        title: Text above the grid, in larger letters.
        gap: Space between cells and around the grid, in pixels.
        frame_width: Width of the frames in pixels.
        font_size: Size of the captions in pixels.
        ink: Color of the text.

    Returns:
        An RGBA image with a transparent background.
    """
    cells = [_cell(item, frame_width, font_size, ink) for item in items]
    rows = [cells[start : start + columns] for start in range(0, len(cells), columns)]
    heights = [max(cell.height for cell in row) + gap for row in rows]
    column_width = max((cell.width for cell in cells), default=0) + gap
    title_font = ImageFont.load_default(round(1.4 * font_size))
    width = max(columns * column_width, round(title_font.getlength(title)) + gap)
    top = round(2.6 * font_size) if title else gap
    sheet = Image.new("RGBA", (gap + width, top + sum(heights)))
    ImageDraw.Draw(sheet).text((gap, gap // 2), title, ink, title_font)
    for row, height in zip(rows, heights, strict=True):
        for column, cell in enumerate(row):
            sheet.paste(cell, (gap + column * column_width, top))
        top += height
    return sheet


def wrap(text: str, font: Font, width: int) -> list[str]:
    """Break a text into lines of at most `width` pixels; a longer word gets a line of its own."""
    lines: list[str] = []
    for word in text.split():
        if lines and font.getlength(f"{lines[-1]} {word}") <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def _cell(item: CaptionedPicture, frame_width: int, font_size: int, ink: str) -> Image.Image:
    font = ImageFont.load_default(font_size)
    width, height = (side + 2 * frame_width for side in item.picture.size)
    line_height, space = round(1.25 * font_size), round(0.3 * font_size)
    lines = []
    bottom = height + space
    for caption in item.captions:
        for line in wrap(caption, font, width):
            lines.append((bottom, line))
            bottom += line_height
        bottom += space
    cell = Image.new("RGBA", (width, bottom))
    if item.frame:
        cell.paste(item.frame, (0, 0, width, height))
    cell.paste(item.picture, (frame_width, frame_width))
    for top, line in lines:
        ImageDraw.Draw(cell).text((0, top), line, ink, font)
    return cell
