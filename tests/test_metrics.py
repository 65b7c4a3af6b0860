"""Scores against hand-computed ones."""

from fruit_caption.baselines import majority
from fruit_caption.dataset import Example
from fruit_caption.metrics import Row, means_same, score
from fruit_caption.writer.qa import Item


def row(kind, fruit, true, said):
    return Row("a.jpg", Item("?", true, kind, fruit, ""), said, 0.5)


ROWS = [
    row("count", "apple", "there are three apples", "3 apples"),
    row("count", "apple", "there are three apples", "there are five apples"),
    row("count", "apple", "there is one apple", "there are no apples"),
    row("count", "apple", "there is one apple", "there is one pear"),
    row("identify", None, "it shows apple and pear", "it shows pear and apple"),
    row("identify", None, "it shows apple and pear", "it shows apple"),
    row("presence", "fig", "no, there is no fig", "no"),
    row("colour", None, "Dark red.", "dark red"),
    row("caption", None, "a photo of two figs", "two figs"),
    row("caption", None, "a photo of two figs", "three figs"),
]


def test_scores():
    scores = score(ROWS)
    assert scores["n"] == 8
    assert scores["exact"] == 4 / 8
    assert scores["kinds"]["count"] == {
        "n": 4,
        "exact": 0.25,
        # Errors 0, 2 and 1; the answer about a pear is no number of apples.
        "within_one": 0.5,
        "rmse": 1.291,
        "read": 0.75,
    }
    assert scores["kinds"]["identify"] == {"n": 2, "exact": 0.5}
    assert scores["kinds"]["caption"] == {"n": 2, "exact": 0.5}
    assert scores["several"] == {"n": 2, "exact": 0.5}


def test_an_unreadable_truth_makes_nothing_right():
    assert not means_same(Item("?", "many", "count", "apple", ""), "many")


def test_rows_as_json():
    assert ROWS[0].to_json() == {
        "photo": "a.jpg",
        "kind": "count",
        "fruit": "apple",
        "question": "?",
        "truth": "there are three apples",
        "answer": "3 apples",
        "confidence": 0.5,
        "correct": True,
    }


def test_majority_says_the_most_frequent_value_of_what_is_asked():
    def example(*items):
        return Example(None, "a.jpg", items)

    train = [
        example(
            Item("?", "there is one apple", "count", "apple", ""),
            Item("?", "there is one fig", "count", "fig", ""),
            Item("?", "there are two figs", "count", "fig", ""),
            Item("?", "yes, there is a fig", "presence", "fig", ""),
            Item("?", "red", "colour", None, ""),
        )
    ]
    test = [
        example(
            Item("?", "there are six pears", "count", "pear", ""),
            Item("?", "no, there is no pear", "presence", "pear", ""),
            Item("?", "red", "colour", None, ""),
        )
    ]
    answers = [row.answer for row in majority(train, test)]
    assert answers == ["there is one pear", "yes, there is a pear", "red"]


def test_captions_count_where_there_is_nothing_else():
    assert score(ROWS[-2:])["exact"] == 0.5
