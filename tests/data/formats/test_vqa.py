"""Writing and importing files of VQA v2."""

import json

import pytest
from PIL import Image

from fruit_caption.data.dataset import read_data
from fruit_caption.data.formats.vqa import import_vqa, short_answer, write_vqa
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
def test_short_answers(kind, answer, fruit, expected):
    assert short_answer(QAPair("?", answer, kind, fruit, "grammar")) == expected


def meanings(texts):
    return {
        (text.file_name, pair.kind, pair.fruit, parse_answer(pair.kind, pair.answer, pair.fruit))
        for text in texts
        for pair in text.questions
    }


def test_written_files_can_be_imported(data, tmp_path):
    texts = read_qa(data)
    source = tmp_path / "source"
    source.mkdir()
    (source / "images").symlink_to(data / "images")
    written = write_vqa(source, texts)
    for file in written.iterdir():
        file.rename(source / file.name)
    with pytest.raises(DataError, match="leads out of the folder"):
        import_vqa(source, tmp_path / "out")
    (source / "images").unlink()
    (data / "images").rename(source / "images")
    try:
        imported = import_vqa(source, tmp_path / "out")
    finally:
        (source / "images").rename(data / "images")
    assert imported.ignored == 0
    assert meanings(imported.texts) == meanings(texts)
    assert {text.file_name: text.split for text in imported.texts} == {
        text.file_name: text.split for text in texts
    }
    assert set(read_data(tmp_path / "out").fruits) <= set(read_data(data).fruits)


def write_vqa_v2(folder, split="train2014", questions=None, answers=None):
    """Write files with the names and the structure of the original VQA v2."""
    folder.mkdir(exist_ok=True)
    pictures = folder / split
    pictures.mkdir()
    for number in (42, 73) if split != "val2014" else (580,):
        Image.new("RGB", (8, 8)).save(pictures / f"COCO_{split}_{number:012d}.jpg")
    rows = questions or [
        (42001, 42, "How many bananas are in the bowl?", "2"),
        (42002, 42, "Is the man wearing a hat?", "yes"),
        (42003, 42, "Is there an apple?", "no"),
        (73001, 73, "What fruit is this?", "oranges"),
        (73002, 73, "How many apples are there?", "many"),
    ]
    question_rows = [
        {"question_id": number, "image_id": image, "question": question}
        for number, image, question, _ in rows
    ]
    answer_rows = [
        {
            "question_id": number,
            "image_id": image,
            "multiple_choice_answer": answer,
            "answers": [{"answer": answer, "answer_confidence": "yes", "answer_id": 1}],
        }
        for number, image, _, answer in reversed(rows)
    ]
    (folder / f"v2_OpenEnded_mscoco_{split}_questions.json").write_text(
        json.dumps({"task_type": "Open-Ended", "questions": question_rows})
    )
    (folder / f"v2_mscoco_{split}_annotations.json").write_text(
        json.dumps({"annotations": answers if answers is not None else answer_rows})
    )
    return folder


def test_questions_about_fruit_are_imported_from_vqa_v2(tmp_path):
    source = write_vqa_v2(tmp_path / "source")
    write_vqa_v2(source, "val2014", [(1, 580, "Any limes?", "yes")])
    imported = import_vqa(source, tmp_path / "out")
    assert imported.ignored == 2
    assert read_qa(tmp_path / "out") == list(imported.texts)
    first, second, third = imported.texts  # sorted by file name
    assert first.file_name == "train2014/COCO_train2014_000000000042.jpg"
    assert (first.split, third.split) == ("train", "validation")
    assert [(pair.question, pair.answer) for pair in first.questions] == [
        ("how many bananas are there?", "there are two bananas"),
        ("is there an apple?", "no, there is no apple"),
    ]
    assert [pair.answer for pair in second.questions] == ["it shows orange"]
    assert read_data(tmp_path / "out").fruits == ("apple", "banana", "lime")


def test_unusable_files_are_an_error(tmp_path):
    source = write_vqa_v2(tmp_path / "source", questions=[(1, 7, "Any limes?", "yes")])
    with pytest.raises(DataError, match="lacks the picture of image 7"):
        import_vqa(source, tmp_path / "out")
    other = write_vqa_v2(tmp_path / "other", questions=[(1, 42, "Who is this?", "Ada")])
    with pytest.raises(DataError, match="no question about fruit"):
        import_vqa(other, tmp_path / "out")
    with pytest.raises(DataError, match="lies in"):
        import_vqa(other, other / "out")
    broken = write_vqa_v2(tmp_path / "broken", answers=[3])
    with pytest.raises(DataError, match='"annotations" must be a list of objects'):
        import_vqa(broken, tmp_path / "out")
    odd = write_vqa_v2(tmp_path / "odd", "mine")
    with pytest.raises(DataError, match="must contain one of train, val, test, unseen"):
        import_vqa(odd, tmp_path / "out")
    with pytest.raises(DataError, match="has no file whose name ends in"):
        import_vqa(source / "train2014", tmp_path / "out")
    assert not (tmp_path / "out").exists()
