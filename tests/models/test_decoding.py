"""Greedy decoding and beam search on a Markov chain with known probabilities."""

import numpy as np
import pytest

from fruit_caption.language.vocabulary import Vocabulary
from fruit_caption.models.decoding import decode

WORDS = ("one", "two", "red", "apple", "and")
NEXT_WORDS = {
    "<answer>": {"one": 0.6, "two": 0.4},
    "one": {"red": 0.5, "apple": 0.5},
    "two": {"apple": 1.0},
    "red": {"apple": 0.8, "and": 0.15, "<end>": 0.05},
    "and": {"red": 1.0},
    "apple": {"<end>": 1.0},
    "<end>": {"red": 0.5, "one": 0.5},  # must be ignored
}
IDS = {"<answer>": 2, "<end>": 3} | {word: place for place, word in enumerate(WORDS, start=4)}


class MarkovChain:
    """A model whose logits depend on the previous word only.

    Its state holds the ids of the answer's words as decimal digits; `states` collects all states.
    """

    decoder_inputs = ("state_h", "state_c")

    def __init__(self):
        self.vocabulary = Vocabulary(WORDS)
        self.logits = np.full((len(self.vocabulary), len(self.vocabulary)), -1e9)
        for word, following in NEXT_WORDS.items():
            for other, probability in following.items():
                self.logits[IDS[word], IDS[other]] = np.log(probability)
        self.states = set()

    def to_device(self, arrays):
        return arrays

    def decode_step(self, inputs):
        words = inputs["words"]
        is_prompt = words.shape[-1] > 1
        last = np.full(words.shape[:2], IDS["<answer>"]) if is_prompt else words.max(axis=-1)
        state = np.broadcast_to(inputs["state_h"], (*last.shape, 1)) * 10 + last[:, :, None]
        if is_prompt:
            state = np.zeros_like(state)
        else:
            self.states |= set(state.ravel().astype(int).tolist())
        return {
            "logits": self.logits[last][:, :, None],
            "state_h": state,
            "state_c": np.zeros(state.shape),
        }


ENCODING = {name: np.zeros((2, 1, 1)) for name in ("state_h", "state_c", "density")}


def search(questions, beams=8):
    return decode(MarkovChain(), ENCODING, questions, beams=beams)


def test_beam_search_finds_a_likelier_answer_than_greedy_decoding():
    [first, again], [] = search([["how many apples", "apples"], []])
    assert first == again
    # The longest hypothesis ends three words after the most likely one.
    assert [text for text, _ in first.hypotheses] == [
        *("two apple", "one apple", "one red apple", "one red and red apple", "one red"),
    ]
    confidences = [confidence for _, confidence in first.hypotheses]
    assert confidences == pytest.approx([0.4, 0.3, 0.24, 0.036, 0.015])


@pytest.mark.parametrize("beams", [1, 2, 3, 8])
def test_the_answer_is_the_greedy_one_however_many_beams_are_followed(beams):
    [answer], [] = search([["apples"], []], beams)
    assert (answer.text, answer.words) == ("one red apple", ("one", "red", "apple"))
    assert answer.probabilities == pytest.approx([0.6, 0.5, 0.8])
    assert answer.confidence == pytest.approx(0.24)


def test_no_more_beginnings_are_followed_than_there_are_beams():
    # "one apple" is as likely as "one red" but less likely than "two apple".
    for beams, expected in ((1, ["one red apple"]), (2, ["two apple", "one red apple"])):
        [answer], [] = search([["apples"], []], beams)
        assert [text for text, _ in answer.hypotheses] == expected


def test_each_beam_keeps_its_own_state():
    model = MarkovChain()
    decode(model, ENCODING, [["apples"], []], beams=8)
    for answer in ("one red apple", "two apple"):
        assert int("".join(str(IDS[word]) for word in answer.split())) in model.states
    assert int(f"{IDS['one']}{IDS['two']}") not in model.states
