"""The page of the Python interface shows all that there is."""

from pathlib import Path

import pytest

import fruit_caption as fc

PAGE = (Path(__file__).parents[2] / "docs" / "api.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", fc.__all__)
def test_it_shows_each_name_with_its_methods(name):
    public = [member for member in vars(getattr(fc, name)) if not member.startswith("_")]
    for shown in [name, *(f"{name}.{member}" for member in public if isinstance(member, str))]:
        assert f'id="{shown}"' in PAGE
