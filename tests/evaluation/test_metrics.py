"""Scores against hand-computed ones."""

import numpy as np
import pytest

from fruit_caption.data.dataset import Example
from fruit_caption.data.qa import Prediction, QAPair, means_same
from fruit_caption.evaluation.baselines import majority, question_alone
from fruit_caption.evaluation.metrics import score


def row(kind, fruit, true, said):
    return Prediction("a.jpg", QAPair("?", true, kind, fruit, ""), said, 0.5)


ROWS = [
    row("count", "apple", "there are three apples", "3 apples"),
    row("count", "apple", "there are three apples", "there are five apples"),
    row("count", "apple", "there is one apple", "there are no apples"),
    row("count", "apple", "there is one apple", "there is one pear"),
    row("identify", None, "it shows apple and pear", "it shows pear and apple"),
    row("identify", None, "it shows apple and pear", "it shows apple"),
    row("presence", "fig", "no, there is no fig", "no"),
    row("color", None, "Dark red.", "dark red"),
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
        "mae": 1.0,
        "rmse": 1.291,
        "read": 0.75,
    }
    assert scores["kinds"]["identify"] == {
        "n": 2,
        "exact": 0.5,
        "precision": 1.0,
        "recall": 0.75,
        "f1": 0.8571,  # 2 * 3 / (3 named + 4 there)
        "fruits": {
            "apple": {"n": 2, "precision": 1.0, "recall": 1.0, "f1": 1.0},
            "pear": {"n": 2, "precision": 1.0, "recall": 0.5, "f1": 0.6667},
        },
    }
    assert scores["kinds"]["presence"] == {
        "n": 1,
        "exact": 1.0,
        "precision": None,  # nothing was said to be there, and nothing was
        "recall": None,
        "balanced": 1.0,
    }
    assert scores["kinds"]["color"] == {"n": 1, "exact": 1.0}
    assert scores["kinds"]["caption"] == {"n": 2, "exact": 0.5}
    assert scores["several"] == {"n": 2, "exact": 0.5}
    assert scores["present"] == {"n": 4, "exact": 0.25}


def test_no_and_empty_answers_have_scores_too():
    assert score([]) == {
        "n": 0,
        "exact": None,
        "kinds": {},
        "present": {"n": 0, "exact": None},
        "several": {"n": 0, "exact": None},
    }
    no_progress = score(
        [
            row("count", "apple", "there are two apples", ""),
            row("identify", None, "it shows apple", "well, er"),
            row("presence", "fig", "yes, there is a fig", "who knows"),
        ]
    )["kinds"]
    assert no_progress["count"] == {
        "n": 1, "exact": 0.0, "within_one": 0.0, "mae": None, "rmse": None, "read": 0.0,
    }  # fmt: skip
    assert no_progress["identify"]["f1"] == 0.0
    assert no_progress["identify"]["precision"] is None
    assert no_progress["presence"]["balanced"] == 0.0
    assert no_progress["presence"]["recall"] == 0.0


SAID_SETS = ["apple", "apple and pear", "fig", "", "banana, fig and pear", "apple"]
TRUE_SETS = ["apple", "apple", "fig and pear", "banana", "fig and pear", "pear"]


def test_fruits_named_agree_with_scikit_learn():
    from sklearn.metrics import precision_recall_fscore_support
    from sklearn.preprocessing import MultiLabelBinarizer

    scores = score(
        [
            row("identify", None, f"it shows {true}", f"it shows {said}")
            for true, said in zip(TRUE_SETS, SAID_SETS, strict=True)
        ]
    )["kinds"]["identify"]
    binary = MultiLabelBinarizer()
    true, said = (
        [set(text.replace(",", "").replace(" and", "").split()) for text in texts]
        for texts in (TRUE_SETS, SAID_SETS)
    )
    table = (binary.fit_transform(true), binary.transform(said))
    for average, ours in [("micro", [scores]), (None, scores["fruits"].values())]:
        theirs = precision_recall_fscore_support(*table, average=average, zero_division=0)
        for name, values in zip(("precision", "recall", "f1"), theirs, strict=False):
            assert [one[name] or 0 for one in ours] == pytest.approx(
                [round(float(value), 4) for value in np.atleast_1d(values)]
            )
    assert list(scores["fruits"]) == list(binary.classes_)


def test_yes_and_no_agree_with_scikit_learn():
    from sklearn.metrics import balanced_accuracy_score, precision_score, recall_score

    true = [True, True, True, False, False, True, False]
    said = [True, False, True, True, False, True, False]
    words = {True: "yes, there is a fig", False: "no, there is no fig"}
    scores = score(
        [row("presence", "fig", words[t], words[s]) for t, s in zip(true, said, strict=True)]
    )["kinds"]["presence"]
    assert scores["precision"] == round(precision_score(true, said), 4)
    assert scores["recall"] == round(recall_score(true, said), 4)
    assert scores["balanced"] == pytest.approx(balanced_accuracy_score(true, said), abs=1e-4)


def test_numbers_agree_with_scikit_learn():
    from sklearn.metrics import mean_absolute_error, root_mean_squared_error

    true, said = [0, 1, 2, 5, 3, 12], [0, 2, 2, 3, 7, 11]
    scores = score(
        [
            row("count", "fig", f"there are {t} figs", f"there are {s} figs")
            for t, s in zip(true, said, strict=True)
        ]
    )["kinds"]["count"]
    assert scores["mae"] == round(mean_absolute_error(true, said), 4)
    assert scores["rmse"] == round(root_mean_squared_error(true, said), 4)
    assert scores["within_one"] == round(4 / 6, 4)


def test_an_unreadable_truth_makes_nothing_right():
    assert not means_same(QAPair("?", "many", "count", "apple", ""), "many")


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
            QAPair("?", "there is one apple", "count", "apple", ""),
            QAPair("?", "there is one fig", "count", "fig", ""),
            QAPair("?", "there are two figs", "count", "fig", ""),
            QAPair("?", "yes, there is a fig", "presence", "fig", ""),
            QAPair("?", "red", "color", None, ""),
        )
    ]
    test = [
        example(
            QAPair("?", "there are six pears", "count", "pear", ""),
            QAPair("?", "no, there is no pear", "presence", "pear", ""),
            QAPair("?", "red", "color", None, ""),
        )
    ]
    answers = [row.answer for row in majority(train, test)]
    assert answers == ["there is one pear", "yes, there is a pear", "red"]
    # Nothing was asked about pears; the color was.
    assert [row.answer for row in question_alone(train, test)] == answers


def test_the_question_alone_tells_which_fruit_is_usual():
    def examples(*numbers):
        return [
            Example(
                None,
                "a.jpg",
                tuple(QAPair(f"{n}?", f"there are {n} {f}s", "count", f, "") for f, n in numbers),
            )
        ]

    train = examples(("fig", 2), ("fig", 2), ("fig", 1), ("pear", 3), ("lime", 2))
    test = examples(("fig", 9), ("pear", 9), ("apple", 9))
    assert [row.answer for row in question_alone(train, test)] == [
        "there are two figs", "there are three pears", "there are two apples",
    ]  # fmt: skip
    other = [
        Example(None, "a.jpg", (QAPair("shape?", "round", "x", None, ""),)),
        Example(None, "b.jpg", (QAPair("hue?", "red", "x", None, ""),) * 2),
    ]
    assert [row.answer for row in question_alone(other, other)] == ["round", "red", "red"]


def test_captions_count_where_there_is_nothing_else():
    assert score(ROWS[-2:])["exact"] == 0.5
