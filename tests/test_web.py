"""The web page in a headless browser, and its HTTP API."""

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
def predictor(learnt):
    return fc.load(learnt[0])


@contextmanager
def served(command):
    """Run a command that serves the page, with a free port as its last argument; yield the URL."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [*map(str, command), str(port)]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL) as server:
        start = time.monotonic()
        while not responds(f"http://127.0.0.1:{port}"):
            assert server.poll() is None
            assert time.monotonic() < start + SECONDS
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
        server.terminate()


@pytest.fixture(scope="module")
def address(learnt):
    """URL of the page that `fruit serve` serves with a small model."""
    serve = [sys.executable, "cli.py", "serve", "--run", learnt[0], "--per-minute", "100000"]
    with served([*serve, "--port"]) as address:
        yield address


def responds(address):
    try:
        with urlopen(address, timeout=SECONDS):
            return True
    except URLError:
        return False


def send(address, content, kind):
    """Send a POST request and return the JSON response."""
    with urlopen(Request(address, content, {"Content-Type": kind}), timeout=SECONDS) as answer:
        return json.load(answer)


def upload(address, name, content):
    """Upload a file and return the value that stands for it in API calls."""
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
    """Call the API and return its result, or the error message."""
    endpoint = f"{address}/gradio_api/call/{name}"
    content = json.dumps({"data": data}).encode()
    event = send(endpoint, content, "application/json")["event_id"]
    with urlopen(f"{endpoint}/{event}", timeout=SECONDS) as stream:
        *_, event, data = stream.read().decode().split("\n\n")[-2].splitlines()
    content = json.loads(data.removeprefix("data: "))
    return content if event == "event: complete" else content["error"]


@pytest.fixture
def browser():
    """A headless Chromium that logs its console and its requests."""
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


def requested_hosts(browser):
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    addresses = [
        urlsplit(event["params"]["request"]["url"])
        for event in events
        if event["method"] == "Network.requestWillBeSent"
    ]
    return {url.hostname for url in addresses if url.scheme in ("http", "https")}


def drop(browser, path):
    from selenium.webdriver.common.by import By

    browser.find_element(By.CSS_SELECTOR, "input[type=file]").send_keys(str(path))


def wait_for(browser, condition, what):
    from selenium.common.exceptions import TimeoutException
    from selenium.webdriver.support.ui import WebDriverWait

    try:
        return WebDriverWait(browser, SECONDS).until(lambda _: condition())
    except TimeoutException:
        pytest.fail(f"timed out waiting for {what}")


def test_a_picture_is_uploaded_counted_and_asked_about(
    browser, address, predictor, pictures, tmp_path
):
    from selenium.webdriver.common.by import By

    def page_text():
        return browser.find_element(By.TAG_NAME, "body").text

    browser.get(address)
    wait_for(browser, lambda: "Question" in page_text(), "the page")

    (tmp_path / "notes.txt").write_text("no picture")
    drop(browser, tmp_path / "notes.txt")
    wait_for(browser, lambda: "invalid file type" in page_text().lower(), "the error message")

    drop(browser, pictures[5])
    counted = {str(word) for pair in predictor.count(pictures[5]).items() for word in pair}
    wait_for(browser, lambda: counted <= set(page_text().split()), "the counts")
    browser.find_element(By.CSS_SELECTOR, "textarea, input[type=text]").send_keys("any limes?")
    browser.find_element(By.XPATH, "//button[normalize-space()='Ask']").click()
    answer = predictor.ask(pictures[5], "any limes?")
    wait_for(browser, lambda: answer.sentence in page_text(), "the answer")
    wait_for(
        browser, lambda: f"{100 * answer.confidence:.0f} % sure" in page_text(), "its confidence"
    )
    wait_for(
        browser,
        lambda: any(
            int(image.get_property("naturalWidth")) == 1200
            for image in browser.find_elements(By.TAG_NAME, "img")
        ),
        "the overlay",
    )
    assert [e for e in browser.get_log("browser") if e["level"] == "SEVERE"] == []
    assert requested_hosts(browser) == {"127.0.0.1"}


def test_the_api_answers_like_the_library(address, predictor, pictures):
    for picture in pictures[3:6]:
        sent = upload(address, picture.name, picture.read_bytes())
        details, text, _ = call(address, "ask", sent, "how many apples?")
        answer = predictor.ask(picture, "how many apples?")
        assert {n: details[n] for n in ("question", "kind", "fruit", "answer", "value")} == {
            "question": "how many apples?", "kind": "count", "fruit": "apple",
            "answer": answer.text, "value": answer.value,
        }  # fmt: skip
        assert details["image"] == picture.name
        assert details["points"] == answer.to_json()["points"]
        assert details["confidence"] == pytest.approx(answer.confidence, rel=0.01)
        assert len(details["alternatives"]) <= 3
        assert answer.sentence in text
        counts, table = call(address, "count", sent)
        assert counts == predictor.count(picture)
        assert dict(table["data"]) == (counts or {"no fruit": 0})


@pytest.mark.parametrize(
    ("question", "message"),
    [("who painted this?", "not a question about fruit"), ("how many durians?", "not trained on"),
     ("x" * 300, "too long"), ("", "not a question")],
)  # fmt: skip
def test_unanswerable_questions_get_a_one_line_message(address, pictures, question, message):
    line = call(address, "ask", upload(address, "a.png", pictures[3].read_bytes()), question)
    assert message in line
    assert "\n" not in line


def test_error_messages_use_the_name_of_the_uploaded_file(address):
    sent = upload(address, "holiday.jpg", b"no picture")
    line = call(address, "ask", sent, "any limes?")
    assert line == "holiday.jpg is not a picture that can be read (JPEG, PNG …)."
    assert "no photo yet" in call(address, "ask", None, "any limes?")


def test_uploads_are_limited(address):
    with pytest.raises((HTTPError, URLError, ConnectionError)) as error:  # or it hangs up
        upload(address, "large.jpg", bytes(21_000_000))
    if isinstance(error.value, HTTPError):
        error.value.close()
        assert error.value.code == 413


def test_calls_are_limited_per_client(monkeypatch):
    limiter, now = web.RateLimiter(3), [0.0]
    monkeypatch.setattr(web.time, "monotonic", lambda: now[0])
    for now[0] in (0.0, 1.0, 59.0):
        limiter.check("a")
    with pytest.raises(FruitError, match="More than 3 calls a minute"):
        limiter.check("a")
    limiter.check("b")
    now[0] = 60.5
    limiter.check("a")
    with pytest.raises(FruitError):
        limiter.check("a")
    now[0] = 200.0
    limiter.check("a")
    assert set(limiter._calls) == {"a"}  # idle clients are forgotten


FRAGILE = """
import sys
from fruit_caption import web

class Predictor:
    fruits, calls = ("apple",), 0

    def count(self, photo):
        self.calls += 1
        if self.calls == 1:
            raise ZeroDivisionError("a defect")
        return {"apple": self.calls}

app = web.build_app(Predictor(), [], per_minute=3)
web.launch(app, "127.0.0.1", int(sys.argv[1]), prevent_thread_lock=False)
"""
"""Serves a predictor that fails at the first photo, with at most three calls per client."""


def test_an_internal_error_ends_one_call_and_too_many_calls_are_rejected(pictures):
    with served([sys.executable, "-c", FRAGILE]) as address:
        sent = upload(address, "a.png", pictures[0].read_bytes())
        assert not isinstance(call(address, "count", sent), list)
        assert call(address, "count", sent)[0] == {"apple": 2}
        elsewhere = {"url": f"{address}/config", "path": "a.png", "meta": sent["meta"]}
        assert not isinstance(call(address, "count", elsewhere), list)  # URLs are not accepted
        call(address, "count", sent)
        assert "More than 3 calls a minute" in call(address, "count", sent)


def test_a_port_in_use_is_reported(address, learnt):
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
    assert f"Can't listen on 127.0.0.1:{port}" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_strange_pictures_are_answered_or_rejected_in_one_line(address, tmp_path):
    files = [*write_broken(tmp_path), *write_odd(tmp_path), *write_sound(tmp_path)]
    small = [path for path in files if path.is_file() and path.stat().st_size < 19_000_000]
    assert len(small) >= 300
    rejected = 0
    for number, path in enumerate(small):
        start = time.monotonic()
        result = call(address, "count", upload(address, f"{number}.jpg", path.read_bytes()))
        assert time.monotonic() - start < 5, path
        if isinstance(result, str):
            rejected += 1
            assert result.startswith(f"{number}.jpg"), result
            assert "\n" not in result
    assert 100 < rejected < len(small) - 100


TRAVERSALS = ("{secret}", "../../../../../../..{secret}", "..%2f..%2f..%2f..%2f..%2f..{encoded}",
              "%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e{secret}", "file={secret}", "file://{secret}",
              "....//....//....//..{secret}", "..\\..\\..\\..{secret}")  # fmt: skip


def test_files_of_the_server_cannot_be_read_through_any_route(address, tmp_path, pictures):
    secret = tmp_path / "secret.txt"
    secret.write_text("top secret")
    with urlopen(f"{address}/openapi.json", timeout=SECONDS) as answer:
        routes = [path for path, how in json.load(answer)["paths"].items() if "get" in how]
    routes += ["/gradio_api/file={path}", "/file={path}", "/{path}"]
    assert len(routes) > 20
    for route in routes:
        for traversal in TRAVERSALS:
            encoded = str(secret).replace("/", "%2f")
            path = re.sub(r"{\w+}", lambda _, t=traversal, e=encoded: t.format(
                secret=secret, encoded=e).replace("\\", "%5c"), route)  # fmt: skip
            assert b"top secret" not in read(f"{address}{path}"), path
    for name in ("ask", "count", "overlay"):
        payload = {"path": str(secret), "orig_name": "a.jpg", "meta": {"_type": "gradio.FileData"}}
        result = call(address, name, payload, *(["any limes?"] if name != "count" else []))
        assert "top secret" not in json.dumps(result)
        assert isinstance(result, str) or result is None
    sent = upload(address, "after.png", pictures[3].read_bytes())
    assert isinstance(call(address, "count", sent), list)  # the server still works


def read(address):
    """Return the body of the response, whatever its status."""
    try:
        with urlopen(address, timeout=5) as answer:
            return answer.read(100_000)
    except HTTPError as error:
        with error:
            return error.read()
    except (URLError, ValueError, TimeoutError, ConnectionError):
        return b""
