"""YOLO: where labels lie, what a line may hold, and which pictures count."""

import pytest
from PIL import Image

from fruit_caption.data.formats.folders import read_photos
from fruit_caption.data.records import FruitBox
from fruit_caption.utils.errors import DataError
from tests.data.formats.reading import read_apples

NAMES = "names: [apple, banana]\n"
BOX = "0 0.5 0.5 0.25 0.5\n"


def write(folder, files):
    """Write pictures (.png) and texts."""
    for number, (name, text) in enumerate(files.items()):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(".png"):
            Image.new("RGB", (40, 20), (number, 9, 9)).save(path)
        else:
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


def counts(folder):
    numbers, found = read_apples(folder)
    assert found.format == "YOLO"
    return numbers


@pytest.mark.parametrize(
    ("picture", "labels"),
    [
        ("images/train/images/a.png", "images/train/labels/a.txt"),
        ("images/train/images/a.png", "labels/train/images/a.txt"),
        ("images/train/images/a.png", "labels/train/labels/a.txt"),
        ("images/a.png", "labels/a.txt"),
        ("images/train/a.png", "labels/train/a.txt"),
        ("train/images/a.png", "train/labels/a.txt"),
        ("Images/a.png", "labels/a.txt"),
        ("JPEGImages/a.png", "labels/a.txt"),
        ("images/a.png", "images/a.txt"),
        ("a.png", "a.txt"),
        ("obj_train_data/a.b.png", "obj_train_data/a.b.txt"),
        ("images/A\u0308pfel.png", "labels/\u00c4pfel.txt"),
        ("images/IMG_1.png", "labels/img_1.TXT"),
        ("my images/images of apples/a.png", "my images/images of apples/a.txt"),
    ],
)
def test_places_of_label_files(tmp_path, picture, labels):
    write(tmp_path, {"data.yaml": NAMES, picture: "", labels: BOX})
    assert counts(tmp_path) == {picture: 1}


def test_the_last_images_folder_counts_most(tmp_path):
    picture = "images/train/images/a.png"
    write(tmp_path, {"data.yaml": NAMES, picture: "", "images/train/labels/a.txt": BOX,
                     "labels/train/labels/a.txt": BOX + "0 .1 .1 .1 .1\n"})  # fmt: skip
    assert counts(tmp_path) == {picture: 1}


@pytest.mark.parametrize(
    "line",
    [
        "0 0.5 0.5 0.25 0.5",
        "0 0.5 0.5 0.25 0.5 0.93",  # confidence
        "0 0.375 0.25 0.625 0.25 0.625 0.75 0.375 0.75",  # a polygon, or a turned box
        "0 0.375 0.5 0.5 0.25 0.625 0.5 0.5 0.75 0.81",  # with a confidence
        "0 0.375 0.5 0.625 0.25 0.5 0.75",  # a triangle
        "0.0 0.375 0.25 0.625 0.25 0.625 0.75 0.5 0.75 0.375 0.75 0.375 0.25",
        "0\t.5  .5 .25 5e-1 ",
    ],
)
def test_lines_with_the_same_box(tmp_path, line):
    write(tmp_path, {"data.yaml": NAMES, "a.png": "", "a.txt": line})
    assert read_photos(tmp_path).photos[0].boxes == (FruitBox("apple", 15, 5, 10, 10),)


def test_a_turned_box_at_the_edge_is_cut_off(tmp_path):
    write(tmp_path, {"data.yaml": NAMES, "a.png": "",
                     "a.txt": "0 -0.1 0.5 0.2 0.2 0.5 0.5 0.2 0.8\n"
                     "0 .1 .1 .2 .2 7 .1"})  # fmt: skip
    [photo] = read_photos(tmp_path).photos
    assert photo.boxes == (FruitBox("apple", 0, 4, 20, 12),)
    assert photo.count("apple") is None  # the other lies far outside


@pytest.mark.parametrize("points", ["1.0 0.3 2", "0.5 0.5 0 0.1 0.1 1", "0.5 0.5"])
def test_keypoints_are_no_corners(tmp_path, points):
    write(tmp_path, {"data.yaml": NAMES + "kpt_shape: [1, 3]\n", "a.png": "",
                     "a.txt": f"0 0.5 0.5 0.25 0.5 {points}"})  # fmt: skip
    assert read_photos(tmp_path).photos[0].boxes == (FruitBox("apple", 15, 5, 10, 10),)


@pytest.mark.parametrize(
    "line",
    ["0 .5 .5", "0 .5 .5 .1 .1 12", "apple .5 .5 .1 .1", "0,.5,.5,.1,.1", "0 .5 .5 .1 inf",
     "0 .9 .5 .9 .1 .3 .3 .2 .2 55", "0 0.1 0.1 3.5 0.1 0.1 0.3", "0 .5 .5 0 .1"],
)  # fmt: skip
def test_a_bad_line_costs_only_the_certainty_of_its_photo(tmp_path, line):
    write(tmp_path, {"data.yaml": NAMES, "a.png": "", "a.txt": BOX + line, "b.png": "",
                     "b.txt": BOX})  # fmt: skip
    assert counts(tmp_path) == {"a.png": None, "b.png": 1}
    found = read_photos(tmp_path)
    assert found.photos[0].true_answer("identify") is None
    assert [text.split(":")[0] for text in found.skipped] == ["a.png"]


@pytest.mark.parametrize(
    "name",
    ["data.yaml", "data.yml", "dataset.yaml", "dataset.yml", "classes.txt", "obj.names",
             "labels/classes.txt", "fruits.yaml"]
)  # fmt: skip
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_files_of_class_names(tmp_path, name, encoding):
    text = NAMES if name.endswith((".yaml", ".yml")) else "apple\r\nbanana\r\n"
    write(tmp_path, {name: text.encode(encoding), "a.png": "", "a.txt": BOX.encode(encoding)})
    assert counts(tmp_path) == {"a.png": 1}


@pytest.mark.parametrize("names", ["{0: apple}", "{'0': apple}", "{0.0: apple}", "['apple']"])
def test_numbers_of_classes(tmp_path, names):
    write(tmp_path, {"data.yaml": f"names: {names}", "a.png": "", "a.txt": BOX})
    assert counts(tmp_path) == {"a.png": 1}


@pytest.mark.parametrize(
    "entries",
    [
        "path: set\ntrain: images/train\nval: images/val\n",
        "path: ../datasets/set\ntrain: images/train\n",
        "path: /content/set\ntrain: images/train\nval:\n",
        "train: ../train/images\nval: ../valid/images\n",
        "train: [set/images/train, set/images/val]\n",
        "path: .\ntrain: nowhere.txt\n",
    ],
)
def test_all_pictures_count_whatever_folders_are_named(tmp_path, entries):
    write(tmp_path, {
        "data.yaml": entries + NAMES,
        "set/images/train/a.png": "", "set/labels/train/a.txt": BOX,
        "set/images/val/b.png": "", "set/labels/val/b.txt": BOX * 2,
    })  # fmt: skip
    assert counts(tmp_path) == {"set/images/train/a.png": 1, "set/images/val/b.png": 1}


@pytest.mark.parametrize(
    ("entries", "line"),
    [
        ("train: train.txt\n", "images/a.png"),
        ("train: train.txt\n", "./images/a.png"),
        ("train: train.txt\n", "images\\a.png"),
        ("train: train.txt\n", "/home/anna/set/images/a.png"),
        ("train: train.txt\n", "\ufeffimages/a.png\n\n"),
        ("path: .\ntrain: [train.txt]\nval: lists/none.txt\n", "images/a.png\n"),
        ("train: /content/set/train.txt\n", "images/a.png"),
        ("train: train.txt\nval: val\n", "images/a.png"),
    ],
)
def test_lists_of_pictures_leave_out_the_others(tmp_path, entries, line):
    write(tmp_path, {
        "data.yaml": entries + NAMES, "train.txt": line + "\n",
        "images/a.png": "", "labels/a.txt": BOX,
        "images/b.png": "", "labels/b.txt": BOX,
    })  # fmt: skip
    assert counts(tmp_path) == {"images/a.png": 1}
    assert read_photos(tmp_path).skipped == ("images/b.png: data.yaml does not name it",)


def test_a_list_and_a_folder(tmp_path):
    write(tmp_path, {
        "data.yaml": "path: set\ntrain: train.txt\nval: images/val\n" + NAMES,
        "set/train.txt": "./images/train/a.png\nimages/train/missing.png\n",
        "set/images/train/a.png": "", "set/labels/train/a.txt": BOX,
        "set/images/train/b.png": "", "set/labels/train/b.txt": BOX,
        "set/images/val/c.png": "", "set/labels/val/c.txt": BOX,
    })  # fmt: skip
    assert counts(tmp_path) == {"set/images/train/a.png": 1, "set/images/val/c.png": 1}
    skipped = read_photos(tmp_path).skipped
    assert skipped[0].startswith("train.txt: images/train/missing.png: there is no such file")
    assert skipped[1] == "set/images/train/b.png: data.yaml does not name it"


def test_pictures_outside_the_folder_are_named(tmp_path):
    write(tmp_path, {"data.yaml": "path: ../datasets/set\ntrain: images\n" + NAMES})
    with pytest.raises(DataError, match=r"its path \.\./datasets/set leads out of the folder"):
        read_photos(tmp_path)


@pytest.mark.parametrize(
    "text", [b"names: {one: apple}", b"names: \xe4", b"names: [[[", b"- 5", b"names: {1.5: apple}",
             b"a: *b", b"names: " + b"[" * 5000]
)  # fmt: skip
def test_messages_do_not_speak_of_python(tmp_path, text):
    write(tmp_path, {"data.yaml": text, "a.png": "", "a.txt": BOX})
    with pytest.raises(DataError, match=r"data\.yaml") as error:
        read_photos(tmp_path)
    for word in ("codec", "recursion", "int()", "base 10", "\n"):
        assert word not in str(error.value)
