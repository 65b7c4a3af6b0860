"""Writing and importing files of VQA v2."""

import json
import os

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


def write_files(folder, pictures, rows, images=None, name="v2_OpenEnded_mscoco_train2014"):
    """Write pictures, and questions with their answers: (question id, image id, answer)."""
    for number, picture in enumerate(pictures):
        (folder / picture).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (number, 9, 9)).save(folder / picture)
    questions = [
        {"question_id": number, "image_id": image, "question": "How many apples are there?"}
        for number, image, _ in rows
    ]
    answers = [
        {"question_id": number, "image_id": image, "multiple_choice_answer": answer}
        for number, image, answer in rows
    ]
    content = {"questions": questions} | ({} if images is None else {"images": images})
    (folder / f"{name}_questions.json").write_text(json.dumps(content))
    other = name.replace("OpenEnded_", "")
    (folder / f"{other}_annotations.json").write_text(json.dumps({"annotations": answers}))


def imported(folder):
    """The answers by picture, and what was left out."""
    result = import_vqa(folder, folder.with_name("out"))
    return {text.file_name: [pair.answer for pair in text.questions] for text in result.texts}, (
        result.skipped
    )


OFFICIAL = "train2014/COCO_train2014_000000000001.jpg"


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (OFFICIAL, "zoomed/detail_1.jpg"),
        (OFFICIAL, "val2014/COCO_val2014_000000000001.jpg"),
        (OFFICIAL, "zoomed/1.jpg"),
        (OFFICIAL, "backup/COCO_train2017_000000000001.jpg"),
        ("COCO_train2014_000000000001.png", "a/photo-0001.jpg"),
        ("train2014/000000000001.jpg", "val2014/000000000001.jpg"),
        ("train2014/1.jpg", "test/1.jpg"),
        ("train/000000000001.jpg", "zoomed/detail_1.jpg"),
        ("train2014/photo_1.jpg", "val2014/photo_1.jpg"),
    ],
)
def test_a_picture_with_the_same_number_is_another_one(tmp_path, right, wrong):
    for number, pictures in enumerate(([right, wrong], [wrong, right])):
        folder = tmp_path / str(number) / "source"
        write_files(folder, pictures, [(5, 1, "4")])
        assert imported(folder) == ({right: ["there are four apples"]}, ())


@pytest.mark.parametrize(
    ("pictures", "good", "reason"),
    [
        (["a/COCO_train2014_000000000001.jpg", "b/COCO_train2014_000000000001.jpg"],
         "train2014/COCO_train2014_000000000002.jpg", "the picture of image 1 may be a/COCO_"),
        (["val2014/COCO_val2014_000000000001.jpg"], "train2014/COCO_train2014_000000000002.jpg",
         "lacks the picture of image 1"),
        (["detail_1.jpg"], "train2014/COCO_train2014_000000000002.jpg",
         "lacks the picture of image 1"),
        (["val2014/000000000001.jpg"], "train2014/000000000002.jpg",
         "lacks the picture of image 1"),
        (["train2014/photo_1.jpg", "train2014/detail_1.jpg"], "train2014/photo_2.jpg",
         "the picture of image 1 may be train2014/"),
    ],
)  # fmt: skip
def test_a_question_whose_picture_is_not_clear_is_listed(tmp_path, pictures, good, reason):
    write_files(tmp_path / "source", [*pictures, good], [(5, 1, "4"), (6, 2, "3")])
    answers, skipped = imported(tmp_path / "source")
    assert answers == {good: ["there are three apples"]}
    assert len(skipped) == 1
    assert reason in skipped[0]


def test_names_in_other_folders_are_other_pictures(tmp_path):
    images = [{"id": 1, "file_name": "a/x.jpg"}, {"id": 2, "file_name": "b/x.jpg"}]
    pictures = ["x.jpg", "images/a/x.jpg", "b/x.jpg"]
    write_files(tmp_path / "source", pictures, [(5, 1, "4"), (6, 2, "3"), (7, 3, "2")], images)
    assert imported(tmp_path / "source") == (
        {"a/x.jpg": ["there are four apples"], "b/x.jpg": ["there are three apples"]},
        ("v2_OpenEnded_mscoco_train2014_questions.json: it lacks the picture of image 3",),
    )


def test_a_row_that_contradicts_another_is_listed(tmp_path):
    pictures = [f"train2014/COCO_train2014_{n:012d}.jpg" for n in range(1, 6)]
    rows = [(n, n, str(n)) for n in range(1, 6)]
    source = tmp_path / "source"
    write_files(source, pictures, rows)
    path = source / "v2_mscoco_train2014_annotations.json"
    content = json.loads(path.read_text())
    content["annotations"][1]["image_id"] = 4  # the answer to another question
    content["annotations"] += [
        content["annotations"][0],
        content["annotations"][2] | {"multiple_choice_answer": "7"},
        None,
    ]
    path.write_text(json.dumps(content))
    answers, skipped = imported(source)
    assert sorted(answers) == [f"train2014/{pictures[n].split('/')[1]}" for n in (0, 3, 4)]
    assert sorted(skipped) == [
        "annotations, row 8: None is not an object",
        "question 2: its answer is about image 4, not 2",
        "question 3: v2_mscoco_train2014_annotations.json has two answers to it",
    ]


def test_two_pictures_with_one_id_are_listed(tmp_path):
    images = [{"id": n, "file_name": f"{name}.jpg"} for n, name in [(1, "a"), (1, "b"), (2, "c")]]
    write_files(
        tmp_path / "source", ["a.jpg", "b.jpg", "c.jpg"], [(5, 1, "4"), (6, 2, "3")], images
    )
    assert imported(tmp_path / "source") == (
        {"c.jpg": ["there are three apples"]},
        ("v2_OpenEnded_mscoco_train2014_questions.json: it has two pictures with the id 1",),
    )


@pytest.mark.parametrize("break_it", ["no answers", "broken", "bad name", "no list"])
def test_one_unusable_file_is_listed_and_the_others_are_read(tmp_path, break_it):
    source = tmp_path / "source"
    write_files(source, [OFFICIAL], [(5, 1, "4")])
    other = "v2_OpenEnded_mscoco_test2015"
    write_files(source, ["test2015/COCO_test2015_000000000009.jpg"], [(6, 9, "3")], None, other)
    path = source / "v2_mscoco_test2015_annotations.json"
    if break_it == "no answers":
        path.unlink()
    elif break_it == "bad name":
        (source / f"{other}_questions.json").rename(source / "mine_questions.json")
    else:
        path.write_text({"broken": "{", "no list": "{}"}[break_it])
    answers, skipped = imported(source)
    assert answers == {OFFICIAL: ["there are four apples"]}
    assert len(skipped) == 1


def test_a_missing_picture_and_one_in_two_splits_are_listed(tmp_path):
    source = tmp_path / "source"
    write_files(source, [OFFICIAL], [(5, 1, "4"), (6, 2, "3"), (7, 2, "3")])
    images = [{"id": 1, "file_name": OFFICIAL}]
    write_files(source, [], [(8, 1, "4")], images, "v2_OpenEnded_mscoco_val2014")
    assert imported(source) == (
        {OFFICIAL: ["there are four apples"]},
        (
            "v2_OpenEnded_mscoco_train2014_questions.json: it lacks the picture of image 2",
            f"{OFFICIAL}: it is in two splits, train and validation; the first counts",
        ),
    )


@pytest.mark.parametrize("number", ["1", 1.0, "1.0"])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_ids_as_text_and_byte_order_marks(tmp_path, number, encoding):
    source = tmp_path / "source"
    write_files(source, [OFFICIAL], [(5, 1, "4")])
    path = source / "v2_OpenEnded_mscoco_train2014_questions.json"
    content = json.loads(path.read_text())
    content["questions"][0] |= {"image_id": number, "question_id": f"{5}"}
    path.write_bytes(json.dumps(content).encode(encoding))
    assert imported(source) == ({OFFICIAL: ["there are four apples"]}, ())


@pytest.mark.parametrize("name", ["sub\\a b.jpg", "images/sub/a%20b.jpg", "/home/x/sub/A B.JPG"])
def test_names_of_pictures_as_tools_write_them(tmp_path, name):
    source = tmp_path / "source"
    write_files(
        source, ["images/sub/a b.jpg"], [(5, 1, "4")], [{"id": 1.0, "file_name": name}], "train"
    )
    assert imported(source) == ({"sub/a b.jpg": ["there are four apples"]}, ())


def test_names_that_are_not_utf8_become_others(tmp_path):
    """No two pictures get the same name by that."""
    names = [os.fsdecode(b"\xc4.jpg"), "%C4.jpg"]
    images = [{"id": number, "file_name": name} for number, name in enumerate(names, start=1)]
    source = tmp_path / "source"
    write_files(source, [f"images/{name}" for name in names], [(5, 1, "4"), (6, 2, "3")], images)
    answers = {"%C4-2.jpg": ["there are four apples"], "%C4.jpg": ["there are three apples"]}
    assert imported(source) == (answers, ())
    assert {path.name for path in (tmp_path / "out" / "images").iterdir()} == set(answers)
