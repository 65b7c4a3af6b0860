"""Splits that a labeling tool made, wherever its files tell them."""

import json

import pytest
from PIL import Image

from fruit_caption.data.formats.folders import read_photos
from fruit_caption.utils.errors import DataError

XML = """<annotation><filename>{}</filename><object><name>apple</name><bndbox><xmin>1</xmin>
<ymin>2</ymin><xmax>5</xmax><ymax>6</ymax></bndbox></object></annotation>"""


def write(folder, files):
    """Write pictures, and other files with their texts."""
    for number, (name, text) in enumerate(files.items()):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".png":
            Image.new("RGB", (20, 20), (number, 0, 0)).save(path)
        else:
            path.write_text(text)


def splits(folder):
    """The split of each photo that has one, by the number in its name."""
    found = read_photos(folder)
    return {int(photo.path.stem): photo.split for photo in found.photos if photo.split}


def coco(*names):
    images = [{"id": n, "file_name": name} for n, name in enumerate(names, start=1)]
    rows = [{"image_id": n, "category_id": 1, "bbox": [1, 2, 3, 4]} for n in range(1, 9)]
    rows = rows[: len(names)]
    content = {"images": images, "annotations": rows, "categories": [{"id": 1, "name": "apple"}]}
    return json.dumps(content)


def test_the_names_of_coco_files(tmp_path):
    write(tmp_path, {f"images/{n}.png": "" for n in (1, 2, 3)})
    write(tmp_path, {"annotations/instances_train2017.json": coco("1.png", "2.png"),
                     "annotations/instances_val2017.json": coco("3.png")})  # fmt: skip
    assert splits(tmp_path) == {1: "train", 2: "train", 3: "validation"}


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ("train: train.txt\nval: val.txt", {1: "train", 2: "validation"}),
        ("path: .\ntrain: [train.txt]\nvalid: b/images", {1: "train", 2: "validation"}),
        ("train: a/images\ntest: [b/images]", {1: "train", 2: "test"}),
        ("train: a/images\nval: a/images\ntest: b/images", {2: "test"}),
        ("train: ../a/images\nval: ../b/images", {}),
        ("nc: 1", {}),
    ],
)
def test_the_entries_of_a_yolo_file(tmp_path, config, expected):
    write(tmp_path, {"data.yaml": f"names: [apple]\n{config}\n", "train.txt": "./a/images/1.png\n",
                     "val.txt": "b/images/2.png\n"})  # fmt: skip
    for name in ("a/images/1.png", "b/images/2.png"):
        label = name.replace("images", "labels").replace("png", "txt")
        write(tmp_path, {name: "", label: "0 0.5 0.5 0.2 0.2\n"})
    assert splits(tmp_path) == expected


def test_folders_named_after_splits_tell_more_than_the_entry_around_them(tmp_path):
    write(tmp_path, {"data.yaml": "names: [apple]\ntrain: images\nval: images\n"})
    for name in ("images/train/1.png", "images/val/2.png"):
        label = name.replace("images", "labels").replace("png", "txt")
        write(tmp_path, {name: "", label: "0 0.5 0.5 0.2 0.2\n"})
    assert splits(tmp_path) == {1: "train", 2: "validation"}


def test_the_image_sets_of_voc(tmp_path):
    """Lists of single classes tell no split, and a line that may mean two photos is of neither."""
    write(tmp_path, {"ImageSets/Main/train.txt": "1\n\nmonday/4\n5\n",
                     "ImageSets/Main/val.txt": "2\nmissing\n",
                     "ImageSets/Main/apple_train.txt": "3 -1\n"})  # fmt: skip
    names = ("1", "2", "3", "monday/4", "tuesday/4", "monday/5", "tuesday/5")
    for name in names:
        write(tmp_path, {f"JPEGImages/{name}.png": "",
                         f"Annotations/{name}.xml": XML.format(f"{name[-1]}.png")})  # fmt: skip
    found = {photo.group.removeprefix("JPEGImages/"): photo.split
             for photo in read_photos(tmp_path).photos}  # fmt: skip
    assert found == dict.fromkeys([f"{name}.png" for name in names]) | {
        "1.png": "train", "monday/4.png": "train", "2.png": "validation"}  # fmt: skip


def test_a_set_one_folder_deeper_is_named(tmp_path):
    write(tmp_path, {"export/apple/1.png": "", "export/banana/2.png": ""})
    with pytest.raises(DataError, match=r"but .*export has one of them: pass that folder"):
        read_photos(tmp_path)
    with pytest.raises(DataError, match="is a file; pass the folder"):
        read_photos(tmp_path / "export" / "apple" / "1.png")


def test_an_object_of_voc_without_a_box_is_left_out(tmp_path):
    turned = "<object><name>apple</name><robndbox><cx>1</cx></robndbox></object></annotation>"
    write(tmp_path, {"1.png": "", "1.xml": XML.format("1.png").replace("</annotation>", turned)})
    found = read_photos(tmp_path)
    assert found.skipped == ("1.png: an object (apple) has no <bndbox>; this box is left out",)
    assert found.photos[0].count("apple") is None
