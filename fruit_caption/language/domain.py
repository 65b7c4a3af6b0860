"""What the project talks about: fruits, numbers, and the four kinds of question.

It reads a person's question into a kind and a fruit, and a generated answer or caption back into
a number, a set of fruits or yes/no. The checker, the metrics and `ask` all read through it, so
that "right" means the same everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from fruit_caption.utils.errors import OutOfDomain

Kind = Literal["count", "total", "identify", "presence"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Value = int | bool | frozenset[str]

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

EXAMPLES = (
    '"how many apples are there?", "which fruits are there?", "is there a banana?", '
    '"describe the photo"'
)

LONGEST_QUESTION = 200

_TYPO_LENGTH = 5
"""Shorter fruits have too many honest neighbours: time is no lime, year no pear."""
_NO_TYPOS = frozenset(["beach", "grade", "grades", "grave", "graves", "peace", "plumb", "teach"])
_SPELLINGS: dict[str, str] = {
    spelling: fruit
    for name, fruit in [*((fruit, fruit) for fruit in FRUITS), *SYNONYMS.items()]
    for spelling in (name, FRUITS.get(name, name if name.endswith("s") else name + "s"))
}
_LONGEST = max(len(spelling.split()) for spelling in _SPELLINGS)
_ANY_FRUIT = frozenset(["fruit", "fruits"])
_FILLER = frozenset(
    "a an the some in on there here present visible this picture photo image".split()
)
# In what follows a fruit of a kind stands as FRUIT, the word "fruit" as itself.
_NOT_COUNTED = r"kinds?|types?|sorts?|varieties|different|people|calories|do|does|did|eat|cost"
_HOW_MANY = re.compile(
    r" (how many|howmany|(number|amount|total|quantity) of|count|tally)"
    rf"( (?!({_NOT_COUNTED}) )\w+){{0,4}} (FRUIT|fruits?) | how much fruit "
    r"| (FRUIT|fruits?) (how many|howmany|count|number|total) | total (FRUIT|fruits?) "
)
_HOW_MANY_IN_ALL = re.compile(
    r" how many (pieces|are there|do (you|u|we) (see|count)|can (you|u|we) (see|count))"
    r"( (in (all|total)|altogether|overall))? $| how many in (all|total) $"
    r"| count (everything|them|all) | (is|s) the total $"
)
_WHICH = re.compile(
    r" (which|what|whats|name|list|identify|tell me|show me)"
    r"( (is|are|me|the|all|every|these|those|this|different|kinds?|types?|sorts?|of))* fruits? "
)
_NO_YES_OR_NO = re.compile(r" (which|what|who|where|why|when|how) ")
_IS_THERE = re.compile(
    r" (is|are) there | there (is|are|be) | any | (can|do|could) (you|u|we|i) (see|have|spot|find) "
    r"| (does|do) .*(have|show|contain|include|hold) | contains? | got | FRUIT be (seen|found) "
    r"| (is|are) ((a|an|some|one) )?FRUIT (there|here|visible|shown|present|in|on|among) "
    r"| (is|are) (this|that|it|these|those|(one|some) of (these|those|them))( \w+){0,3} FRUIT $"
)
_NO = frozenset("no none not isnt arent cant cannot dont doesnt didnt".split())
_CONTENTS = re.compile(
    r" (what|whats)( (is|are|s|there))* (in|on) (the|this|that) "
    r"(picture|photo|photograph|image|bowl|basket|plate|table|box|tray) "
    r"| what (do|can|have) (you|u|we) (see|here) | (name|list) (them|everything|all) "
    r"| what is in front | what does (the|this|that) (bowl|basket|plate|box|tray) (contain|hold) "
    r"| (which|what) (kinds?|types?|sorts?) are (there|in) "
    r"| (whats|what (is|s|are)) (this|that|it|these|those|there|here|shown)( here| there)? $"
)
_DESCRIBE = re.compile(
    r" (describe|description|caption) | what (is|does|do) (this|the|that) "
    r"(picture|photo|photograph|image)( (of|show|about))* $"
    r"| what is (this|that|it) (a|an) (picture|photo|photograph|image) of $"
)


@dataclass(frozen=True)
class Question:
    """What is asked: a kind, or a caption, and the fruit it is about where it is about one."""

    kind: Kind | Literal["caption"]
    fruit: str | None = None


@dataclass(frozen=True)
class Mention:
    """A fruit that a text names, and the number it gives it (`None`: no number).

    `fruit` is `None` where the text says just "fruit".
    """

    fruit: str | None
    number: int | None


@dataclass(frozen=True)
class _Word:
    spelling: str
    fruit: str | None

    @property
    def singular(self) -> bool:
        return self.spelling in FRUITS or self.spelling in SYNONYMS


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


def listed(words: list[str]) -> str:
    """Join words as English does: "a", "a and b", "a, b and c"."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def fruit_named(name: str) -> str | None:
    """The fruit of a class name such as "Apples", "passion_fruit" or "satsuma", or `None`."""
    return _SPELLINGS.get(" ".join(_words(name.replace("_", " ").replace("-", " "))))


def read_question(text: str) -> Question:
    """Read a free-form question: any case, punctuation, digits, plurals and small typos.

    Raises:
        OutOfDomain: it is not one of the four kinds of question about fruit, and doesn't ask for
            a description of the picture.
    """
    if len(text) > LONGEST_QUESTION:
        raise OutOfDomain(
            f'"{_shorten(text)}" is too long a question: {LONGEST_QUESTION} characters are enough. '
            f"Ask for example {EXAMPLES}."
        )
    words = _read_words(text, typos=True)
    if _DESCRIBE.search(f" {' '.join(word.spelling for word in words)} "):
        return Question("caption")
    fruits = list(dict.fromkeys(word.fruit for word in words if word.fruit))
    kind = _kind_asked(words)
    if kind is None:
        raise OutOfDomain(
            f'"{_shorten(text)}" is not a question about fruit that can be answered here. '
            f"Ask for example {EXAMPLES}."
        )
    if kind in ("count", "presence") and len(fruits) > 1:
        named = listed([plural(fruit) for fruit in fruits])
        raise OutOfDomain(f"One fruit at a time, please: the question names {named}.")
    return Question(kind, fruits[0] if fruits and kind in ("count", "presence") else None)


def read_mentions(text: str) -> list[Mention]:
    """The fruits that a text names, in order, each with the number in front of it.

    "two red apples and a pear" gives two apples and one pear; "no fruit" gives zero of no kind;
    "a photo of apples" gives apples without a number.
    """
    mentions: list[Mention] = []
    number: int | None = None
    article = False
    for word in _read_words(text):
        if word.fruit or word.spelling in _ANY_FRUIT:
            if article and number is None and word.singular:
                number = 1
            mentions.append(Mention(word.fruit, number))
            number, article = None, False
        elif word.spelling in ("a", "an"):
            article = True
        elif (value := _number(word.spelling)) is not None:
            number = value
        elif word.spelling in ("and", "or", "with", "of"):
            number, article = None, False
    return mentions


def read_answer(kind: str, text: str, fruit: str | None = None) -> Value | None:
    """Read an answer back: a number, the set of fruits, or yes/no.

    Args:
        kind: what was asked (one of `KINDS`).
        text: the answer, such as "there are three apples".
        fruit: what it was asked about. An answer about another fruit is no answer.

    Returns:
        int for `count` and `total`, frozenset of fruits for `identify`, bool for `presence`;
        `None` where the text does not say, contradicts itself, or speaks of something else.
    """
    if kind in ("count", "total"):
        return _read_number(text, fruit)
    mentions = read_mentions(text)
    if kind == "identify":
        named = frozenset(mention.fruit for mention in mentions if mention.fruit)
        nothing = [mention for mention in mentions if mention.fruit is None and mention.number == 0]
        denied = any(mention.number == 0 for mention in mentions if mention.fruit)
        return None if denied or bool(named) == bool(nothing) else named
    if kind == "presence":
        return _read_yes_or_no(text, fruit, mentions)
    return None


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z]+|\d+", text.lower().replace("'", "").replace("’", ""))


def _read_words(text: str, typos: bool = False) -> list[_Word]:
    """Split a text into words; a fruit is one word however many it is spelt with."""
    words, place = _words(text), 0
    read: list[_Word] = []
    while place < len(words):
        for length in range(min(_LONGEST, len(words) - place), 0, -1):
            spelling = " ".join(words[place : place + length])
            fruit = _SPELLINGS.get(spelling)
            if fruit is None and length == 1 and typos:
                fruit = _mend(spelling)
            if fruit is not None or length == 1:
                read.append(_Word(spelling, fruit))
                place += length
                break
    return read


def _mend(word: str) -> str | None:
    """The fruit that a mistyped word means: same first letter, one slip away, no rival."""
    if len(word) < _TYPO_LENGTH - 1 or word in _NO_TYPOS or word in _ANY_FRUIT:
        return None
    near = {
        fruit
        for spelling, fruit in _SPELLINGS.items()
        if len(spelling) >= _TYPO_LENGTH and spelling[0] == word[0] and _one_slip(word, spelling)
    }
    return near.pop() if len(near) == 1 else None


def _one_slip(typed: str, meant: str) -> bool:
    """Whether one letter was added, left out, replaced, or swapped with its neighbour."""
    if abs(len(typed) - len(meant)) > 1:
        return False
    start = 0
    while start < min(len(typed), len(meant)) and typed[start] == meant[start]:
        start += 1
    typed, meant = typed[start:], meant[start:]
    swapped = typed[:2] == meant[1::-1] and len(meant) > 1 and typed[2:] == meant[2:]
    return swapped or typed[1:] == meant or typed == meant[1:] or typed[1:] == meant[1:]


def _kind_asked(words: list[_Word]) -> Kind | None:
    """The kind of a question by its cue words, or `None` where it is about something else."""
    names_fruit = any(word.fruit for word in words)
    text = f" {' '.join('FRUIT' if word.fruit else word.spelling for word in words)} "
    if not names_fruit and not (_ANY_FRUIT & {word.spelling for word in words}):
        if _HOW_MANY_IN_ALL.search(text):
            return "total"
        return "identify" if _CONTENTS.search(text) else None
    if _HOW_MANY.search(text):
        return "count" if names_fruit else "total"
    if not names_fruit and _WHICH.search(text):
        return "identify"
    if _IS_THERE.search(text) and not _NO_YES_OR_NO.search(text):
        return "presence"
    if any(not word.fruit and word.spelling not in _FILLER | _ANY_FRUIT for word in words):
        return None
    return "presence" if names_fruit else "identify"


def _number(word: str) -> int | None:
    if word in ("no", "none"):
        return 0
    if word.isdigit():
        return int(word[:9])
    return NUMBER_WORDS.index(word) if word in NUMBER_WORDS else None


def _read_number(text: str, fruit: str | None) -> int | None:
    mentions = read_mentions(text)
    if any(mention.fruit != fruit for mention in mentions if mention.fruit):
        return None
    numbers = {number for word in _words(text) if (number := _number(word)) is not None}
    numbers |= {mention.number for mention in mentions if mention.number is not None}
    return numbers.pop() if len(numbers) == 1 else None


def _read_yes_or_no(text: str, fruit: str | None, mentions: list[Mention]) -> bool | None:
    if any(mention.fruit not in (None, fruit) for mention in mentions):
        return None
    words = _words(text)
    says_no = not _NO.isdisjoint(words)
    says_yes = "yes" in words or (bool(mentions) and not says_no)
    # "no, there is an apple" contradicts itself; there, "no" is no number of apples.
    rest = read_mentions(text.lower().strip().removeprefix("no,"))
    torn = says_no and any((mention.number or 0) > 0 for mention in rest)
    return None if torn or says_yes == says_no else says_yes


def _shorten(text: str, most: int = 60) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= most else flat[: most - 1] + "…"
