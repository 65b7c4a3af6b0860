"""Formats Markdown tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(header: Sequence[str], rows: Iterable[Sequence[str]], align: str = "") -> str:
    """Return a Markdown table.

    Args:
        header: The titles of the columns.
        rows: The cells of each row, one per column.
        align: "l" or "r" for each column; by default the first column is aligned left and the
            others right.

    Returns:
        The lines of the table; the last one ends with a line break, too.

    Raises:
        ValueError: If a row or `align` has another number of columns than the header.
    """
    align = align or "l" + "r" * (len(header) - 1)
    rule = ["---:" if letter == "r" else "---" for letter in align]
    lines = [header, rule, *rows]
    if any(len(cells) != len(header) for cells in lines):
        raise ValueError(f"Every row must have {len(header)} columns.")
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
