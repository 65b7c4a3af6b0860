"""Checks the texts of a data set against its boxes, without any code of the package.

Usage: `python tests/independent_check.py data/fruit 500` checks 500 texts.
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
NOT_BEFORE_FRUIT = {
    "and", "at", "featuring", "in", "of", "on", "showing", "some", "that", "with",
}  # fmt: skip


def find_wrong_texts(folder, number, seed=0):
    """Return those of `number` randomly chosen texts of a data set that are wrong."""
    counts_of, fruit_of = read_boxes(Path(folder))
    content = json.loads((Path(folder) / "qa.json").read_text())
    texts = [
        (row["file_name"], pair)
        for row in content["photos"]
        for pair in [{"kind": "caption", "answer": row["caption"]["text"]}, *row["questions"]]
    ]
    random.Random(seed).shuffle(texts)
    return [
        f"{name}: {pair.get('question', '')} {pair['answer']}"
        for name, pair in texts[:number]
        if not is_correct(pair, counts_of[name], fruit_of)
    ]


def read_boxes(folder):
    """Return the counts of each photo (None: unknown), and the fruit of every spelling."""
    content = json.loads((folder / "instances.json").read_text())
    names = {row["id"]: row["name"] for row in content["categories"]}
    boxes = {row["id"]: Counter() for row in content["images"]}
    for row in content["annotations"]:
        boxes[row["image_id"]][names[row["category_id"]]] += 1
    counts_of = {}
    for row in content["images"]:
        counts = dict(boxes[row["id"]])
        for name in counts:
            if row.get("count_ok") is not None and name not in row["count_ok"]:
                counts[name] = None
        counts_of[row["file_name"]] = counts | dict.fromkeys(row.get("labels", ()))
    fruit_of = {}
    for name in names.values():
        plural = PLURALS.get(name) or re.sub("y$", "ie", name) + "s"
        fruit_of |= {name: name, plural: name}
    return counts_of, fruit_of


def is_correct(pair, counts, fruit_of):
    """Return whether an answer or caption is correct for a photo with these counts."""
    text = pair["answer"].lower()
    mentions = parse_mentions(text, fruit_of)
    named = {fruit for fruit, _ in mentions if fruit}
    kind, asked = pair["kind"], pair.get("fruit")
    is_denial = bool(re.search(r"\b(no|not|none|nothing|isn't|aren't|can't|don't|doesn't)\b", text))
    if kind == "caption":
        return dict(mentions) == counts if counts else not named and is_denial
    if kind == "identify":
        return named == set(counts)
    if kind == "presence":
        present = asked in counts if asked else bool(counts)
        return named <= {asked} and is_denial is not present
    expected = counts.get(asked, 0) if kind == "count" else sum(counts.values())
    if not named <= {asked}:
        return False
    if expected == 0:
        return is_denial or "zero" in text
    return not is_denial and parse_numbers(text) == {expected}


def parse_mentions(text, fruit_of):
    """Return the fruits that a text names, each with the number in front of it."""
    for spelling in sorted(fruit_of, key=len, reverse=True):
        text = re.sub(rf"\b{spelling}\b", f"@{fruit_of[spelling].replace(' ', '_')}@", text)
    mentions, number = [], None
    for word in re.findall(r"@\w+@|[a-z]+|\d+", text):
        if word.startswith("@"):
            mentions.append((word.strip("@").replace("_", " "), number))
            number = None
        elif word in NUMBERS:
            number = NUMBERS.index(word)
        elif word.isdigit():
            number = int(word)
        elif word in SMALL_WORDS and number is None:
            number = SMALL_WORDS[word]
        elif word in NOT_BEFORE_FRUIT:
            number = None
    return mentions


def parse_numbers(text):
    """Return all numbers in a text; "a", "an" and "single" count only if there is no other."""
    words = re.findall(r"[a-z]+|\d+", text)
    numbers = {NUMBERS.index(word) for word in words if word in NUMBERS}
    numbers |= {int(word) for word in words if word.isdigit()}
    return numbers or {1 for word in words if word in ("a", "an", "single")}


if __name__ == "__main__":
    wrong = find_wrong_texts(sys.argv[1], int(sys.argv[2]))
    print("\n".join([*wrong, f"{len(wrong)} of {sys.argv[2]} texts are wrong"]))
