"""Sheets of photos with answers: which answers they show, and how."""

from PIL import Image
from PIL.ImageColor import getrgb

from fruit_caption.data.qa import Prediction, QAPair
from fruit_caption.evaluation.photo_sheet import (
    COLUMNS,
    FRAME_WIDTH,
    PHOTO_SIDE,
    captions,
    draw_photo_sheet,
    sample_correct,
    worst_mistakes,
)
from fruit_caption.utils.plotting import GREEN, INK, VERMILION

TRUTH = {
    "count": "there is one fig",
    "presence": "yes, there is a fig",
    "identify": "it shows fig",
}


def row(photo, kind, correct, confidence=0.5):
    answer = TRUTH[kind] if correct else "who knows"
    return Prediction(photo, QAPair(f"{kind}?", TRUTH[kind], kind, "fig", ""), answer, confidence)


def test_worst_mistakes_are_sorted_by_confidence():
    rows = [
        row("a", "count", False, 0.2),
        row("b", "count", True, 1.0),
        row("c", "presence", False, 0.9),
        row("d", "count", False, 0.6),
    ]
    assert [row.photo for row in worst_mistakes(rows)] == ["c", "d", "a"]
    assert [row.photo for row in worst_mistakes(rows, 1)] == ["c"]
    assert worst_mistakes([]) == []


def test_correct_answers_are_spread_over_photos_and_kinds():
    rows = [row(photo, kind, True) for photo in "abcdef" for kind in TRUTH]
    rows += [row("g", "count", False)]
    sample = sample_correct(rows, 6)
    assert sorted(row.photo for row in sample) == list("abcdef")
    assert sorted(row.qa_pair.kind for row in sample) == sorted([*TRUTH, *TRUTH])
    assert sample_correct(rows, 6) == sample
    assert len(sample_correct(rows, 100)) == 18
    assert sample_correct(rows[-1:]) == []


def test_wrong_answers_are_captioned_with_the_truth():
    assert captions(row("a", "count", True, 0.987)) == ["count?", "99% sure: there is one fig"]
    assert captions(row("a", "count", False)) == [
        "count?", "50% sure: who knows", "truth: there is one fig",
    ]  # fmt: skip


def test_photos_have_frames_marks_and_captions(tmp_path):
    photos = {name: tmp_path / f"{name}.png" for name in ("photo", "missing", "broken")}
    Image.new("RGB", (80, 60), "#102030").save(photos["photo"])
    photos["broken"].write_text("no picture")
    shown = [
        ("photo", True), ("photo", False), ("photo", True), ("missing", True), ("broken", False),
        ("photo", True),
    ]  # fmt: skip
    rows = [row(name, "count", correct) for name, correct in shown]
    draw_photo_sheet(tmp_path / "sheet.png", "Some answers", rows, photos)
    with Image.open(tmp_path / "sheet.png") as sheet:
        side = PHOTO_SIDE + 2 * FRAME_WIDTH
        gap = (sheet.width - COLUMNS * side) // (COLUMNS + 1)
        assert sheet.getpixel((0, 0))[3] == 0
        y = side // 2 + 50  # inside the photos of the first row
        lefts = [gap + column * (side + gap) for column in range(COLUMNS)]
        frames = [sheet.getpixel((left + 1, y)) for left in lefts]
        colors = {True: GREEN, False: VERMILION}
        assert frames == [(*getrgb(colors[correct]), 255) for _, correct in shown[:COLUMNS]]
        pixels = [sheet.getpixel((left + side // 4, y))[:3] for left in lefts]
        assert pixels == [(16, 32, 48)] * 3 + [(208, 208, 208)] * 2
        captions_area = sheet.crop((0, sheet.height - 60, 150, sheet.height))
        assert (*getrgb(INK), 255) in {color for _, color in captions_area.getcolors()}


def test_marks_differ_by_more_than_color(tmp_path):
    Image.new("RGB", (PHOTO_SIDE, PHOTO_SIDE), "black").save(tmp_path / "photo.png")
    marks = []
    for correct in (True, False):
        rows = [row("photo", "count", correct)]
        draw_photo_sheet(tmp_path / "sheet.png", "", rows, {"photo": tmp_path / "photo.png"})
        with Image.open(tmp_path / "sheet.png") as sheet:
            photo = sheet.crop((16, 16, 16 + PHOTO_SIDE, 16 + PHOTO_SIDE)).convert("RGB")
            bright = photo.point(lambda value: 255 * (value > 220)).convert("L")
            marks.append(bright.point(lambda value: 255 * (value == 255)))
    assert marks[0].getbbox() is not None
    assert marks[0].tobytes() != marks[1].tobytes()


def test_a_sheet_without_photos_has_a_title(tmp_path):
    draw_photo_sheet(tmp_path / "sheet.png", "No mistakes", [], {})
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert (*getrgb(INK), 255) in {color for _, color in sheet.getcolors()}
