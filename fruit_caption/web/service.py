"""What the page and both APIs share: the model, the limits and the photos that were sent last."""

from __future__ import annotations

import hashlib
import traceback
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from PIL import Image

from fruit_caption.inference.answer import Answer
from fruit_caption.inference.points import Point
from fruit_caption.inference.predictor import EncodedImage, Predictor
from fruit_caption.utils.errors import FruitError, OutOfDomain
from fruit_caption.utils.images import decode_picture
from fruit_caption.web.limits import RateLimiter, Turns

RECENT_PHOTOS = 8
"""Number of photos that stay encoded, so that the next question about them is answered faster."""

INTERNAL_ERROR = "Something went wrong on the server, and not by your doing; its log says more."


@dataclass(frozen=True)
class Upload:
    """A file that a client sent.

    Attributes:
        content: Its bytes.
        name: Its name on the client's machine, for messages.
    """

    content: bytes
    name: str

    def picture(self) -> Image.Image:
        """Decode the picture.

        Raises:
            PictureError: It is not a picture that can be read.
        """
        picture = decode_picture(self.content, self.name)
        # The predictor would read broken metadata again, and not know the name for its message.
        picture.info.clear()
        return picture


@dataclass
class Seen:
    """A photo on the page, and what the model sees in it.

    Attributes:
        encoded: Answers questions about it.
        size: Width and height of the upright photo in pixels.
        counts: Number of each fruit by name.
        answer: The last answer about it, or None if there was none since it was encoded.
    """

    encoded: EncodedImage
    size: tuple[int, int]
    counts: dict[str, int]
    answer: Answer | None = None

    @property
    def points(self) -> tuple[Point, ...]:
        """The detected fruits."""
        return self.encoded.points()


class Service:
    """Answers calls within the limits.

    Args:
        predictor: Answers the questions.
        per_minute: Maximum number of calls of a client per minute.
    """

    def __init__(self, predictor: Predictor, per_minute: int) -> None:
        self.predictor = predictor
        self._limiter, self._turns = RateLimiter(per_minute), Turns()
        self._recent: OrderedDict[tuple[str, bytes], Seen] = OrderedDict()

    def ask(self, client: str, upload: Upload, question: str) -> Answer:
        """Answer a question about a photo.

        Args:
            client: Identifies the client to the rate limit.
            upload: The photo.
            question: The question.

        Raises:
            PictureError: The photo can't be read.
            OutOfDomain: The question can't be answered.
            TooManyCalls: The client has made too many calls.
            Busy: Too many calls wait for the model.
        """
        self._limiter.check(client)
        picture = upload.picture()
        with self._turns.take():
            return self.predictor.ask(picture, question)

    def count(self, client: str, upload: Upload) -> dict[str, int]:
        """Count the fruits in a photo; arguments and errors as for `ask`."""
        self._limiter.check(client)
        picture = upload.picture()
        with self._turns.take():
            return self.predictor.count(picture)

    def look(self, client: str, session: str, upload: Upload) -> Seen:
        """Look at the photo on a page, or remember what was seen in it.

        Args:
            client: Identifies the client to the rate limit.
            session: Identifies the page in the browser.
            upload: The photo.

        Raises:
            PictureError: The photo can't be read.
            TooManyCalls: The client has made too many calls.
            Busy: Too many calls wait for the model.
        """
        self._limiter.check(client)
        key = (session, hashlib.sha256(upload.content).digest())
        if key not in self._recent:
            picture = upload.picture()
            with self._turns.take():
                encoded = self.predictor.encode(picture)
                self._recent[key] = Seen(encoded, picture.size, encoded.count())
                while len(self._recent) > RECENT_PHOTOS:
                    self._recent.popitem(last=False)
        return self._recent[key]

    def go_on(self, seen: Seen, question: str, earlier: Sequence[str]) -> Answer:
        """Answer a question about the photo on a page; "and bananas?" continues the last one.

        Args:
            seen: The photo, as `look` returned it.
            question: The question.
            earlier: The questions about this photo that were answered before.

        Raises:
            OutOfDomain: The question can't be answered.
            Busy: Too many calls wait for the model.
        """
        with self._turns.take():
            # A photo that was not asked about for long was encoded again and has forgotten them.
            if earlier and not seen.answer:
                with suppress(OutOfDomain):
                    seen.encoded.ask(earlier[-1])
            seen.answer = seen.encoded.ask(question)
            return seen.answer


def public_message(error: Exception) -> str:
    """Return what a client is told about an error.

    Only messages of user errors are passed on. Others may name files of the server, so that they
    are printed to its log.
    """
    if isinstance(error, FruitError):
        return str(error)
    traceback.print_exception(error)
    return INTERNAL_ERROR
