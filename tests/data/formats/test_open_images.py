"""Open Images: tables are streamed and filtered; photos are downloaded completely or listed."""

import random
import socket
import threading
import time
import tracemalloc
from collections import Counter
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO

import pytest
from PIL import Image

from fruit_caption.data.formats.open_images import Addresses, Subset, fetch_open_images
from fruit_caption.data.records import FruitBox
from fruit_caption.utils import download
from fruit_caption.utils.errors import DataError, FruitError

SUBSETS = ("validation", "test", "train")
CLASSES = """LabelName,DisplayName
/m/apple,Apple
/m/fig,Common fig
/m/cantaloupe,Cantaloupe
/m/winter,Winter melon
/m/spoon,"Spoon, large"
"""
BOXES_HEADER = (
    "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf,"
    "IsDepiction,IsInside,XClick1X,XClick2X\n"
)
IMAGES_HEADER = (
    "ImageID,Subset,OriginalURL,OriginalLandingURL,License,AuthorProfileURL,Author,Title,"
    "OriginalSize,OriginalMD5,Thumbnail300KURL,Rotation\n"
)
LICENSE = "https://creativecommons.org/licenses/by/2.0/"
HTML = b"<!DOCTYPE html>\n<html><title>Log in, please</title></html>\n"
SPOONS = f"{'f' * 16},xclick,/m/spoon,1,0,1,0,1,0,0,0,0,0,0,0\n".encode() * 500


def box(image_id, label="apple", edges="0.25,0.75,0.1,0.6", group=0, depiction=0):
    """Return a row of the table of boxes; the edges are left, right, top and bottom."""
    return f"{image_id},xclick,/m/{label},1,{edges},0,0,{group},{depiction},0,0.1,0.2\n"


def origin(image_id, rotation="", author="Ann Lee", title="a"):
    """Return a row of the table of images."""
    return f'{image_id},x,u,l,{LICENSE},p,{author},"{title}",1,md5,t,{rotation}\n'


def picture(width=8, height=10):
    """Return a JPEG file of noise, always the same; a truncated copy of it can't be decoded."""
    file = BytesIO()
    pixels = random.Random(width).randbytes(3 * width * height)
    Image.frombytes("RGB", (width, height), pixels).save(file, "JPEG")
    return file.getvalue()


class Site:
    """A small web server.

    `files` maps paths to bytes, or to a function of the handler and the number of the request.
    """

    def __init__(self):
        self.files, self.requests, self.lock = {}, [], threading.Lock()
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                with site.lock:
                    site.requests.append(self.path)
                    number = site.requests.count(self.path)
                answer = site.files.get(self.path)
                try:
                    if answer is None:
                        self.send_error(404)
                    elif callable(answer):
                        answer(self, number)
                    else:
                        send(self, answer)
                except ConnectionError:
                    pass  # the client has closed the connection

            def log_message(self, *message):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = False  # server_close waits for them
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()
        self.root = f"http://127.0.0.1:{self.server.server_port}"
        self.addresses = Addresses(
            classes=f"{self.root}/classes.csv",
            subsets=tuple(
                Subset(name, f"{self.root}/{name}-boxes.csv", f"{self.root}/{name}-images.csv")
                for name in SUBSETS
            ),
            photos=f"{self.root}/{{subset}}/{{image_id}}.jpg",
            timeout=20,
            pause=0.001,
        )

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def publish(self, boxes="", images=None, subset="validation"):
        """Publish a subset; by default with every photo that has a box, each of another size."""
        image_ids = list(dict.fromkeys(row.split(",")[0] for row in boxes.splitlines()))
        if images is None:
            images = "".join(map(origin, image_ids))
        self.files[f"/{subset}-boxes.csv"] = (BOXES_HEADER + boxes).encode()
        self.files[f"/{subset}-images.csv"] = (IMAGES_HEADER + images).encode()
        for place, image_id in enumerate(image_ids):
            self.files[f"/{subset}/{image_id}.jpg"] = picture(8 + place, 10)

    def photo_requests(self):
        """Return the number of requests for each photo id."""
        return Counter(path[:-4].split("/")[-1] for path in self.requests if path.endswith(".jpg"))


def send(handler, content, status=200, length=None):
    """Send bytes, or the requested range of them."""
    requested = handler.headers["Range"]
    first = int(requested.removeprefix("bytes=").removesuffix("-")) if requested else 0
    handler.send_response(206 if requested and status == 200 else status)
    if requested:
        handler.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
    handler.send_header("Content-Length", str(len(content) - first if length is None else length))
    handler.end_headers()
    handler.wfile.write(content[first:])


def first_then(first, content):
    """Return an answer that fails for the first request only."""
    return lambda handler, number: first(handler) if number == 1 else send(handler, content)


@pytest.fixture
def site(monkeypatch):
    """A site with the class names and three empty subsets."""
    monkeypatch.setenv("no_proxy", "*")
    site = Site()
    site.files["/classes.csv"] = CLASSES.encode()
    for subset in SUBSETS:
        site.publish(subset=subset)
    yield site
    site.close()


@pytest.fixture
def five(site):
    """A site with five photos of an apple each, a1 to a5."""
    site.publish("".join(box(f"a{number}") for number in range(1, 6)))
    return site


def names(folder):
    return sorted(path.name for path in folder.rglob("*"))


def ids(found):
    return [photo.group for photo in found.photos]


def test_all_fields_of_a_photo(site, tmp_path):
    site.publish(
        box("0a", "spoon")
        + box("0b", "apple", "0.25,0.75,0.1,0.6")
        + box("0b", "fig", "0,0.5,0,1", group=1)
        + box("0b", "spoon")
        + box("0b", "fig", "0.5,1,0.5,1"),
        images=origin("0a") + origin("0b", "0.0", '"Lee,  Ann"', 'with a ""quote"", a\nline'),
    )
    site.files["/validation/0b.jpg"] = picture(200, 100)
    messages = []
    found = fetch_open_images(tmp_path, 1, site.addresses, messages.append)
    [photo] = found.photos
    assert photo.path == tmp_path / "openimages_0b.jpg"
    assert photo.path.read_bytes() == site.files["/validation/0b.jpg"]
    assert (photo.width, photo.height) == (200, 100)
    # 25 % of 200 is 50, 75 % is 150; 10 % of 100 is 10, 60 % is 60.
    assert photo.boxes == (
        FruitBox("apple", 50, 10, 100, 50),
        FruitBox("fig", 0, 0, 100, 100),
        FruitBox("fig", 100, 50, 100, 50),
    )
    assert photo.listed == found.listed == {"apple", "fig", "melon"}
    assert photo.counts() == {"apple": 1, "fig": None}
    assert photo.count("melon") is None
    assert photo.total() is None
    assert photo.count_ok == {"apple"}
    assert (photo.group, photo.license) == ("0b", LICENSE)
    assert photo.source == "Open Images V7, photo by Lee, Ann"
    assert (found.format, found.skipped) == ("Open Images V7", ())
    assert messages == ["searching Open Images V7", "fetching from Open Images V7: 1 of 1"]
    assert names(tmp_path) == ["openimages_0b.jpg"]


def test_boxes_that_may_be_groups_are_not_counted(site, tmp_path):
    site.publish(box("a1", group=-1), origin("a1", author=""))
    [photo] = fetch_open_images(tmp_path, 1, site.addresses).photos
    assert photo.counts() == {"apple": None}
    assert photo.source == "Open Images V7"


def test_small_subsets_come_first_and_the_choice_is_reproducible(site, tmp_path):
    for place, subset in enumerate(SUBSETS):
        site.publish(box(f"{place}b") + box(f"{place}a"), subset=subset)
    first = fetch_open_images(tmp_path / "one", 5, site.addresses)
    again = fetch_open_images(tmp_path / "two", 5, site.addresses)
    assert ids(first) == ids(again) == ["0b", "0a", "1b", "1a", "2b"]
    assert [photo.boxes for photo in first.photos] == [photo.boxes for photo in again.photos]


@pytest.mark.parametrize("start", ["", "\ufeff", "LabelName,DisplayName\n", "id,name\n"])
def test_classes_with_and_without_header(site, tmp_path, start):
    site.files["/classes.csv"] = (start + "/m/fig,Common fig\r\n/m/spoon,Spoon").encode()
    site.publish(box("a1") + box("a2", "fig") + box("a3", "spoon"))
    for name in ("boxes", "images"):
        path = f"/validation-{name}.csv"
        site.files[path] = b"\xef\xbb\xbf" * start.startswith("\ufeff") + site.files[path]
    found = fetch_open_images(tmp_path, 1, site.addresses)
    assert (ids(found), found.listed) == (["a2"], {"fig"})


def test_depictions_and_rotated_photos_are_skipped(site, tmp_path):
    site.publish(
        box("a1", depiction=1)
        + box("a2", depiction=1)
        + box("a2", edges="0,1,0,1")
        + box("a3")
        + box("a4")
        + box("a5")
        + box("a6")
        + box("a7"),
        origin("a6") + origin("a5", "nan") + origin("a4", "upside") + origin("a3", "90.0")
        + origin("a2"),
    )  # fmt: skip
    found = fetch_open_images(tmp_path, 7, site.addresses)
    assert ids(found) == ["a2", "a5", "a6"]
    assert found.photos[0].boxes == (FruitBox("apple", 0, 0, 9, 10),)
    assert found.skipped == (
        "openimages_a3.jpg: it is not upright (rotation 90.0)",
        "openimages_a4.jpg: it is not upright (rotation upside)",
        f"openimages_a7.jpg: {site.root}/validation-images.csv does not list it",
        "Open Images V7: 7 photos were asked for, only 3 are available",
    )
    assert set(site.photo_requests()) == {"a2", "a5", "a6"}


def test_invalid_ids_never_become_file_names(site, tmp_path):
    bad = ["../../evil", "/etc/evil", "ABC", "", "a" * 33, "a.b", "٣"]
    site.publish("".join(map(box, bad)) + box("a" * 32))
    folder = tmp_path / "deep" / "photos"
    found = fetch_open_images(folder, 1, site.addresses)
    assert ids(found) == ["a" * 32]
    assert names(tmp_path) == ["deep", f"openimages_{'a' * 32}.jpg", "photos"]
    assert len(found.skipped) == len(bad)
    assert found.skipped[0] == "openimages_'../../evil': it is not an id of Open Images"
    assert set(site.photo_requests()) == {"a" * 32}


@pytest.mark.parametrize(
    "edges",
    [
        "0.5,0.5,0,1",
        "0,1,0.9,0.1",
        "-0.1,1,0,1",
        "0,1,0,1.1",
        "nan,1,0,1",
        "one,1,0,1",
        "0,1,-0.1,1",
    ],
)
def test_a_photo_with_an_invalid_box_is_skipped(site, tmp_path, edges):
    site.publish(box("a1") + box("a1", edges=edges) + box("a2"))
    found = fetch_open_images(tmp_path, 1, site.addresses)
    assert ids(found) == ["a2"]
    assert "openimages_'a1': the box of apple" in found.skipped[0]


def test_intact_photos_are_kept(five, tmp_path):
    before = fetch_open_images(tmp_path, 4, five.addresses)
    assert five.photo_requests() == {"a1": 1, "a2": 1, "a3": 1, "a4": 1}
    (tmp_path / "openimages_a2.jpg").unlink()
    (tmp_path / "openimages_a3.jpg").write_bytes(five.files["/validation/a3.jpg"][:-40])
    assert fetch_open_images(tmp_path, 4, five.addresses) == before
    assert five.photo_requests() == {"a1": 1, "a2": 2, "a3": 2, "a4": 1}
    assert (tmp_path / "openimages_a3.jpg").read_bytes() == five.files["/validation/a3.jpg"]


@pytest.mark.parametrize("code", [403, 404, 410])
def test_a_permanent_error_is_listed_and_the_photo_replaced(five, tmp_path, code):
    five.files["/validation/a2.jpg"] = lambda handler, number: handler.send_error(code)
    found = fetch_open_images(tmp_path, 3, five.addresses)
    assert ids(found) == ["a1", "a3", "a4"]
    [reason] = found.skipped
    assert reason.startswith(
        f"openimages_a2.jpg: {five.root}/validation/a2.jpg can't be downloaded: "
        f"the server answers {code} "
    )
    assert five.photo_requests()["a2"] == 1


def fail(handler):
    handler.send_error(500)


def break_off(handler):
    content = picture(9, 10)
    send(handler, content[:-30], length=len(content))


def send_junk(handler):
    send(handler, HTML)


def send_too_many_requests(handler):
    handler.send_error(429)


def hang_up(handler):
    handler.connection.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("fault", [fail, send_too_many_requests, break_off, send_junk, hang_up])
def test_a_transient_fault_is_retried(five, tmp_path, fault):
    content = picture(9, 10)
    five.files["/validation/a2.jpg"] = first_then(fault, content)
    found = fetch_open_images(tmp_path, 5, five.addresses)
    assert (ids(found), found.skipped) == (["a1", "a2", "a3", "a4", "a5"], ())
    assert five.photo_requests() == {"a1": 1, "a2": 2, "a3": 1, "a4": 1, "a5": 1}
    with Image.open(found.photos[1].path) as opened:
        opened.load()


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (fail, "can't be downloaded: the server answers 500 Internal Server Error"),
        (break_off, "can't be downloaded: the connection breaks off"),
        (send_junk, "a2.jpg is not a picture"),
    ],
)
def test_a_lasting_fault_is_listed(five, tmp_path, monkeypatch, fault, reason):
    # As if the server did not support range requests.
    monkeypatch.setattr(download, "Request", without_range)
    five.files["/validation/a2.jpg"] = lambda handler, number: fault(handler)
    found = fetch_open_images(tmp_path, 4, five.addresses)
    assert ids(found) == ["a1", "a3", "a4", "a5"]
    assert len(found.skipped) == 1
    assert reason in found.skipped[0]
    assert five.photo_requests()["a2"] == download.MAX_TRIES == 4
    assert names(tmp_path) == [f"openimages_a{number}.jpg" for number in (1, 3, 4, 5)]


def without_range(address, headers):
    request = downloading_request(address, headers=headers)
    request.add_header = lambda *header: None
    return request


downloading_request = download.Request


def test_a_silent_connection_times_out(five, tmp_path):
    done = threading.Event()
    five.files["/validation/a1.jpg"] = lambda handler, number: done.wait(30)
    try:
        found = fetch_open_images(tmp_path, 2, replace(five.addresses, timeout=0.4))
    finally:
        done.set()
    assert ids(found) == ["a2", "a3"]
    assert found.skipped[0].endswith("can't be downloaded: the server is silent for 0.4 s")
    assert five.photo_requests()["a1"] == download.MAX_TRIES


class Pauses(list):
    """Replaces the event that ends a pause early, and records the lengths of the pauses."""

    def wait(self, seconds):
        self.append(seconds)

    def is_set(self):
        return False


def test_pauses_are_doubled(site):
    site.files["/down"] = lambda handler, number: fail(handler)
    web = download.Downloader(timeout=20, pause=3)
    web.stopped = Pauses()
    with pytest.raises(DataError, match="answers 500"):
        next(web.text_lines(f"{site.root}/down"))
    assert web.stopped == [3, 6, 12]


def test_the_wrong_range_of_a_table_is_an_error(site):
    def send_wrong_range(handler, number):
        handler.send_response(206 if number > 1 else 200)
        handler.send_header("Content-Range", "bytes 0-3/8")
        handler.send_header("Content-Length", "8" if number == 1 else "4")
        handler.end_headers()
        handler.wfile.write(b"a,b\n")

    site.files["/table"] = send_wrong_range
    lines = download.Downloader(timeout=20, pause=0.001).text_lines(f"{site.root}/table")
    assert next(lines) == "a,b\n"
    with pytest.raises(DataError, match="another part than was asked for"):
        next(lines)


def test_a_file_that_is_too_large_is_skipped(five, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "MAX_PICTURE_BYTES", 100_000)
    five.files["/validation/a1.jpg"] = bytes(100_001)
    found = fetch_open_images(tmp_path, 1, five.addresses)
    assert ids(found) == ["a2"]
    assert "it is larger than" in found.skipped[0]
    assert five.photo_requests()["a1"] == 1


@pytest.mark.parametrize("has_ranges", [True, False])
def test_a_broken_table_download_is_continued(five, tmp_path, monkeypatch, has_ranges):
    if not has_ranges:
        monkeypatch.setattr(download, "Request", without_range)
    table = five.files["/validation-boxes.csv"]
    ranges = []

    def in_pieces(handler, number):
        ranges.append(handler.headers["Range"])
        if number == 1:
            # Stop within the id of a2.
            send(handler, table[: table.index(b"a2") + 1], length=len(table))
        else:
            send(handler, table)

    five.files["/validation-boxes.csv"] = in_pieces
    assert ids(fetch_open_images(tmp_path, 5, five.addresses)) == ["a1", "a2", "a3", "a4", "a5"]
    assert ranges == [None, f"bytes={table.index(b'a2') + 1}-" if has_ranges else None]


@pytest.mark.parametrize("path", ["/validation-boxes.csv", "/validation-images.csv"])
def test_a_table_is_read_no_further_than_needed(site, tmp_path, path):
    site.publish("".join(box(f"a{number}") for number in range(20)))
    start = site.files[path]
    sent, ended = [], threading.Event()

    def endless(handler, number):
        try:
            send(handler, start, length=10**12)
            for _ in range(3000):
                handler.wfile.write(SPOONS)
                sent.append(len(SPOONS))
        finally:
            ended.set()

    site.files[path] = endless
    assert len(SPOONS) * 3000 > 80_000_000
    assert ids(fetch_open_images(tmp_path, 3, site.addresses)) == ["a0", "a1", "a2"]
    assert ended.wait(30)
    # More was sent than read: the sockets have buffers.
    assert sum(sent) < 20_000_000
    assert not [path for path in site.requests if path.startswith(("/test", "/train"))]


def test_a_table_is_not_held_in_memory(site, tmp_path):
    length = 100 * len(SPOONS)

    def long(handler, number):
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(BOXES_HEADER.encode())
        for _ in range(100):
            handler.wfile.write(SPOONS)
        handler.wfile.write(box("a1").encode())

    site.publish(box("a1"))
    site.files["/validation-boxes.csv"] = long
    tracemalloc.start()
    try:
        found = fetch_open_images(tmp_path, 1, site.addresses)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert ids(found) == ["a1"]
    assert peak < length / 3


def test_at_most_eight_parallel_connections(site, tmp_path):
    image_ids = [f"a{number}" for number in range(20)]
    site.publish("".join(map(box, image_ids)))
    active, numbers, full = set(), [], threading.Event()

    def wait_for_others(handler, number):
        with site.lock:
            active.add(handler)
            numbers.append(len(active))
        if len(active) >= 8:
            full.set()
        full.wait(10)
        time.sleep(0.1)  # time for a ninth request
        with site.lock:
            active.remove(handler)
        send(handler, picture())

    for image_id in image_ids:
        site.files[f"/validation/{image_id}.jpg"] = wait_for_others
    assert ids(fetch_open_images(tmp_path, 20, site.addresses)) == image_ids
    assert max(numbers) == 8


def test_the_tables_are_read_further_when_too_many_photos_fail(site, tmp_path):
    image_ids = [f"a{number:02d}" for number in range(20)]
    site.publish("".join(map(box, image_ids[:3])))
    site.publish("".join(map(box, image_ids[3:])), subset="test")
    for number, image_id in enumerate(image_ids[:12]):
        del site.files[f"/{'validation' if number < 3 else 'test'}/{image_id}.jpg"]
    found = fetch_open_images(tmp_path, 2, site.addresses)
    assert ids(found) == ["a12", "a13"]
    assert len(found.skipped) == 12
    # The first table had been read to its end.
    assert site.requests.count("/validation-boxes.csv") == 1
    assert site.requests.count("/test-boxes.csv") == 2
    assert site.photo_requests() == dict.fromkeys(image_ids[:14], 1)


def test_scattered_failures_are_tolerated(site, tmp_path):
    image_ids = [f"a{number:02d}" for number in range(30)]
    site.publish("".join(map(box, image_ids)))
    for image_id in set(image_ids) - {"a10", "a20", "a29"}:
        del site.files[f"/validation/{image_id}.jpg"]
    found = fetch_open_images(tmp_path, 3, site.addresses)
    assert ids(found) == ["a10", "a20", "a29"]
    assert len(found.skipped) == 27


def test_too_many_failures_in_a_row_are_an_error(site, tmp_path):
    image_ids = [f"a{number:02d}" for number in range(60)]
    site.publish("".join(map(box, image_ids)))
    for image_id in image_ids[1:]:
        del site.files[f"/validation/{image_id}.jpg"]
    # After the first photo, they are tried one by one: the failures must add up.
    with pytest.raises(DataError, match="16 photos in a row failed") as error:
        fetch_open_images(tmp_path, 2, site.addresses)
    assert f"{site.root}/validation/a16.jpg can't be downloaded: the server answers 404" in str(
        error.value
    )
    assert "\n" not in str(error.value)
    assert set(site.photo_requests()) == set(image_ids[:17])
    assert names(tmp_path) == ["openimages_a00.jpg"]


def test_no_usable_photo_is_an_error(site, tmp_path):
    site.publish(box("a1") + box("a2"))
    del site.files["/validation/a1.jpg"], site.files["/validation/a2.jpg"]
    with pytest.raises(DataError, match=r"no usable photo .*validation/a2\.jpg can't"):
        fetch_open_images(tmp_path, 2, site.addresses)
    site.publish(box("a1", "spoon"))
    with pytest.raises(DataError, match="no box is of a fruit"):
        fetch_open_images(tmp_path, 2, site.addresses)
    with pytest.raises(DataError, match="at least one"):
        fetch_open_images(tmp_path, 0, site.addresses)


@pytest.mark.parametrize(
    "path", ["/classes.csv", "/validation-boxes.csv", "/validation-images.csv"]
)
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (HTML, "is not the table it should be"),
        (b"", "is not the table it should be"),
        (b"\x00\xff" * 400, "is not the table it should be"),
        (b'"' + b"a\n" * 90_000, "is not the table it should be"),
        (b"a" * 3_000_000, "can't be read: it is not text"),
        (None, "can't be read: the server answers 404"),
    ],
)
def test_an_invalid_table_is_an_error(five, tmp_path, path, content, reason):
    five.files[path] = content
    with pytest.raises(DataError) as error:
        fetch_open_images(tmp_path, 1, five.addresses)
    assert str(error.value).startswith(f"{five.root}{path} {reason}")
    assert "\n" not in str(error.value)
    assert names(tmp_path) == []


def test_a_class_without_label_is_an_error(five, tmp_path):
    five.files["/classes.csv"] = b"/m/apple,Apple\napple,Pear\n"
    with pytest.raises(DataError, match="row 2 is not a label and a name"):
        fetch_open_images(tmp_path, 1, five.addresses)


def test_a_truncated_row_is_an_error(five, tmp_path):
    five.files["/validation-boxes.csv"] += b"a6,xclick,/m/app"
    with pytest.raises(DataError, match="row 7 ends early"):
        fetch_open_images(tmp_path, 5, five.addresses)


@pytest.mark.parametrize("field", ["classes", "photos"])
def test_an_unreachable_server_is_an_error_with_its_address(five, tmp_path, field):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        # Nothing listens on this port.
        address = f"http://127.0.0.1:{closed.getsockname()[1]}/x"
        with pytest.raises(DataError) as error:
            fetch_open_images(tmp_path, 1, replace(five.addresses, **{field: address}))
    assert f"{address} can't be" in str(error.value)
    assert "Connection refused" in str(error.value)
    assert "Check the internet connection" in str(error.value)
    assert "\n" not in str(error.value)


def test_no_internet_is_an_error(tmp_path, monkeypatch):
    def unknown(*arguments, **options):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(DataError) as error:
        fetch_open_images(tmp_path, 1, Addresses(pause=0.001))
    assert str(error.value) == (
        "https://storage.googleapis.com/openimages/v7/oidv7-class-descriptions-boxable.csv can't "
        f"be read: Name or service not known. {download.RETRY_ADVICE}"
    )


@pytest.mark.parametrize("address", ["nonsense", "http://[", "http://127.0.0.1:port/"])
def test_an_invalid_address_is_an_error(five, tmp_path, address):
    with pytest.raises(DataError, match="can't be read"):
        fetch_open_images(tmp_path, 1, replace(five.addresses, classes=address))


def test_an_interrupt_leaves_only_complete_files(site, tmp_path, monkeypatch):
    image_ids = [f"a{number:02d}" for number in range(40)]
    site.publish("".join(map(box, image_ids)))
    gate = threading.Event()

    def gated(handler, number):
        gate.wait(10)
        send(handler, picture())

    for image_id in image_ids[2:]:
        site.files[f"/validation/{image_id}.jpg"] = gated

    class Pool(download.ThreadPoolExecutor):
        def shutdown(self, *arguments, **options):
            gate.set()
            super().shutdown(*arguments, **options)

    def interrupt(message):
        if message.endswith(": 2 of 40"):
            raise KeyboardInterrupt

    monkeypatch.setattr(download, "ThreadPoolExecutor", Pool)

    with pytest.raises(KeyboardInterrupt):
        fetch_open_images(tmp_path, 40, site.addresses, interrupt)
    # Eight downloads in progress ended without a file; the others were never requested.
    assert names(tmp_path) == ["openimages_a00.jpg", "openimages_a01.jpg"]
    assert set(site.photo_requests()) <= set(image_ids[:10])


def test_a_folder_that_cannot_be_written_is_an_error(five, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FruitError, match="can't be written"):
        fetch_open_images(tmp_path / "file", 2, five.addresses)
