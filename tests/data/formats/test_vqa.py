"""Files of VQA v2, out and in."""

import json

import pytest
from PIL import Image

from fruit_caption.data.dataset import read_data
from fruit_caption.data.formats.vqa import import_vqa, short, write_vqa
from fruit_caption.data.qa import QAPair, read_qa
from fruit_caption.language.answers import parse_answer
from fruit_caption.utils.errors import DataError

ANSWERS = [
    ("count", "there are three apples", "apple", "3"),
    ("count", "there are no apples", "apple", "0"),
    ("total", "there is one fruit", None, "1"),
    ("presence", "no, there is no kiwi", "kiwi", "no"),
    ("identify", "it shows lime and apple", None, "apple and lime"),
    ("identify", "it shows no fruit", None, "nothing"),
    ("color", "bright blue", None, "bright blue"),
]


@pytest.mark.parametrize(("kind", "answer", "fruit", "expected"), ANSWERS)
def test_answers_are_as_short_as_in_vqa(kind, answer, fruit, expected):
    assert short(QAPair("?", answer, kind, fruit, "grammar")) == expected


def meanings(texts):
    return {
        (text.file_name, item.kind, item.fruit, parse_answer(item.kind, item.answer, item.fruit))
        for text in texts
        for item in text.questions
    }


def test_what_is_written_can_be_read_back(data, tmp_path):
    texts = read_qa(data)
    # What is written lies beside the data set's own files; what is read lies elsewhere.
    source = tmp_path / "theirs"
    source.mkdir()
    (source / "images").symlink_to(data / "images")
    written = write_vqa(source, texts)
    for file in written.iterdir():
        file.rename(source / file.name)
    with pytest.raises(DataError, match="leads out of the folder"):
        import_vqa(source, tmp_path / "ours")
    (source / "images").unlink()
    (data / "images").rename(source / "images")
    try:
        imported = import_vqa(source, tmp_path / "ours")
    finally:
        (source / "images").rename(data / "images")
    assert imported.left_out == 0
    assert meanings(imported.texts) == meanings(texts)
    assert {text.file_name: text.split for text in imported.texts} == {
        text.file_name: text.split for text in texts
    }
    assert set(read_data(tmp_path / "ours").fruits) <= set(read_data(data).fruits)


def theirs(folder, split="train2014", questions=None, answers=None):
    """A folder such as VQA v2's authors offer."""
    folder.mkdir(exist_ok=True)
    pictures = folder / split
    pictures.mkdir()
    for number in (42, 73) if split != "val2014" else (580,):
        Image.new("RGB", (8, 8)).save(pictures / f"COCO_{split}_{number:012d}.jpg")
    asked = questions or [
        (42001, 42, "How many bananas are in the bowl?", "2"),
        (42002, 42, "Is the man wearing a hat?", "yes"),
        (42003, 42, "Is there an apple?", "no"),
        (73001, 73, "What fruit is this?", "oranges"),
        (73002, 73, "How many apples are there?", "many"),
    ]
    rows = [
        {"question_id": one, "image_id": image, "question": question}
        for one, image, question, _ in asked
    ]
    told = [
        {
            "question_id": one,
            "image_id": image,
            "multiple_choice_answer": answer,
            "answers": [{"answer": answer, "answer_confidence": "yes", "answer_id": 1}],
        }
        for one, image, _, answer in reversed(asked)
    ]
    (folder / f"v2_OpenEnded_mscoco_{split}_questions.json").write_text(
        json.dumps({"task_type": "Open-Ended", "questions": rows})
    )
    (folder / f"v2_mscoco_{split}_annotations.json").write_text(
        json.dumps({"annotations": answers if answers is not None else told})
    )
    return folder


def test_questions_about_fruit_are_taken_from_vqa_v2(tmp_path):
    source = theirs(tmp_path / "theirs")
    theirs(source, "val2014", [(1, 580, "Any limes?", "yes")])
    imported = import_vqa(source, tmp_path / "ours")
    assert imported.left_out == 2
    assert read_qa(tmp_path / "ours") == list(imported.texts)
    first, second, third = imported.texts  # by name
    assert first.file_name == "train2014/COCO_train2014_000000000042.jpg"
    assert (first.split, third.split) == ("train", "validation")
    assert [(item.question, item.answer) for item in first.questions] == [
        ("how many bananas are there?", "there are two bananas"),
        ("is there an apple?", "no, there is no apple"),
    ]
    assert [item.answer for item in second.questions] == ["it shows orange"]
    assert read_data(tmp_path / "ours").fruits == ("apple", "banana", "lime")


def test_what_cannot_be_used_is_named(tmp_path):
    source = theirs(tmp_path / "theirs", questions=[(1, 7, "Any limes?", "yes")])
    with pytest.raises(DataError, match="lacks the picture of image 7"):
        import_vqa(source, tmp_path / "ours")
    other = theirs(tmp_path / "other", questions=[(1, 42, "Who is this?", "Ada")])
    with pytest.raises(DataError, match="no question about fruit"):
        import_vqa(other, tmp_path / "ours")
    with pytest.raises(DataError, match="lies in"):
        import_vqa(other, other / "ours")
    broken = theirs(tmp_path / "broken", answers=[3])
    with pytest.raises(DataError, match='"annotations" must be a list of objects'):
        import_vqa(broken, tmp_path / "ours")
    odd = theirs(tmp_path / "odd", "mine")
    with pytest.raises(DataError, match="must hold one of train, val, test, unseen"):
        import_vqa(odd, tmp_path / "ours")
    with pytest.raises(DataError, match="holds no file whose name ends in"):
        import_vqa(source / "train2014", tmp_path / "ours")
    assert not (tmp_path / "ours").exists()
