"""Names of files."""

import os

import pytest

from fruit_caption.utils.files import read_json, write_json, write_text
from fruit_caption.utils.paths import encodable


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (b"apple.jpg", "apple.jpg"),
        ("Äpfel 苹果 🍎.jpg".encode(), "Äpfel 苹果 🍎.jpg"),
        (b"\xc4pfel.jpg", "%C4pfel.jpg"),
        ("Ä".encode() + b"/\xff\x80.jpg", "Ä/%FF%80.jpg"),
        ("果".encode("gbk"), "%B9%FB"),
    ],
)
def test_bytes_that_are_not_utf8_are_written_as_in_urls(name, expected):
    assert encodable(os.fsdecode(name)) == expected


def test_half_characters_are_replaced():
    assert encodable("a\ud83c.jpg") == "a\N{REPLACEMENT CHARACTER}.jpg"


def test_files_take_any_name(tmp_path):
    content = {"file_name": os.fsdecode(b"\xc4pfel.jpg"), "苹果": "🍎"}
    write_json(tmp_path / "a.json", content)
    assert read_json(tmp_path / "a.json") == content
    write_text(tmp_path / "a.txt", os.fsdecode(b"\xc4"))
    assert (tmp_path / "a.txt").read_text(encoding="utf-8") == "\\udcc4"
