"""Shows what the language model and the templates write about the same photos.

`python docs/texts.py MODEL_DATA GRAMMAR_DATA docs/texts.md`, or `make docs/texts.md`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from fruit_caption.data.qa import CAPTION, QAPair, read_qa
from fruit_caption.utils import markdown
from fruit_caption.utils.files import write_text

HEADER = """# The same photos, two writers

What GPT-2 and the templates write about the photos of [sample](sample/README.md): the caption, and
one question of each kind with its answer. A kind is missing where none of GPT-2's drafts was true.
`make docs/texts.md` makes this page.
"""


def compare(by_model: Path, by_templates: Path) -> str:
    """Return one table for each photo, with a row for each kind of text.

    Args:
        by_model: A data set with texts by the language model.
        by_templates: The same photos with texts by the templates.
    """
    parts = [HEADER]
    for own, plain in zip(read_qa(by_model), read_qa(by_templates), strict=True):
        rows = [[kind, *map(text, pair)] for kind, pair in pairs(own.qa_pairs, plain.qa_pairs)]
        parts += [
            f"\n## {own.file_name}\n\n",
            markdown.table(["", "GPT-2", "templates"], rows, "lll"),
        ]
    return "".join(parts)


def pairs(
    own: tuple[QAPair, ...], plain: tuple[QAPair, ...]
) -> list[tuple[str, tuple[QAPair, QAPair]]]:
    """The first text of each kind that both have about the same fruit."""
    found: dict[str, tuple[QAPair, QAPair]] = {}
    for pair in own:
        for other in plain:
            if (pair.kind, pair.fruit) == (other.kind, other.fruit) and pair.by != other.by:
                found.setdefault(pair.kind, (pair, other))
    return list(found.items())


def text(pair: QAPair) -> str:
    """A caption, or a question with its answer."""
    return pair.answer if pair.kind == CAPTION else f"{pair.question} *{pair.answer}*"


if __name__ == "__main__":
    write_text(Path(sys.argv[3]), compare(Path(sys.argv[1]), Path(sys.argv[2])))
