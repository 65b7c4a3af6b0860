"""Asks a trained model about pictures.

```python
import fruit_caption as fc

eye = fc.load()
answer = eye.ask("bowl.jpg", "how many apples?")
answer.text, answer.value, answer.confidence
```
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from fruit_caption.data.qa import CAPTION, DESCRIBE, QUIZ, QAPair
from fruit_caption.inference import exported
from fruit_caption.inference.answer import Alternative, Answer
from fruit_caption.language import templates
from fruit_caption.language.answers import parse_answer
from fruit_caption.language.fruits import FRUITS, join_words, plural
from fruit_caption.language.questions import Value, parse_question
from fruit_caption.models.decoding import (
    Decoded,
    Encoding,
    Hypothesis,
    Runtime,
    beam_search,
    decode,
)
from fruit_caption.runs import Run
from fruit_caption.utils.errors import OutOfDomain, PictureError, RunError
from fruit_caption.utils.images import UNNAMED, Picture, letterbox, to_picture
from fruit_caption.utils.prefetch import prefetch

PHOTOS = 16
"""At most, looked at in one go."""

DRAWN = 32
"""Questions made up for a quiz; many are alike, and few make no sense."""

ErrorCallback = Callable[[PictureError], None]


@dataclass(frozen=True)
class _Asked:
    """A question as it was asked, and in words that the model learnt."""

    question: str
    kind: str
    fruit: str | None
    prompt: str


class Predictor:
    """A trained model, to be asked about pictures.

    Attributes:
        model: the Keras model, or what else runs it.
        fruits: the kinds of fruit that it knows.

    Args:
        model: that is trained; `load` gives the eye of a run.
    """

    def __init__(self, model: Runtime) -> None:
        self.model, self.fruits = model, model.fruits
        self._look = model.encoder_fn()

    def ask(self, picture: Picture, question: str) -> Answer:
        """Answer a question about a picture.

        Args:
            picture: a path, a Pillow image, or pixels (see `pictures.to_picture`).
            question: in a person's own words; "describe the photo" asks for a caption.

        Raises:
            PictureError: the picture can't be read.
            OutOfDomain: the question is not about fruit, or about one that the model never met.
        """
        return next(self.ask_many([picture], [question], detailed=True))

    def ask_many(
        self,
        pictures: Iterable[Picture],
        questions: Sequence[str],
        skip: ErrorCallback | None = None,
        detailed: bool = False,
    ) -> Iterator[Answer]:
        """Answer questions about many pictures, looking at several in one go.

        Args:
            pictures: they are read as they are needed.
            questions: asked of each picture.
            skip: told of a picture that can't be read, which is then left out.
            detailed: find out where it looked and what the runners-up are, too.

        Returns:
            The answers to the first picture's questions, then to the second's, as they come.

        Raises:
            OutOfDomain: at once, if any question can't be answered.
            PictureError: without `skip`, when it comes to a picture that can't be read.
        """
        asked = [self._read(question) for question in questions]
        return (
            answer
            for looked in self._look_many(pictures, skip)
            for answers in looked.answer([asked] * len(looked.pictures), detailed)
            for answer in answers
        )

    def count_many(
        self, pictures: Iterable[Picture], skip: ErrorCallback | None = None
    ) -> Iterator[tuple[str, dict[str, int]]]:
        """The name of each picture and what `count` gives for it; raises as `ask_many` does."""
        asked = [self._read(templates.question("count", fruit)) for fruit in self._counted()]
        for looked in self._look_many(pictures, skip):
            for answers in looked.answer([asked] * len(looked.pictures)):
                yield answers[0].image, _counts(answers)

    def count(self, picture: Picture) -> dict[str, int]:
        """How many of each kind it sees, by name; kinds that it doesn't see are left out.

        Raises:
            PictureError: the picture can't be read.
        """
        return self.encode(picture).count()

    def caption(self, picture: Picture) -> Answer:
        """Describe a picture; raises `PictureError`."""
        return self.ask(picture, DESCRIBE)

    def encode(self, picture: Picture) -> EncodedImage:
        """Look at a picture once, to ask as often as one likes; raises `PictureError`."""
        return EncodedImage(self, next(self._look_many([picture], None)))

    def _read(self, question: str) -> _Asked:
        asked = parse_question(question)
        if asked.kind == "caption":
            return _Asked(question, CAPTION, None, DESCRIBE)
        if asked.fruit is not None and asked.fruit not in self.fruits:
            known = join_words([plural(fruit) for fruit in self._counted()])
            raise OutOfDomain(
                f"This model never met {plural(asked.fruit)}, so it can't tell. It knows {known}."
            )
        return _Asked(
            question, asked.kind, asked.fruit, templates.question(asked.kind, asked.fruit)
        )

    def _counted(self) -> list[str]:
        """The kinds that it can be asked to count."""
        return [fruit for fruit in self.fruits if fruit in FRUITS]

    def _look_many(
        self, pictures: Iterable[Picture], skip: ErrorCallback | None
    ) -> Iterator[_Looked]:
        """Read pictures and look at them, `PHOTOS` at a time."""
        size = self.model.image_size

        def read(batch: list[Picture]) -> list[tuple[Picture, np.ndarray | PictureError]]:
            return [(picture, _pixels(picture, size)) for picture in batch]

        for batch in prefetch(read, _batches(pictures)):
            readable: list[Picture] = []
            pixels: list[np.ndarray] = []
            for picture, found in batch:
                if isinstance(found, np.ndarray):
                    readable.append(picture)
                    pixels.append(found)
                elif skip:
                    skip(found)
                else:
                    raise found
            if readable:
                yield _Looked(self.model, readable, self._look(np.stack(pixels)))


class EncodedImage:
    """A picture that was looked at, to be asked as often as one likes: `Predictor.look` gives it."""

    def __init__(self, eye: Predictor, looked: _Looked) -> None:
        self._eye, self._looked = eye, looked

    def ask(self, question: str) -> Answer:
        """Answer a question; raises `OutOfDomain`."""
        return self.answer(self._eye._read(question))

    def answer(self, asked: _Asked) -> Answer:
        """Answer a question that is read already."""
        return self._looked.answer([[asked]], detailed=True)[0][0]

    def ask_words(self, item: QAPair) -> Answer:
        """Answer a question of a data set, of whatever kind, in its own words."""
        return self.answer(_Asked(item.question, item.kind, item.fruit, item.question))

    def caption(self) -> Answer:
        """Describe the picture."""
        return self.ask(DESCRIBE)

    def quiz(self, questions: int = 5, seed: int = 0) -> list[Answer]:
        """Make up different questions about the picture, and answer them.

        Args:
            questions: at most so many.
            seed: another one, and the same model asks other questions.

        Raises:
            RunError: the model was not trained to make up questions.
        """
        if "ask" not in self._eye.model.vocabulary:
            raise RunError("This model was not trained to ask questions.", "no-quiz")
        made_up: dict[tuple[str, str | None], _Asked] = {}
        for text in self._looked.make_up(DRAWN, seed):
            with suppress(OutOfDomain):
                asked = self._eye._read(f"{text}?")
                made_up.setdefault((asked.kind, asked.fruit), asked)
        return self._looked.answer([list(made_up.values())[:questions]], detailed=True)[0]

    def count(self) -> dict[str, int]:
        """How many of each kind it sees, by name; kinds that it doesn't see are left out."""
        asked = [
            self._eye._read(templates.question("count", fruit)) for fruit in self._eye._counted()
        ]
        return _counts(self._looked.answer([asked])[0])


@dataclass(frozen=True)
class _Looked:
    """Pictures, and what the decoder needs to know of them."""

    model: Runtime
    pictures: list[Picture]
    seen: Encoding

    def answer(
        self, asked: Sequence[Sequence[_Asked]], detailed: bool = False
    ) -> list[list[Answer]]:
        """Answer each picture's questions; `detailed`, with runners-up and attention, too."""
        prompts = [[one.prompt for one in each] for each in asked]
        spoken = decode(self.model, self.seen, prompts, return_attention=detailed)
        others: list[list[list[Hypothesis]]] = (
            beam_search(self.model, self.seen, prompts)
            if detailed
            else [[[] for _ in each] for each in asked]
        )
        return [
            [self._answer(place, *each) for each in zip(*those, strict=True)]
            for place, those in enumerate(zip(asked, spoken, others, strict=True))
        ]

    def make_up(self, questions: int, seed: int) -> list[str]:
        """Questions about the first picture, word by word by their probability."""
        rng = np.random.default_rng(seed)
        seen = {name: of_all[:1] for name, of_all in self.seen.items()}
        spoken = decode(self.model, seen, [[QUIZ] * questions], rng=rng)
        return [one.text for one in spoken[0]]

    def _answer(
        self, place: int, asked: _Asked, spoken: Decoded, others: list[Hypothesis]
    ) -> Answer:
        picture = self.pictures[place]
        value = parse_answer(asked.kind, spoken.text, asked.fruit)
        return Answer(
            _name(picture),
            asked.question,
            asked.kind,
            asked.fruit,
            spoken.text,
            value,
            spoken.confidence,
            spoken.confidence >= self.model.confidence_threshold,
            _runners_up(asked, spoken.text, others),
            spoken.words,
            spoken.probabilities,
            spoken.looked,
            self.seen["density"][place],
            self.model.fruits,
            picture,
        )


def load(run: str | Path | None = None) -> Predictor:
    """Load a trained model: its export if it has one, which starts at once, or else the model.

    Args:
        run: the name of a run in `artifacts/`, or the path of its folder; without it the released
            model, which ships.

    Raises:
        RunError: there is no such run, or its model can't be read.
    """
    found = Run.released() if run is None else Run.named(str(run))
    return Predictor(exported.current(found) or found.load_model())


def _runners_up(asked: _Asked, text: str, others: list[Hypothesis]) -> tuple[Alternative, ...]:
    """The likeliest wording of each value that the answer doesn't have; of captions, each text."""

    def meaning(text: str) -> Value | str | None:
        return text if asked.kind == CAPTION else parse_answer(asked.kind, text, asked.fruit)

    found: dict[Value | str, Alternative] = {}
    for other, confidence in others:
        meant = meaning(other)
        if meant is not None and meant != meaning(text) and meant not in found:
            value = None if isinstance(meant, str) else meant
            found[meant] = Alternative(other, value, confidence)
    return tuple(found.values())


def _name(picture: Picture) -> str:
    if isinstance(picture, (str, Path)):
        return str(picture)
    return str(getattr(picture, "filename", "") or UNNAMED)


def _counts(answers: Iterable[Answer]) -> dict[str, int]:
    return {
        answer.fruit: answer.value
        for answer in answers
        if answer.fruit is not None and isinstance(answer.value, int) and answer.value > 0
    }


def _pixels(picture: Picture, size: int) -> np.ndarray | PictureError:
    try:
        return letterbox(to_picture(picture), size)
    except PictureError as error:
        return error


def _batches(pictures: Iterable[Picture]) -> Iterator[list[Picture]]:
    waiting = iter(pictures)
    while batch := list(islice(waiting, PHOTOS)):
        yield batch
