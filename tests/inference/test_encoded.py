"""Questions on their way to the model: in the person's own words."""

import pytest

from fruit_caption.data.qa import CAPTION_PROMPT
from fruit_caption.inference.encoded import ComposedQuestion, to_question
from fruit_caption.language.questions import parse


@pytest.mark.parametrize(
    ("asked", "read"),
    [
        ("Hw many aples r there?", "how many apples are there"),
        ("apples: how many?", "apples how many"),
        ("what kinds of fruit can u see, pls?", "what kinds of fruit can you see , please"),
        ("Any bananas?", "any bananas"),
    ],
)  # fmt: skip
def test_the_model_reads_the_words_of_the_person_with_typos_corrected(asked, read):
    question = to_question(asked, parse(asked))
    assert (question.text, question.prompt) == (asked, read)


def test_a_question_that_continues_another_is_completed():
    node = parse("and bananas?", previous=parse("how many apples?"))
    question = to_question("and bananas?", node)
    assert question.prompt == "how many bananas are there?"
    assert (question.kind, question.fruit) == ("count", "banana")


def test_requests_to_describe_the_photo_have_one_prompt():
    asked = "please tell me about this picture"
    assert to_question(asked, parse(asked)).prompt == CAPTION_PROMPT


def test_a_question_that_needs_several_answers_has_no_prompt():
    asked = "more apples than bananas?"
    assert to_question(asked, parse(asked)) == ComposedQuestion(asked, parse(asked))
