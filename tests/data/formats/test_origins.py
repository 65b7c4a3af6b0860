"""photos.csv: every usual dialect is read; a table that would be ignored is refused."""

import codecs
import unicodedata
from collections import Counter

import pytest
from PIL import Image

from fruit_caption.data.formats.folders import read_photos
from fruit_caption.utils.errors import DataError

TABLE = "file,source,license\napple/1.png,Hof,CC0\nbanana/1.png,Markt,CC BY 4.0\n"


@pytest.fixture
def folder(tmp_path):
    """Class folders with two photos."""
    for number, fruit in enumerate(("apple", "banana")):
        (tmp_path / fruit).mkdir()
        Image.new("RGB", (8, 8), (number, 0, 0)).save(tmp_path / fruit / "1.png")
    return tmp_path


def sources(folder, table, name="photos.csv"):
    """The source and license of each photo, with a table."""
    (folder / name).write_bytes(table if isinstance(table, bytes) else table.encode())
    found = read_photos(folder)
    return {photo.path.parent.name: (photo.source, photo.license) for photo in found.photos}


@pytest.mark.parametrize(
    "table",
    [
        TABLE,
        TABLE.replace(",", ";"),
        TABLE.replace(",", "\t"),
        TABLE.replace(",", "|"),
        TABLE.replace(",", ", "),
        TABLE.replace("\n", "\r\n"),
        TABLE.replace("\n", "\r"),
        TABLE.replace("file,source,license", "File,SOURCE, License "),
        TABLE.replace("/", "\\"),
        TABLE.replace("apple", "./apple"),
        TABLE.replace("apple/1.png", "Apple/1.PNG"),
        "sep=;\r\n" + TABLE.replace(",", ";"),
        "\n\n" + TABLE + "\n,,\n",
        TABLE.replace("apple/1.png", '"apple/1.png"'),
        '"file";"source";"license"\n' + TABLE.replace(",", ";").partition("\n")[2],
        'sep=\t\n"file"\t"source"\t"license"\n' + TABLE.replace(",", "\t").partition("\n")[2],
        TABLE.replace("\n", ",,\n"),
        codecs.BOM_UTF8 + TABLE.encode(),
        codecs.BOM_UTF8 + TABLE.replace(",", ";").encode(),
        TABLE.replace(",", "\t").encode("utf-16"),
    ],
)
def test_dialects(folder, table):
    assert sources(folder, table) == {"apple": ("Hof", "CC0"), "banana": ("Markt", "CC BY 4.0")}


def test_names_of_the_table_and_of_files_may_differ_in_capitals_and_unicode_form(folder):
    (folder / "apple" / "1.png").rename(folder / "apple" / unicodedata.normalize("NFD", "Ä.png"))
    table = TABLE.replace("apple/1", "apple/Ä")
    assert sources(folder, table, "Photos.CSV")["apple"] == ("Hof", "CC0")


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ("", "no column 'file'"),
        ('"', "no column 'file'"),
        ('sep="\n' + TABLE, "no column 'file'"),
        ("apple/1.png,Hof\n", "no column 'file'"),
        (TABLE.replace("file", "filename"), "no column 'file'"),
        (TABLE.replace("source", "soruce"), "'soruce'; rename it if it is 'source'"),
        ("file,farm\napple/1.png,Hof\n", "says nothing about the photos"),
        ("file,source,source\napple/1.png,a,b\n", "two columns 'source'"),
        (TABLE.replace("apple/", "pear/").replace("banana/", "pear/2"), "none of the photos"),
        ("file,source\n", "it names no file"),
        (TABLE + "apple/1.png,Markt,CC0\n", "two different rows for apple/1.png"),
        (TABLE + ",Markt,CC0\n", "line 4: there is no file name"),
        (TABLE + "apple/2.png,Hof, Nord,CC0\n", "line 4: there are 4 values but 3 columns"),
        (TABLE + '"apple/2.png,Hof,CC0\n', "quotation marks"),
        (TABLE.replace("Hof", "Höf").encode("latin-1"), r"not in UTF-8 \(line 2\)"),
    ],
)
def test_tables_that_would_be_ignored_are_refused(folder, table, reason):
    with pytest.raises(DataError, match=reason) as error:
        sources(folder, table)
    assert "photos.csv" in str(error.value)
    assert "\n" not in str(error.value)


def test_what_a_table_lacks_and_has_too_much_is_said(folder):
    table = "file,source,farm\napple/1.png,Hof,x\napple/2.png,Hof,x\n"
    assert sources(folder, table)["banana"] == (folder.name, "")
    notes = " ".join(read_photos(folder).notes)
    assert "columns that are not used: farm" in notes
    assert "no row for 1 photos: banana/1.png" in notes
    assert "names 1 files that are not used: apple/2.png" in notes


def test_every_format_may_have_a_table(photos, tmp_path):
    from shutil import copytree

    copytree(photos, tmp_path / "coco")
    rows = "".join(f"{n:02d}.png;{'Hof' if n < 30 else 'Markt'};val\n" for n in range(40))
    (tmp_path / "coco" / "photos.csv").write_text("file;source;split\n" + rows)
    found = read_photos(tmp_path / "coco").photos
    assert Counter(photo.source for photo in found) == {"Hof": 30, "Markt": 10}
    assert {photo.split for photo in found} == {"validation"}


def test_a_line_break_in_a_name_does_not_break_the_line_of_the_error(folder):
    with pytest.raises(DataError) as caught:
        sources(folder, 'file,source\n"a\nb.png",Hof\n')
    assert "it names a b.png" in str(caught.value)
