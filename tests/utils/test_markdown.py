"""Markdown tables."""

import pytest

from fruit_caption.utils.markdown import table


def test_first_column_is_left_aligned_by_default():
    assert table(["name", "a", "b"], [["x", "1", "2"], ["y", "3", "4"]]) == (
        "| name | a | b |\n| --- | ---: | ---: |\n| x | 1 | 2 |\n| y | 3 | 4 |\n"
    )


def test_alignment_can_be_chosen():
    assert table(["a", "b"], [], align="rl") == "| a | b |\n| ---: | --- |\n"


@pytest.mark.parametrize(("rows", "align"), [([["1"]], ""), ([["1", "2"]], "lll")])
def test_columns_must_match_the_header(rows, align):
    with pytest.raises(ValueError, match="must have 2 columns"):
        table(["a", "b"], rows, align)
