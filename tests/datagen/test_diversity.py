"""Measures of how varied texts are, compared with values by hand."""

import pytest

from fruit_caption.datagen.diversity import distinct_2, wording


def test_wording_replaces_fruits_and_numbers():
    assert wording("There are two Granny apples, and a dragon fruit.") == (
        "there are _ granny _ and _ _ _"
    )
    assert wording("how many pears?") == wording("how many mangos?") == "how many _"


def test_distinct_2():
    # a b, b c, a b, b d: three of four are distinct.
    assert distinct_2(["a b c", "A b d"]) == pytest.approx(3 / 4)
    assert distinct_2(["one"]) == 0.0
