"""The contact sheet is a picture of every kind, the same each time, small enough to commit."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from fruit_caption.rendering import contact_sheet
from fruit_caption.rendering.shapes import KINDS


def test_the_sheet_shows_kinds_and_scenes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(contact_sheet, "KINDS", {name: KINDS[name] for name in ("kiwi", "plum")})
    monkeypatch.setattr(contact_sheet, "SCENES", 2)
    paths = [tmp_path / "first" / "sheet.png", tmp_path / "second.png"]
    for path in paths:
        contact_sheet.main(path)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    with Image.open(paths[0]) as sheet:
        width = contact_sheet.ACROSS * contact_sheet.SAMPLES * contact_sheet.TILE
        assert sheet.width == width
        assert len(sheet.convert("RGB").getcolors(256) or ()) > 100


def test_the_sheet_that_ships_is_small() -> None:
    sheet = Path(__file__).parents[2] / "docs" / "scenes.png"
    assert sheet.stat().st_size < 1_000_000
