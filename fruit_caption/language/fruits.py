"""Names of fruits, and numbers in words."""

from __future__ import annotations

import re
from collections.abc import Mapping

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
"""Every fruit we have a word for, with its plural."""

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
"""Other names people use. Their regular plurals (with s) are understood too."""

NUMBER_WORDS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen twenty"
).split()

SPELLINGS: dict[str, str] = {
    spelling: fruit
    for name, fruit in [*((fruit, fruit) for fruit in FRUITS), *SYNONYMS.items()]
    for spelling in (name, FRUITS.get(name, name if name.endswith("s") else name + "s"))
}


def plural(fruit: str) -> str:
    """The plural of one of `FRUITS`."""
    return FRUITS[fruit]


def quantity(number: int, fruit: str) -> str:
    """A number of fruits in words: "no apples", "one apple", "three apples", "25 apples"."""
    word = "no" if number == 0 else number_word(number)
    return f"{word} {fruit if number == 1 else plural(fruit)}"


def number_word(number: int) -> str:
    """A number in words up to twenty, in digits above."""
    return NUMBER_WORDS[number] if number < len(NUMBER_WORDS) else str(number)


def join_words(words: list[str]) -> str:
    """Join words as English does: "a", "a and b", "a, b and c"."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def find_fruit(name: str) -> str | None:
    """The fruit of a class name such as "Apples", "passion_fruit" or "satsuma", or `None`."""
    return SPELLINGS.get(" ".join(split_letters(name.replace("_", " ").replace("-", " "))))


def split_letters(text: str) -> list[str]:
    """Split a text into lower-case words and numbers, without punctuation."""
    return re.findall(r"[a-z]+|\d+", text.lower().replace("'", "").replace("’", ""))
