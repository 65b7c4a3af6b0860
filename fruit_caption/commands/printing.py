"""Formats results for people: lines in a pipe, colors and tables on a terminal."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape

from fruit_caption.language.fruits import list_quantities, quantity
from fruit_caption.utils.files import atomic_write
from fruit_caption.utils.progress import Steps

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from fruit_caption.data.formats.vqa import ImportResult
    from fruit_caption.data.qa import PhotoQA
    from fruit_caption.datagen.generate import Summary
    from fruit_caption.datagen.texts import Report
    from fruit_caption.inference.answer import Answer, FruitCount
    from fruit_caption.utils.images import PictureInput

CSV_COLUMNS = ("image", "question", "kind", "fruit", "answer", "value", "confidence", "sure")


def with_progress(pictures: Sequence[PictureInput], console: Console) -> Iterable[PictureInput]:
    """Return the pictures, with a progress bar on a terminal if there are several."""
    from rich.progress import track  # slow to import

    # Elsewhere than on a terminal, Rich would print an empty line at the end.
    is_hidden = len(pictures) < 2 or not console.is_terminal
    return track(pictures, "reading", console=console, transient=True, disable=is_hidden)


@contextmanager
def photo_progress(console: Console, description: str) -> Iterator[Steps]:
    """Show a progress bar on a terminal while the block runs; yield what receives its numbers."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    is_hidden = console.quiet or not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=is_hidden) as progress:
        task = progress.add_task(description, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def print_answer(console: Console, answer: Answer, label: str = "", runners_up: int = 0) -> None:
    """Print an answer such as "There is one fig. (very sure, 97 %)", and below it the runners-up.

    Args:
        console: The console to print to.
        answer: The answer.
        label: Text in front of the answer.
        runners_up: Maximum number of alternative answers to print.
    """
    before = f"[dim]{escape(label)}[/] " if label else ""
    sure = f"[dim]({_sureness(answer)})[/]"
    console.print(f"{before}{escape(answer.sentence)} {sure}", soft_wrap=True, highlight=False)
    others = _runners_up(answer, runners_up)
    if others:
        console.print(f"  {others}", soft_wrap=True, highlight=False)


def print_answers(console: Console, answers: Iterable[Answer], runners_up: int = 0) -> None:
    """Print a table of answers about several pictures.

    Args:
        console: The console to print to.
        answers: The answers to the same questions about each picture.
        runners_up: Maximum number of alternative answers to print with each.
    """
    from rich.table import Table

    rows = list(answers)
    has_questions = len({answer.question for answer in rows}) > 1
    table = Table("picture", *["question"] * has_questions, "answer", "confidence")
    for answer in rows:
        lines = [escape(answer.sentence), _runners_up(answer, runners_up)]
        question = [escape(answer.question)] * has_questions
        text = "\n".join(filter(None, lines))
        table.add_row(escape(answer.image), *question, text, _sureness(answer))
    if rows:
        console.print(table)


def _sureness(answer: Answer) -> str:
    return f"{answer.sureness}, {_percent(answer.confidence)}"


def _runners_up(answer: Answer, number: int) -> str:
    others = [
        f"{escape(other.text)} [dim]({_percent(other.confidence)})[/]"
        for other in answer.alternatives[:number]
    ]
    return f"[dim]or[/] {'; '.join(others)}" if others else ""


def describe_counts(counts: Mapping[str, FruitCount]) -> str:
    """Return counts in descending order as text: "3 apples, perhaps 1 banana", or "no fruit"."""
    order = sorted(counts, key=lambda fruit: -counts[fruit].number)
    parts = [
        ("" if counts[fruit].is_confident else "perhaps ")
        + quantity(counts[fruit].number, fruit, digits=True)
        for fruit in order
    ]
    return ", ".join(parts) or "no fruit"


def print_counts(console: Console, rows: Sequence[tuple[str, Mapping[str, FruitCount]]]) -> None:
    """Print the counts of each picture and their sums.

    Args:
        console: The console to print to.
        rows: Name of each picture, and its counts by fruit.
    """
    total = Counter[str]()
    for _, counts in rows:
        total.update({fruit: count.number for fruit, count in counts.items()})
    in_all = list_quantities(dict(total.most_common()))
    if len(rows) > 1 and console.is_terminal:
        from rich.table import Table

        table = Table(show_footer=True)
        table.add_column("picture", f"{len(rows)} pictures")
        table.add_column("fruit", in_all)
        table.add_column("in all", f"{total.total()}", justify="right")
        for name, counts in rows:
            number = sum(count.number for count in counts.values())
            table.add_row(escape(name), describe_counts(counts), str(number))
        console.print(table)
        return
    lines = [f"{name}: {describe_counts(counts)}" for name, counts in rows]
    if len(rows) > 1:
        lines.append(f"in all: {in_all}")
    for line in lines:
        console.print(line, markup=False, soft_wrap=True, highlight=False)


def write_csv(path: Path, answers: Iterable[Answer]) -> Iterator[Answer]:
    """Write answers to a CSV file while yielding them; the file appears when all are written."""
    with (
        atomic_write(path) as draft,
        draft.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file,
    ):
        # Points have no place in a table with one row per answer.
        writer = csv.DictWriter(file, CSV_COLUMNS, extrasaction="ignore")
        writer.writeheader()
        for answer in answers:
            row = answer.to_json()
            if isinstance(row["value"], list):
                row["value"] = " ".join(row["value"])
            writer.writerow(row)
            yield answer


def print_summary(output: Console, errors: Console, summary: Summary, out: Path) -> None:
    """Print what `fruit generate-data` made.

    Args:
        output: The console for results.
        errors: The console for notes and skipped photos.
        summary: The summary of the data set.
        out: Folder of the data set.
    """
    for source in summary.found:
        output.print(source, markup=False)
    photos = f"{sum(summary.photos.values())} photos ({_list_counts(summary.photos)})"
    output.print(f"{out}: {photos}, {summary.boxes} boxes")
    output.print(f"texts: {_list_counts(summary.questions)}")
    if summary.report.tally.written:
        output.print(_writer_table(summary.report))
    if summary.unknown_classes:
        classes = ", ".join(summary.unknown_classes)
        output.print(f"ignored classes that are not a known fruit: {classes}", markup=False)
    for note in summary.notes:
        line = " ".join(note.splitlines())  # a file name may have line breaks
        errors.print(f"note: {line}", markup=False, soft_wrap=True)
    _print_skipped(errors, summary.skipped)


def _print_skipped(errors: Console, reasons: Sequence[str]) -> None:
    if reasons:
        errors.print(f"[yellow]skipped {len(reasons)}:[/]")
    for reason in reasons:
        errors.print(f"  {reason}", markup=False, soft_wrap=True)


def print_imported(output: Console, errors: Console, imported: ImportResult, out: Path) -> None:
    """Print what `fruit generate-data --vqa` made.

    Args:
        output: The console for results.
        errors: The console for what was skipped.
        imported: The imported photos and questions.
        out: Folder of the data set.
    """
    photos = Counter[str](text.split for text in imported.texts)
    questions = Counter(item.kind for text in imported.texts for item in text.questions)
    output.print(f"{out}: {len(imported.texts)} photos ({_list_counts(photos)})")
    output.print(f"texts: {_list_counts(questions)}; {imported.ignored} other questions ignored")
    _print_skipped(errors, imported.skipped)


def print_text(output: Console, text: PhotoQA) -> None:
    """Print the questions, answers and caption of a photo."""
    output.print(f"\n[bold]{escape(text.file_name)}[/] ({text.split})")
    for item in text.qa_pairs:
        qa = f"{escape(item.question)} [dim]->[/] {escape(item.answer)}"
        output.print(f"  {qa} [dim]{item.by}[/]")


def _writer_table(report: Report) -> Table:
    """Return a table of what the language model wrote, by kind of text."""
    from rich.table import Table

    table = Table("language model", "drafts", "correct", "kept", "from templates")
    for kind, number in report.tally.written.items():
        share = _percent(report.tally.accepted[kind] / number)
        table.add_row(kind, str(number), share, str(report.kept[kind]), str(report.filled_in[kind]))
    speed = report.tally.tokens / report.seconds if report.seconds else 0
    table.caption = f"{report.tally.tokens} tokens, {speed:.0f} per second"
    return table


def _list_counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in counts.items())


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
