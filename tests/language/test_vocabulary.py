"""The vocabulary orders, encodes and decodes words."""

from fruit_caption.language.vocabulary import Vocabulary, split_words

VOCABULARY = Vocabulary.from_texts(["how many apples?", "two apples, one pear", "two pears"])


def test_frequent_words_come_first_then_alphabetical_order():
    assert VOCABULARY.words[:2] == ("apples", "two")
    assert VOCABULARY.words[2:] == (",", "how", "many", "one", "pear", "pears")
    assert len(VOCABULARY) == 4 + 8
    assert "pear" in VOCABULARY
    assert "fig" not in VOCABULARY


def test_encode():
    assert VOCABULARY.encode_prompt("How many figs?") == [7, 8, 1, 2]
    assert VOCABULARY.encode_pair("how many", "two") == [7, 8, 2, 5, 3]


def test_decode_stops_at_the_end_token():
    ids = VOCABULARY.encode_pair("", "two apples, one pear")[1:]
    assert VOCABULARY.decode([*ids, 5, 5]) == "two apples, one pear"
    assert VOCABULARY.decode([0, 5, 3]) == "two"


def test_split_words_keeps_accents_and_hyphens():
    assert split_words("Combien de pêches y a-t-il ? 12!") == [
        "combien", "de", "pêches", "y", "a-t-il", "12",
    ]  # fmt: skip
