"""Encoded pictures, and the answers to questions about them.

The model answers questions of the kinds that it was trained on. Other questions are answered from
its answers to several of those, see `language.compositions`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from fruit_caption.data.qa import CAPTION, CAPTION_PROMPT, QUIZ_PROMPT
from fruit_caption.inference.answer import Alternative, Answer
from fruit_caption.inference.points import Point
from fruit_caption.language import templates
from fruit_caption.language.answers import Mention, parse_answer, parse_mentions
from fruit_caption.language.beliefs import Beliefs, Composition, compose
from fruit_caption.language.compositions import (
    COMPOSED,
    Node,
    Unseen,
    named_fruits,
    needs_kinds,
    needs_total,
)
from fruit_caption.language.questions import Question, Value, as_question
from fruit_caption.models.decoding import (
    Arrays,
    Decoded,
    Hypothesis,
    Runtime,
    beam_search,
    decode,
)
from fruit_caption.utils.errors import OutOfDomain
from fruit_caption.utils.images import UNNAMED, PictureInput

MIN_ALTERNATIVE = 0.01
"""Minimum confidence of an alternative to a composed answer."""


@dataclass(frozen=True)
class SimpleQuestion:
    """A question as it was asked, and as the prompt that the model was trained on."""

    text: str
    kind: str
    fruit: str | None
    prompt: str


@dataclass(frozen=True)
class ComposedQuestion:
    """A question that needs several answers of the model."""

    text: str
    node: Node


AnyQuestion = SimpleQuestion | ComposedQuestion


def to_prompt(text: str, question: Question) -> SimpleQuestion:
    """Return the prompt for a question that the model answers by itself.

    Args:
        text: The question as it was asked.
        question: Its meaning.
    """
    if question.kind == "caption":
        return SimpleQuestion(text, CAPTION, None, CAPTION_PROMPT)
    prompt = templates.question(question.kind, question.fruit)
    return SimpleQuestion(text, question.kind, question.fruit, prompt)


def to_question(text: str, node: Node) -> AnyQuestion:
    """Return a parsed question in the form in which it is answered.

    Args:
        text: The question as it was asked.
        node: Its meaning.
    """
    simple = as_question(node)
    return to_prompt(text, simple) if simple else ComposedQuestion(text, node)


@dataclass(frozen=True)
class EncodedBatch:
    """Pictures, the encoder's output for them, and the fruits that it found in each."""

    model: Runtime
    pictures: list[PictureInput]
    encoding: Arrays
    points: list[tuple[Point, ...]]

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
        answers = map(iter, self.answer_simple([simple] * len(self.pictures), detailed))
        composed = {
            question: self._compose(question, detailed)
            for question in questions
            if isinstance(question, ComposedQuestion)
        }
        return [
            [
                composed[question][index] if isinstance(question, ComposedQuestion) else next(row)
                for question in questions
            ]
            for index, row in enumerate(answers)
        ]

    def answer_simple(
        self, questions: Sequence[Sequence[SimpleQuestion]], detailed: bool = False
    ) -> list[list[Answer]]:
        """Answer the questions about each picture; `detailed` adds attention and alternatives."""
        prompts = [[question.prompt for question in row] for row in questions]
        if not any(prompts):
            return [[] for _ in prompts]
        decoded = decode(self.model, self.encoding, prompts, return_attention=detailed)
        hypotheses: list[list[list[Hypothesis]]] = (
            beam_search(self.model, self.encoding, prompts)
            if detailed
            else [[[] for _ in row] for row in questions]
        )
        answers = [
            [self._simple_answer(index, *parts) for parts in zip(*rows, strict=True)]
            for index, rows in enumerate(zip(questions, decoded, hypotheses, strict=True))
        ]
        return self._doubt_captions(answers)

    def _doubt_captions(self, answers: list[list[Answer]]) -> list[list[Answer]]:
        """Replace the confidence of captions by the probability that what they say is true.

        A caption has many wordings, so the product of its words' probabilities is small however
        sure the model is. What it says of kinds and numbers, the model is asked in questions.
        """
        captions = [[answer for answer in row if answer.kind == CAPTION] for row in answers]
        if not any(captions):
            return answers
        facts = [[parse_mentions(caption.text) for caption in row] for row in captions]
        asked = [[to_prompt("", each) for each in _questions_about(row)] for row in facts]
        rows = zip(answers, facts, self.answer_simple(asked, detailed=True), strict=True)
        doubted: list[list[Answer]] = []
        for row, mentions, beliefs in rows:
            confidences = iter([_probability(caption, beliefs) for caption in mentions])
            doubted.append(
                [
                    self._with_confidence(answer, next(confidences))
                    if answer.kind == CAPTION
                    else answer
                    for answer in row
                ]
            )
        return doubted

    def _with_confidence(self, answer: Answer, confidence: float) -> Answer:
        is_confident = confidence >= self.model.confidence_threshold
        return replace(answer, confidence=confidence, is_confident=is_confident)

    def sample_questions(self, number: int, seed: int) -> list[str]:
        """Sample questions about the first picture, word by word."""
        rng = np.random.default_rng(seed)
        first = {name: array[:1] for name, array in self.encoding.items()}
        [samples] = decode(self.model, first, [[QUIZ_PROMPT] * number], rng=rng)
        return [sample.text for sample in samples]

    def _compose(
        self, question: ComposedQuestion, detailed: bool
    ) -> list[Answer] | list[OutOfDomain]:
        node = question.node
        if isinstance(node, Unseen):
            known = enumerate(self._what_is_known(node))
            return [self._refuse(index, question, node, answer) for index, answer in known]
        first = [Question("identify")] if needs_kinds(node) else []
        # The total also tells whether the other answers can be true.
        first += [Question("total")] if needs_total(node) or needs_kinds(node) else []
        first += [Question("count", fruit) for fruit in named_fruits(node)]
        asked = [[to_prompt("", each) for each in first]] * len(self.pictures)
        answers = self.answer_simple(asked, detailed=True)
        # Kinds that are only in an alternative answer count too, by their probability.
        more = [
            sorted(
                {fruit for value in _beliefs(row, "identify") for fruit in value}  # type: ignore
                - {answer.fruit for answer in row}
            )
            for row in answers
        ]
        asked = [[to_prompt("", Question("count", fruit)) for fruit in row] for row in more]
        rows = zip(answers, self.answer_simple(asked, detailed=True), strict=True)
        return [
            self._composed_answer(index, question, [*row, *others], detailed)
            for index, (row, others) in enumerate(rows)
        ]

    def _composed_answer(
        self, index: int, question: ComposedQuestion, parts: Sequence[Answer], detailed: bool
    ) -> Answer:
        threshold = self.model.confidence_threshold
        counts = {part.fruit: _beliefs([part], "count") for part in parts if part.fruit is not None}
        found = compose(
            question.node, _beliefs(parts, "identify"), _beliefs(parts, "total"), counts, threshold
        ) or [Composition("that can't be told from this photo", None, 0.0)]
        names = named_fruits(question.node)
        return Answer(
            image=_name(self.pictures[index]),
            question=question.text,
            kind=COMPOSED,
            fruit=names[0] if len(names) == 1 and not needs_kinds(question.node) else None,
            text=found[0].text,
            value=found[0].value,
            confidence=found[0].confidence,
            is_confident=found[0].confidence >= threshold,
            alternatives=tuple(
                Alternative(other.text, other.value, other.confidence)
                for other in found[1:]
                if detailed and other.confidence >= MIN_ALTERNATIVE
            ),
            words=(),
            probabilities=(),
            attention=None,
            points=self.points[index],
            fruits=self.model.fruits,
            picture=self.pictures[index],
        )

    def _what_is_known(self, node: Unseen) -> list[Answer | None]:
        """Answer what can be answered of a question that can't."""
        if node.known is None:
            return [None] * len(self.pictures)
        rows = self.answer([to_question("", node.known)])
        return [row[0] if isinstance(row[0], Answer) else None for row in rows]

    def _refuse(
        self, index: int, question: ComposedQuestion, node: Unseen, known: Answer | None
    ) -> OutOfDomain:
        message = node.reason
        if known is not None and known.value is not None:
            in_all = " in all" if known.kind in ("count", "total") and known.value else ""
            perhaps = "" if known.is_confident else "perhaps "
            message += f"; {perhaps}{known.text}{in_all}"
        image = _name(self.pictures[index])
        return OutOfDomain(f"{message}.", image=image, question=question.text)

    def _simple_answer(
        self,
        index: int,
        question: SimpleQuestion,
        decoded: Decoded,
        hypotheses: list[Hypothesis],
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
            alternatives=_alternatives(question, decoded.text, hypotheses),
            words=decoded.words,
            probabilities=decoded.probabilities,
            attention=decoded.attention,
            points=self.points[index],
            fruits=self.model.fruits,
            picture=picture,
        )


def _questions_about(captions: Sequence[Sequence[Mention]]) -> list[Question]:
    """Return questions whose answers tell whether captions are true."""
    counted = dict.fromkeys(
        mention.fruit
        for mentions in captions
        for mention in mentions
        if mention.fruit and mention.number is not None
    )
    return [Question("identify"), *(Question("count", fruit) for fruit in counted)]


def _probability(caption: Sequence[Mention], answers: Sequence[Answer]) -> float:
    """Return how likely a caption is true by the answers to `_questions_about` it."""
    fruits = frozenset(mention.fruit for mention in caption if mention.fruit)
    probability = _beliefs(answers, "identify").get(fruits, 0.0)
    for mention in caption:
        if mention.fruit and mention.number is not None:
            about = [answer for answer in answers if answer.fruit == mention.fruit]
            probability *= _beliefs(about, "count").get(mention.number, 0.0)
    return probability


def _beliefs(answers: Sequence[Answer], kind: str) -> Beliefs:
    """Return what the answer of a kind may mean, with probabilities; empty if there is none."""
    for answer in answers:
        if answer.kind == kind and answer.value is not None:
            beliefs: dict[Value, float] = {answer.value: answer.confidence}
            for other in answer.alternatives:
                if other.value is not None:
                    beliefs[other.value] = other.confidence
            return beliefs
    return {}


def _alternatives(
    question: SimpleQuestion, text: str, hypotheses: list[Hypothesis]
) -> tuple[Alternative, ...]:
    """Keep the most probable wording of each value other than the answer's; for captions, texts."""

    def meaning(text: str) -> Value | str | None:
        if question.kind == CAPTION:
            return text
        return parse_answer(question.kind, text, question.fruit)

    alternatives: dict[Value | str, Alternative] = {}
    for other, confidence in hypotheses:
        value = meaning(other)
        if value is not None and value != meaning(text) and value not in alternatives:
            plain = None if isinstance(value, str) else value
            alternatives[value] = Alternative(other, plain, confidence)
    return tuple(alternatives.values())


def _name(picture: PictureInput) -> str:
    if isinstance(picture, (str, Path)):
        return str(picture)
    return str(getattr(picture, "filename", "") or UNNAMED)
