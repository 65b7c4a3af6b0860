"""What boxes leave unknown: unknown classes, unusable boxes and repeated ones, in every format."""

import json

import pytest
from PIL import Image

from fruit_caption.config import DataConfig
from fruit_caption.data.formats.class_names import class_mapping
from fruit_caption.data.formats.folders import read_photos
from fruit_caption.data.qa import read_qa
from fruit_caption.datagen.generate import generate_data
from fruit_caption.utils.errors import DataError

SIZE = (40, 20)
BOXES = ((2, 2, 6, 8), (12, 2, 6, 8), (22, 2, 6, 8), (30, 2, 6, 8))
"""Left, top, width and height of four boxes."""


def paint(path, color="red"):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", SIZE, color).save(path)


def write_coco(folder, things, classes):
    rows = [
        {"id": n, "image_id": 1, "category_id": classes.index(name), "bbox": list(box)}
        for n, (name, box) in enumerate(things)
    ]
    content = {
        "images": [{"id": 1, "file_name": "a.png", "width": SIZE[0], "height": SIZE[1]}],
        "annotations": rows,
        "categories": [{"id": n, "name": name} for n, name in enumerate(classes)],
    }
    (folder / "instances.json").write_text(json.dumps(content))


def write_voc(folder, things, classes):
    objects = "".join(
        f"<object><name>{name}</name><bndbox><xmin>{left}</xmin><ymin>{top}</ymin>"
        f"<xmax>{left + width}</xmax><ymax>{top + height}</ymax></bndbox></object>"
        for name, (left, top, width, height) in things
    )
    # A second photo has one box of every class, because the files list the classes only by boxes.
    others = "".join(
        f"<object><name>{name}</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax>"
        "<ymax>9</ymax></bndbox></object>"
        for name in classes
    )
    paint(folder / "z.png", "blue")
    for name, content in (("a", objects), ("z", others)):
        (folder / f"{name}.xml").write_text(
            f"<annotation><filename>{name}.png</filename><size><width>{SIZE[0]}</width>"
            f"<height>{SIZE[1]}</height></size>{content}</annotation>"
        )


def write_yolo(folder, things, classes):
    (folder / "classes.txt").write_text("\n".join(classes))
    (folder / "a.txt").write_text(
        "\n".join(
            f"{classes.index(name)} {(left + width / 2) / SIZE[0]} {(top + height / 2) / SIZE[1]} "
            f"{width / SIZE[0]} {height / SIZE[1]}"
            for name, (left, top, width, height) in things
        )
    )


@pytest.fixture(params=[write_coco, write_voc, write_yolo], ids=["coco", "voc", "yolo"])
def read(request, tmp_path):
    """Return a function that writes boxes to files and reads them: photo a.png, or None."""

    def read(names, boxes=BOXES, classes=None, to_fruit=None):
        paint(tmp_path / "a.png")
        things = list(zip(names, boxes, strict=True))
        request.param(tmp_path, things, classes or sorted(set(names)))
        found = read_photos(tmp_path, to_fruit or class_mapping(None))
        photos = [photo for photo in found.photos if photo.path.name == "a.png"]
        return found, photos[0] if photos else None

    return read


def claims(photo, fruits=("apple", "banana")):
    """Everything that a photo says: total, kinds, any fruit, and count and presence of fruits."""
    general = [photo.true_answer(kind) for kind in ("total", "identify", "presence")]
    return general + [photo.true_answer(k, f) for f in fruits for k in ("count", "presence")]


@pytest.mark.parametrize(
    "unknown", ["rotten apple", "0", "custard apple", "fruit", "苹果", "Apple 1"]
)
def test_a_box_of_an_unknown_class_may_be_any_fruit(read, unknown):
    names = ["apple", "apple", unknown, unknown]
    found, photo = read(names, classes=["apple", "banana", unknown])
    assert len(photo.boxes) == 2
    assert claims(photo) == [None, None, True, None, True, None, None]
    assert found.skipped == ()
    assert found.unknown_classes == (unknown,)
    assert [note.split(";")[0][:-4] for note in found.notes] == [
        f"classes that may be any fruit: {unknown}"
    ]


@pytest.mark.parametrize("other", ["person", "bowl", "dining table", "hot_dog", "Teddy-Bear", "tv"])
def test_the_classes_of_coco_are_known_not_to_be_fruit(read, other):
    found, photo = read(["apple", "apple", other, other], classes=["apple", "banana", other])
    assert claims(photo) == [2, {"apple"}, True, 2, True, 0, False]
    assert (found.skipped, found.notes) == ((), ())
    assert found.unknown_classes == (other,)


def test_an_unknown_class_without_a_box_in_a_photo_leaves_it_certain(read):
    _, photo = read(["apple"] * 4, classes=["apple", "banana", "rotten apple"])
    assert claims(photo) == [4, {"apple"}, True, 4, True, 0, False]


def test_a_photo_with_nothing_but_unknown_boxes_is_left_out(read):
    names = ["0"] * 4
    with pytest.raises(DataError, match="none of its classes is a known fruit") as refusal:
        read(names, classes=["0", "1"])
    assert refusal.value.code == "no-fruit-class"
    assert "\n" not in str(refusal.value)


def test_photos_of_unknown_classes_are_listed_beside_known_ones(tmp_path):
    for name in ("a", "b"):
        paint(tmp_path / f"{name}.png", {"a": "red", "b": "blue"}[name])
    (tmp_path / "classes.txt").write_text("apple\n0")
    (tmp_path / "a.txt").write_text("0 .5 .5 .2 .2")
    (tmp_path / "b.txt").write_text("1 .5 .5 .2 .2")
    found = read_photos(tmp_path)
    assert [photo.path.name for photo in found.photos] == ["a.png"]
    assert found.skipped == ("b.png: it has only boxes that may be any fruit (0)",)


def test_nothing_false_is_written_about_unknown_classes(tmp_path):
    write_yolo(
        tmp_path, list(zip(["apple", "apple", "0", "0"], BOXES, strict=True)), ["apple", "0"]
    )
    paint(tmp_path / "a.png")
    out = tmp_path.with_name("out")
    summary = generate_data(DataConfig(photos=(str(tmp_path),), writer="grammar"), out)
    [text] = read_qa(out)
    assert text.caption.text == "a photo of some apples"
    assert [pair.kind for pair in text.questions] == ["presence"]
    assert "may be any fruit: 0 (1)" in summary.notes[0]


def test_a_names_file_says_what_unknown_classes_are(read, tmp_path):
    table = tmp_path.with_name("names.json")
    names = ["apple", "Rotten_Apple", "leaf", "spoon"]
    classes = [*names, "banana"]
    for content, expected in (
        ({"rotten apple": "apple"}, [None, None, True, None, True, None, None]),
        ({"leaf": "not fruit"}, [None, None, True, None, True, None, None]),
        ({"rotten apple": "apple", "leaf": "not fruit"}, [2, {"apple"}, True, 2, True, 0, False]),
        (
            {"rotten-apple": "bananas", "LEAF ": "Not fruit", "spoon": "apple"},
            [3, {"apple", "banana"}, True, 2, True, 1, True],
        ),
        (
            {"apple": "not fruit", "rotten apple": "banana", "leaf": "not fruit"},
            [1, {"banana"}, True, None, None, 1, True],
        ),
    ):
        table.write_text(json.dumps(content))
        _, photo = read(names, classes=classes, to_fruit=class_mapping(table))
        assert claims(photo) == expected
    table.write_text(json.dumps(dict.fromkeys(classes, "not fruit")))
    with pytest.raises(DataError, match="none of its classes is a known fruit"):
        read(names, classes=classes, to_fruit=class_mapping(table))


def test_identical_boxes_count_once(read):
    names = ["apple", "apple", "Apples", "apple", "banana"]
    found, photo = read(names, [BOXES[0], BOXES[0], BOXES[0], BOXES[1], BOXES[1]])
    # A banana in the box of an apple is another fruit.
    assert claims(photo) == [3, {"apple", "banana"}, True, 2, True, 1, True]
    assert found.notes[0].startswith("boxes that are annotated twice count once: a.png (2)")
    assert found.skipped == ()


@pytest.mark.parametrize("change", [0.001, 0.5])
def test_boxes_are_identical_but_for_rounding(read, change):
    left, *others = BOXES[0]
    _, photo = read(["apple", "apple"], [BOXES[0], (left + change, *others)])
    assert photo.count("apple") == (1 if change < 0.01 else 2)


@pytest.mark.parametrize("box", [(-20, 2, 6, 8), (2, 2, 600, 8), (500, 500, 6, 8), (2, 2, 0, 8)])
def test_a_stray_box_is_left_out_and_its_photo_proves_less(read, box):
    names = ["apple", "apple", "banana", "apple"]
    found, photo = read(names, [*BOXES[:3], box])
    assert claims(photo, ["apple", "banana", "lime"]) == [
        None, None, True, None, True, 1, True, None, None,
    ]  # fmt: skip
    assert len(found.skipped) == 1
    assert found.skipped[0].startswith("a.png: the box of apple at ")
    assert found.skipped[0].endswith("; this box is left out")


def test_a_stray_box_of_something_else_changes_nothing(read):
    found, photo = read(["apple", "spoon"], [BOXES[0], (500, 500, 6, 8)])
    assert claims(photo, ["apple"]) == [1, {"apple"}, True, 1, True]
    assert found.skipped == ()


def test_a_photo_with_nothing_but_a_stray_box_is_listed(tmp_path):
    write_voc(tmp_path, [("apple", (500, 500, 6, 8))], ["apple"])
    paint(tmp_path / "a.png")
    found = read_photos(tmp_path)
    assert [photo.path.name for photo in found.photos] == ["z.png"]
    assert len(found.skipped) == 1
    assert "lies outside the photo" in found.skipped[0]


def test_a_photo_of_which_nothing_is_known_does_not_refuse_the_others(tmp_path):
    write_coco(tmp_path, [("apple", BOXES[0])], ["apple"])
    content = json.loads((tmp_path / "instances.json").read_text())
    content["images"].append(content["images"][0] | {"id": 2, "file_name": "b.png"})
    content["images"][1]["exhaustive"] = False
    (tmp_path / "instances.json").write_text(json.dumps(content))
    paint(tmp_path / "a.png")
    paint(tmp_path / "b.png", "blue")
    summary = generate_data(
        DataConfig(photos=(str(tmp_path),), writer="grammar"), tmp_path.with_name("out")
    )
    assert sum(summary.photos.values()) == 1
    assert summary.skipped == ("b.png: nothing is known about fruit in it",)
