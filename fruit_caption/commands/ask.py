"""`fruit ask`, `caption`, `count` and `quiz`: use a trained model on pictures."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fruit_caption.commands import terminal
from fruit_caption.commands.options import OptionalRun
from fruit_caption.commands.printing import print_answer, print_counts, with_progress, write_csv
from fruit_caption.commands.streams import print_json
from fruit_caption.utils.errors import FruitError

if TYPE_CHECKING:
    from PIL.Image import Image

    from fruit_caption.inference.answer import Answer
    from fruit_caption.inference.predictor import Predictor

PICTURES = 'Pictures: files, folders, patterns such as "*.jpg", http(s) URLs, or - for stdin'
Images = Annotated[list[str], typer.Argument(help=f"{PICTURES}.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, one object per line.")]
Csv = Annotated[Path | None, typer.Option("--csv", help="Also write the answers to a CSV file.")]


def ask(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="IMAGE... [QUESTION]",
            help=f'{PICTURES}; and a question such as "how many apples?". Without a question, '
            "questions are read from a prompt.",
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
    from fruit_caption.inference.sources import names_picture

    images, questions = words, question or []
    if not questions and not names_picture(words[-1]):
        images, questions = words[:-1], words[-1:]
    if not images:
        raise FruitError(f'"{words[-1]}" is not a picture. Usage: fruit ask IMAGE... QUESTION')
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
    errors = _ErrorHandler(stop_at_first=len(pictures) == 1)
    rows = []
    for name, counts in _load(run).count_many(with_progress(pictures, terminal.notes), errors):
        rows.append((name, counts))
        if as_json:
            row = {"image": name, "counts": counts, "total": sum(counts.values())}
            print_json(row)
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
    """Raises the first error, or prints all errors and exits with code 2 in the end."""

    def __init__(self, stop_at_first: bool) -> None:
        self.stop_at_first, self.any = stop_at_first, False

    def __call__(self, error: FruitError) -> None:
        if self.stop_at_first:
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
    from fruit_caption.language.questions import parse_question

    # Check what can be checked before TensorFlow loads.
    for question in questions:
        parse_question(question)
    pictures = _find_pictures(images)
    if show:
        if len(pictures) * len(questions) > 1:
            raise FruitError("--show needs exactly one picture and one question.")
        _check_overlay_path(show, pictures[0])
    if csv_file:
        _check_output_path(csv_file)
    errors = _ErrorHandler(stop_at_first=len(pictures) == 1)
    detailed = top > 1 or show is not None
    answers = _load(run).ask_many(
        with_progress(pictures, terminal.notes), questions, errors, detailed
    )
    for answer in write_csv(csv_file, answers) if csv_file else answers:
        labels = [f"{answer.image}:"] if len(pictures) > 1 else []
        labels += [answer.question] if len(questions) > 1 else []
        _print_answer(answer, " ".join(labels), top, as_json)
        if show:
            answer.save_overlay(show)
            terminal.notes.print(f"Overlay: {show}", markup=False, soft_wrap=True)
    errors.exit_if_any()


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
    terminal.notes.print("Type a question; an empty line ends the program.")
    errors = _ErrorHandler(stop_at_first=False)
    for question in _input_lines():
        try:
            _print_answer(encoded.ask(question), "", top, as_json)
        except FruitError as error:
            errors(error)
    if not sys.stdin.isatty():
        errors.exit_if_any()


def _input_lines() -> Iterator[str]:
    prompt = "[bold]?[/] " if sys.stdin.isatty() else ""
    try:
        while question := terminal.output.input(prompt).strip():
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
    if not path.parent.is_dir():
        raise FruitError(f"{path.parent}: there is no such folder.")
