"""Fruit names and numbers, and how to write them in English.

`words.py` is the counterpart that recognizes them in a text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

FRUITS: Mapping[str, str] = {
    "apple": "apples",
    "apricot": "apricots",
    "avocado": "avocados",
    "banana": "bananas",
    "blackberry": "blackberries",
    "blueberry": "blueberries",
    "cherry": "cherries",
    "coconut": "coconuts",
    "cucumber": "cucumbers",
    "dragon fruit": "dragon fruits",
    "durian": "durians",
    "fig": "figs",
    "grape": "grapes",
    "grapefruit": "grapefruits",
    "guava": "guavas",
    "kiwi": "kiwis",
    "lemon": "lemons",
    "lime": "limes",
    "lychee": "lychees",
    "mandarin": "mandarins",
    "mango": "mangos",
    "melon": "melons",
    "nectarine": "nectarines",
    "orange": "oranges",
    "papaya": "papayas",
    "passion fruit": "passion fruits",
    "peach": "peaches",
    "pear": "pears",
    "persimmon": "persimmons",
    "pineapple": "pineapples",
    "plum": "plums",
    "pomegranate": "pomegranates",
    "raspberry": "raspberries",
    "sapodilla": "sapodillas",
    "strawberry": "strawberries",
    "tomato": "tomatoes",
    "watermelon": "watermelons",
}
"""Every known fruit, with its plural."""

SYNONYMS: Mapping[str, str] = {
    "cantaloupe": "melon",
    "clementine": "mandarin",
    "dragonfruit": "dragon fruit",
    "granny smith": "apple",
    "honeydew": "melon",
    "kiwi fruit": "kiwi",
    "kiwifruit": "kiwi",
    "litchi": "lychee",
    "mangoes": "mango",
    "passionfruit": "passion fruit",
    "pitaya": "dragon fruit",
    "satsuma": "mandarin",
    "tangerine": "mandarin",
    "water melon": "watermelon",
}
"""Other names for fruits. Their regular plurals (with s) are recognized too."""

NUMBER_WORDS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen twenty"
).split()
"""The words for the numbers 0 to 20; `NUMBER_WORDS[3]` is "three"."""

SPELLINGS: Mapping[str, str] = {
    spelling: fruit
    for name, fruit in [*((fruit, fruit) for fruit in FRUITS), *SYNONYMS.items()]
    for spelling in (name, FRUITS.get(name, name if name.endswith("s") else name + "s"))
}
"""Maps every spelling (singular and plural, synonyms included) to the fruit's name."""


def plural(fruit: str) -> str:
    """Return the plural of one of `FRUITS`."""
    return FRUITS[fruit]


def with_article(noun: str) -> str:
    """Return a noun with "a" or "an" in front: "an apple"."""
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def number_word(number: int) -> str:
    """Return a number as a word up to twenty, in digits above."""
    return NUMBER_WORDS[number] if number < len(NUMBER_WORDS) else str(number)


def quantity(number: int | None, fruit: str, digits: bool = False) -> str:
    """Return a number of fruits in words: "no apples", "one apple", "25 apples", "some apples".

    Args:
        number: The number of fruits, or None if it is unknown.
        fruit: One of `FRUITS`.
        digits: Whether to write the number in digits: "0 apples", "1 apple".
    """
    if number is None:
        return f"some {plural(fruit)}"
    word = str(number) if digits else "no" if number == 0 else number_word(number)
    return f"{word} {fruit if number == 1 else plural(fruit)}"


def list_quantities(counts: Mapping[str, int | None]) -> str:
    """Return counts as a list with digits: "1 apple, 3 pears, some grapes", or "no fruit".

    Args:
        counts: The number of each fruit, or None where it is unknown, in the order of the list.
    """
    parts = [quantity(number, fruit, digits=True) for fruit, number in counts.items()]
    return ", ".join(parts) or "no fruit"


def join_words(words: Sequence[str]) -> str:
    """Join words into an English list: "a", "a and b", "a, b and c"."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
