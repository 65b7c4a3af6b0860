"""Names of pictures as tools on other machines write them, and namesakes in other folders."""

import json
from pathlib import Path

import pytest
from PIL import Image

from fruit_caption.data.formats.folders import read_photos
from fruit_caption.data.formats.pictures import PictureFinder
from fruit_caption.utils.errors import DataError
from fruit_caption.utils.paths import Unusable
from tests.data.formats.reading import read_apples


@pytest.fixture
def folder(tmp_path):
    for name in (
        "images/sub/a.png", "images/my photo.png", "images/A\u0308pfel.png", "images/BIG.PNG",
        "images/50%20.png", "monday/img_1.png", "tuesday/img_1.png", "images/img_1.png",
    ):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4)).save(tmp_path / name)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sub/a.png", "images/sub/a.png"),
        ("./sub/a.png", "images/sub/a.png"),
        ("sub\\a.png", "images/sub/a.png"),
        (".\\images\\sub\\a.png", "images/sub/a.png"),
        ("images\\sub/a.png", "images/sub/a.png"),
        ("my%20photo.png", "images/my photo.png"),
        ("images%5Cmy%20photo.png", "images/my photo.png"),
        ("50%20.png", "images/50%20.png"),
        ("\u00c4pfel.png", "images/A\u0308pfel.png"),
        ("%C3%84pfel.png", "images/A\u0308pfel.png"),
        ("A\u0308PFEL.png", "images/A\u0308pfel.png"),
        ("big.png", "images/BIG.PNG"),
        ("img_1.png", "images/img_1.png"),
        ("monday/img_1.png", "monday/img_1.png"),
        ("C:\\Users\\anna\\monday\\img_1.png", "monday/img_1.png"),
        ("/home/anna/tuesday/img_1.png", "tuesday/img_1.png"),
        ("/home/anna/images/sub/a.png", "images/sub/a.png"),
        ("file:///home/anna/my%20photo.png", "images/my photo.png"),
        ("\\\\server\\share\\sub\\a.png", "images/sub/a.png"),
    ],
)
def test_a_name_is_found_however_it_is_written(folder, name, expected):
    path, _ = PictureFinder(folder).find(name, [folder / "images", folder])
    assert path.relative_to(folder).as_posix() == expected


@pytest.mark.parametrize(
    "name",
    ["a.png", "wednesday/img_1.png", "sub/img_1.png", "missing.png", "../images/img_1.png",
     "..\\images\\img_1.png", "%2e%2e/images/img_1.png", "/etc/passwd", "C:\\a.png", "", ".", "/",
     "a\0.png", 5, None, ["a.png"], "x" * 5000, "\udcff.png"],
)  # fmt: skip
def test_no_other_picture_is_taken_for_a_name(folder, name):
    with pytest.raises(Unusable):
        PictureFinder(folder).find(name, [folder / "images", folder])


def test_a_name_that_two_pictures_may_have_is_not_clear(folder):
    Image.new("RGB", (4, 4)).save(folder / "images" / "Big.png")
    finder = PictureFinder(folder)
    with pytest.raises(Unusable, match=r"it may be (BIG|Big)"):
        finder.find("big.png", [folder / "images"])
    assert finder.find("Big.png", [folder / "images"])[0].name == "Big.png"


def write_coco(folder, images, boxes=None):
    """Write one apple per image, or as many as `boxes` says."""
    rows = [
        {"image_id": number, "category_id": 1, "bbox": [n, 0, 1, 1]}
        for number, times in (boxes or dict.fromkeys(images, 1)).items()
        for n in range(times)
    ]
    images = [
        {"id": number, "file_name": name, "width": 4, "height": 4}
        for number, name in images.items()
    ]
    (folder / "instances.json").write_text(
        json.dumps(
            {"images": images, "annotations": rows, "categories": [{"id": 1, "name": "apple"}]}
        )
    )


def counts(folder):
    numbers, found = read_apples(folder)
    return numbers, found.skipped


def test_coco_photos_with_one_name_are_kept_apart(folder):
    write_coco(folder, {1: "monday/img_1.png", 2: "tuesday/img_1.png"}, {1: 1, 2: 3})
    assert counts(folder) == ({"monday/img_1.png": 1, "tuesday/img_1.png": 3}, ())


def test_coco_photos_that_may_be_one_file_are_listed(folder):
    names = {1: "/home/anna/x/BIG.PNG", 2: "/home/anna/y/BIG.PNG", 3: "sub/a.png"}
    write_coco(folder, names, {1: 1, 2: 3, 3: 2})
    found, skipped = counts(folder)
    assert found == {"images/sub/a.png": 2}
    assert skipped == tuple(f"{names[n]}: several images may be BIG.PNG" for n in (1, 2))
    # One that names the file itself is clear.
    write_coco(folder, {1: "/home/anna/x/BIG.PNG", 2: "BIG.PNG"}, {1: 1, 2: 3})
    assert counts(folder)[0] == {"images/BIG.PNG": 3}


def test_coco_images_that_share_a_file_prove_no_number(folder):
    write_coco(folder, {1: "BIG.PNG", 2: "images/BIG.PNG"}, {1: 1, 2: 3})
    assert counts(folder)[0] == {"images/BIG.PNG": None}
    write_coco(folder, {1: "BIG.PNG", 2: "BIG.PNG"}, {1: 2, 2: 2})
    assert counts(folder)[0] == {"images/BIG.PNG": 2}


def test_coco_images_with_one_id_are_listed_and_the_others_read(folder):
    write_coco(folder, {1: "BIG.PNG", 2: "sub/a.png"})
    content = json.loads((folder / "instances.json").read_text())
    content["images"].append(content["images"][0] | {"file_name": "my photo.png"})
    (folder / "instances.json").write_text(json.dumps(content))
    found, skipped = counts(folder)
    assert found == {"images/sub/a.png": 1}
    assert skipped == tuple(
        f"{name}: there are two images with the id 1" for name in ("BIG.PNG", "my photo.png")
    )


def test_yolo_labels_that_may_belong_to_two_pictures_are_listed(tmp_path):
    for name, color in (("a.png", "red"), ("a.jpg", "blue"), ("b.png", "lime")):
        Image.new("RGB", (4, 4), color).save(tmp_path / name)
    (tmp_path / "classes.txt").write_text("apple")
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text("0 .5 .5 .5 .5")
    assert counts(tmp_path) == (
        {"b.png": 1},
        tuple(f"{name}: a.txt may belong to another picture too" for name in ("a.jpg", "a.png")),
    )


def test_every_name_is_listed_if_none_is_found(folder):
    write_coco(folder, {1: "img_2.png"})
    with pytest.raises(DataError, match=r"img_2\.png: there is no such file"):
        read_photos(folder)
    assert not Path(folder / "out").exists()
