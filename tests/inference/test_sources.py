"""Finding pictures by name, folder, pattern, URL and standard input."""

import io
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest
from PIL import Image

from fruit_caption.inference import sources
from fruit_caption.inference.sources import find_pictures, names_picture
from fruit_caption.utils.errors import PictureError


@pytest.fixture
def folder(tmp_path):
    """Two pictures, one in a subfolder, and a text file."""
    (tmp_path / "deep").mkdir()
    for name in ("b.png", "deep/a.JPG"):
        Image.new("RGB", (6, 4)).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no picture")
    return tmp_path


@pytest.fixture
def address(folder):
    """URL of the folder on a local server."""
    handler = partial(SimpleHTTPRequestHandler, directory=folder)
    handler.log_message = lambda *_: None
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_files_folders_and_patterns(folder):
    deep = [folder / "b.png", folder / "deep" / "a.JPG"]
    assert find_pictures([str(folder)]) == deep
    assert find_pictures([str(folder / "*.png"), str(folder / "b.png")]) == [deep[0], deep[0]]
    assert find_pictures([str(folder / "**" / "*.JPG")]) == [deep[1]]
    # A missing file is reported when it is opened.
    assert find_pictures([str(folder / "none.png")]) == [folder / "none.png"]


def test_file_names_may_contain_pattern_characters(folder):
    path = folder / "which[1]?.png"
    Image.new("RGB", (6, 4)).save(path)
    assert find_pictures([str(path)]) == [path]


def test_folders_and_patterns_without_pictures_are_rejected(folder):
    with pytest.raises(PictureError, match="no file matches this pattern"):
        find_pictures([str(folder / "*.gif")])
    (folder / "empty").mkdir()
    with pytest.raises(PictureError, match="a folder without pictures"):
        find_pictures([str(folder / "empty")])


def test_standard_input(folder, monkeypatch):
    content = io.BytesIO((folder / "b.png").read_bytes())
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=content))
    [picture] = find_pictures(["-"])
    assert (picture.size, picture.filename) == ((6, 4), "standard input")
    with pytest.raises(PictureError, match="standard input is not a picture"):
        find_pictures(["-"])  # already read


def test_urls(address, folder, monkeypatch):
    [picture] = find_pictures([f"{address}/b.png"])
    assert (picture.size, picture.filename) == ((6, 4), f"{address}/b.png")
    with pytest.raises(PictureError, match="the server answers 404"):
        find_pictures([f"{address}/none.png"])
    monkeypatch.setattr("fruit_caption.utils.download.MAX_PICTURE_BYTES", 10)
    with pytest.raises(PictureError, match="it is larger than"):
        find_pictures([f"{address}/b.png"])


@pytest.mark.parametrize("target", ["file:///etc/hosts", "ftp://localhost/a.png", "data:,a"])
def test_redirects_to_other_protocols_are_not_followed(target):
    class Redirects(SimpleHTTPRequestHandler):
        def do_GET(self):
            self.send_response(302)
            self.send_header("Location", target)
            self.end_headers()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Redirects) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        with pytest.raises(PictureError, match=r"the server redirects to|is not allowed") as error:
            find_pictures([f"http://127.0.0.1:{server.server_port}/a.png"])
        assert target in str(error.value)
        server.shutdown()
        thread.join()


def test_slow_downloads_are_stopped(monkeypatch):
    class Slow(SimpleHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", "1000000")
            self.end_headers()
            while not done.wait(0.02):
                self.wfile.write(b"x")

        def log_message(self, *_):
            pass

    done = threading.Event()
    monkeypatch.setattr(sources, "MAX_SECONDS", 0.3)
    with ThreadingHTTPServer(("127.0.0.1", 0), Slow) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        with pytest.raises(PictureError, match=r"stopped after 0.3 seconds"):
            find_pictures([f"http://127.0.0.1:{server.server_port}/a.png"])
        done.set()
        server.shutdown()
        thread.join()


def test_pictures_are_told_from_questions(folder, monkeypatch):
    monkeypatch.chdir(folder)
    for name in ("b.png", "deep", "*.png", "none.jpeg", "-", "https://example.org/a", "notes.txt"):
        assert names_picture(name), name
    for name in ("how many apples?", "what's in the bowl?", "apples", "", "x" * 10_000):
        assert not names_picture(name), name
