"""Pascal VOC: which photo an XML file describes, encodings, sizes."""

import pytest
from PIL import Image

from fruit_caption.data.formats.folders import read_photos
from fruit_caption.utils.errors import DataError
from tests.data.formats.reading import read_apples


def write(folder, pictures=(), xml=None):
    """Write pictures and XML files; an XML file has a <filename> and as many apples as it says."""
    for number, name in enumerate(pictures):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40, 30), (number, 9, 9)).save(folder / name)
    for name, (filename, apples, *more) in (xml or {}).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content(filename, apples, *more), encoding="utf-8")
    return folder


def content(filename, apples, more="", size=(40, 30)):
    objects = "".join(
        f"<object><name>apple</name><bndbox><xmin>{5 * n}</xmin><ymin>2</ymin>"
        f"<xmax>{5 * n + 4}</xmax><ymax>22</ymax></bndbox></object>"
        for n in range(apples)
    )
    named = "" if filename is None else f"<filename>{filename}</filename>"
    return (
        f"<annotation>{named}{more}<size><width>{size[0]}</width><height>{size[1]}</height></size>"
        f"{objects}</annotation>"
    )


def counts(folder):
    return read_apples(folder)[0]


TWO = ("monday/img_1.png", "tuesday/img_1.png")


@pytest.mark.parametrize(
    ("pictures", "xml"),
    [
        (TWO, {"monday/img_1.xml": ("img_1.png", 1), "tuesday/img_1.xml": ("img_1.png", 2)}),
        (TWO, {"monday/img_1.xml": (None, 1), "tuesday/img_1.xml": ("", 2)}),
        (TWO, {"monday/img_1.xml": ("img_1", 1), "tuesday/img_1.xml": ("IMG_1.JPG", 2)}),
        (TWO, {"Annotations/monday/img_1.xml": ("img_1.png", 1),
               "Annotations/tuesday/img_1.xml": ("img_1.png", 2)}),
        (TWO, {"monday/xml/img_1.xml": ("img_1.png", 1), "tuesday/xml/img_1.xml": (None, 2)}),
        (TWO, {"Annotations/a.xml": ("monday/img_1.png", 1),
               "Annotations/b.xml": ("tuesday\\img_1.png", 2)}),
        (TWO, {"Annotations/a.xml": ("/home/anna/monday/img_1.png", 1),
               "Annotations/b.xml": ("C:\\data\\tuesday\\img_1.png", 2)}),
        (TWO, {"Annotations/a.xml": ("img_1.png", 1, "<folder>monday</folder>"),
               "Annotations/b.xml": ("img_1.png", 2, "<path>/home/x/tuesday/img_1.png</path>")}),
        # The place counts more than <folder>, which stays the same when files are moved.
        (TWO, {"monday/img_1.xml": ("img_1.png", 1, "<folder>tuesday</folder>"),
               "tuesday/img_1.xml": ("img_1.png", 2, "<folder>tuesday</folder>")}),
    ],
)  # fmt: skip
def test_namesakes_in_other_folders_are_kept_apart(tmp_path, pictures, xml):
    write(tmp_path, pictures, xml)
    found = read_photos(tmp_path)
    assert counts(tmp_path) == {"monday/img_1.png": 1, "tuesday/img_1.png": 2}
    assert found.skipped == ()


@pytest.mark.parametrize(
    "layout",
    [("images/a.png", "labels/a.xml"), ("train/images/a.png", "train/annotations/a.xml"),
     ("a.png", "xmls/a.xml"), ("pics/a.png", "a.xml"), ("JPEGImages/x/a.png", "Annotations/a.xml"),
     ("JPEGImages/a.png", "Annotations/x/a.xml"), ("raw/a.png", "a.xml"), ("a.png", "A.XML")],
)  # fmt: skip
def test_folders_of_xml_files_beside_those_of_photos(tmp_path, layout):
    picture, xml = layout
    write(tmp_path, [picture], {xml: ("a.png", 3)})
    assert counts(tmp_path) == {picture: 3}


@pytest.mark.parametrize(
    ("pictures", "xml", "reason"),
    [
        # Its own photo is missing; a namesake elsewhere is another photo.
        (TWO[1:], {"monday/img_1.xml": ("img_1.png", 3)}, "there is no photo img_1.png"),
        (["img_1.png"], {"monday/img_1.xml": ("img_1.png", 3)}, "there is no photo img_1.png"),
        (TWO, {"Annotations/img_1.xml": ("img_1.png", 3)}, "it may describe monday/img_1.png or"),
        (["a.png", "a.jpg"], {"a.xml": (None, 3)}, "it may describe a."),
        (["a.png", "a.jpg"], {"a.xml": ("a", 3)}, "it may describe a."),
        (["a.png", "b.png"], {"b.xml": ("a.png", 3)}, "it names a.png, but is called like b.png"),
        (TWO, {"tuesday/img_1.xml": ("C:\\monday\\img_1.png", 3)},
         "it names monday/img_1.png, but lies with tuesday/img_1.png"),
        (["a.png"], {"a.xml": ("a.png", 3), "Annotations/a.xml": ("a.png", 2)},
         "several XML files describe it"),
        (["a.png"], {"1.xml": ("a.png", 3), "2.xml": ("a.png", 2)},
         "several XML files describe it"),
        (["a.png"], {"a.xml": ("..\\a.png", 3)}, "not a path inside the folder"),
    ],
)  # fmt: skip
def test_a_photo_gets_no_boxes_that_may_be_those_of_another(tmp_path, pictures, xml, reason):
    write(tmp_path, pictures, xml)
    write(tmp_path, ["z/good.png"], {"z/good.xml": ("good.png", 1)})
    found = read_photos(tmp_path)
    assert counts(tmp_path) == {"z/good.png": 1}
    assert any(reason in line for line in found.skipped)


def test_a_stale_copy_of_an_xml_file_is_listed(tmp_path):
    xml = {"a.xml": ("a.png", 3), "a (copy).xml": ("a.png", 2), "z/a.xml": ("a.png", 4)}
    write(tmp_path, ["a.png"], xml)
    assert counts(tmp_path) == {"a.png": 3}
    assert set(read_photos(tmp_path).skipped) == {
        "a (copy).xml: another XML file describes a.png",
        "z/a.xml: there is no photo a.png that belongs to it",
    }


def test_equal_xml_files_of_a_photo_are_one(tmp_path):
    write(tmp_path, ["a.png"], {"a.xml": ("a.png", 3), "xml/a.xml": ("a.png", 3)})
    assert counts(tmp_path) == {"a.png": 3}


@pytest.mark.parametrize(
    "filename",
    ["/home/anna/a b.png", "C:\\pictures\\a b.png", "a%20b.png", "A B.PNG", "./a b.png", "a b",
     "a b.tiff", " a b.png\n"],
)  # fmt: skip
def test_the_photo_beside_its_xml_file_is_found(tmp_path, filename):
    write(tmp_path, ["a b.png"], {"a b.xml": (filename, 4)})
    assert counts(tmp_path) == {"a b.png": 4}


def test_a_name_with_decomposed_letters(tmp_path):
    write(tmp_path, ["A\u0308.png"], {"1.xml": ("\u00c4.png", 4)})
    assert counts(tmp_path) == {"A\u0308.png": 4}


@pytest.mark.parametrize("size", [(0, 0), (0, 30), ("", ""), (" 40.0 ", "30")])
def test_a_size_of_0_is_that_of_the_picture(tmp_path, size):
    write(tmp_path, ["a.png"])
    (tmp_path / "a.xml").write_text(content("a.png", 4, size=size))
    assert counts(tmp_path) == {"a.png": 4}
    (tmp_path / "a.xml").write_text(
        content("a.png", 4, size=size).replace("<size>", "<s>").replace("</size>", "</s>")
    )
    assert counts(tmp_path) == {"a.png": 4}


@pytest.mark.parametrize("size", [(0, 31), (-1, 30), ("wide", 30), (30, 40)])
def test_a_wrong_size_is_listed(tmp_path, size):
    write(tmp_path, ["a.png"])
    (tmp_path / "a.xml").write_text(content("a.png", 4, size=size))
    with pytest.raises(DataError, match=r"a\.png: (it has 40 x 30|<size/width>)"):
        read_photos(tmp_path)


@pytest.mark.parametrize(
    ("declared", "encoding"),
    [("utf-8", "utf-8"), ("utf-8", "utf-8-sig"), ("utf-16", "utf-16"), (None, "utf-16"),
     ("UTF-16", "utf-16-le"), ("utf-16", "utf-8"), ("gbk", "gbk"), ("GB2312", "gb2312"),
     ("windows-1252", "cp1252"), ("ISO-8859-1", "latin-1"), ("Shift_JIS", "shift_jis"),
     ("big5", "big5")],
)  # fmt: skip
def test_xml_in_another_encoding(tmp_path, declared, encoding):
    name = "é" if encoding in ("cp1252", "latin-1") else "日本"
    prolog = f'<?xml version="1.0" encoding="{declared}"?>\n' if declared else ""
    write(tmp_path, [f"{name}.png"])
    (tmp_path / "1.xml").write_bytes((prolog + content(f"{name}.png", 4)).encode(encoding))
    assert counts(tmp_path) == {f"{name}.png": 4}


@pytest.mark.parametrize(
    ("xml", "reason"),
    [
        (b'<?xml version="1.0" encoding="klingon"?><annotation/>', "its encoding klingon is not"),
        (b'<?xml version="1.0" encoding="hex"?><annotation/>', "its encoding hex is not known"),
        (b"<annotation>\xe4</annotation>", "it is not text in UTF-8"),
    ],
)
def test_xml_that_is_no_text_is_listed(tmp_path, xml, reason):
    write(tmp_path, ["a.png"])
    (tmp_path / "a.xml").write_bytes(xml)
    with pytest.raises(DataError, match=f"a.xml: {reason}"):
        read_photos(tmp_path)
