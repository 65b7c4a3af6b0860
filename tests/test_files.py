"""A file is written whole or not at all."""

import pytest

from fruit_caption.errors import FruitError
from fruit_caption.files import read_json, whole_file, write_json


def test_round_trip_leaves_nothing_else(tmp_path):
    write_json(tmp_path / "new" / "a.json", {"ä": 1})
    assert read_json(tmp_path / "new" / "a.json") == {"ä": 1}
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.json"]


def test_a_failure_keeps_the_old_file(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def write_half():
        with whole_file(path) as draft:
            draft.write_text("ne")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FruitError, match=r"a\.json can't be written"):
        write_json(tmp_path / "file" / "a.json", {})
