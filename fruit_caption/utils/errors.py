"""User-facing errors.

Every message is one line that names what is wrong. Errors that have a usual way out carry a
`code`; the command line prints the message, adds the hint for the code (`commands.hints`) and
exits with status 2. A program that uses the library catches `FruitError`.
"""

from __future__ import annotations

from collections.abc import Sequence


class FruitError(Exception):
    """Something that the user gave can't be used.

    Args:
        message: one line for the user, which names the file, folder or value. Line breaks in it,
            which a file name may have, become spaces.
        code: identifies the kind of error for programs, such as "run-finished"; "" if it has none.
    """

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(" ".join(message.splitlines()))
        self.code = code


def first_line(error: Exception, length: int) -> str:
    """Return the first line of another library's error, at most `length` characters of it."""
    return str(error).partition("\n")[0][:length]


def not_installed(error: ModuleNotFoundError) -> FruitError:
    """Return the error for a package that asking about photos does not need, but this does."""
    package = (error.name or "").partition(".")[0]
    return FruitError(
        f"This needs {package}, which is not installed; `pip install fruit-caption` adds it. "
        "(Only ask, count, caption and quiz work without.)"
    )


class PictureError(FruitError):
    """A file can't be read as a picture."""


class DataError(FruitError):
    """A data set (`instances.json`, `qa.json` or its photos) can't be used."""


class OutOfDomain(FruitError):
    """A question that can't be answered.

    It is not about fruit, about a fruit that the model was not trained on, or about something that
    the model can't see, such as colors.

    Args:
        reason: see `FruitError`.
        image: name of the picture, if the reason says what is known of it.
        question: the question, where several were asked.
        examples: questions that can be answered; the message names them after the reason.
    """

    def __init__(
        self, reason: str, image: str = "", question: str = "", examples: Sequence[str] = ()
    ) -> None:
        quoted = ", ".join(f'"{example}"' for example in examples)
        super().__init__(f"{reason} Ask for example {quoted}." if examples else reason)
        self.reason, self.image, self.question, self.examples = reason, image, question, examples


class WeightsError(FruitError):
    """Pretrained weights can't be found, downloaded or loaded."""


class RunError(FruitError):
    """A run folder is missing, incomplete or in the way."""


class WriterError(FruitError):
    """A language model can't be found, loaded or used to write."""
