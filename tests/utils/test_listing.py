"""Which files of a folder are pictures."""

from fruit_caption.utils.listing import hidden_note, list_pictures, others_note, shorten

PICTURES = "a.jpg b.JPEG c.jfif d.tif e.gif f.avif g.mpo h.heic i.HEIF j.webp k.jp2 l.jxl m.dng"
HIDDEN = (
    "._a.jpg",
    ".thumbnails/t.jpg",
    "deep/.ipynb_checkpoints/a-checkpoint.jpg",
    "__MACOSX/deep/a.jpg",
    "@eaDir/a.jpg/thumb.jpg",
)


def test_pictures_hidden_files_and_others(tmp_path):
    names = PICTURES.split()
    for name in (*names, *HIDDEN, "deep/z.png", "notes.txt", "no_suffix", ".git/config", ".x"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    found = list_pictures(tmp_path)
    assert found.pictures == [tmp_path / name for name in (*names, "deep/z.png")]
    assert {path.relative_to(tmp_path).as_posix() for path in found.hidden} == {
        "._a.jpg", ".thumbnails", "deep/.ipynb_checkpoints", "__MACOSX", "@eaDir",
    }  # fmt: skip
    assert {path.name for path in found.others} == {"notes.txt", "no_suffix"}
    assert hidden_note(tmp_path, found.hidden).endswith("and 2 more")
    assert others_note(tmp_path, found.others).endswith("(1 .txt, 1 no suffix)")


def test_a_hidden_folder_that_is_named_is_meant(tmp_path):
    (tmp_path / ".photos").mkdir()
    (tmp_path / ".photos" / "a.png").write_bytes(b"")
    assert list_pictures(tmp_path / ".photos").pictures == [tmp_path / ".photos" / "a.png"]


def test_shortened_lists():
    assert shorten(["a", "b"]) == "a, b"
    assert shorten([*"abcdef"]) == "a, b, c and 3 more"
