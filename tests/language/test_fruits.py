"""Fruit names and numbers are written in words, and recognized again."""

import pytest

from fruit_caption.language.answers import parse_answer
from fruit_caption.language.fruits import FRUITS, list_quantities, plural, quantity
from fruit_caption.language.words import find_fruit


@pytest.mark.parametrize("fruit", FRUITS)
@pytest.mark.parametrize("number", [0, 1, 2, 12, 25])
def test_every_quantity_is_parsed_back(fruit, number):
    for digits in (False, True):
        text = f"there are {quantity(number, fruit, digits)}"
        assert parse_answer("count", text, fruit) == number
    assert find_fruit(plural(fruit).title()) == fruit


def test_list_quantities():
    counts = {"apple": 1, "pear": 3, "grape": None}
    assert list_quantities(counts) == "1 apple, 3 pears, some grapes"
    assert list_quantities({}) == "no fruit"
