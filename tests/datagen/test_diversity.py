"""How varied texts are, by hand."""

import pytest

from fruit_caption.datagen.diversity import distinct_2, wording


def test_fruits_and_numbers_leave_gaps():
    assert wording("There are two Granny apples, and a dragon fruit.") == (
        "there are _ granny _ and _ _ _"
    )
    assert wording("how many pears?") == wording("how many mangos?") == "how many _"


def test_distinct_2_by_hand():
    # a b, b c, a b, b d: three different ones of four.
    assert distinct_2(["a b c", "A b d"]) == pytest.approx(3 / 4)
    assert distinct_2(["one"]) == 0.0
