"""Encoded pictures, and the answers to questions about them.

The model answers questions of the kinds that it was trained on, one by one. The facts about a
picture are taken from its answers, see `language.beliefs`. All answers follow from these facts,
also those to questions of other kinds, see `language.compositions`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from pathlib import Path

import numpy as np

from fruit_caption.data.qa import CAPTION, CAPTION_PROMPT, QUIZ_PROMPT
from fruit_caption.inference.answer import Alternative, Answer, FruitCount
from fruit_caption.inference.consistent import alternatives, make_consistent
from fruit_caption.inference.points import Point
from fruit_caption.language import templates
from fruit_caption.language.answers import parse_answer
from fruit_caption.language.beliefs import Beliefs, Composition, PhotoBeliefs
from fruit_caption.language.compositions import (
    COMPOSED,
    Count,
    Group,
    Node,
    Unseen,
    named_fruits,
    needs_kinds,
)
from fruit_caption.language.fruits import FRUITS
from fruit_caption.language.lexicon import correct
from fruit_caption.language.questions import Question, Value, as_question, parse
from fruit_caption.models.decoding import BEAM_WIDTH, Arrays, Decoded, Runtime, decode
from fruit_caption.utils.errors import OutOfDomain
from fruit_caption.utils.images import UNNAMED, PictureInput

UNSURE = 0.01
"""Probability of a number that only the detector tells, because the model's answer has none."""


@dataclass(frozen=True)
class SimpleQuestion:
    """A question as it was asked, and the prompt that the model reads.

    Its `node` is None if its meaning is not known, as in data sets that are not about fruit.
    """

    text: str
    kind: str
    fruit: str | None
    prompt: str
    node: Node | None


@dataclass(frozen=True)
class ComposedQuestion:
    """A question that needs several answers of the model."""

    text: str
    node: Node


AnyQuestion = SimpleQuestion | ComposedQuestion


def to_question(text: str, node: Node) -> AnyQuestion:
    """Return a parsed question in the form in which it is answered.

    Args:
        text: The question as it was asked.
        node: Its meaning.
    """
    simple = as_question(node)
    if simple is None:
        return ComposedQuestion(text, node)
    question = replace(_in_plain_words(simple), text=text, node=node)
    # A request to describe the photo has one prompt, and "and bananas?" says too little alone.
    if simple.kind == "caption" or not _means(text, node):
        return question
    return replace(question, prompt=correct(text))


def _means(text: str, node: Node) -> bool:
    """Whether a question alone, without the one before it, has a meaning."""
    with suppress(OutOfDomain):
        return parse(text) == node
    return False


def _in_plain_words(question: Question) -> SimpleQuestion:
    if question.kind == "caption":
        return SimpleQuestion("", CAPTION, None, CAPTION_PROMPT, None)
    prompt = templates.question(question.kind, question.fruit)
    return SimpleQuestion("", question.kind, question.fruit, prompt, None)


@dataclass(frozen=True)
class EncodedBatch:
    """Pictures, the encoder's output for them, and the fruits that it found in each.

    All answers about a picture follow from the same facts (`beliefs`), so that no two contradict
    each other.
    """

    model: Runtime
    pictures: list[PictureInput]
    encoding: Arrays
    points: list[tuple[Point, ...]]

    @property
    def names(self) -> list[str]:
        """The name of each picture, see `Answer.image`."""
        return [_name(picture) for picture in self.pictures]

    def answer(
        self, questions: Sequence[AnyQuestion], detailed: bool = False
    ) -> list[list[Answer | OutOfDomain]]:
        """Answer the same questions about each picture.

        Args:
            questions: The questions.
            detailed: Whether to add attention maps and alternatives.

        Returns:
            The answers for each picture, or the error where a question can't be answered.
        """
        simple = [question for question in questions if isinstance(question, SimpleQuestion)]
        spoken = map(iter, self.answer_by_model([simple] * len(self.pictures), detailed))
        absent = self._beliefs_about_absent(questions)
        known = {question: self._what_is_known(question.node) for question in questions}
        return [
            [
                self._consistent_answer(index, next(row), question, others, detailed)
                if isinstance(question, SimpleQuestion)
                else self._refuse(index, question, question.node, known[question][index])
                if isinstance(question.node, Unseen)
                else self._composed_answer(index, question, others, detailed)
                for question in questions
            ]
            for index, (row, others) in enumerate(zip(spoken, absent, strict=True))
        ]

    def answer_by_model(
        self, questions: Sequence[Sequence[SimpleQuestion]], detailed: bool = False
    ) -> list[list[Answer]]:
        """Return the model's own answers to the questions about each picture.

        Args:
            questions: The questions about each picture.
            detailed: Whether to add attention maps and alternatives.
        """
        prompts = [[question.prompt for question in row] for row in questions]
        if not any(prompts):
            return [[] for _ in prompts]
        beams = BEAM_WIDTH if detailed else 1
        decoded = decode(self.model, self.encoding, prompts, return_attention=detailed, beams=beams)
        return [
            [self._model_answer(index, *parts) for parts in zip(*rows, strict=True)]
            for index, rows in enumerate(zip(questions, decoded, strict=True))
        ]

    def counts(self) -> list[dict[str, FruitCount]]:
        """Return the number of each fruit in each picture, without fruits that are not there."""
        return [
            {
                fruit: self._fruit_count(number, beliefs.compose(Count(Group((fruit,))))[0])
                for fruit in self.model.fruits
                if (number := beliefs.facts.counts.get(fruit))
            }
            for beliefs in self.beliefs
        ]

    def _fruit_count(self, number: int, found: Composition) -> FruitCount:
        is_confident = found.confidence >= self.model.confidence_threshold
        return FruitCount(number, found.confidence, is_confident)

    @cached_property
    def beliefs(self) -> list[PhotoBeliefs]:
        """What the model's own answers about each picture may mean."""
        first = [_in_plain_words(Question("identify")), _in_plain_words(Question("total"))]
        answers = self._find_beliefs([first] * len(self.pictures))
        # A fruit that only an alternative names, or only the detector finds, may be there as well.
        found = [
            {point.fruit for point in points} | set(chain.from_iterable(kinds))  # type: ignore
            if kinds
            else self.model.fruits
            for points, (kinds, _) in zip(self.points, answers, strict=True)
        ]
        counts = self._count_beliefs(found)
        return [
            PhotoBeliefs(kinds, total, numbers)
            for (kinds, total), numbers in zip(answers, counts, strict=True)
        ]

    def _find_beliefs(self, questions: Sequence[Sequence[SimpleQuestion]]) -> list[list[Beliefs]]:
        """Return what the model may mean by its answer to each question about each picture."""
        prompts = [[question.prompt for question in row] for row in questions]
        decoded = decode(self.model, self.encoding, prompts, beams=BEAM_WIDTH)
        return [
            [_beliefs(*parts) for parts in zip(*rows, strict=True)]
            for rows in zip(questions, decoded, strict=True)
        ]

    def _beliefs_about_absent(self, questions: Sequence[AnyQuestion]) -> list[dict[str, Beliefs]]:
        """Return beliefs about the numbers of fruits that are asked about but are not there."""
        named = {
            fruit
            for question in questions
            if question.node is not None
            for fruit in named_fruits(question.node)
        }
        return self._count_beliefs([named - set(beliefs.counts) for beliefs in self.beliefs])

    def _count_beliefs(self, fruits: Sequence[Collection[str]]) -> list[dict[str, Beliefs]]:
        """Return beliefs about the numbers of some fruits in each picture."""
        names = [[fruit for fruit in FRUITS if fruit in row] for row in fruits]
        asked = [[_in_plain_words(Question("count", fruit)) for fruit in row] for row in names]
        answers = self._find_beliefs(asked)
        return [
            {
                fruit: numbers or {_number(points, fruit): UNSURE}
                for fruit, numbers in zip(row, found, strict=True)
            }
            for row, found, points in zip(names, answers, self.points, strict=True)
        ]

    def _consistent_answer(
        self,
        index: int,
        own: Answer,
        question: SimpleQuestion,
        absent: Mapping[str, Beliefs],
        detailed: bool,
    ) -> Answer:
        if question.node is None:
            return own
        threshold = self.model.confidence_threshold
        absent = _of_named(question.node, absent)
        answer = make_consistent(own, question.node, self.beliefs[index], absent, threshold)
        return answer if detailed else replace(answer, alternatives=())

    def sample_questions(self, number: int, seed: int) -> list[str]:
        """Sample questions about the first picture, word by word."""
        rng = np.random.default_rng(seed)
        first = {name: array[:1] for name, array in self.encoding.items()}
        [samples] = decode(self.model, first, [[QUIZ_PROMPT] * number], rng=rng)
        return [sample.text for sample in samples]

    def _composed_answer(
        self,
        index: int,
        question: ComposedQuestion,
        absent: Mapping[str, Beliefs],
        detailed: bool,
    ) -> Answer:
        node, threshold = question.node, self.model.confidence_threshold
        found = self.beliefs[index].compose(node, _of_named(node, absent), threshold)
        found = found or [Composition("that can't be told from this photo", None, 0.0)]
        names = named_fruits(node)
        return Answer(
            image=_name(self.pictures[index]),
            question=question.text,
            kind=COMPOSED,
            fruit=names[0] if len(names) == 1 and not needs_kinds(node) else None,
            text=found[0].text,
            value=found[0].value,
            confidence=found[0].confidence,
            is_confident=found[0].confidence >= threshold,
            alternatives=alternatives(found) if detailed else (),
            words=(),
            probabilities=(),
            attention=None,
            points=self.points[index],
            fruits=self.model.fruits,
            picture=self.pictures[index],
        )

    def _what_is_known(self, node: Node | None) -> list[Answer | None]:
        """Answer about each picture what can be answered of a question that can't."""
        if not isinstance(node, Unseen) or node.known is None:
            return [None] * len(self.pictures)
        rows = self.answer([to_question("", node.known)])
        return [row[0] if isinstance(row[0], Answer) else None for row in rows]

    def _refuse(
        self, index: int, question: ComposedQuestion, node: Unseen, known: Answer | None
    ) -> OutOfDomain:
        """Say why a question can't be answered, and what can be said instead."""
        message = node.reason
        if known is not None and known.value is not None:
            in_all = " in all" if known.kind in ("count", "total") and known.value else ""
            perhaps = "" if known.is_confident else "perhaps "
            message += f"; {perhaps}{known.text}{in_all}"
        image = _name(self.pictures[index])
        return OutOfDomain(f"{message}.", image=image, question=question.text)

    def _model_answer(
        self,
        index: int,
        question: SimpleQuestion,
        decoded: Decoded,
    ) -> Answer:
        picture = self.pictures[index]
        return Answer(
            image=_name(picture),
            question=question.text,
            kind=question.kind,
            fruit=question.fruit,
            text=decoded.text,
            value=parse_answer(question.kind, decoded.text, question.fruit),
            confidence=decoded.confidence,
            is_confident=decoded.confidence >= self.model.confidence_threshold,
            alternatives=_alternatives(question, decoded),
            words=decoded.words,
            probabilities=decoded.probabilities,
            attention=decoded.attention,
            points=self.points[index],
            fruits=self.model.fruits,
            picture=picture,
        )


def _number(points: Sequence[Point], fruit: str) -> int:
    return sum(point.fruit == fruit for point in points)


def _of_named(node: Node, beliefs: Mapping[str, Beliefs]) -> dict[str, Beliefs]:
    """Return the beliefs about fruits that a question names."""
    return {fruit: beliefs[fruit] for fruit in named_fruits(node) if fruit in beliefs}


def _beliefs(question: SimpleQuestion, decoded: Decoded) -> Beliefs:
    """Return what an answer may mean, each value with the probability of its likeliest wording."""
    beliefs: dict[Value, float] = {}
    for text, confidence in decoded.hypotheses:
        value = parse_answer(question.kind, text, question.fruit)
        if value is not None:
            beliefs.setdefault(value, confidence)
    return beliefs


def _alternatives(question: SimpleQuestion, decoded: Decoded) -> tuple[Alternative, ...]:
    """Keep the most probable wording of each value other than the answer's; for captions, texts."""

    def meaning(text: str) -> Value | str | None:
        if question.kind == CAPTION:
            return text
        return parse_answer(question.kind, text, question.fruit)

    alternatives: dict[Value | str, Alternative] = {}
    own = meaning(decoded.text)
    for other, confidence in decoded.hypotheses:
        value = meaning(other)
        if value is not None and value != own and value not in alternatives:
            plain = None if isinstance(value, str) else value
            alternatives[value] = Alternative(other, plain, confidence)
    return tuple(alternatives.values())


def _name(picture: PictureInput) -> str:
    if isinstance(picture, (str, Path)):
        return str(picture)
    return str(getattr(picture, "filename", "") or UNNAMED)
