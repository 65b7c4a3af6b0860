"""Which answers a sheet shows, and that it shows them."""

from pathlib import Path

from PIL import Image, ImageFont
from PIL.ImageColor import getrgb

from fruit_caption.data.qa import Prediction, QAPair
from fruit_caption.evaluation.photo_sheet import (
    ACROSS,
    FRAME,
    GAP,
    PHOTO,
    Shown,
    draw_photo_sheet,
    mistakes,
    right_ones,
    show,
    wrap,
)
from fruit_caption.utils.plotting import GREEN, INK, VERMILION

TRUTH = {
    "count": "there is one fig",
    "presence": "yes, there is a fig",
    "identify": "it shows fig",
}


def row(photo, kind, right, confidence=0.5):
    said = TRUTH[kind] if right else "who knows"
    return Prediction(photo, QAPair(f"{kind}?", TRUTH[kind], kind, "fig", ""), said, confidence)


def test_mistakes_are_the_surest_first():
    rows = [
        row("a", "count", False, 0.2),
        row("b", "count", True, 1.0),
        row("c", "presence", False, 0.9),
        row("d", "count", False, 0.6),
    ]
    assert [each.photo for each in mistakes(rows)] == ["c", "d", "a"]
    assert [each.photo for each in mistakes(rows, 1)] == ["c"]
    assert mistakes([]) == []


def test_right_ones_are_spread_over_photos_and_kinds():
    rows = [row(photo, kind, True) for photo in "abcdef" for kind in TRUTH]
    rows += [row("g", "count", False)]
    sample = right_ones(rows, 6)
    assert sorted(each.photo for each in sample) == list("abcdef")
    assert sorted(each.item.kind for each in sample) == sorted([*TRUTH, *TRUTH])
    assert right_ones(rows, 6) == sample
    assert len(right_ones(rows, 100)) == 18
    assert right_ones(rows[-1:]) == []


def test_the_truth_is_told_where_an_answer_is_wrong():
    assert show(row("a", "count", True, 0.987), Path("a.jpg")) == Shown(
        Path("a.jpg"), ["count?", "99% sure: there is one fig"], True
    )
    assert show(row("a", "count", False), Path("a.jpg")) == Shown(
        Path("a.jpg"), ["count?", "50% sure: who knows", "truth: there is one fig"], False
    )


def test_lines_are_broken_between_words():
    font = ImageFont.load_default(17)
    width = int(font.getlength("two ripe figs"))
    assert wrap("two ripe figs and pears", font, width) == ["two ripe figs", "and pears"]
    assert wrap("one incomprehensibilities more", font, width) == [
        "one", "incomprehensibilities", "more",
    ]  # fmt: skip
    assert wrap("", font, width) == []


def test_the_sheet(tmp_path):
    Image.new("RGB", (80, 60), "#102030").save(tmp_path / "photo.png")
    (tmp_path / "broken.png").write_text("no picture")
    rights = [True, False, None, True, False, True]
    names = ["photo", "photo", "photo", "none", "broken", "photo"]
    shown = [
        Shown(tmp_path / f"{name}.png", ["how many?", "none"], right)
        for name, right in zip(names, rights, strict=True)
    ]
    draw_photo_sheet(tmp_path / "sheet.png", "Some answers", shown)
    with Image.open(tmp_path / "sheet.png") as sheet:
        side = PHOTO + 2 * FRAME
        assert sheet.width == GAP + ACROSS * (side + GAP)
        assert sheet.getpixel((0, 0))[3] == 0
        top = sheet.height // 2 - side // 2  # in the frames of the upper row
        lefts = [GAP + place * (side + GAP) for place in range(ACROSS)]
        frames = [sheet.getpixel((left + 1, top)) for left in lefts]
        colors = {True: GREEN, False: VERMILION, None: INK}
        assert frames == [(*getrgb(colors[right]), 255) for right in rights[:ACROSS]]
        seen = [sheet.getpixel((left + side // 4, top))[:3] for left in lefts]
        assert seen == [(16, 32, 48)] * 3 + [(208, 208, 208)] * 2
        texts = {
            color for _, color in sheet.crop((0, sheet.height - 60, 150, sheet.height)).getcolors()
        }
        assert (*getrgb(INK), 255) in texts


def test_right_and_wrong_differ_by_more_than_color(tmp_path):
    Image.new("RGB", (PHOTO, PHOTO), "black").save(tmp_path / "photo.png")
    marks = []
    for right in (True, False):
        draw_photo_sheet(tmp_path / "sheet.png", "", [Shown(tmp_path / "photo.png", [], right)])
        with Image.open(tmp_path / "sheet.png") as sheet:
            bright = sheet.convert("RGB").point(lambda value: 255 * (value > 220))
            marks.append(bright.convert("L").point(lambda value: 255 * (value == 255)))
    assert marks[0].getbbox() is not None
    assert marks[0].tobytes() != marks[1].tobytes()


def test_an_empty_sheet_is_its_title(tmp_path):
    draw_photo_sheet(tmp_path / "sheet.png", "No mistakes", [])
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert (*getrgb(INK), 255) in {color for _, color in sheet.getcolors()}
