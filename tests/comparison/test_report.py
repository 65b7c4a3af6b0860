"""The tables of a comparison."""

from fruit_caption.comparison.report import (
    markdown,
    most_telling_questions,
    question_kinds,
    score_columns,
    seed_values,
)
from fruit_caption.data.qa import Prediction, QAPair

COUNT = {"n": 10, "exact": 0.5, "within_one": 0.75, "rmse": 1.234, "read": 1.0}
SCORES = {
    "n": 10,
    "exact": 0.5,
    "kinds": {"count": COUNT},
    "several": {"n": 0, "exact": None},
    "calibration_error": None,
}
OTHER = SCORES | {"exact": 0.75, "kinds": {"count": COUNT | {"exact": 0.7, "rmse": 1.0}}}


def comparison(**results):
    return {
        "data": {"photos": {"test": 4}},
        "seeds": max(map(len, results.values())),
        "results": {"test": results},
        "differences": {
            "test": [
                {"of": "a", "over": "b", "subset": "overall", "mean": 0.12, "low": -0.01,
                 "high": 0.2, "is_real": False},
            ]
        },
        "costs": {"a": {"parameters": 1_250_000, "megabytes": 5.0, "minutes": None,
                        "milliseconds": 12.3}},
        "changed": {"b": "no weights"},
    }  # fmt: skip


def test_markdown():
    lines = markdown(comparison(majority=[SCORES], a=[SCORES, OTHER])).splitlines()
    assert lines[0] == (
        "Right answers in %, test split: 4 photos, 10 questions, mean ± standard deviation of "
        "2 seeds."
    )
    assert lines[2] == (
        "| approach | overall | count | counts of 2 or more | count within 1 | count RMSE "
        "| calibration error |"
    )
    assert lines[4] == "| majority | 50.0 | 50.0 | - | 75.0 | 1.23 | - |"
    assert lines[5] == "| a | 62.5 ± 17.7 | 60.0 ± 14.1 | - | 75.0 ± 0.0 | 1.12 ± 0.17 | - |"
    assert "| a over b | overall | +12.0 | -1.0 to +20.0 | no |" in lines
    assert "| a | 1.2 | 5.0 | - | 12.3 |" in lines
    assert lines[-1] == "b: no weights"


def test_unknown_kinds_of_question_have_columns():
    scores = {"exact": 1.0, "kinds": {"color": {}, "presence": {}, "caption": {}, "area": {}}}
    assert question_kinds({"a": [scores]}) == ["presence", "area", "color", "caption"]
    assert list(score_columns({"a": [scores]})) == [
        "overall", "presence", "area", "color", "caption", "calibration error",
    ]  # fmt: skip


def test_values_are_those_of_all_seeds_or_none():
    assert seed_values([SCORES, OTHER], ("kinds", "count", "exact")) == [0.5, 0.7]
    assert seed_values([SCORES], ("several", "exact")) == []
    assert seed_values([SCORES], ("kinds", "color", "exact")) == []


def test_most_telling_questions():
    def rows(*right):
        kinds = ["shape", "shape", "shape", "hue", "hue"]
        photos = ["a", "b", "c", "b", "c"]
        return [
            Prediction(photo, QAPair("?", "one", kind, None, ""), "one" if is_right else "two", 1.0)
            for photo, kind, is_right in zip(photos, kinds, right, strict=True)
        ]

    # The answers about photo b differ most for both kinds, but a photo is chosen only once.
    answers = {"x": rows(1, 1, 1, 1, 1), "y": rows(1, 0, 1, 0, 1), "z": rows(1, 0, 1, 0, 1)}
    assert most_telling_questions(answers) == [1, 4]
