"""Words and their numbers, learnt from the data and kept in the model."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

PAD, UNKNOWN, ANSWER, END = "", "<unknown>", "<answer>", "<end>"
SPECIAL = (PAD, UNKNOWN, ANSWER, END)


class Vocabulary:
    """Turns text into word numbers and back.

    0 is padding, 1 an unknown word, 2 `<answer>`, 3 `<end>`; then the words.

    Args:
        words: without the special ones, in the order of their numbers.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self.words = tuple(words)
        self._numbers = {word: number for number, word in enumerate(SPECIAL + self.words)}
        self.answer, self.end = self._numbers[ANSWER], self._numbers[END]

    @classmethod
    def of(cls, texts: Iterable[str]) -> Vocabulary:
        """The vocabulary of some texts, their words from the most frequent on."""
        counts = Counter(word for text in texts for word in split_words(text))
        return cls(sorted(counts, key=lambda word: (-counts[word], word)))

    def __len__(self) -> int:
        return len(SPECIAL) + len(self.words)

    def __contains__(self, word: str) -> bool:
        return word in self._numbers

    def prompt(self, question: str) -> list[int]:
        """The numbers of `question <answer>`, after which the decoder answers."""
        return [*self._encode(question), self.answer]

    def sequence(self, question: str, answer: str) -> list[int]:
        """The numbers of `question <answer> answer <end>`."""
        return [*self.prompt(question), *self._encode(answer), self.end]

    def text(self, numbers: Iterable[int]) -> str:
        """The words up to `<end>`, as a person writes them."""
        words = []
        for number in numbers:
            if number == self.end:
                break
            words.append((SPECIAL + self.words)[number])
        return " ".join(word for word in words if word).replace(" ,", ",")

    def _encode(self, text: str) -> list[int]:
        return [self._numbers.get(word, 1) for word in split_words(text)]


def split_words(text: str) -> list[str]:
    """Lower-case words, numbers and commas; other punctuation is left out."""
    return re.findall(r"[^\W_]+(?:['’-][^\W_]+)*|,", text.lower())
