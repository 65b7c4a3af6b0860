"""The contact sheet is reproducible and small enough to commit."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
from PIL import Image

from fruit_caption.rendering.fruits import FRUIT_MODELS

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture
def contact_sheet():
    spec = spec_from_file_location("scenes", DOCS / "scenes.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_sheet_is_reproducible_and_colorful(
    contact_sheet, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(
        contact_sheet, "FRUIT_MODELS", {name: FRUIT_MODELS[name] for name in ("kiwi", "plum")}
    )
    monkeypatch.setattr(contact_sheet, "SCENES", 2)
    paths = [tmp_path / "first" / "sheet.png", tmp_path / "second.png"]
    for path in paths:
        contact_sheet.main(path)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    with Image.open(paths[0]) as sheet:
        assert sheet.width > 3 * contact_sheet.EXAMPLES * contact_sheet.TILE
        assert len(sheet.convert("RGB").getcolors(256) or ()) > 100


def test_the_committed_sheet_is_small() -> None:
    assert (DOCS / "scenes.png").stat().st_size < 1_000_000
