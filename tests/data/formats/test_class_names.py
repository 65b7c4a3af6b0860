"""The file of names that says what classes are."""

import json

import pytest

from fruit_caption.data.formats.class_names import class_mapping
from fruit_caption.language.classes import NOT_FRUIT
from fruit_caption.utils.errors import DataError


def write(tmp_path, text):
    path = tmp_path / "names.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_names_are_found_however_a_tool_writes_them(tmp_path):
    table = {"Rotten Apple": "apple", "Äpfel": "apples", "0": "pear", "leaf": "not fruit"}
    names = class_mapping(write(tmp_path, json.dumps(table)))
    for name in ("rotten apple", "rotten_apple", " ROTTEN-APPLE ", "A\u0308pfel", "äpfel"):
        assert names(name) == "apple"
    assert names("0") == "pear"
    assert names("Leaf") == NOT_FRUIT
    assert names("rotten") is None
    assert names("banana") == "banana"
    assert names.unused == set()


def test_names_that_were_not_asked_for(tmp_path):
    names = class_mapping(write(tmp_path, '{"aple": "apple", "leaf": "not fruit"}'))
    names("apple"), names("leaf")
    assert names.unused == {"aple"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": "hound"}', "'hound' is neither \"not fruit\" nor one of apple, "),
        ('{"a": 5}', "'5' is neither"),
        ('{"a": null}', "'None' is neither"),
        ('{"a": ["apple"]}', "is neither"),
        ('{"a": {"b": "apple"}}', "is neither"),
        ('{"a": "apple", "a": "pear"}', "the class 'a' is there twice"),
        ('{"a b": "apple", "A_B": "pear"}', "the class 'A_B' is there twice"),
        ('["apple"]', "must hold a JSON object"),
        ('{"a": "apple",}', "not valid JSON"),
        (b"\xff\x00", "can't be read"),
        ("", "not valid JSON"),
    ],
)
def test_an_invalid_file_is_an_error_in_one_line(tmp_path, text, message):
    with pytest.raises(DataError, match=r"names\.json") as error:
        class_mapping(write(tmp_path, text))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_no_part_of_the_file(tmp_path, encoding):
    assert class_mapping(write(tmp_path, '{"0": "fig"}'.encode(encoding)))("0") == "fig"
