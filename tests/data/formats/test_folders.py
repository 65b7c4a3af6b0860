"""Folders in the four supported formats; everything that can't be used is listed."""

import json
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from fruit_caption.config import DataConfig
from fruit_caption.data.formats.class_names import class_mapping
from fruit_caption.data.formats.coco import read_coco
from fruit_caption.data.formats.folders import read_photos
from fruit_caption.data.qa import read_qa
from fruit_caption.data.records import FruitBox
from fruit_caption.datagen.generate import generate_data
from fruit_caption.utils.errors import DataError

CLASSES = ["Apples", "banana", "lime", "spoon"]


def as_voc(photos: Path, folder: Path) -> Path:
    """Convert a COCO folder to Pascal VOC."""
    (folder / "JPEGImages").mkdir(parents=True)
    (folder / "Annotations").mkdir()
    for photo in read_coco(photos).photos:
        (folder / "JPEGImages" / photo.path.name).write_bytes(photo.path.read_bytes())
        things = "".join(
            f"<object><name>{box.fruit}</name><bndbox><xmin>{box.left}</xmin><ymin>{box.top}</ymin>"
            f"<xmax>{box.left + box.width}</xmax><ymax>{box.top + box.height}</ymax></bndbox>"
            "</object>"
            for box in photo.boxes
        )
        (folder / "Annotations" / photo.path.with_suffix(".xml").name).write_text(
            f"<annotation><filename>{photo.path.name}</filename><size><width>{photo.width}</width>"
            f"<height>{photo.height}</height></size>{things}</annotation>"
        )
    return folder


def as_yolo(photos: Path, folder: Path) -> Path:
    """Convert a COCO folder to YOLO."""
    (folder / "train" / "images").mkdir(parents=True)
    (folder / "train" / "labels").mkdir()
    (folder / "data.yaml").write_text("train: train/images\nnames: [apple, banana, lime]\n")
    for photo in read_coco(photos).photos:
        (folder / "train" / "images" / photo.path.name).write_bytes(photo.path.read_bytes())
        lines = [
            f"{['apple', 'banana', 'lime'].index(box.fruit)} "
            f"{(box.left + box.width / 2) / photo.width} "
            f"{(box.top + box.height / 2) / photo.height} "
            f"{box.width / photo.width} {box.height / photo.height}"
            for box in photo.boxes
        ]
        label = folder / "train" / "labels" / photo.path.with_suffix(".txt").name
        label.write_text("\n".join(lines))
    return folder


def boxes_by_name(photo_set):
    return {
        photo.path.name: [
            (box.fruit, *(round(v, 6) for v in (box.left, box.top, box.width, box.height)))
            for box in photo.boxes
        ]
        for photo in photo_set.photos
    }


@pytest.mark.parametrize(("convert", "format_name"), [(as_voc, "Pascal VOC"), (as_yolo, "YOLO")])
def test_all_formats_give_the_same_boxes(photos, tmp_path, convert, format_name):
    found = read_photos(convert(photos, tmp_path / "other"))
    original = read_photos(photos)
    assert (original.format, found.format) == ("COCO", format_name)
    assert boxes_by_name(found) == boxes_by_name(original)
    assert found.listed == original.listed
    assert found.skipped == ()


@pytest.fixture
def voc(tmp_path):
    """One photo with a VOC annotation."""
    Image.new("RGB", (40, 30)).save(tmp_path / "a.png")
    (tmp_path / "a.xml").write_text(VOC)
    return tmp_path


VOC = """<annotation><filename>a.png</filename><size><width>40</width><height>30</height></size>
<object><name>Granny-Smith</name><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>11</xmax><ymax>22</ymax>
</bndbox></object><object><name>spoon</name><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>3</xmax>
<ymax>4</ymax></bndbox></object></annotation>"""

BOMB = '<!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;&b;&b;">]><annotation>&c;</annotation>'


def test_voc_boxes_and_unknown_classes(voc):
    found = read_photos(voc)
    assert found.photos[0].boxes == (FruitBox("apple", 1, 2, 10, 20),)
    assert found.unknown_classes == ("spoon",)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (BOMB, "declares a document type"),
        (BOMB.encode("utf-16"), "declares a document type"),
        ("<annotation>", "not valid XML"),
        ("<html/>", "the root element is <html>, expected <annotation>"),
        (VOC.replace("a.png", "../../a.png"), "not a path inside"),
        (VOC.replace("<width>40", "<width>50"), "it has 40 x 30 pixels"),
        (VOC.replace("<xmin>1<", "<xmin>one<", 1), "<bndbox/xmin> must be a number, not 'one'"),
        (VOC.replace("<xmax>11<", "<xmax>1100<"), "lies outside"),
    ],
)
def test_an_invalid_voc_file_is_listed(voc, text, reason):
    Image.new("RGB", (40, 30)).save(voc / "b.png")
    (voc / "b.xml").write_text(VOC.replace("a.png", "b.png"))
    (voc / "a.xml").write_bytes(text if isinstance(text, bytes) else text.encode())
    found = read_photos(voc)
    assert [photo.path.name for photo in found.photos] == ["b.png"]
    assert reason in found.skipped[0]


@pytest.fixture
def yolo(tmp_path):
    """Two photos with YOLO labels beside them."""
    for name in ("a", "b"):
        Image.new("RGB", (40, 20)).save(tmp_path / f"{name}.png")
        (tmp_path / f"{name}.txt").write_text("0 0.5 0.5 0.25 0.5\n3 .1 .1 .1 .1\n")
    (tmp_path / "classes.txt").write_text("\n".join(CLASSES))
    return tmp_path


def test_yolo_boxes_and_unknown_classes(yolo):
    found = read_photos(yolo)
    assert found.photos[0].boxes == (FruitBox("apple", 15, 5, 10, 10),)
    assert found.listed == {"apple", "banana", "lime"}
    assert found.unknown_classes == ("spoon",)
    (yolo / "classes.txt").unlink()
    (yolo / "data.yaml").write_text("names: {0: satsuma, 3: plum}")
    found = read_photos(yolo)
    assert found.photos[0].fruits == ("mandarin", "plum")


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        ("0 .5 .5 .1", "line 1: '0 .5 .5 .1' is not a class and four numbers"),
        ("0 .5 .5 .1 .1 7", "line 1: '0 .5 .5 .1 .1 7' is not a class and four numbers"),
        ("0 .5 .5 .1 .1\n99 .5 .5 .1 .1", "line 2: there is no class 99"),
        ("0 .5 .5 .1 nan", "not a class and four numbers"),
        ("0 .5 .5 2 .1", "lies outside"),
        (None, "it has no label file a.txt"),
    ],
)
def test_an_invalid_yolo_file_is_listed(yolo, labels, reason):
    if labels is None:
        (yolo / "a.txt").unlink()
    else:
        (yolo / "a.txt").write_text(labels)
    found = read_photos(yolo)
    assert [photo.path.name for photo in found.photos] == ["b.png"]
    assert reason in found.skipped[0]


@pytest.mark.parametrize("text", ["", "[1]", "names: 5", "names: [", "names: {one: apple}"])
def test_invalid_yolo_classes_are_an_error(yolo, text):
    (yolo / "data.yaml").write_text(text)
    with pytest.raises(DataError, match=r"data\.yaml") as error:
        read_photos(yolo)
    assert "\n" not in str(error.value)


@pytest.fixture
def class_folders(tmp_path):
    """Photos in subfolders that are named after what they show."""
    for place, name in enumerate(["Apples", "passion_fruit", "dogs"]):
        (tmp_path / name).mkdir()
        for number in range(12):
            picture = Image.new("RGB", (8, 8), (place, number, 0))
            picture.save(tmp_path / name / f"{number:02d}.png")
    (tmp_path / "plum").mkdir()
    (tmp_path / "photos.csv").write_text(
        "file,fruit,source,license\nApples/00.png,apple,here,CC0\n"
    )
    return tmp_path


def test_class_folders_tell_the_fruit_but_no_count(class_folders, tmp_path_factory):
    found = read_photos(class_folders)
    assert len(found.photos) == 24
    assert found.unknown_classes == ("dogs",)
    assert found.skipped == ("plum: the folder has no pictures",)
    apple = found.photos[0]
    assert (apple.fruits, apple.count("apple"), apple.count("plum")) == (("apple",), None, None)
    assert (apple.source, apple.license) == ("here", "CC0")

    out = tmp_path_factory.mktemp("out")
    generate_data(DataConfig(photos=(str(class_folders),), writer="grammar"), out)
    texts = read_qa(out)
    assert {item.kind for text in texts for item in text.questions} == {"identify", "presence"}
    answers = [item.answer.split(",")[0] for text in texts for item in text.questions]
    assert 0.8 < answers.count("yes") / answers.count("no") < 1.3
    again = {photo.labels for photo in read_coco(out).photos}
    assert again == {frozenset(["apple"]), frozenset(["passion fruit"])}


@pytest.mark.parametrize("name", ["none", "No Fruit", "NO_FRUIT"])
def test_photos_in_the_folder_none_show_no_fruit(class_folders, tmp_path_factory, name):
    (class_folders / "dogs").rename(class_folders / name)
    found = read_photos(class_folders)
    assert found.unknown_classes == ()
    empty = [photo for photo in found.photos if photo.path.parent.name == name]
    assert len(empty) == 12
    for photo in empty:
        assert photo.listed == found.listed == {"apple", "passion fruit", "plum"}
        assert (photo.boxes, photo.fruits, photo.total(), photo.count("apple")) == ((), (), 0, 0)
        assert photo.true_answer("presence") is photo.true_answer("presence", "plum") is False
        assert photo.true_answer("presence", "fig") is None
        assert photo.true_answer("identify") == frozenset()

    out = tmp_path_factory.mktemp("out")
    generate_data(DataConfig(photos=(str(class_folders),), writer="grammar"), out)
    texts = [text for text in read_qa(out) if text.file_name.startswith(name)]
    answers = {(item.kind, item.answer) for text in texts for item in text.questions}
    assert answers == {
        ("count", "there are no apples"),
        ("count", "there are no passion fruits"),
        ("identify", "it shows no fruit"),
        ("presence", "no, there is no apple"),
        ("presence", "no, there is no fruit"),
        ("presence", "no, there is no passion fruit"),
        ("total", "there are no fruits"),
    }
    again = [photo for photo in read_coco(out).photos if photo.path.parent.name == name]
    assert [(photo.listed, photo.total()) for photo in again] == [(found.listed, 0)] * 12


def test_a_folder_none_needs_a_fruit_folder_beside_it(class_folders):
    for name in ("Apples", "passion_fruit", "plum"):
        (class_folders / name).rename(class_folders / f"not {name}")
    (class_folders / "dogs").rename(class_folders / "none")
    with pytest.raises(DataError, match="there is no fruit folder beside it") as refusal:
        read_photos(class_folders)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "names",
    [("train", "val", "test"), ("Training", "VALID", "Testing"), ("train2017", "x", "TEST")],
)
def test_class_folders_may_lie_in_folders_of_splits(class_folders, names):
    moved = zip(names, ("Apples", "passion_fruit", "dogs"), strict=True)
    for split, name in moved:
        (class_folders / split).mkdir()
        (class_folders / name).rename(class_folders / split / name)
    (class_folders / "photos.csv").unlink()
    found = read_photos(class_folders)
    assert found.listed >= {"apple", "plum"}
    assert found.photos[0].path.parent == class_folders / names[0] / "Apples"
    assert found.photos[0].split == "train"
    if names[1] != "x":
        assert Counter(photo.split for photo in found.photos) == {"train": 12, "validation": 12}


def test_what_lies_beside_the_photos_is_named(class_folders):
    (class_folders / ".idea").mkdir()
    (class_folders / ".idea" / "workspace.xml").write_text("<project/>")
    (class_folders / "._Apples").write_bytes(b"")
    Image.new("RGB", (8, 8)).save(class_folders / "outside.png")
    (class_folders / "Apples" / "._00.png").write_bytes(b"")
    (class_folders / "Apples" / "notes.txt").write_text("")
    found = read_photos(class_folders)
    assert found.format == "one folder per fruit"
    assert len(found.photos) == 24
    notes = " ".join(found.notes)
    assert "passed over: Apples/._00.png" in notes
    assert "in no class folder: outside.png" in notes
    assert "without the suffix of a picture are passed over (1 .txt)" in notes


def test_a_picture_that_cannot_be_read_is_listed_with_the_reason(class_folders):
    (class_folders / "Apples" / "a.heic").write_bytes(b"no picture")
    [line] = [line for line in read_photos(class_folders).skipped if "a.heic" in line]
    assert "is not a picture that can be read" in line


def test_links_to_folders_are_not_followed(class_folders):
    (class_folders / "Apples" / "again").symlink_to(class_folders)
    assert len(read_photos(class_folders).photos) == 24


def test_the_users_class_names_take_precedence(class_folders):
    table = class_folders / "names.json"
    table.write_text(json.dumps({"Dogs": "cherries"}))
    assert "cherry" in read_photos(class_folders, class_mapping(table)).listed
    for text in ('{"dogs": "hound"}', '{"dogs": 5}', "[]"):
        table.write_text(text)
        with pytest.raises(DataError, match=r"names\.json"):
            class_mapping(table)


def test_a_folder_of_unknown_format_is_an_error_with_the_formats(tmp_path):
    with pytest.raises(DataError, match="Pascal VOC"):
        read_photos(tmp_path)
    (tmp_path / "plum").mkdir()
    with pytest.raises(DataError, match="no usable photo: plum: the folder has no"):
        read_photos(tmp_path)


def test_sources_are_merged_without_duplicate_photos(photos, yolo, tmp_path_factory):
    out = tmp_path_factory.mktemp("merged")
    # Another picture with the same name, and the same picture with the same name.
    same = sorted((photos / "images").iterdir())[1]
    Image.new("RGB", (40, 20), "red").save(yolo / "00.png")
    (yolo / "00.txt").write_text("")
    (yolo / same.name).write_bytes(same.read_bytes())
    (yolo / f"{same.stem}.txt").write_text("")
    summary = generate_data(DataConfig(photos=(str(photos), str(yolo)), writer="grammar"), out)
    assert sum(summary.photos.values()) == 40 + 2
    # b.png is a copy of a.png under another name.
    assert [reason.split(": ")[-1] for reason in summary.skipped] == [
        f"the same photo as {same}",
        f"the same photo as {yolo / 'a.png'}",
    ]
    names = {photo.path.name for photo in read_coco(out).photos}
    assert {"00.png", "00-2.png", "a.png"} <= names
    images = json.loads((out / "instances.json").read_text())["images"]
    assert all(len(image["sha256"]) == 64 for image in images)


@given(text=st.text(max_size=80) | st.from_regex(r"([0-9] (0\.\d )*)*", fullmatch=True))
@settings(max_examples=200, deadline=None)
def test_any_yolo_labels_are_read_listed_or_an_error(tmp_path_factory, text):
    folder = tmp_path_factory.mktemp("yolo")
    (folder / "classes.txt").write_text("apple")
    Image.new("RGB", (4, 4)).save(folder / "a.png")
    (folder / "a.txt").write_text(text, encoding="utf-8", errors="ignore")
    with suppress(DataError):
        assert len(read_photos(folder).photos) == 1


@given(
    tag=st.sampled_from(["filename", "width", "xmin", "name", "annotation", "object", "bndbox"]),
    text=st.text(max_size=20),
)
@settings(max_examples=200, deadline=None)
def test_any_voc_content_is_read_listed_or_an_error(tmp_path_factory, tag, text):
    folder = tmp_path_factory.mktemp("voc")
    Image.new("RGB", (40, 30)).save(folder / "a.png")
    broken = VOC.replace(f"<{tag}>", f"<{tag}>{text}")
    (folder / "a.xml").write_text(broken, encoding="utf-8", errors="ignore")
    with suppress(DataError):
        assert len(read_photos(folder).photos) == 1


def test_counts_of_labels_without_boxes_are_unknown(photos):
    photo = read_coco(photos).photos[0]
    labeled = replace(photo, boxes=(), labels=frozenset(["apple"]))
    assert labeled.counts() == {"apple": None}
    assert labeled.total() is None
