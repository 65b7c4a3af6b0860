"""Class names of annotation tools."""

import pytest

from fruit_caption.language.classes import NOT_FRUIT, NOT_FRUIT_CLASSES, find_class
from fruit_caption.language.fruits import SPELLINGS


@pytest.mark.parametrize("name", ["apple", "Granny-Smith", "passion_fruit", "ORANGES"])
def test_fruits(name):
    assert find_class(name) in SPELLINGS.values()


@pytest.mark.parametrize("name", ["person", "Cell Phone", "wine-glass", "hot_dog", "diningtable"])
def test_things_that_are_not_fruit(name):
    assert find_class(name) == NOT_FRUIT


@pytest.mark.parametrize(
    "name", ["", "0", "fruit", "rotten apple", "loquat", "苹果 cup", "persons"]
)
def test_names_that_may_be_fruit(name):
    assert find_class(name) is None


def test_no_fruit_is_said_not_to_be_one():
    assert not NOT_FRUIT_CLASSES & set(SPELLINGS)
    assert len(NOT_FRUIT_CLASSES) == 80 - 3 + 6 + 1
