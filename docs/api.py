"""Writes the reference of the Python interface.

    python docs/api.py PAGE

`make docs/api.html` runs it.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pdoc.doc
import pdoc.render

import fruit_caption


def main() -> None:
    for name in fruit_caption.__all__:
        getattr(fruit_caption, name)  # imports it; pdoc lists only names that were imported
    pdoc.render.configure(docformat="google", show_source=False, search=False)
    # Only the package itself is the public interface; its modules may change.
    module = pdoc.doc.Module(fruit_caption)
    page = pdoc.render.html_module(module, {module.modulename: module})
    Path(sys.argv[1]).write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
