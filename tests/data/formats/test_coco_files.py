"""COCO files where labeling tools put them, and values as tools write them."""

import json

import pytest
from PIL import Image

from fruit_caption.data.formats.folders import read_photos
from fruit_caption.utils.errors import DataError
from tests.data.formats.reading import read_apples


def write(folder, json_name, pictures, names=None, **changes):
    """Write a COCO file about pictures that have 1, 2, ... apples."""
    for number, name in enumerate(pictures, start=1):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40, 30), (number, len(json_name), 9)).save(folder / name)
    images = [
        {"id": number, "file_name": name, "width": 40, "height": 30}
        for number, name in enumerate(names or [name.split("/")[-1] for name in pictures], start=1)
    ]
    rows = [
        {"id": 10 * image["id"] + n, "image_id": image["id"], "category_id": 1,
         "bbox": [4 * n, 2, 3, 9]}
        for image in images
        for n in range(image["id"])
    ]  # fmt: skip
    categories = [{"id": 1, "name": "apple"}, {"id": 2, "name": "banana"}]
    content = {"images": images, "annotations": rows, "categories": categories} | changes
    (folder / json_name).parent.mkdir(parents=True, exist_ok=True)
    (folder / json_name).write_text(json.dumps(content))
    return content


def counts(folder):
    numbers, found = read_apples(folder)
    assert found.format == "COCO"
    return numbers


@pytest.mark.parametrize(
    ("json_name", "picture", "name"),
    [
        ("instances.json", "images/a.png", "a.png"),
        ("annotations/instances_default.json", "images/a.png", "a.png"),  # CVAT
        ("annotations/instances_default.json", "images/default/a.png", "a.png"),  # Datumaro
        ("annotations/instances_train2017.json", "train2017/a.png", "a.png"),  # COCO
        ("annotations/instances_Train.json", "images/Train/a.png", "images/Train/a.png"),
        ("annotations/instances_default.json", "images/sub/a.png", "sub/a.png"),
        ("Annotations/instances_default.json", "images/a.png", "a.png"),
        ("instances_default.json", "images/a.png", "a.png"),
        ("train/_annotations.coco.json", "train/a.png", "a.png"),  # Roboflow
        ("_annotations.coco.json", "a.png", "a.png"),
        ("result.json", "images/a.png", "images/a.png"),  # Label Studio
        ("result.json", "images/a.png", "images\\a.png"),
        ("labels.json", "data/a.png", "a.png"),  # FiftyOne
        ("train/labels.json", "train/data/a.png", "a.png"),
        ("train/annotations/instances_default.json", "train/images/a.png", "a.png"),
        ("train/instances.json", "train/images/a.png", "a.png"),
        ("my apples.json", "images/a.png", "a.png"),
        ("annotations/train.json", "images/a.png", "a.png"),
    ],
)
def test_files_are_found_where_tools_put_them(tmp_path, json_name, picture, name):
    write(tmp_path, json_name, [picture], [name])
    assert counts(tmp_path) == {picture: 1}


def test_the_folders_of_splits_are_read_together_but_not_mixed(tmp_path):
    write(tmp_path, "train/_annotations.coco.json", ["train/a.png", "train/b.png"])
    write(tmp_path, "valid/_annotations.coco.json", ["valid/x.png", "valid/b.png"])
    # Its photo is missing; the one of another split is another photo.
    write(tmp_path, "test/_annotations.coco.json", [], ["a.png"])
    assert counts(tmp_path) == {
        "train/a.png": 1, "train/b.png": 2, "valid/x.png": 1, "valid/b.png": 2,
    }  # fmt: skip
    found = read_photos(tmp_path)
    assert [line.split(":")[0] for line in found.skipped] == ["a.png"]
    assert len({photo.group for photo in found.photos}) == 4


def test_files_of_the_same_photos_prove_only_what_they_agree_on(tmp_path):
    write(tmp_path, "annotations/instances_1.json", ["images/a.png", "images/b.png"])
    write(tmp_path, "annotations/instances_2.json", ["images/a.png"])
    assert counts(tmp_path) == {"images/a.png": 1, "images/b.png": 2}
    write(tmp_path, "annotations/instances_2.json", [], ["x.png", "a.png"])
    assert counts(tmp_path) == {"images/a.png": None, "images/b.png": 2}


def test_one_broken_file_of_several_is_listed(tmp_path):
    write(tmp_path, "train/_annotations.coco.json", ["train/a.png"])
    (tmp_path / "valid").mkdir()
    (tmp_path / "valid/_annotations.coco.json").write_text("{")
    assert counts(tmp_path) == {"train/a.png": 1}
    assert "not valid JSON" in read_photos(tmp_path).skipped[0]
    (tmp_path / "train/_annotations.coco.json").unlink()
    with pytest.raises(DataError, match=r"_annotations\.coco\.json is not valid JSON"):
        read_photos(tmp_path)


def test_pictures_that_no_file_names_are_noted(tmp_path):
    content = write(tmp_path, "instances.json", ["images/a.png", "images/b.png"])
    assert read_photos(tmp_path).notes == ()
    content["images"].pop()
    content["annotations"] = content["annotations"][:1]
    (tmp_path / "instances.json").write_text(json.dumps(content))
    [note] = read_photos(tmp_path).notes
    assert note == f"{tmp_path}: pictures without annotations: images/b.png"


def test_an_image_without_a_file_name_is_listed(tmp_path):
    content = write(tmp_path, "instances.json", ["images/a.png"])
    content["images"].append({"id": 9, "width": 40, "height": 30})
    (tmp_path / "instances.json").write_text(json.dumps(content))
    assert read_photos(tmp_path).skipped == ("9: it has no file name",)


def test_another_json_file_is_named(tmp_path):
    (tmp_path / "project.json").write_text('{"shapes": []}')
    with pytest.raises(DataError, match=r"project\.json is not a COCO detection file"):
        read_photos(tmp_path)


def test_the_root_category_of_roboflow_is_no_class(tmp_path):
    root = {"id": 0, "name": "fruits-x7", "supercategory": "none"}
    apple = {"id": 1, "name": "apple", "supercategory": "fruits-x7"}
    write(tmp_path, "train/_annotations.coco.json", ["train/a.png"], categories=[root, apple])
    assert read_photos(tmp_path).unknown_classes == ()
    assert counts(tmp_path) == {"train/a.png": 1}
    # Nor is it a known fruit, if only kinds that are not known are boxed.
    kinds = [root | {"name": "apple"}, {"id": 1, "name": "boskoop", "supercategory": "apple"}]
    write(tmp_path, "train/_annotations.coco.json", ["train/a.png"], categories=kinds)
    with pytest.raises(DataError, match=r"known fruit \(boskoop\)"):
        read_photos(tmp_path)
    # With boxes of its own it is a class.
    write(tmp_path, "train/_annotations.coco.json", ["train/a.png", "train/b.png"],
          categories=[root | {"id": 1}, apple | {"id": 2}])  # fmt: skip
    with pytest.raises(DataError, match="only boxes that may be any fruit"):
        read_photos(tmp_path)


@pytest.mark.parametrize("number", [1, 1.0, "1", " 1 ", "1.0"])
def test_ids_as_floats_and_as_text(tmp_path, number):
    content = write(tmp_path, "instances.json", ["images/x.png", "images/a.png"])
    for where, key in (("images", "id"), ("annotations", "image_id"), ("categories", "id"),
                       ("annotations", "category_id")):  # fmt: skip
        changed = json.loads(json.dumps(content))
        for row in changed[where]:
            if row[key] == 1:
                row[key] = number
        (tmp_path / "instances.json").write_text(json.dumps(changed))
        assert counts(tmp_path) == {"images/x.png": 1, "images/a.png": 2}


def test_ids_that_are_names(tmp_path):
    content = write(tmp_path, "instances.json", ["images/x.png", "images/a.png"])
    names = {1: "0001", 2: "8f3e"}
    for row in content["images"]:
        row["id"] = names[row["id"]]
    for row in content["annotations"]:
        row["image_id"] = names[row["image_id"]]
    (tmp_path / "instances.json").write_text(json.dumps(content))
    assert counts(tmp_path) == {"images/x.png": 1, "images/a.png": 2}


@pytest.mark.parametrize(
    "row",
    [{"image_id": 1, "category_id": 1, "segmentation": [[20, 2, 23, 2, 20, 9], [21, 5, 25, 8]]},
     {"image_id": 1, "category_id": 1, "bbox": [], "segmentation": [["20", 2, 23, 2, 20, 9]]},
     {"image_id": 1, "category_id": 1, "bbox": ["8", "2.5", "3", " 9 "]},
     {"image_id": 1, "category_id": 1, "bbox": [8, 2, 3, 9], "iscrowd": "0"}],
)  # fmt: skip
def test_boxes_as_tools_write_them(tmp_path, row):
    content = write(tmp_path, "instances.json", ["images/a.png"])
    content["annotations"].append(row)
    (tmp_path / "instances.json").write_text(json.dumps(content))
    assert counts(tmp_path) == {"images/a.png": 2}


@pytest.mark.parametrize("size", [(0, 0), (None, None), ("40", "30"), (40.0, 0), ("0", 30)])
def test_sizes_as_tools_write_them(tmp_path, size):
    content = write(tmp_path, "instances.json", ["images/a.png"])
    content["images"][0] |= {"width": size[0], "height": size[1]}
    (tmp_path / "instances.json").write_text(json.dumps(content))
    assert counts(tmp_path) == {"images/a.png": 1}


@pytest.mark.parametrize(
    ("where", "row", "reason"),
    [
        ("annotations", None, "annotations, row 4: None is not an object"),
        ("annotations", "x", "annotations, row 4: x is not an object"),
        ("annotations", {"id": 9}, "an annotation: {'id': 9} must have an integer \"image_id\""),
        ("annotations", {"image_id": 1.5}, 'must have an integer "image_id"'),
        ("annotations", {"image_id": [1]}, 'must have an integer "image_id"'),
        ("annotations", {"image_id": 7}, "annotations of image 7: there is no such image"),
        ("images", {"file_name": "c.png"}, 'c.png: its image must have an integer "id"'),
        ("images", 5, "images, row 3: 5 is not an object"),
        ("categories", {"name": "fig"}, 'category fig: it must have an integer "id"'),
        ("categories", None, "categories, row 3: None is not an object"),
    ],
)
def test_one_bad_row_is_left_out_and_the_others_are_read(tmp_path, where, row, reason):
    content = write(tmp_path, "instances.json", ["images/a.png", "images/b.png"])
    content[where].append(row)
    (tmp_path / "instances.json").write_text(json.dumps(content))
    assert counts(tmp_path) == {"images/a.png": 1, "images/b.png": 2}
    [line] = read_photos(tmp_path).skipped
    assert reason in line


@pytest.mark.parametrize(
    "row",
    [{"image_id": 2, "category_id": 1, "bbox": [1, 2, 3]},
     {"image_id": 2, "category_id": 1, "segmentation": [[1, 2, 3], [1, 2, 3]]},
     {"image_id": 2, "category_id": 1, "segmentation": {"counts": "x", "size": [30, 40]}},
     {"image_id": 2, "category_id": 1, "bbox": [1, 2, 3, "wide"]},
     {"image_id": 2, "category_id": 1, "bbox": [1, 2, 3, float("nan")]},
     {"image_id": 2, "category_id": 1}, {"image_id": 2, "category_id": 99, "bbox": [1, 2, 3, 4]},
     {"image_id": 2, "category_id": None, "bbox": [1, 2, 3, 4]}, {"image_id": 2}],
)  # fmt: skip
def test_a_bad_box_costs_only_the_certainty_of_its_photo(tmp_path, row):
    content = write(tmp_path, "instances.json", ["images/a.png", "images/b.png"])
    content["annotations"].append(row)
    (tmp_path / "instances.json").write_text(json.dumps(content))
    assert counts(tmp_path) == {"images/a.png": 1, "images/b.png": None}
    found = read_photos(tmp_path)
    assert found.photos[1].true_answer("presence", "banana") is None
    assert len(found.skipped) == 1


def test_two_categories_with_one_id_may_be_either(tmp_path):
    pair = [{"id": 1, "name": "apple"}, {"id": 1, "name": "pear"}, {"id": 2, "name": "banana"}]
    content = write(tmp_path, "instances.json", ["images/a.png"], categories=pair)
    content["annotations"].append({"image_id": 1, "category_id": 2, "bbox": [20, 2, 3, 9]})
    (tmp_path / "instances.json").write_text(json.dumps(content))
    [photo] = read_photos(tmp_path).photos
    assert (photo.fruits, photo.total(), photo.count("banana")) == (("banana",), None, None)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-8"])
def test_byte_order_marks(tmp_path, encoding):
    content = write(tmp_path, "instances.json", ["images/ä.png"])
    text = json.dumps(content, ensure_ascii=False)
    (tmp_path / "instances.json").write_bytes(text.encode(encoding))
    assert counts(tmp_path) == {"images/ä.png": 1}


@pytest.mark.parametrize(
    "text",
    [b"\xef\xbb\xbf", b"\xe4", b"[" * 100_000, b'{"images": ' + b"9" * 5000 + b"}", b"{'images'}",
     b"", b"null", b'{"a": 1,}', b"\xff\xfe\x00"],
)  # fmt: skip
def test_messages_do_not_speak_of_python(tmp_path, text):
    (tmp_path / "instances.json").write_bytes(text)
    with pytest.raises(DataError) as error:
        read_photos(tmp_path)
    for word in (
        "codec",
        "Expecting",
        "char 0",
        "NoneType",
        "utf-8-sig",
        "recursion",
        "sys.",
        "int(",
        "Traceback",
        "\n",
    ):
        assert word not in str(error.value)
