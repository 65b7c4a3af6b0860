"""Beam search finds sentences that are likely as a whole, word by word."""

import numpy as np
import pytest

from fruit_caption.language.vocabulary import Vocabulary
from fruit_caption.models.decoding import beam_search, decode

WORDS = ("one", "two", "red", "apple", "and")
AFTER = {
    "<answer>": {"one": 0.6, "two": 0.4},
    "one": {"red": 0.5, "apple": 0.5},
    "two": {"apple": 1.0},
    "red": {"apple": 0.8, "and": 0.15, "<end>": 0.05},
    "and": {"red": 1.0},
    "apple": {"<end>": 1.0},
    "<end>": {"red": 0.5, "one": 0.5},  # nobody asks what follows the end
}


class Chain:
    """A model to which the word before says all, and that counts what it has been told."""

    decoder_inputs = ("state_h", "state_c")

    def __init__(self):
        self.vocabulary = vocabulary = Vocabulary(WORDS)
        self.numbers = {"<answer>": 2, "<end>": 3}
        self.numbers |= {word: vocabulary._encode(word)[0] for word in WORDS}
        self.table = np.full((len(vocabulary), len(vocabulary)), -1e9)
        for word, following in AFTER.items():
            for other, chance in following.items():
                self.table[self.numbers[word], self.numbers[other]] = np.log(chance)
        self.sentences = set()

    def to_device(self, given):
        return given

    def decode_step(self, given):
        words = given["words"]
        last = words.max(axis=-1) if words.shape[-1] == 1 else np.full(words.shape[:2], 2)
        # The state remembers the words of its own sentence.
        state = np.broadcast_to(given["state_h"], (*last.shape, 1)) * 10 + last[:, :, None]
        for sentence in state.ravel() if words.shape[-1] == 1 else ():
            self.sentences.add(int(sentence))
        return {
            "logits": self.table[last][:, :, None],
            "state_h": np.zeros_like(state) if words.shape[-1] > 1 else state,
            "state_c": np.zeros(state.shape),
        }


SEEN = {
    "state_h": np.zeros((2, 1, 1)), "state_c": np.zeros((2, 1, 1)), "density": np.zeros((2, 1, 1)),
}  # fmt: skip


def test_the_likeliest_sentence_may_begin_with_a_less_likely_word():
    model = Chain()
    [[greedy]] = decode(model, {n: s[:1] for n, s in SEEN.items()}, [["how many apples"]])
    assert greedy.text.startswith("one")
    [found, again], [] = beam_search(model, SEEN, [["how many apples", "apples"], []])
    assert found == again
    # One goes on three words after the likeliest has ended.
    assert [text for text, _ in found] == [
        *("two apple", "one apple", "one red apple", "one red and red apple", "one red"),
    ]
    assert [chance for _, chance in found] == pytest.approx([0.4, 0.3, 0.24, 0.036, 0.015])


def test_each_beam_keeps_the_state_of_its_own_sentence():
    model = Chain()
    beam_search(model, SEEN, [["apples"], []])
    number = {word: place for place, word in enumerate(WORDS, start=4)}
    for sentence in ("one red apple", "two apple"):
        assert int("".join(str(number[word]) for word in sentence.split())) in model.sentences
    assert int(f"{number['one']}{number['two']}") not in model.sentences
