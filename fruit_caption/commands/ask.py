"""`fruit ask`, `caption`, `count` and `quiz`: use a trained model on pictures."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fruit_caption.commands import terminal
from fruit_caption.commands.options import OptionalRun
from fruit_caption.commands.printing import (
    print_answer,
    print_answers,
    print_counts,
    with_progress,
    write_csv,
)
from fruit_caption.commands.streams import print_json
from fruit_caption.utils.errors import FruitError, OutOfDomain

if TYPE_CHECKING:
    from PIL.Image import Image

    from fruit_caption.inference.answer import Answer
    from fruit_caption.inference.predictor import EncodedImage, Predictor

PROMPT_HELP = """Ask for example
  how many apples are there?    and bananas?
  which fruits are there?       how many kinds?
  is there a banana?            are there more apples than pears?
  describe the photo            is there anything except apples?
quit or an empty line ends the program."""

PICTURES = 'Pictures: files, folders, patterns such as "*.jpg", http(s) URLs, or - for stdin'
Images = Annotated[list[str], typer.Argument(help=f"{PICTURES}.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, one object per line.")]
Csv = Annotated[Path | None, typer.Option("--csv", help="Also write the answers to a CSV file.")]


def ask(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="IMAGE... [QUESTION]",
            help=f'{PICTURES}; and a question such as "how many apples?", with or without quotes. '
            "Without a question, questions are read from a prompt.",
            show_default=False,
        ),
    ],
    question: Annotated[
        list[str] | None,
        typer.Option("--question", "-q", help="Question to ask. Can be given several times."),
    ] = None,
    run: OptionalRun = None,
    top: Annotated[
        int, typer.Option(help="Number of candidate answers to print.", min=1, max=8)
    ] = 1,
    as_json: AsJson = False,
    csv_file: Csv = None,
    show: Annotated[
        Path | None,
        typer.Option(
            help="PNG file to write: the picture with marks on detected fruit, and attention."
        ),
    ] = None,
) -> None:
    """Answer questions about pictures."""
    images, questions = (words, question) if question else _split_arguments(words)
    if questions:
        _answer(images, questions, run, top, as_json, csv_file, show)
    elif csv_file or show:
        raise FruitError("--csv and --show need a question; give one with -q.")
    else:
        _prompt(images, run, top, as_json)


def caption(
    image: Images, run: OptionalRun = None, as_json: AsJson = False, csv_file: Csv = None
) -> None:
    """Describe pictures in a sentence."""
    from fruit_caption.data.qa import CAPTION_PROMPT

    _answer(image, [CAPTION_PROMPT], run, as_json=as_json, csv_file=csv_file)


def count(image: Images, run: OptionalRun = None, as_json: AsJson = False) -> None:
    """Count the fruits in pictures, by kind."""
    pictures = _find_pictures(image)
    errors = _ErrorHandler(len(pictures) == 1)
    rows = []
    for name, counts in _load(run).count_many(with_progress(pictures, terminal.notes), errors):
        rows.append((name, counts))
        if as_json:
            numbers = {fruit: count.number for fruit, count in counts.items()}
            confidences = {fruit: round(count.confidence, 4) for fruit, count in counts.items()}
            total = sum(numbers.values())
            print_json(
                {"image": name, "counts": numbers, "total": total, "confidence": confidences}
            )
    if not as_json:
        print_counts(terminal.output, rows)
    errors.exit_if_any()


def quiz(
    image: Annotated[str, typer.Argument(help="A picture.", show_default=False)],
    run: OptionalRun = None,
    questions: Annotated[int, typer.Option(help="Maximum number of questions.", min=1, max=20)] = 5,
    seed: Annotated[int, typer.Option(help="Random seed of the questions.", min=0)] = 0,
    as_json: AsJson = False,
) -> None:
    """Generate questions about a picture and answer them."""
    pictures = _find_pictures([image])
    if len(pictures) > 1:
        raise FruitError(f"{image} contains {len(pictures)} pictures; choose one.")
    for answer in _load(run).encode(pictures[0]).quiz(questions, seed):
        _print_answer(answer, answer.question, 1, as_json)


def _split_arguments(words: Sequence[str]) -> tuple[Sequence[str], list[str]]:
    """Split arguments into pictures and the question behind them, which may be several words."""
    from fruit_caption.inference.sources import names_picture

    number = next((n for n, word in enumerate(words) if not names_picture(word)), len(words))
    images, question = words[:number], " ".join(words[number:])
    # A word of a question may happen to be a file's name, but hardly the name of a picture.
    misplaced = [word for word in words[number:] if Path(word).suffix and names_picture(word)]
    if misplaced:
        question = " ".join(word for word in words[number:] if word not in misplaced)
        usage = f'fruit ask {" ".join([*images, *misplaced])} "{question}"'
        raise FruitError(f"Pictures come before the question: {usage}")
    if not images:
        raise FruitError(f'"{question}" is not a picture. Usage: fruit ask IMAGE... QUESTION')
    return images, [question] if question else []


def _load(run: str | None) -> Predictor:
    from fruit_caption.inference.predictor import load

    return load(run)


def _find_pictures(images: Sequence[str]) -> list[Path | Image]:
    """Find the pictures with some names; open a single one to fail before TensorFlow loads."""
    from fruit_caption.inference.sources import find_pictures
    from fruit_caption.utils.images import to_picture

    pictures = find_pictures(images, _print_note)
    if len(pictures) == 1:
        to_picture(pictures[0])
    return pictures


def _print_note(text: str) -> None:
    terminal.notes.print(text, markup=False, soft_wrap=True)


class _ErrorHandler:
    """Prints errors and exits with code 2 in the end.

    Args:
        one_picture: Whether there is only one picture. An error of it is raised at once.
        one_question: Whether there is only one question, which errors need not repeat.
    """

    def __init__(self, one_picture: bool, one_question: bool = True) -> None:
        self.one_picture, self.one_question, self.any = one_picture, one_question, False

    def __call__(self, error: FruitError) -> None:
        if isinstance(error, OutOfDomain):
            labels = [] if self.one_picture or not error.image else [f"{error.image}:"]
            is_named = self.one_question or error.question in str(error)
            labels += [] if is_named else [error.question]
            error = FruitError(" ".join([*labels, str(error)]))
        elif self.one_picture:
            raise error
        self.any = True
        terminal.print_error(error)

    def exit_if_any(self) -> None:
        if self.any:
            raise typer.Exit(2)


def _answer(
    images: Sequence[str],
    questions: Sequence[str],
    run: str | None,
    top: int = 1,
    as_json: bool = False,
    csv_file: Path | None = None,
    show: Path | None = None,
) -> None:
    # Check what can be checked before TensorFlow loads.
    try:
        _check_questions(questions)
    except OutOfDomain as error:
        raise _refusal(error, images, run) from None
    pictures = _find_pictures(images)
    if show:
        if len(pictures) * len(questions) > 1:
            raise FruitError("--show needs exactly one picture and one question.")
        _check_overlay_path(show, pictures[0])
    if csv_file:
        _check_output_path(csv_file)
    errors = _ErrorHandler(len(pictures) == 1, len(questions) == 1)
    detailed = top > 1 or show is not None
    answers = _load(run).ask_many(
        with_progress(pictures, terminal.notes), questions, errors, detailed
    )
    # The file that a link leads to is written, not the link: /dev/stdout is one.
    answers = write_csv(csv_file.resolve(), answers) if csv_file else answers
    if len(pictures) > 1 and terminal.output.is_terminal and not as_json:
        print_answers(terminal.output, answers, top - 1)
    else:
        for answer in answers:
            labels = [f"{answer.image}:"] if len(pictures) > 1 else []
            labels += [answer.question] if len(questions) > 1 else []
            _print_answer(answer, " ".join(labels), top, as_json)
            if show:
                answer.save_overlay(show.resolve())
                terminal.notes.print(f"Overlay: {show}", markup=False, soft_wrap=True)
    errors.exit_if_any()


def _check_questions(questions: Sequence[str]) -> None:
    """Raise the error of the only question, if it can't be answered about any picture."""
    from fruit_caption.language.questions import parse

    if len(questions) == 1:
        parse(questions[0])


def _refusal(error: OutOfDomain, images: Sequence[str], run: str | None) -> OutOfDomain:
    """Return the error, with examples that fit the picture if there is only one."""
    if error.examples and len(images) == 1:
        with suppress(FruitError):
            pictures = _find_pictures(images)
            if len(pictures) == 1:
                return _with_fitting_examples(error, _load(run).encode(pictures[0]))
    return error


def _with_fitting_examples(error: OutOfDomain, encoded: EncodedImage) -> OutOfDomain:
    """Replace the examples in an error, if it has any, by questions that fit the picture."""
    from fruit_caption.language.questions import fitting_questions

    examples = fitting_questions(encoded.count()) if error.examples else ()
    return OutOfDomain(error.reason, error.image, error.question, examples)


def _prompt(images: Sequence[str], run: str | None, top: int, as_json: bool) -> None:
    """Encode a picture once and answer each question that is typed or piped in."""
    if "-" in images:
        raise FruitError("Standard input is the picture; give the question with -q.")
    if sys.stdin is None:
        raise FruitError("Standard input is closed; give the question with -q.")
    pictures = _find_pictures(images)
    if len(pictures) > 1:
        raise FruitError(f"{len(pictures)} pictures but no question; give one with -q.")
    encoded = _load(run).encode(pictures[0])
    terminal.notes.print("Type a question, or help; quit or an empty line ends the program.")
    errors = _ErrorHandler(one_picture=True)
    for question in _input_lines():
        if question.lower() in ("help", "?"):
            terminal.output.print(PROMPT_HELP, markup=False, highlight=False)
            continue
        try:
            _print_answer(encoded.ask(question), "", top, as_json)
        except OutOfDomain as error:
            errors(_with_fitting_examples(error, encoded))
        except FruitError as error:
            errors(error)
    if not sys.stdin.isatty():
        errors.exit_if_any()


def _input_lines() -> Iterator[str]:
    prompt = "[bold]?[/] " if sys.stdin.isatty() else ""
    try:
        while question := terminal.output.input(prompt).strip():
            if question.lower() in ("quit", "exit", "q", "bye"):
                return
            yield question
    except (EOFError, KeyboardInterrupt):
        return
    except OSError as error:
        raise FruitError(f"Standard input can't be read: {error.strerror or error}.") from None


def _print_answer(answer: Answer, label: str, top: int, as_json: bool) -> None:
    if as_json:
        print_json(answer.to_json(top - 1))
    else:
        print_answer(terminal.output, answer, label, top - 1)


def _check_overlay_path(path: Path, picture: Path | Image) -> None:
    if path.suffix.lower() != ".png":
        raise FruitError(f"--show needs a path that ends in .png, not {path}.")
    _check_output_path(path)
    if isinstance(picture, Path) and path.exists() and path.samefile(picture):
        raise FruitError(f"--show would overwrite the picture {path}; choose another path.")


def _check_output_path(path: Path) -> None:
    if path.is_dir():
        raise FruitError(f"{path} is a folder, not a file.")
    if path.exists() and not path.is_file():
        raise FruitError(f"{path} can't be written: it is not a regular file.")
    if not path.parent.is_dir():
        raise FruitError(f"{path.parent}: there is no such folder.")
