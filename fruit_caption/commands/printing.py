"""Prints for people what the commands find: lines on a pipe, colors and tables on a terminal."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fruit_caption.language.fruits import plural
from fruit_caption.utils.files import atomic_write

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from fruit_caption.data.formats.vqa import Imported
    from fruit_caption.data.qa import PhotoQA
    from fruit_caption.datagen.generate import Summary
    from fruit_caption.datagen.texts import Report
    from fruit_caption.inference.answer import Answer
    from fruit_caption.utils.images import Picture

CSV_COLUMNS = ("image", "question", "kind", "fruit", "answer", "value", "confidence", "sure")


def plain(text: str) -> str:
    """Text whose square brackets rich must not read as markup."""
    return text.replace("[", r"\[")


def watched(pictures: Sequence[Picture], console: Console) -> Iterable[Picture]:
    """The pictures, with a bar on a terminal that shows how many have been taken."""
    from rich.progress import track  # what asks one question should not wait for it

    few = len(pictures) < 2
    return track(pictures, "looking", console=console, transient=True, disable=few)


def print_answer(console: Console, answer: Answer, label: str = "", runners_up: int = 0) -> None:
    """Print "Three apples. (87 % sure)" after a label, and below it what it might have said."""
    before = f"[dim]{plain(label)}[/] " if label else ""
    sure = f"[dim]({_percent(answer.confidence)} sure)[/]"
    console.print(f"{before}{plain(answer.sentence)} {sure}", soft_wrap=True, highlight=False)
    others = [
        f"{plain(other.text)} [dim]({_percent(other.confidence)})[/]"
        for other in answer.alternatives[:runners_up]
    ]
    if others:
        console.print(f"  [dim]or[/] {'; '.join(others)}", soft_wrap=True, highlight=False)


def in_words(counts: Mapping[str, int]) -> str:
    """Counts as a person says them: "3 apples, 1 banana", the most first."""
    ranked = sorted(counts.items(), key=lambda count: -count[1])
    parts = [f"{number} {fruit if number == 1 else plural(fruit)}" for fruit, number in ranked]
    return ", ".join(parts) or "no fruit"


def print_counts(console: Console, rows: Sequence[tuple[str, Mapping[str, int]]]) -> None:
    """What each picture shows, and all of them together."""
    total = Counter[str]()
    for _, counts in rows:
        total.update(counts)
    if len(rows) < 2 or not console.is_terminal:
        for name, counts in rows:
            console.print(f"{plain(name)}: {in_words(counts)}", soft_wrap=True, highlight=False)
        if len(rows) > 1:
            console.print(f"in all: {in_words(total)}", soft_wrap=True, highlight=False)
        return
    from rich.table import Table

    table = Table("picture", "fruit", show_footer=True)
    table.add_column("in all", f"{total.total()}", justify="right")
    table.columns[0].footer, table.columns[1].footer = f"{len(rows)} pictures", in_words(total)
    for name, counts in rows:
        table.add_row(plain(name), in_words(counts), str(sum(counts.values())))
    console.print(table)


def write_csv(path: Path, answers: Iterable[Answer]) -> Iterator[Answer]:
    """Write answers as rows of a table, whole or not at all, while they are passed on."""
    with (
        atomic_write(path) as draft,
        draft.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.DictWriter(file, CSV_COLUMNS)
        writer.writeheader()
        for answer in answers:
            row = answer.to_json()
            fruits = row["value"]
            writer.writerow(row | {"value": " ".join(fruits)} if isinstance(fruits, list) else row)
            yield answer


def print_summary(output: Console, errors: Console, summary: Summary, out: Path) -> None:
    """What `fruit generate-data` made."""
    for found in summary.found:
        output.print(plain(found))
    photos = f"{sum(summary.photos.values())} photos ({_listed(summary.photos)})"
    output.print(f"{out}: {photos}, {summary.boxes} boxes")
    output.print(f"texts: {_listed(summary.questions)}")
    if summary.report.tally.written:
        output.print(_writing(summary.report))
    if summary.unknown_classes:
        output.print(f"no fruit of ours, left out: {plain(', '.join(summary.unknown_classes))}")
    if summary.skipped:
        errors.print(f"[yellow]skipped {len(summary.skipped)}:[/]")
        for reason in summary.skipped:
            errors.print(f"  {plain(reason)}", soft_wrap=True)


def print_imported(output: Console, imported: Imported, out: Path) -> None:
    """What `fruit generate-data --vqa` made."""
    photos = _listed(Counter(text.split for text in imported.texts))
    questions = Counter(item.kind for text in imported.texts for item in text.questions)
    output.print(f"{out}: {len(imported.texts)} photos ({photos})")
    output.print(f"texts: {_listed(questions)}; {imported.left_out} others are left out")


def print_text(output: Console, text: PhotoQA) -> None:
    """What is said about a photo."""
    output.print(f"\n[bold]{plain(text.file_name)}[/] ({text.split})")
    for item in text.items():
        said = f"{plain(item.question)} [dim]->[/] {plain(item.answer)}"
        output.print(f"  {said} [dim]{item.by}[/]")


def _writing(report: Report) -> Table:
    """How the language model did, by kind of text."""
    from rich.table import Table

    table = Table("written by the model", "drafts", "true", "kept", "filled in by rules")
    for kind, number in report.tally.written.items():
        share = f"{100 * report.tally.accepted[kind] / number:.0f} %"
        kept, filled = report.kept[kind], report.filled_in[kind]
        table.add_row(kind, str(number), share, str(kept), str(filled))
    speed = report.tally.tokens / report.seconds if report.seconds else 0
    table.caption = f"{report.tally.tokens} tokens, {speed:.0f} a second"
    return table


def _listed(numbers: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in numbers.items())


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
