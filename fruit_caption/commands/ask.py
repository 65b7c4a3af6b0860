"""`ask`, `caption`, `count`, `quiz` and `serve`: what a trained model is for."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fruit_caption.commands import terminal
from fruit_caption.commands.printing import plain, print_answer, print_counts, watched, write_csv
from fruit_caption.utils.errors import FruitError

if TYPE_CHECKING:
    from PIL.Image import Image

    from fruit_caption.inference.answer import Answer
    from fruit_caption.inference.predictor import Predictor

app = typer.Typer()

Run = Annotated[
    str | None, typer.Option("--run", help="Which run to ask. [default: the one that ships]")
]
Images = Annotated[
    list[str],
    typer.Argument(
        help='Pictures: files, folders, patterns such as "*.jpg", http(s) addresses, or - for '
        "standard input.",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON objects, one a line.")]
Csv = Annotated[Path | None, typer.Option("--csv", help="Write a table of the answers, too.")]


@app.command()
def ask(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="IMAGE... [QUESTION]",
            help='Pictures: files, folders, patterns such as "*.jpg", http(s) addresses, or - for '
            'standard input; and a question such as "how many apples?". Without a question you '
            "are prompted for as many as you like.",
            show_default=False,
        ),
    ],
    question: Annotated[
        list[str] | None,
        typer.Option("--question", "-q", help="A question; may be given several times."),
    ] = None,
    run: Run = None,
    top: Annotated[
        int, typer.Option(help="Print so many answers, with the runners-up.", min=1, max=8)
    ] = 1,
    as_json: AsJson = False,
    csv_file: Csv = None,
    show: Annotated[
        Path | None, typer.Option(help="A PNG to draw: where it sees fruit, where it looked.")
    ] = None,
) -> None:
    """Ask a model about pictures: how many, which fruits, is there one."""
    from fruit_caption.inference.sources import names_picture

    images, questions = words, question or []
    if not questions and not names_picture(words[-1]):
        images, questions = words[:-1], words[-1:]
    if not images:
        raise FruitError(f'"{words[-1]}" is no picture; name one, and then the question.')
    if not questions:
        _converse(images, run, top, as_json, csv_file, show)
    else:
        _answer(images, questions, run, top, as_json, csv_file, show)


@app.command()
def caption(image: Images, run: Run = None, as_json: AsJson = False, csv_file: Csv = None) -> None:
    """Describe pictures in a sentence."""
    from fruit_caption.data.qa import DESCRIBE

    _answer(image, [DESCRIBE], run, as_json=as_json, csv_file=csv_file)


@app.command()
def count(image: Images, run: Run = None, as_json: AsJson = False) -> None:
    """Count every fruit that the model knows, in each picture and in all."""
    pictures = _pictures(image)
    skip = _Skipped(several=len(pictures) > 1)
    rows = []
    for name, counts in _eye(run).count_many(watched(pictures, terminal.notes), skip):
        rows.append((name, counts))
        if as_json:
            found = {"image": name, "counts": counts, "total": sum(counts.values())}
            typer.echo(json.dumps(found, ensure_ascii=False))
    if not as_json:
        print_counts(terminal.output, rows)
    skip.leave()


@app.command()
def quiz(
    image: Annotated[str, typer.Argument(help="A picture.", show_default=False)],
    run: Run = None,
    questions: Annotated[int, typer.Option(help="At most so many.", min=1, max=20)] = 5,
    seed: Annotated[int, typer.Option(help="Another one asks other questions.", min=0)] = 0,
    as_json: AsJson = False,
) -> None:
    """Let the model make up questions about a picture, and answer them."""
    pictures = _pictures([image])
    if len(pictures) > 1:
        raise FruitError(f"{image} holds {len(pictures)} pictures; name one.")
    for answer in _eye(run).encode(pictures[0]).quiz(questions, seed):
        _print_answer(answer, answer.question, 1, as_json)


@app.command()
def serve(
    run: Run = None,
    host: Annotated[
        str, typer.Option(help="The address to listen on; 0.0.0.0 lets others in.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen on.", min=1, max=65535)] = 7860,
    per_minute: Annotated[
        int, typer.Option(help="Calls a minute that one client may make.", min=1)
    ] = 240,
) -> None:
    """Open a web page to drop photos on and ask about them."""
    eye = _eye(run)
    from fruit_caption.web import serve

    terminal.notes.print(f"Open http://{host}:{port} in a browser; Ctrl-C ends it.")
    serve(eye, host, port, per_minute)


def _eye(run: str | None) -> Predictor:
    from fruit_caption.inference.predictor import load

    return load(run)


def _pictures(images: Sequence[str]) -> list[Path | Image]:
    """The pictures that are named; one alone is opened, to refuse it before TensorFlow loads."""
    from fruit_caption.inference.sources import find_pictures
    from fruit_caption.utils.images import to_picture

    pictures = find_pictures(images)
    if len(pictures) == 1:
        to_picture(pictures[0])
    return pictures


class _Skipped:
    """Tells of pictures that can't be read and goes on with the others; the exit code is 2."""

    def __init__(self, several: bool) -> None:
        self.several, self.any = several, False

    def __call__(self, error: FruitError) -> None:
        if not self.several:
            raise error
        self.any = True
        terminal.print_error(error)

    def leave(self) -> None:
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

    # What can be refused is refused before TensorFlow loads.
    for question in questions:
        parse_question(question)
    pictures = _pictures(images)
    if show:
        if len(pictures) * len(questions) > 1:
            raise FruitError("--show draws one answer: name one picture and one question.")
        _refuse_to_draw(show, pictures[0])
    if csv_file:
        _refuse_folder(csv_file)
    skip = _Skipped(several=len(pictures) > 1)
    detailed = top > 1 or show is not None
    answers = _eye(run).ask_many(watched(pictures, terminal.notes), questions, skip, detailed)
    for answer in write_csv(csv_file, answers) if csv_file else answers:
        labels = [f"{answer.image}:"] if len(pictures) > 1 else []
        labels += [answer.question] if len(questions) > 1 else []
        _print_answer(answer, " ".join(labels), top, as_json)
        if show:
            from fruit_caption.inference.overlay import draw_overlay

            draw_overlay(show, answer)
            terminal.notes.print(f"What it saw: {plain(str(show))}", soft_wrap=True)
    skip.leave()


def _converse(
    images: Sequence[str],
    run: str | None,
    top: int,
    as_json: bool,
    csv_file: Path | None,
    show: Path | None,
) -> None:
    """Look at a picture once and answer every line that is typed, or comes from a pipe."""
    if csv_file or show:
        raise FruitError("--csv and --show need a question; give one with -q.")
    if "-" in images:
        raise FruitError("The picture comes from standard input; give a question with -q.")
    pictures = _pictures(images)
    if len(pictures) > 1:
        raise FruitError(f"{len(pictures)} pictures and no question; give one with -q.")
    sight = _eye(run).encode(pictures[0])
    terminal.notes.print("Ask what you like; an empty line ends it.")
    skip = _Skipped(several=True)
    for question in _lines():
        try:
            _print_answer(sight.ask(question), "", top, as_json)
        except FruitError as error:
            skip(error)
    if not sys.stdin.isatty():
        skip.leave()


def _lines() -> Iterator[str]:
    prompt = "[bold]?[/] " if sys.stdin.isatty() else ""
    try:
        while question := terminal.output.input(prompt).strip():
            yield question
    except (EOFError, KeyboardInterrupt):
        return


def _print_answer(answer: Answer, label: str, top: int, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(answer.to_json(top - 1), ensure_ascii=False))
    else:
        print_answer(terminal.output, answer, label, top - 1)


def _refuse_to_draw(path: Path, photo: Path | Image) -> None:
    """A picture to draw is a PNG in a folder that is there, and not the photo itself."""
    if path.suffix.lower() != ".png" or path.is_dir():
        raise FruitError(f"{path} is no name of a picture to draw; choose one that ends in .png.")
    _refuse_folder(path)
    if isinstance(photo, Path) and path.exists() and path.samefile(photo):
        raise FruitError(f"{path} is the photo itself; choose another name with --show.")


def _refuse_folder(path: Path) -> None:
    """A file to write has a name, and lies in a folder that is there."""
    if path.is_dir():
        raise FruitError(f"{path} is a folder; name a file in it.")
    if not path.parent.is_dir():
        raise FruitError(f"{path.parent}: there is no such folder; make it, or write elsewhere.")
