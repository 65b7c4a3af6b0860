"""The sample pictures of the page, each with a question that the released model answers rightly."""

from __future__ import annotations

from pathlib import Path

QUESTIONS = {
    "banana-and-orange.jpg": "which fruits are there?",
    "three-fruits.jpg": "how many apples?",
    "hand.jpg": "how many pears?",
    "tomatoes.jpg": "how many tomatoes?",
    "plate.jpg": "is there a banana?",
    "rendered-pears.jpg": "how many fruits are there?",
}
"""Samples in the order of the page, and the question to each."""


def sample_questions() -> dict[Path, str]:
    """Return the paths of the sample pictures, in the checkout or in the installed package."""
    checkout = Path(__file__).parents[2] / "docs" / "sample"
    folder = checkout if checkout.is_dir() else Path(__file__).parents[1] / "samples"
    return {folder / "images" / name: question for name, question in QUESTIONS.items()}
