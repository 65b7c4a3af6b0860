"""The reference page of the Python interface is complete."""

from pathlib import Path

import pytest

import fruit_caption as fc

PAGE = (Path(__file__).parents[2] / "docs" / "api.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", fc.__all__)
def test_the_page_lists_each_name_and_its_public_members(name):
    public = [member for member in vars(getattr(fc, name)) if not member.startswith("_")]
    for anchor in [name, *(f"{name}.{member}" for member in public)]:
        assert f'id="{anchor}"' in PAGE
