"""Fuzzing: every reader either reads a broken file or raises a FruitError with a one-line message.

Runs a few hundred cases; `make fuzz` runs more than ten thousand.
"""

import json
import os
import random
import shutil
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from fruit_caption.config import RunConfig
from fruit_caption.data.formats.class_names import class_mapping
from fruit_caption.data.formats.coco import read_coco
from fruit_caption.data.formats.folders import read_photos
from fruit_caption.data.formats.voc import read_voc
from fruit_caption.data.formats.vqa import import_vqa
from fruit_caption.data.formats.yolo import read_yolo
from fruit_caption.data.qa import read_qa
from fruit_caption.data.records import PhotoSet
from fruit_caption.language.classes import NOT_FRUIT
from fruit_caption.language.fruits import FRUITS
from fruit_caption.utils.errors import FruitError
from fruit_caption.utils.files import read_json

CASES = int(os.environ.get("FRUIT_FUZZ", 25))
"""Number of cases for each reader and each way of breaking its file."""

fuzz = settings(
    max_examples=CASES,
    deadline=30_000,  # finds hangs, but tolerates a busy machine
    derandomize=CASES < 100,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

ENCODABLE = st.characters(exclude_categories=["Cs"])
PHOTO, SIDE = "apple_7.png", 40
COPY = "a copy of the photo"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Two pictures, which the broken files may refer to."""
    folder = tmp_path_factory.mktemp("fuzz") / "photos"
    (folder / "images").mkdir(parents=True)
    for name in (PHOTO, "b.png"):
        Image.new("RGB", (SIDE, SIDE), (200, 30, 40)).save(folder / "images" / name)
    return folder


COCO = {
    "images": [{"id": 7, "file_name": PHOTO, "width": SIDE, "height": SIDE, "license": 1,
                "exhaustive": True, "count_ok": ["apple"], "group": "g", "source": "s",
                "listed": ["apple"]}],
    "annotations": [{"id": 1, "image_id": 7, "category_id": 3, "bbox": [1, 2, 10, 12],
                     "iscrowd": 0}],
    "categories": [{"id": 3, "name": "apple"}],
    "licenses": [{"id": 1, "name": "CC BY 4.0"}],
}  # fmt: skip
POLYGON = {
    "images": [{"id": "7", "file_name": PHOTO, "width": 0, "height": None}],
    "annotations": [{"id": 1, "image_id": 7.0, "category_id": "3",
                     "segmentation": [[1, 2, 11, 2, 11, 14, 1, 14]]}],
    "categories": [{"id": 0, "name": "fruits", "supercategory": "none"},
                   {"id": 3, "name": "apple", "supercategory": "fruits"}],
}  # fmt: skip
QA = {
    "info": {},
    "photos": [{"file_name": PHOTO, "split": "train", "caption": {"text": "one apple", "by": "g"},
                "questions": [{"question": "how many apples?", "answer": "there is one apple",
                               "kind": "count", "fruit": "apple", "by": "grammar"}]}],
}  # fmt: skip
VQA = {
    "images": [{"id": 7, "file_name": f"images/{PHOTO}"}],
    "questions": [{"question_id": 1, "image_id": 7, "question": "how many apples are there?"}],
    "annotations": [{"question_id": 1, "image_id": 7, "multiple_choice_answer": "1"}],
}
CONFIG = RunConfig("data", versions={"keras": "3"}, start="run", data_digest="1").to_json()
VOC = f"""<annotation><filename>{PHOTO}</filename><size><width>{SIDE}</width>
<height>{SIDE}</height><depth>3</depth></size><object><name>apple</name><bndbox><xmin>1</xmin>
<ymin>2</ymin><xmax>11</xmax><ymax>14</ymax></bndbox></object></annotation>"""
YAML = "path: .\ntrain: images\nnc: 2\nnames:\n  0: apple\n  1: pear\n"
LABELS = "0 0.5 0.5 0.2 0.3\n1 0.2 0.2 0.1 0.1\n"
POLYGONS = "0 0.5 0.5 0.2 0.3 0.9\n1 0.2 0.2 0.1 0.1 0.3 0.4\n0 0.1 0.1 0.4 0.1 0.4 0.5 0.1 0.4 1\n"
LISTED = "path: .\ntrain: [train.txt]\nval: images\nnames: [apple, leaf]\n"
NAMES = {"boskoop": "apple", "leaf": "not fruit", "0": "pear"}
VQA_NUMBERS = {key: VQA[key] for key in ("questions", "annotations")}


def check_photos(photo_set: PhotoSet, folder: Path) -> None:
    """Check what every reader of photos guarantees."""
    for photo in photo_set.photos:
        assert photo.path.resolve().is_relative_to(folder.resolve())
        assert photo.path.is_file()
        for box in photo.boxes:
            assert box.fruit in FRUITS
            assert 0 <= box.left < box.left + box.width <= photo.width + 0.01
            assert 0 <= box.top < box.top + box.height <= photo.height + 0.01
    assert all(len(line.splitlines()) <= 1 for line in photo_set.skipped)


def check_coco(folder: Path) -> None:
    check_photos(read_coco(folder), folder)


def check_voc(folder: Path) -> None:
    check_photos(read_voc(folder), folder)


def check_yolo(folder: Path) -> None:
    check_photos(read_yolo(folder), folder)


def check_names(folder: Path) -> None:
    names = class_mapping(folder / "names.json")
    assert all(names(name) in (*FRUITS, NOT_FRUIT) for name in tuple(names.unused))


def check_class_folders(folder: Path) -> None:
    check_photos(read_photos(folder), folder)


def check_qa(folder: Path) -> None:
    for text in read_qa(folder):
        assert not Path(text.file_name).is_absolute()
        assert ".." not in Path(text.file_name).parts
        assert all(isinstance(item.question, str) for item in text.questions)


def check_config(folder: Path) -> None:
    config = RunConfig.from_json(read_json(folder / "config.json"))
    assert RunConfig.from_json(json.loads(json.dumps(config.to_json()))) == config


def check_vqa(folder: Path) -> None:
    out = Path(mkdtemp()) / "out"
    try:
        for text in import_vqa(folder, out).texts:
            assert (out / "images" / text.file_name).resolve().is_relative_to(out.resolve())
    finally:
        shutil.rmtree(out.parent)


@dataclass(frozen=True)
class Reader:
    """A reader and its files besides the pictures; the first file is the one to break."""

    check: Any
    files: dict[str, Any]

    @property
    def valid(self) -> Any:
        """Valid content of the file to break: text, or a dictionary to be written as JSON."""
        return next(iter(self.files.values()))

    @property
    def text(self) -> str:
        return json.dumps(self.valid) if isinstance(self.valid, dict) else self.valid


READERS = {
    "coco": Reader(check_coco, {"instances.json": COCO}),
    "voc": Reader(check_voc, {"a.xml": VOC}),
    "coco elsewhere": Reader(check_coco, {"annotations/instances_default.json": COCO}),
    "coco polygons": Reader(check_coco, {"labels.json": POLYGON}),
    "coco in splits": Reader(
        check_coco, {"train/_annotations.coco.json": COCO, f"train/{PHOTO}": COPY}
    ),
    "voc elsewhere": Reader(
        check_voc, {"Annotations/a.xml": VOC.replace("<filename>", "<filename>C:\\x\\")}
    ),
    "yolo polygons": Reader(check_yolo, {"images/apple_7.txt": POLYGONS, "data.yaml": YAML}),
    "yolo config": Reader(
        check_yolo,
        {"data.yaml": LISTED, "train.txt": f"images/{PHOTO}\n", "labels/apple_7.txt": LABELS},
    ),
    "yolo list": Reader(
        check_yolo,
        {"train.txt": f"./images\\{PHOTO}\n", "data.yaml": LISTED, "labels/apple_7.txt": LABELS},
    ),
    "names": Reader(check_names, {"names.json": NAMES}),
    "yolo classes": Reader(check_yolo, {"data.yaml": YAML, "images/apple_7.txt": LABELS}),
    "yolo labels": Reader(check_yolo, {"images/apple_7.txt": LABELS, "data.yaml": YAML}),
    "yolo names": Reader(
        check_yolo, {"classes.txt": "apple\npear\n", "images/apple_7.txt": LABELS}
    ),
    "photos.csv": Reader(
        check_class_folders,
        {"photos.csv": f"file,source,license\nimages/{PHOTO},web,CC0\n", "apple/": ""},
    ),
    "photos.csv of a spreadsheet": Reader(
        check_class_folders,
        {
            "photos.csv": f'sep=;\r\n"File";"Split"\r\n"images\\{PHOTO}";"val2017"\r\n',
            "apple/": "",
        },
    ),
    "qa": Reader(check_qa, {"qa.json": QA}),
    "config": Reader(check_config, {"config.json": CONFIG}),
    "vqa questions": Reader(
        check_vqa, {"v2_train_questions.json": VQA, "v2_train_annotations.json": VQA}
    ),
    "vqa numbers": Reader(
        check_vqa, {"v2_train_questions.json": VQA_NUMBERS, "v2_train_annotations.json": VQA}
    ),
    "vqa answers": Reader(
        check_vqa, {"v2_train_annotations.json": VQA, "v2_train_questions.json": VQA}
    ),
}
JSON_READERS = [name for name, reader in READERS.items() if isinstance(reader.valid, dict)]


def is_accepted(reader: Reader, folder: Path, content: bytes) -> bool:
    """Whether the reader accepts a content; if not, it must raise an error with one line."""
    written = []
    for place, (name, valid) in enumerate(reader.files.items()):
        path = folder / name
        for parent in reversed(path.relative_to(folder).parents[:-1]):
            if not (folder / parent).exists():
                (folder / parent).mkdir()
                written.append(folder / parent)
        if name.endswith("/"):
            path.mkdir()
        if name.endswith("/") or valid is COPY:
            shutil.copy(folder / "images" / PHOTO, path)
        else:
            text = json.dumps(valid) if isinstance(valid, dict) else valid
            path.write_bytes(text.encode() if place else content)
        written.append(path)
    try:
        reader.check(folder)
        message = ""
    except FruitError as error:
        message = str(error)
    finally:
        for path in reversed(written):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert len(message.splitlines()) <= 1, message
    return not message


@pytest.mark.parametrize("name", READERS)
def test_valid_files_are_accepted(name, folder):
    assert is_accepted(READERS[name], folder, READERS[name].text.encode())


@pytest.mark.parametrize("name", READERS)
@fuzz
@given(content=st.binary(max_size=200) | st.text(ENCODABLE, max_size=200).map(str.encode))
def test_any_bytes(name, folder, content):
    is_accepted(READERS[name], folder, content)


ODD_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.sampled_from([-1, 0, 1e308, 10**30, 2**63, "", "../../x", "/etc/hosts", "a\0b", "a\nb",
                     "C:\\x", "x" * 5000, "nan", [], {}, [[]], [None], {"": None}, "apple",
                     "images/b.png", 7, "7", 7.5, [1, 2, 3, 4], ["apple"]]),
    st.text(max_size=20),
    st.recursive(st.none(), lambda inner: st.lists(inner, max_size=2), max_leaves=40),
)  # fmt: skip


def places(value: Any) -> list[tuple[Any, Any]]:
    """Return every container in a JSON value with each of its keys."""
    if isinstance(value, dict):
        keys: list[Any] = list(value)
    else:
        keys = list(range(len(value))) if isinstance(value, list) else []
    return [place for key in keys for place in [(value, key), *places(value[key])]]


@pytest.mark.parametrize("name", JSON_READERS)
@fuzz
@given(data=st.data())
def test_replaced_deleted_and_duplicated_values(name, folder, data):
    content = deepcopy(READERS[name].valid)
    for _ in range(data.draw(st.integers(1, 3))):
        if not (found := places(content)):
            break
        container, key = found[data.draw(st.integers(0, len(found) - 1))]
        change = data.draw(st.sampled_from(["replace", "replace", "delete", "duplicate"]))
        if change == "delete":
            del container[key]
        elif change == "duplicate" and isinstance(container, list):
            container.append(deepcopy(container[key]))
        else:
            container[key] = deepcopy(data.draw(ODD_VALUES))
    is_accepted(READERS[name], folder, json.dumps(content).encode())


FRAGMENTS = (
    "<!DOCTYPE a [<!ENTITY b 'c'>]>", "&b;", "&lt;", "<!DOCTYPE a SYSTEM 'file:///etc/hosts'>",
    "<object>", "</object>", "<name>", "]]>", "<?xml version='1.0' encoding='utf-7'?>", "nan",
    "-1e999", "9" * 5000, "!!python/object/apply:os.system ['true']", "&a [*a]", "*a", "<<: *a",
    "{", "}", "[", "]", "- ", "\t", "names:", "\0", "\ufeff", "../", "0 ", "-0.5 ", "1e400 ", "\n",
    ",", '"', "'", "NaN", "Infinity", "\\u0000", "\\ud800", "[" * 3000, "<a>" * 3000, "é",
)  # fmt: skip


@pytest.mark.parametrize("name", READERS)
@fuzz
@given(seed=st.integers(0, 2**32))
def test_text_with_confusing_fragments(name, folder, seed):
    """Replace parts of the text by fragments that confuse parsers."""
    rng, text = random.Random(seed), READERS[name].text
    for _ in range(rng.randint(1, 3)):
        start = rng.randrange(len(text) + 1)
        end = min(len(text), start + int(rng.expovariate(0.2)))
        text = text[:start] + rng.choice(["", *FRAGMENTS]) + text[end:]
    is_accepted(READERS[name], folder, text.encode("utf-8", "surrogatepass"))


def test_xml_entities_are_not_expanded(folder):
    """The "billion laughs" attack."""
    laughs = "".join(f"<!ENTITY l{n} '{f'&l{n - 1};' * 10}'>" for n in range(1, 10))
    text = f"<!DOCTYPE a [<!ENTITY l0 'ha'>{laughs}]>" + VOC.replace("apple<", "&l9;<", 1)
    (folder / "a.xml").write_text(text)
    found = read_voc(folder)
    (folder / "a.xml").unlink()
    assert found.photos == ()
    assert "declares a document type" in found.skipped[0]
