"""The model's vocabulary: the words of the training texts and their ids."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

PAD, UNKNOWN, ANSWER, END = "", "<unknown>", "<answer>", "<end>"
SPECIAL = (PAD, UNKNOWN, ANSWER, END)
"""The special tokens, in the order of their ids, which precede those of the words."""


class Vocabulary:
    """Converts texts to word ids and back.

    Args:
        words: The words in the order of their ids, without the special tokens.

    Attributes:
        unknown_id: The id of all words that are not in the vocabulary.
        answer_id: The id of the token between question and answer.
        end_id: The id of the token that ends an answer.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self.words = tuple(words)
        self._tokens = SPECIAL + self.words
        self._ids = {token: index for index, token in enumerate(self._tokens)}
        self.unknown_id = self._ids[UNKNOWN]
        self.answer_id, self.end_id = self._ids[ANSWER], self._ids[END]

    @classmethod
    def from_texts(cls, texts: Iterable[str]) -> Vocabulary:
        """Return the vocabulary of some texts, with the most frequent words first."""
        counts = Counter(word for text in texts for word in split_words(text))
        return cls(sorted(counts, key=lambda word: (-counts[word], word)))

    def __len__(self) -> int:
        return len(self._tokens)

    def __contains__(self, word: str) -> bool:
        return word in self._ids

    def encode_prompt(self, question: str) -> list[int]:
        """Return the ids of `question <answer>`, which the decoder continues with the answer."""
        return [*self._encode(question), self.answer_id]

    def encode_pair(self, question: str, answer: str) -> list[int]:
        """Return the ids of `question <answer> answer <end>`."""
        return [*self.encode_prompt(question), *self._encode(answer), self.end_id]

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of some ids up to the first `<end>`."""
        words = []
        for index in ids:
            if index == self.end_id:
                break
            words.append(self._tokens[index])
        return " ".join(word for word in words if word).replace(" ,", ",")

    def _encode(self, text: str) -> list[int]:
        return [self._ids.get(word, self.unknown_id) for word in split_words(text)]


def split_words(text: str) -> list[str]:
    """Split a text into lower-case words, numbers and commas, without other punctuation."""
    return re.findall(r"[^\W_]+(?:['’-][^\W_]+)*|,", text.lower())
