"""Reading the folder of a data set."""

import shutil

import pytest

from fruit_caption.data.dataset import read_data
from fruit_caption.utils.errors import DataError


@pytest.fixture
def copy(data, tmp_path):
    """A copy of the data set, to be changed."""
    return shutil.copytree(data, tmp_path / "copy")


def test_boxes_are_optional(copy):
    (copy / "instances.json").unlink()
    data = read_data(copy)
    assert data.fruits == ("apple", "banana", "lime")
    assert all(example.photo is None for example in data.splits["train"])


def test_missing_photos_are_named(copy):
    (copy / "images" / "03.png").unlink()
    with pytest.raises(DataError, match=r"lacks 1 photos, such as 03\.png"):
        read_data(copy)


def test_a_missing_folder_is_an_error(tmp_path):
    with pytest.raises(DataError, match="there is no such file"):
        read_data(tmp_path / "nothing")
