"""What the page and both APIs share."""

import pytest

pytest.importorskip("gradio")

import fruit_caption as fc
from fruit_caption.utils.errors import FruitError, PictureError
from fruit_caption.utils.images import to_picture
from fruit_caption.web.samples import sample_questions
from fruit_caption.web.service import INTERNAL_ERROR, Service, Upload, public_message
from tests.strange_pictures import write_broken, write_odd, write_sound


class OnlyReads:
    """Stands for a predictor; it only opens the picture."""

    def count(self, picture):
        return {"apple": to_picture(picture).width}


def test_strange_pictures_are_answered_or_rejected_in_one_line(tmp_path):
    service = Service(OnlyReads(), per_minute=100_000)
    files = [*write_broken(tmp_path), *write_odd(tmp_path), *write_sound(tmp_path)]
    small = [path for path in files if path.is_file() and path.stat().st_size < 19_000_000]
    assert len(small) >= 300
    messages = {}
    for number, path in enumerate(small):
        try:
            assert service.count("", Upload(path.read_bytes(), f"{number}.jpg"))
        except PictureError as error:
            messages[f"{number}.jpg"] = str(error)
    assert all(message.startswith(name) for name, message in messages.items())
    assert not any("\n" in message for message in messages.values())
    assert 100 < len(messages) < len(small) - 100


def test_a_conversation_goes_on_after_its_photo_was_forgotten(monkeypatch):
    monkeypatch.setattr("fruit_caption.web.service.RECENT_PHOTOS", 1)
    service = Service(fc.load(), per_minute=100)
    first, second = (Upload(path.read_bytes(), path.name) for path in list(sample_questions())[:2])
    seen = service.look("", "page", first)
    assert service.look("", "page", first) is seen  # it was encoded once
    assert service.look("", "another page", first) is not seen  # with its own conversation
    service.look("", "page", second)
    again = service.look("", "page", first)
    assert again is not seen
    answer = service.go_on(again, "and cucumbers?", ["how many oranges are there?"])
    assert (answer.kind, answer.fruit) == ("count", "cucumber")


def test_only_messages_for_users_are_public(capsys):
    assert public_message(FruitError("no photo")) == "no photo"
    assert public_message(OSError("/secret/path")) == INTERNAL_ERROR
    assert "/secret/path" in capsys.readouterr().err
