"""The Python interface: load a trained model and ask it about pictures.

```python
import fruit_caption as fc

predictor = fc.load()
answer = predictor.ask("bowl.jpg", "how many apples?")
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

from fruit_caption.data.qa import CAPTION_PROMPT, QAPair
from fruit_caption.inference import exported
from fruit_caption.inference.answer import Answer, FruitCount
from fruit_caption.inference.encoded import (
    AnyQuestion,
    EncodedBatch,
    SimpleQuestion,
    to_question,
)
from fruit_caption.inference.points import Point, find_points
from fruit_caption.language.compositions import Node, Unseen
from fruit_caption.language.fruits import FRUITS
from fruit_caption.language.questions import parse
from fruit_caption.models.decoding import Runtime
from fruit_caption.runs import Run
from fruit_caption.utils.errors import FruitError, OutOfDomain, PictureError, RunError
from fruit_caption.utils.images import PictureInput, letterbox, to_picture
from fruit_caption.utils.prefetch import prefetch

BATCH_SIZE = 16
"""Maximum number of pictures in a batch of the encoder."""

QUIZ_SAMPLES = 32
"""Number of questions to sample for a quiz; many repeat each other, and some can't be parsed."""

ErrorCallback = Callable[[FruitError], None]


@dataclass(frozen=True)
class _ReadPicture:
    """A picture as it was given, its upright (width, height), and its letterboxed pixels."""

    source: PictureInput
    size: tuple[int, int]
    pixels: np.ndarray


class Predictor:
    """Answers questions about pictures with a trained model.

    Use `load` to create one from a run. A picture can be the path of a file, the content of a file
    as bytes, a Pillow image, or a uint8 array of shape (height, width) for gray, (height, width, 3)
    for RGB or (height, width, 4) for RGBA.

    ```python
    predictor = fc.load()
    predictor.ask("bowl.jpg", "is there a banana?").value  # True
    predictor.count("bowl.jpg")  # {"apple": 2, "banana": 1}
    predictor.points("bowl.jpg")  # (Point(fruit="apple", x=212.0, y=96.0, confidence=0.93), ...)
    ```

    Args:
        model: A trained Keras model (`Captioner`) or an exported one.

    Attributes:
        model: The model.
        fruits: Names of the fruits that the model was trained on.
    """

    def __init__(self, model: Runtime) -> None:
        self.model, self.fruits = model, model.fruits
        self._encode_pixels = model.encoder_fn()

    def ask(self, picture: PictureInput, question: str) -> Answer:
        """Answer a question about a picture.

        Args:
            picture: A path, a Pillow image or a uint8 array.
            question: A question in free wording, such as "how many apples?", "which fruits are
                there?", "is there a banana?", "are there more apples than pears?" or "anything
                besides apples?". "describe the photo" asks for a caption.

        Returns:
            The answer with its attention maps and the most probable alternatives.

        Raises:
            PictureError: The picture can't be read.
            OutOfDomain: The question is not about fruit, is about a fruit that the model was not
                trained on, or about something that can't be seen here, such as colors.
        """
        return next(self.ask_many([picture], [question], detailed=True))

    def ask_many(
        self,
        pictures: Iterable[PictureInput],
        questions: Sequence[str],
        on_error: ErrorCallback | None = None,
        detailed: bool = False,
    ) -> Iterator[Answer]:
        """Answer questions about many pictures, in batches.

        Args:
            pictures: Paths, Pillow images or uint8 arrays. They are read batch by batch, so this
                may be a generator.
            questions: The questions to ask about each picture. "and bananas?" continues the
                question before it.
            on_error: Called instead of raising an error: with `PictureError` for each picture that
                can't be read, which is then skipped, and with `OutOfDomain` in the place of each
                answer that can't be given. A question that can't be answered about any picture is
                reported once.
            detailed: Whether the answers include attention maps and alternatives, which take
                longer to compute.

        Returns:
            An iterator over the answers: all questions about the first picture, then all about the
            second, and so on.

        Raises:
            OutOfDomain: A question can't be answered and there is no `on_error`. Raised at once,
                before a picture is read, if the question can't be answered about any.
            PictureError: A picture can't be read and there is no `on_error`. Raised during
                iteration.
        """
        parsed = self._parse_all(questions, on_error)
        return self._answer_many(pictures, parsed, on_error, detailed)

    def count(self, picture: PictureInput) -> dict[str, int]:
        """Count the fruits in a picture.

        Args:
            picture: A path, a Pillow image or a uint8 array.

        Returns:
            The number of each fruit by name, without those that the picture does not show.

        Raises:
            PictureError: The picture can't be read.
        """
        return self.encode(picture).count()

    def count_many(
        self, pictures: Iterable[PictureInput], on_error: ErrorCallback | None = None
    ) -> Iterator[tuple[str, dict[str, FruitCount]]]:
        """Count the fruits in many pictures, in batches.

        Args:
            pictures: Paths, Pillow images or uint8 arrays.
            on_error: Called with the error for each picture that can't be read, which is then
                skipped. Without it, such a picture raises `PictureError`.

        Yields:
            The name of each picture (see `Answer.image`) and the number of each fruit by name, with
            its confidence.

        Raises:
            PictureError: A picture can't be read and there is no `on_error`.
        """
        for batch in self._encode_batches(pictures, on_error):
            yield from zip(batch.names, batch.counts(), strict=True)

    def points(self, picture: PictureInput) -> tuple[Point, ...]:
        """Point at the fruits in a picture.

        ```python
        for point in predictor.points("bowl.jpg"):
            print(point.fruit, point.x, point.y, point.confidence)
        ```

        Args:
            picture: A path, a Pillow image or a uint8 array.

        Returns:
            The center of each detected fruit, in the order of `fruits`; those of one fruit from top
            to bottom, and from left to right in the same row. Their number may differ from that in
            a written answer.

        Raises:
            PictureError: The picture can't be read.
        """
        return self.encode(picture).points()

    def caption(self, picture: PictureInput) -> Answer:
        """Describe a picture in a sentence; the same as asking "describe the photo".

        Args:
            picture: A path, a Pillow image or a uint8 array.

        Returns:
            An answer whose `text` is the caption.

        Raises:
            PictureError: The picture can't be read.
        """
        return self.ask(picture, CAPTION_PROMPT)

    def encode(self, picture: PictureInput) -> EncodedImage:
        """Run the image encoder once, to ask many questions about the same picture.

        Args:
            picture: A path, a Pillow image or a uint8 array.

        Raises:
            PictureError: The picture can't be read.
        """
        return EncodedImage(self, next(self._encode_batches([picture], None)))

    def _parse(self, question: str, previous: Node | None = None) -> Node:
        fruits = [fruit for fruit in self.fruits if fruit in FRUITS]
        return parse(question, previous, fruits)

    def _parse_all(
        self, questions: Sequence[str], on_error: ErrorCallback | None
    ) -> list[AnyQuestion | OutOfDomain]:
        """Parse questions; those that can't be answered raise an error or become one."""
        parsed: list[AnyQuestion | OutOfDomain] = []
        previous: Node | None = None
        for question in questions:
            try:
                node = self._parse(question, previous)
            except OutOfDomain as error:
                if on_error is None:
                    raise
                error.question = question
                parsed.append(error)
            else:
                parsed.append(to_question(question, node))
                previous = _to_continue(node)
        return parsed

    def _answer_many(
        self,
        pictures: Iterable[PictureInput],
        questions: Sequence[AnyQuestion | OutOfDomain],
        on_error: ErrorCallback | None,
        detailed: bool,
    ) -> Iterator[Answer]:
        asked = [question for question in questions if not isinstance(question, OutOfDomain)]
        batches = self._encode_batches(pictures, on_error) if asked else ()
        rows = (row for batch in batches for row in batch.answer(asked, detailed))
        # A question that can't be answered about any picture is reported with the first.
        first = next(rows, [])
        answers = iter(first)
        for question in questions:
            result = question if isinstance(question, OutOfDomain) else next(answers, None)
            if result is not None:
                yield from _answer_or_report(result, on_error)
        for row in rows:
            for result in row:
                yield from _answer_or_report(result, on_error)

    def _encode_batches(
        self, pictures: Iterable[PictureInput], on_error: ErrorCallback | None
    ) -> Iterator[EncodedBatch]:
        size = self.model.image_size

        def read(batch: list[PictureInput]) -> list[_ReadPicture | PictureError]:
            return [_read_picture(picture, size) for picture in batch]

        for batch in prefetch(read, _batches(pictures)):
            readable: list[_ReadPicture] = []
            for result in batch:
                if isinstance(result, _ReadPicture):
                    readable.append(result)
                elif on_error:
                    on_error(result)
                else:
                    raise result
            if readable:
                yield self._encode_batch(readable)

    def _encode_batch(self, batch: list[_ReadPicture]) -> EncodedBatch:
        encoding = self._encode_pixels(np.stack([picture.pixels for picture in batch]))
        detected = zip(encoding["peaks"], encoding["peak_kinds"], batch, strict=True)
        points = [
            find_points(peaks, kinds, self.fruits, picture.size)
            for peaks, kinds, picture in detected
        ]
        return EncodedBatch(self.model, [picture.source for picture in batch], encoding, points)


class EncodedImage:
    """A picture that went through the image encoder; created by `Predictor.encode`.

    Questions about it only run the decoder, so that each takes a fraction of the time.

    ```python
    image = predictor.encode("bowl.jpg")
    image.ask("how many bananas?"), image.count(), image.points(), image.caption()
    ```
    """

    def __init__(self, predictor: Predictor, batch: EncodedBatch) -> None:
        self._predictor, self._batch = predictor, batch
        self._previous: Node | None = None

    def ask(self, question: str) -> Answer:
        """Answer a question about the picture.

        Args:
            question: A question as for `Predictor.ask`. "and bananas?", "how many?" and the like
                continue the question before.

        Raises:
            OutOfDomain: The question can't be answered, see `Predictor.ask`.
        """
        node = self._predictor._parse(question, self._previous)
        self._previous = _to_continue(node)
        [[answer]] = self._batch.answer([to_question(question, node)], detailed=True)
        if isinstance(answer, OutOfDomain):
            raise answer
        return answer

    def ask_qa_pair(self, pair: QAPair) -> Answer:
        """Answer a question of a data set, with its wording as the prompt.

        Unlike `ask`, this does not parse the question, so it may be of any kind that the model was
        trained on.

        Args:
            pair: The question; its answer is ignored.
        """
        question = SimpleQuestion(pair.question, pair.kind, pair.fruit, pair.question, None)
        return self._batch.answer_by_model([[question]], detailed=True)[0][0]

    def caption(self) -> Answer:
        """Describe the picture in a sentence."""
        return self.ask(CAPTION_PROMPT)

    def count(self) -> dict[str, int]:
        """Count the fruits in the picture.

        Returns:
            The number of each fruit by name, without those that the picture does not show.
        """
        return {fruit: count.number for fruit, count in self._batch.counts()[0].items()}

    def points(self) -> tuple[Point, ...]:
        """Point at the fruits in the picture.

        Returns:
            The center of each detected fruit, sorted as by `Predictor.points`.
        """
        return self._batch.points[0]

    def quiz(self, questions: int = 5, seed: int = 0) -> list[Answer]:
        """Generate questions about the picture and answer them.

        Args:
            questions: Maximum number of questions; no two ask the same.
            seed: Random seed of the sampled questions.

        Returns:
            The answers; `Answer.question` holds the generated questions.

        Raises:
            RunError: The model was not trained to ask questions.
        """
        if "ask" not in self._predictor.model.vocabulary:
            raise RunError("This model was not trained to ask questions.", "no-quiz")
        generated: dict[Node, AnyQuestion] = {}
        for text in self._batch.sample_questions(QUIZ_SAMPLES, seed):
            with suppress(OutOfDomain):
                node = self._predictor._parse(f"{text}?")
                generated.setdefault(node, to_question(f"{text}?", node))
        asked = list(generated.values())[:questions]
        answers = self._batch.answer(asked, detailed=True)[0]
        return [answer for answer in answers if isinstance(answer, Answer)]


def load(run: str | Path | None = None) -> Predictor:
    """Load a trained model.

    If the run has an up-to-date export (see `fruit export`), that is loaded instead of the Keras
    model, because it starts without TensorFlow.

    Args:
        run: Name of a run in `artifacts/`, or path of a run folder. By default, the released model
            that is part of the package.

    Raises:
        RunError: There is no such run, or its model can't be loaded.
    """
    found = Run.released() if run is None else Run.named(str(run))
    return Predictor(exported.current(found) or found.load_model())


def _to_continue(node: Node) -> Node | None:
    """Return what a question such as "and bananas?" continues."""
    return node.known if isinstance(node, Unseen) else node


def _answer_or_report(
    result: Answer | OutOfDomain, on_error: ErrorCallback | None
) -> Iterator[Answer]:
    if isinstance(result, Answer):
        yield result
    elif on_error:
        on_error(result)
    else:
        raise result


def _read_picture(source: PictureInput, side: int) -> _ReadPicture | PictureError:
    try:
        picture = to_picture(source)
    except PictureError as error:
        return error
    return _ReadPicture(source, picture.size, letterbox(picture, side))


def _batches(pictures: Iterable[PictureInput]) -> Iterator[list[PictureInput]]:
    remaining = iter(pictures)
    while batch := list(islice(remaining, BATCH_SIZE)):
        yield batch
