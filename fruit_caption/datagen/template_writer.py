"""Writes captions, questions and answers from templates, without a language model."""

from __future__ import annotations

import random

from fruit_caption.data.qa import GRAMMAR, Caption, QAPair
from fruit_caption.data.records import Photo
from fruit_caption.datagen.question_specs import QuestionSpec
from fruit_caption.language import templates


def template_caption(photo: Photo) -> Caption:
    """Write the caption of a photo, such as "a photo of two apples and some figs"."""
    return Caption(templates.caption(photo.counts()), GRAMMAR)


def template_pair(spec: QuestionSpec, rng: random.Random) -> QAPair:
    """Write a question in a random phrasing, and its answer."""
    question = templates.question(spec.kind, spec.fruit, rng)
    answer = templates.answer(spec.kind, spec.fruit, spec.value)
    return QAPair(question, answer, spec.kind, spec.fruit, GRAMMAR)
