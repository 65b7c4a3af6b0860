"""Scores and baselines against values computed by hand and by scikit-learn."""

import numpy as np
import pytest

from fruit_caption.data.dataset import Example
from fruit_caption.data.qa import Prediction, QAPair
from fruit_caption.evaluation.baselines import majority, question_alone
from fruit_caption.evaluation.metrics import score


def row(kind, fruit, truth, answer):
    return Prediction("a.jpg", QAPair("?", truth, kind, fruit, ""), answer, 0.5)


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


def test_scores_of_all_kinds():
    scores = score(ROWS)
    assert scores["n"] == 8
    assert scores["exact"] == 4 / 8
    assert scores["kinds"]["count"] == {
        "n": 4,
        "exact": 0.25,
        # Errors 0, 2 and 1; the answer about a pear is not a number of apples.
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
        "f1": 0.8571,  # 2 * 3 / (3 named + 4 present)
        "fruits": {
            "apple": {"n": 2, "precision": 1.0, "recall": 1.0, "f1": 1.0},
            "pear": {"n": 2, "precision": 1.0, "recall": 0.5, "f1": 0.6667},
        },
    }
    assert scores["kinds"]["presence"] == {
        "n": 1,
        "exact": 1.0,
        "precision": None,  # neither answer nor truth is "yes"
        "recall": None,
        "balanced": 1.0,
    }
    assert scores["kinds"]["color"] == {"n": 1, "exact": 1.0}
    assert scores["kinds"]["caption"] == {"n": 2, "exact": 0.5}
    assert scores["several"] == {"n": 2, "exact": 0.5}
    assert scores["present"] == {"n": 4, "exact": 0.25}


def test_scores_of_no_and_of_unreadable_answers():
    assert score([]) == {
        "n": 0,
        "exact": None,
        "kinds": {},
        "present": {"n": 0, "exact": None},
        "several": {"n": 0, "exact": None},
    }
    kinds = score(
        [
            row("count", "apple", "there are two apples", ""),
            row("identify", None, "it shows apple", "well, er"),
            row("presence", "fig", "yes, there is a fig", "who knows"),
        ]
    )["kinds"]
    assert kinds["count"] == {
        "n": 1, "exact": 0.0, "within_one": 0.0, "mae": None, "rmse": None, "read": 0.0,
    }  # fmt: skip
    assert kinds["identify"]["f1"] == 0.0
    assert kinds["identify"]["precision"] is None
    assert kinds["presence"]["balanced"] == 0.0
    assert kinds["presence"]["recall"] == 0.0


ANSWERED_SETS = ["apple", "apple and pear", "fig", "", "banana, fig and pear", "apple"]
TRUE_SETS = ["apple", "apple", "fig and pear", "banana", "fig and pear", "pear"]


def test_scores_of_sets_agree_with_scikit_learn():
    from sklearn.metrics import precision_recall_fscore_support
    from sklearn.preprocessing import MultiLabelBinarizer

    scores = score(
        [
            row("identify", None, f"it shows {truth}", f"it shows {answer}")
            for truth, answer in zip(TRUE_SETS, ANSWERED_SETS, strict=True)
        ]
    )["kinds"]["identify"]
    binary = MultiLabelBinarizer()
    truths, answers = (
        [set(text.replace(",", "").replace(" and", "").split()) for text in texts]
        for texts in (TRUE_SETS, ANSWERED_SETS)
    )
    table = (binary.fit_transform(truths), binary.transform(answers))
    for average, actual in [("micro", [scores]), (None, scores["fruits"].values())]:
        expected = precision_recall_fscore_support(*table, average=average, zero_division=0)
        for name, values in zip(("precision", "recall", "f1"), expected, strict=False):
            assert [scores[name] or 0 for scores in actual] == pytest.approx(
                [round(float(value), 4) for value in np.atleast_1d(values)]
            )
    assert list(scores["fruits"]) == list(binary.classes_)


def test_scores_of_presence_agree_with_scikit_learn():
    from sklearn.metrics import balanced_accuracy_score, precision_score, recall_score

    truths = [True, True, True, False, False, True, False]
    answers = [True, False, True, True, False, True, False]
    words = {True: "yes, there is a fig", False: "no, there is no fig"}
    scores = score(
        [row("presence", "fig", words[t], words[s]) for t, s in zip(truths, answers, strict=True)]
    )["kinds"]["presence"]
    assert scores["precision"] == round(precision_score(truths, answers), 4)
    assert scores["recall"] == round(recall_score(truths, answers), 4)
    assert scores["balanced"] == pytest.approx(balanced_accuracy_score(truths, answers), abs=1e-4)


def test_scores_of_numbers_agree_with_scikit_learn():
    from sklearn.metrics import mean_absolute_error, root_mean_squared_error

    truths, answers = [0, 1, 2, 5, 3, 12], [0, 2, 2, 3, 7, 11]
    scores = score(
        [
            row("count", "fig", f"there are {t} figs", f"there are {s} figs")
            for t, s in zip(truths, answers, strict=True)
        ]
    )["kinds"]["count"]
    assert scores["mae"] == round(mean_absolute_error(truths, answers), 4)
    assert scores["rmse"] == round(root_mean_squared_error(truths, answers), 4)
    assert scores["within_one"] == round(4 / 6, 4)


def test_nothing_matches_an_unreadable_truth():
    assert not QAPair("?", "many", "count", "apple", "").accepts("many")


def test_prediction_to_json():
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


def test_majority_answers_with_the_most_frequent_value():
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
    # The training questions are not about pears; the one about the color is the same.
    assert [row.answer for row in question_alone(train, test)] == answers


def test_question_alone_answers_by_fruit_or_wording():
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


def test_captions_alone_are_scored():
    assert score(ROWS[-2:])["exact"] == 0.5
