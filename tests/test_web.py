"""The web page in a real browser, and its API."""

import json
import re
import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest

import fruit_caption as fc
from fruit_caption.utils.errors import FruitError
from tests.strange_pictures import write_broken, write_odd, write_sound

pytest.importorskip("gradio")

from fruit_caption import web

ROOT = Path(__file__).parent.parent
SECONDS = 90


@pytest.fixture(scope="module")
def pictures(learnt):
    return sorted((learnt[2] / "images").iterdir())


@pytest.fixture(scope="module")
def eye(learnt):
    return fc.load(learnt[0])


@contextmanager
def served(command):
    """The address of a page that a command serves at the port that it is given last."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [*map(str, command), str(port)]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL) as server:
        begin = time.monotonic()
        while not answers(f"http://127.0.0.1:{port}"):
            assert server.poll() is None
            assert time.monotonic() < begin + SECONDS
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
        server.terminate()


@pytest.fixture(scope="module")
def address(learnt):
    """Of a page that `fruit serve` serves, with a small model behind it."""
    serve = [sys.executable, "cli.py", "serve", "--run", learnt[0], "--per-minute", "100000"]
    with served([*serve, "--port"]) as address:
        yield address


def answers(address):
    try:
        with urlopen(address, timeout=SECONDS):
            return True
    except URLError:
        return False


def send(address, content, kind):
    """What a server answers to a POST."""
    with urlopen(Request(address, content, {"Content-Type": kind}), timeout=SECONDS) as answer:
        return json.load(answer)


def upload(address, name, content):
    """Where the server keeps a file."""
    form = (
        (
            f'--cut\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'
        ).encode()
        + content
        + b"\r\n--cut--\r\n"
    )
    [path] = send(f"{address}/gradio_api/upload", form, "multipart/form-data; boundary=cut")
    return {"path": path, "orig_name": name, "meta": {"_type": "gradio.FileData"}}


def call(address, name, *data):
    """What the API answers, or the line with which it refuses."""
    endpoint = f"{address}/gradio_api/call/{name}"
    content = json.dumps({"data": data}).encode()
    event = send(endpoint, content, "application/json")["event_id"]
    with urlopen(f"{endpoint}/{event}", timeout=SECONDS) as stream:
        *_, kind, told = stream.read().decode().split("\n\n")[-2].splitlines()
    found = json.loads(told.removeprefix("data: "))
    return found if kind == "event: complete" else found["error"]


@pytest.fixture
def browser():
    """A headless Chromium that notes what its console says and what it asks for."""
    if not (shutil.which("chromium") and shutil.which("chromedriver")):
        pytest.skip("no chromium and chromedriver")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1280,1300"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = webdriver.ChromeService(shutil.which("chromedriver"))
    driver = webdriver.Chrome(options, service)
    yield driver
    driver.quit()


def asked_for(browser):
    """The hosts that the page asked for anything."""
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    addresses = [
        urlsplit(event["params"]["request"]["url"])
        for event in events
        if event["method"] == "Network.requestWillBeSent"
    ]
    return {each.hostname for each in addresses if each.scheme in ("http", "https")}


def drop(browser, path):
    from selenium.webdriver.common.by import By

    browser.find_element(By.CSS_SELECTOR, "input[type=file]").send_keys(str(path))


def wait_for(browser, condition, what):
    from selenium.common.exceptions import TimeoutException
    from selenium.webdriver.support.ui import WebDriverWait

    try:
        return WebDriverWait(browser, SECONDS).until(lambda _: condition())
    except TimeoutException:
        pytest.fail(f"waited in vain for {what}")


def test_a_picture_is_dropped_asked_about_and_answered(browser, address, eye, pictures, tmp_path):
    from selenium.webdriver.common.by import By

    def shown():
        return browser.find_element(By.TAG_NAME, "body").text

    browser.get(address)
    wait_for(browser, lambda: "Question" in shown(), "the page")

    (tmp_path / "notes.txt").write_text("no picture")
    drop(browser, tmp_path / "notes.txt")
    wait_for(browser, lambda: "invalid file type" in shown().lower(), "the refusal of a text")

    drop(browser, pictures[5])
    counted = {str(word) for pair in eye.count(pictures[5]).items() for word in pair}
    wait_for(browser, lambda: counted <= set(shown().split()), "the counts")
    browser.find_element(By.CSS_SELECTOR, "textarea, input[type=text]").send_keys("any limes?")
    browser.find_element(By.XPATH, "//button[normalize-space()='Ask']").click()
    answer = eye.ask(pictures[5], "any limes?")
    wait_for(browser, lambda: answer.sentence in shown(), "the answer")
    wait_for(browser, lambda: f"{100 * answer.confidence:.0f} % sure" in shown(), "its confidence")
    wait_for(
        browser,
        lambda: any(
            int(one.get_property("naturalWidth")) == 1200
            for one in browser.find_elements(By.TAG_NAME, "img")
        ),
        "the overlay",
    )
    assert [e for e in browser.get_log("browser") if e["level"] == "SEVERE"] == []
    assert asked_for(browser) == {"127.0.0.1"}


def test_the_api_answers_as_the_library_does(address, eye, pictures):
    for picture in pictures[3:6]:
        sent = upload(address, picture.name, picture.read_bytes())
        details, said, _ = call(address, "ask", sent, "how many apples?")
        answer = eye.ask(picture, "how many apples?")
        assert {n: details[n] for n in ("question", "kind", "fruit", "answer", "value")} == {
            "question": "how many apples?", "kind": "count", "fruit": "apple",
            "answer": answer.text, "value": answer.value,
        }  # fmt: skip
        assert details["image"] == picture.name
        assert details["confidence"] == pytest.approx(answer.confidence, rel=0.01)
        assert len(details["alternatives"]) <= 3
        assert answer.sentence in said
        counts, table = call(address, "count", sent)
        assert counts == eye.count(picture)
        assert dict(table["data"]) == (counts or {"no fruit": 0})


@pytest.mark.parametrize(
    ("question", "told"),
    [("who painted this?", "not a question about fruit"), ("how many durians?", "never met"),
     ("x" * 300, "too long"), ("", "not a question")],
)  # fmt: skip
def test_what_cannot_be_answered_is_told_in_a_line(address, pictures, question, told):
    line = call(address, "ask", upload(address, "a.png", pictures[3].read_bytes()), question)
    assert told in line
    assert "\n" not in line


def test_what_is_no_picture_is_called_by_its_own_name(address):
    sent = upload(address, "holiday.jpg", b"no picture")
    line = call(address, "ask", sent, "any limes?")
    assert line == "holiday.jpg is not a picture that can be read (JPEG, PNG …)."
    assert "no photo yet" in call(address, "ask", None, "any limes?")


def test_uploads_are_limited(address):
    with pytest.raises((HTTPError, URLError, ConnectionError)) as refusal:  # or it hangs up
        upload(address, "large.jpg", bytes(21_000_000))
    if isinstance(refusal.value, HTTPError):
        refusal.value.close()
        assert refusal.value.code == 413


def test_a_clients_calls_are_counted(monkeypatch):
    pace, now = web.Pace(3), [0.0]
    monkeypatch.setattr(web.time, "monotonic", lambda: now[0])
    for now[0] in (0.0, 1.0, 59.0):
        pace.let("a")
    with pytest.raises(FruitError, match="more than 3 calls a minute"):
        pace.let("a")
    pace.let("b")
    now[0] = 60.5
    pace.let("a")
    with pytest.raises(FruitError):
        pace.let("a")
    now[0] = 200.0
    pace.let("a")
    assert set(pace._made) == {"a"}  # nobody is remembered for ever


FRAGILE = """
import sys
from fruit_caption import web

class Predictor:
    fruits, looked = ("apple",), 0

    def count(self, photo):
        self.looked += 1
        if self.looked == 1:
            raise ZeroDivisionError("a defect")
        return {"apple": self.looked}

app = web.build_app(Predictor(), [], per_minute=3)
web.launch(app, "127.0.0.1", int(sys.argv[1]), prevent_thread_lock=False)
"""
"""Serves an eye that breaks at the first photo, and lets each client make three calls."""


def test_a_defect_ends_one_call_and_too_many_calls_are_refused(pictures):
    with served([sys.executable, "-c", FRAGILE]) as address:
        sent = upload(address, "a.png", pictures[0].read_bytes())
        assert not isinstance(call(address, "count", sent), list)
        assert call(address, "count", sent)[0] == {"apple": 2}
        elsewhere = {"url": f"{address}/config", "path": "a.png", "meta": sent["meta"]}
        assert not isinstance(call(address, "count", elsewhere), list)  # no address of its own net
        call(address, "count", sent)
        assert "more than 3 calls a minute" in call(address, "count", sent)


def test_a_port_that_is_taken_is_told(address, learnt):
    port = urlsplit(address).port
    command = [
        sys.executable,
        "cli.py",
        "--quiet",
        "serve",
        "--run",
        learnt[0],
        "--port",
        str(port),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"127.0.0.1:{port} can't be listened on" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_strange_pictures_are_answered_or_refused_in_a_line(address, tmp_path):
    """Through the API, as `test_strange_pictures.py` sends them through the others."""
    files = [*write_broken(tmp_path), *write_odd(tmp_path), *write_sound(tmp_path)]
    small = [path for path in files if path.is_file() and path.stat().st_size < 19_000_000]
    assert len(small) >= 300
    refused = 0
    for number, path in enumerate(small):
        began = time.monotonic()
        told = call(address, "count", upload(address, f"{number}.jpg", path.read_bytes()))
        assert time.monotonic() - began < 5, path
        if isinstance(told, str):
            refused += 1
            assert told.startswith(f"{number}.jpg"), told
            assert "\n" not in told
    assert 100 < refused < len(small) - 100


TRAVERSALS = ("{secret}", "../../../../../../..{secret}", "..%2f..%2f..%2f..%2f..%2f..{encoded}",
              "%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e{secret}", "file={secret}", "file://{secret}",
              "....//....//....//..{secret}", "..\\..\\..\\..{secret}")  # fmt: skip


def test_the_servers_files_cannot_be_read_through_any_route(address, tmp_path, pictures):
    secret = tmp_path / "secret.txt"
    secret.write_text("nobody's business")
    with urlopen(f"{address}/openapi.json", timeout=SECONDS) as answer:
        routes = [path for path, how in json.load(answer)["paths"].items() if "get" in how]
    routes += ["/gradio_api/file={path}", "/file={path}", "/{path}"]
    assert len(routes) > 20
    for route in routes:
        for traversal in TRAVERSALS:
            encoded = str(secret).replace("/", "%2f")
            path = re.sub(r"{\w+}", lambda _, t=traversal, e=encoded: t.format(
                secret=secret, encoded=e).replace("\\", "%5c"), route)  # fmt: skip
            assert b"nobody's business" not in read(f"{address}{path}"), path
    for name in ("ask", "count", "overlay"):
        given = {"path": str(secret), "orig_name": "a.jpg", "meta": {"_type": "gradio.FileData"}}
        told = call(address, name, given, *(["any limes?"] if name != "count" else []))
        assert "nobody" not in json.dumps(told)
        assert isinstance(told, str) or told is None
    sent = upload(address, "after.png", pictures[3].read_bytes())
    assert isinstance(call(address, "count", sent), list)  # it goes on


def read(address):
    """What is there, whatever the server thinks of being asked for it."""
    try:
        with urlopen(address, timeout=5) as answer:
            return answer.read(100_000)
    except HTTPError as refusal:
        with refusal:
            return refusal.read()
    except (URLError, ValueError, TimeoutError, ConnectionError):
        return b""
