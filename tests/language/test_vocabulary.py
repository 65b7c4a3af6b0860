"""Words and their numbers."""

from fruit_caption.language.vocabulary import Vocabulary, split_words

VOCABULARY = Vocabulary.of(["how many apples?", "two apples, one pear", "two pears"])


def test_frequent_words_come_first_and_equals_by_name():
    assert VOCABULARY.words[:2] == ("apples", "two")
    assert VOCABULARY.words[2:] == (",", "how", "many", "one", "pear", "pears")
    assert len(VOCABULARY) == 4 + 8
    assert "pear" in VOCABULARY
    assert "fig" not in VOCABULARY


def test_a_sequence_is_question_answer_end():
    assert VOCABULARY.prompt("How many figs?") == [7, 8, 1, 2]
    assert VOCABULARY.sequence("how many", "two") == [7, 8, 2, 5, 3]


def test_text_reads_as_people_write_and_stops_at_the_end():
    numbers = VOCABULARY.sequence("", "two apples, one pear")[1:]
    assert VOCABULARY.text([*numbers, 5, 5]) == "two apples, one pear"
    assert VOCABULARY.text([0, 5, 3]) == "two"


def test_words_of_other_languages_and_hyphens():
    assert split_words("Combien de pêches y a-t-il ? 12!") == [
        "combien", "de", "pêches", "y", "a-t-il", "12",
    ]  # fmt: skip
