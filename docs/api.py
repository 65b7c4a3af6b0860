"""Writes the page of the Python interface: `python docs/api.py PAGE`, or `make docs/api.html`."""

from __future__ import annotations

import sys
from pathlib import Path

import pdoc.doc
import pdoc.render

import fruit_caption


def main() -> None:
    for name in fruit_caption.__all__:  # pdoc finds only what is imported already
        getattr(fruit_caption, name)
    pdoc.render.configure(docformat="google", show_source=False, search=False)
    # Its modules are ours to change; what the package itself names is the interface.
    module = pdoc.doc.Module(fruit_caption)
    page = pdoc.render.html_module(module, {module.modulename: module})
    Path(sys.argv[1]).write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
