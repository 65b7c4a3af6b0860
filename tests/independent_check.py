"""Is what `qa.json` says true? Checked with nothing of the project: JSON and plain words only.

Run it on a data set: `python tests/independent_check.py data/fruit 500`.
"""

import json
import random
import re
import sys
from collections import Counter
from pathlib import Path

NUMBERS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen twenty"
).split()
PLURALS = {"cherry": "cherries", "peach": "peaches", "tomato": "tomatoes"}
SMALL_WORDS = {"a": 1, "an": 1, "no": 0}
MARK = re.compile(r"[a-z]+|\d+")


def false_items(folder, number, seed=0):
    """Of `number` texts drawn at random from a data set, those that are not true, in words."""
    images, fruits = read_truth(Path(folder))
    content = json.loads((Path(folder) / "qa.json").read_text())
    drawn = [
        (row["file_name"], item)
        for row in content["photos"]
        for item in [{"kind": "caption", "answer": row["caption"]["text"]}, *row["questions"]]
    ]
    random.Random(seed).shuffle(drawn)
    return [
        f"{name}: {item.get('question', '')} {item['answer']}"
        for name, item in drawn[:number]
        if not is_right(item, images[name], fruits)
    ]


def read_truth(folder):
    """For each photo its counts (`None`: unknown), and every spelling of each fruit."""
    content = json.loads((folder / "instances.json").read_text())
    names = {row["id"]: row["name"] for row in content["categories"]}
    boxes = {row["id"]: Counter() for row in content["images"]}
    for row in content["annotations"]:
        boxes[row["image_id"]][names[row["category_id"]]] += 1
    images = {}
    for row in content["images"]:
        counts = dict(boxes[row["id"]])
        for name in counts:
            if row.get("count_ok") is not None and name not in row["count_ok"]:
                counts[name] = None
        images[row["file_name"]] = counts | dict.fromkeys(row.get("labels", ()))
    spellings = {}
    for name in names.values():
        plural = PLURALS.get(name) or re.sub("y$", "ie", name) + "s"
        spellings |= {name: name, plural: name}
    return images, spellings


def is_right(item, counts, spellings):
    """Whether an item says of a photo with these counts what is so."""
    said = read(item["answer"].lower(), spellings)
    named = {fruit for fruit, _ in said if fruit}
    kind, asked = item["kind"], item.get("fruit")
    text = item["answer"].lower()
    denies = bool(re.search(r"\b(no|not|none|nothing|isn't|aren't|can't|don't|doesn't)\b", text))
    if kind == "caption":
        return dict(said) == counts if counts else not named and denies
    if kind == "identify":
        return named == set(counts)
    if kind == "presence":
        there = asked in counts if asked else bool(counts)
        return named <= {asked} and denies is not there
    expected = counts.get(asked, 0) if kind == "count" else sum(counts.values())
    if not named <= {asked}:
        return False
    if expected == 0:
        return denies or "zero" in text
    return not denies and number_words(text) == {expected}


def read(text, spellings):
    """The fruits that a text names, each with the number before it."""
    for phrase in sorted(spellings, key=len, reverse=True):
        text = re.sub(rf"\b{phrase}\b", f"@{spellings[phrase].replace(' ', '_')}@", text)
    said, number = [], None
    for word in re.findall(r"@\w+@|[a-z]+|\d+", text):
        if word.startswith("@"):
            said.append((word.strip("@").replace("_", " "), number))
            number = None
        elif word in NUMBERS:
            number = NUMBERS.index(word)
        elif word.isdigit():
            number = int(word)
        elif word in SMALL_WORDS and number is None:
            number = SMALL_WORDS[word]
        elif word in ("some", "and", "with", "of", "in", "on", "at", "that"):
            number = None
    return said


def number_words(text):
    """All numbers in a text, "a" and "an" aside unless there is no other."""
    words = MARK.findall(text)
    found = {NUMBERS.index(word) for word in words if word in NUMBERS}
    found |= {int(word) for word in words if word.isdigit()}
    return found or {1 for word in words if word in ("a", "an", "single")}


if __name__ == "__main__":
    wrong = false_items(sys.argv[1], int(sys.argv[2]))
    print("\n".join([*wrong, f"{len(wrong)} false of {sys.argv[2]}"]))
