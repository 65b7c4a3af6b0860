"""Reading and writing COCO files; everything that can't be used is listed."""

import json
import re
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from fruit_caption.data.formats.coco import read_coco, write_coco
from fruit_caption.data.records import FruitBox
from fruit_caption.utils.errors import DataError


def coco(**changes):
    content = {
        "images": [
            {"id": 7, "file_name": "a.jpg", "width": 40, "height": 30, "license": 1,
             "source": "here", "group": "g", "exhaustive": True, "count_ok": ["Apples"]},
            {"id": 9, "file_name": "b.jpg", "width": 20, "height": 20},
        ],
        "licenses": [{"id": 1, "name": "CC0"}],
        "categories": [{"id": 1, "name": "Apples"}, {"id": 2, "name": "banana"},
                       {"id": 3, "name": "spoon"}],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 1, "bbox": [1, 2, 3, 4]},
            {"id": 2, "image_id": 7, "category_id": 1, "bbox": [30, 20, 10.9, 10.5]},
            {"id": 3, "image_id": 7, "category_id": 2, "bbox": [5, 5, 5, 5]},
            {"id": 4, "image_id": 9, "category_id": 3, "bbox": [5, 5, 5, 5]},
        ],
    }  # fmt: skip
    return content | changes


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "images").mkdir()
    Image.new("RGB", (40, 30)).save(tmp_path / "images" / "a.jpg")
    Image.new("RGB", (20, 20)).save(tmp_path / "images" / "b.jpg")
    return tmp_path


def save(folder, content):
    (folder / "instances.json").write_text(json.dumps(content))
    return folder


def test_fields_and_counts(folder):
    photo_set = read_coco(save(folder, coco()))
    first, second = photo_set.photos
    assert (first.group, first.source, first.license) == ("g", "here", "CC0")
    # The second box exceeds the photo by less than the tolerance, and is clipped.
    assert first.boxes[1] == FruitBox("apple", 30, 20, 10, 10)
    assert first.counts() == {"apple": 2, "banana": None}
    assert first.total() is None
    assert second.count("apple") == 0
    assert second.count("kiwi") is None
    assert second.total() == 0
    assert photo_set.listed == {"apple", "banana"}
    assert photo_set.unknown_classes == ("spoon",)
    assert photo_set.skipped == ()


def test_a_crowd_box_proves_presence_but_no_count(folder):
    content = coco()
    content["annotations"][2]["iscrowd"] = 1
    del content["images"][0]["count_ok"]
    photo = read_coco(save(folder, content)).photos[0]
    assert photo.counts() == {"apple": 2, "banana": None}


def test_the_second_image_of_a_file_is_skipped(folder):
    content = coco()
    content["images"][1] |= {"file_name": "images/a.jpg", "width": 40, "height": 30}
    photo_set = read_coco(save(folder, content))
    assert len(photo_set.photos) == 1
    assert photo_set.skipped == ("images/a.jpg: another image is the same file",)


def test_a_photo_that_is_not_exhaustive_proves_no_absence(folder):
    content = coco()
    content["images"][1]["exhaustive"] = False
    photo = read_coco(save(folder, content)).photos[1]
    assert photo.count("apple") is None
    assert photo.total() is None


@pytest.mark.parametrize(
    ("where", "change", "reason"),
    [
        ("images", {"file_name": "missing.jpg"}, "missing.jpg: there is no such file"),
        ("images", {"file_name": "../../etc/passwd"}, "not a path inside the folder"),
        ("images", {"file_name": "/etc/passwd"}, "not a path inside the folder"),
        ("images", {"file_name": 5}, "not a path inside the folder"),
        ("images", {"width": 41}, "a.jpg: it has 40 x 30 pixels"),
        ("images", {"height": "many"}, "its height is 'many'"),
        ("annotations", {"category_id": 99}, "unknown category 99"),
        ("annotations", {"image_id": 99}, "image 99: there is no such image"),
        ("annotations", {"bbox": [-20, 2, 3, 4]}, "lies outside"),
        ("annotations", {"bbox": [1, 2, 3000, 4]}, "lies outside"),
        ("annotations", {"bbox": [1, 2, 0, 4]}, "is empty"),
        ("annotations", {"bbox": [1, 2, 3]}, "is not \\[left"),
        ("annotations", {"bbox": [1, 2, 3, None]}, "is not \\[left"),
    ],
)
def test_unusable_photos_and_annotations_are_listed(folder, where, change, reason):
    content = coco()
    content[where][0] |= change
    photo_set = read_coco(save(folder, content))
    assert len(photo_set.skipped) == 1
    assert re.search(reason, photo_set.skipped[0])


def test_a_broken_picture_is_listed(folder):
    (folder / "images" / "a.jpg").write_text("no picture")
    photo_set = read_coco(save(folder, coco()))
    assert [photo.path.name for photo in photo_set.photos] == ["b.jpg"]
    assert "a.jpg" in photo_set.skipped[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not valid JSON"),
        ("[]", "must hold a JSON object"),
        ("{}", '"images" must be a list'),
        (json.dumps(coco(images=[])), "no usable photo"),
        (json.dumps(coco(images=coco()["images"] * 2)), "two images with the id 7"),
        (json.dumps(coco(annotations=[{"id": 1}])), 'must have an integer "image_id"'),
        (json.dumps(coco(categories=[1])), '"categories" must be a list of objects'),
        ("\udcff", "can't be read"),
    ],
)
def test_an_invalid_file_is_an_error_with_its_name(folder, text, message):
    (folder / "instances.json").write_text(text, errors="surrogateescape")
    with pytest.raises(DataError, match=r"instances\.json") as error:
        read_coco(folder)
    assert message in str(error.value)


def test_a_missing_folder_or_file_is_an_error(tmp_path):
    with pytest.raises(DataError, match="no such folder"):
        read_coco(tmp_path / "nothing")
    with pytest.raises(DataError, match=r"instances\.json: there is no such file"):
        read_coco(tmp_path)


def test_written_photos_read_back(folder):
    photo_set = read_coco(save(folder, coco()))
    write_coco(folder, photo_set.photos, photo_set.listed)
    again = read_coco(folder)
    assert again.photos == photo_set.photos
    assert again.listed == photo_set.listed


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=10,
)


@given(where=st.sampled_from(["images", "annotations", "categories", "licenses"]),
       field=st.sampled_from(["id", "file_name", "width", "bbox", "category_id", "image_id", "name",
                              "count_ok", "listed", "group", "license"]),
       value=json_values)  # fmt: skip
@settings(max_examples=200, deadline=None)
def test_any_value_in_any_field_is_read_listed_or_an_error(tmp_path_factory, where, field, value):
    folder = tmp_path_factory.mktemp("coco")
    content = coco()
    content[where][0][field] = value
    with suppress(DataError):
        photo_set = read_coco(save(folder, content), check_pictures=False)
        assert len(photo_set.photos) + len(photo_set.skipped) >= 2
