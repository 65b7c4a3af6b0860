"""The web page in a headless browser, and both HTTP APIs."""

import json
import re
import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import httpx
import pytest

import fruit_caption as fc

pytest.importorskip("gradio")

from fruit_caption.web.samples import sample_questions
from fruit_caption.web.server import page_url

ROOT = Path(__file__).parents[2]
SECONDS = 90


@pytest.fixture(scope="module")
def pictures():
    """The sample pictures; the first shows two kinds of fruit."""
    return list(sample_questions())


@pytest.fixture(scope="module")
def predictor():
    return fc.load()


@contextmanager
def served(command):
    """Run a command that serves the page, with a free port as its last argument; yield the URL."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [*map(str, command), str(port)]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as server:
        start = time.monotonic()
        while not responds(f"http://127.0.0.1:{port}"):
            assert server.poll() is None
            assert time.monotonic() < start + SECONDS
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
        server.terminate()


@pytest.fixture(scope="module")
def address():
    """URL of the page that `fruit serve` serves."""
    serve = [sys.executable, "cli.py", "serve", "--per-minute", "100000"]
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


@pytest.fixture(scope="module")
def browser():
    """A headless Chromium that logs its console and its requests."""
    if not (shutil.which("chromium") and shutil.which("chromedriver")):
        pytest.skip("no chromium and chromedriver")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1280,1000"):
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


class Page:
    """The page in the browser."""

    def __init__(self, browser, address):
        self.browser = browser
        browser.get(address)
        self.wait(lambda: self.all("#samples img"), "the page")

    def all(self, selector):
        return self.browser.find_elements("css selector", selector)

    def text(self, selector="body"):
        return " ".join(self.script("return [...document.querySelectorAll(arguments[0])]"
                                    ".map(e => e.innerText)", selector))  # fmt: skip

    def script(self, code, *arguments):
        return self.browser.execute_script(code, *arguments)

    def box(self, selector):
        names = ("left", "top", "right", "bottom")
        found = self.script(
            "return document.querySelector(arguments[0]).getBoundingClientRect()", selector
        )
        return [found[name] for name in names]

    def wait(self, condition, what):
        from selenium.common.exceptions import TimeoutException
        from selenium.webdriver.support.ui import WebDriverWait

        try:
            return WebDriverWait(self.browser, SECONDS, 0.1).until(lambda _: condition())
        except TimeoutException:
            pytest.fail(f"timed out waiting for {what}: {self.text()}")

    def drop(self, path):
        self.all("#photo input[type=file]")[0].send_keys(str(path))

    def ask(self, question):
        [box] = self.all("#ask textarea, #ask input")
        box.clear()
        box.send_keys(f"{question}\n")


def severe(browser):
    return [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]


def test_a_photo_is_counted_marked_and_asked_about(browser, address, predictor, pictures, tmp_path):
    page = Page(browser, address)
    assert page.text("#answer, #history, #chips, #marks").strip() == ""
    (tmp_path / "notes.txt").write_text("no picture")
    page.drop(tmp_path / "notes.txt")
    page.wait(lambda: "invalid file type" in page.text().lower(), "the error message")

    picture = pictures[0]
    page.drop(picture)
    page.wait(lambda: page.all("#chips .chip"), "the counts")
    counts, points = predictor.count(picture), predictor.points(picture)
    shown = page.text("#chips")
    assert all(f"{number} {fruit}" in shown for fruit, number in counts.items())
    assert len(page.all("#marks circle")) == len(points)

    encoded = predictor.encode(picture)
    answer = encoded.ask("any cucumbers?")
    page.ask("any cucumbers?")
    page.wait(lambda: answer.sentence in page.text("#answer"), "the answer")
    assert f"{100 * answer.confidence:.0f} %" in page.text("#answer")
    page.ask("and oranges?")  # continues the question before
    second = encoded.ask("and oranges?")
    page.wait(lambda: second.sentence in page.text("#answer"), "the second answer")
    assert len(page.all("#marks text")) == sum(point.fruit == "orange" for point in points)
    assert answer.sentence in page.text("#history")

    page.ask("who painted this?")
    page.wait(lambda: "not a question about fruit" in page.text("#answer"), "the refusal")
    assert second.sentence not in page.text("#answer")
    assert second.sentence in page.text("#history")
    page.all("#answer .chip")[0].click()
    kinds = encoded.ask("which fruits are there?")
    page.wait(lambda: kinds.sentence in page.text("#answer"), "the answer to a suggestion")

    [details] = [b for b in page.all("button") if "Where it looked" in b.text]
    details.click()
    page.wait(lambda: any(int(image.get_property("naturalWidth")) == 1200
                          for image in page.all("img")), "the overlay")  # fmt: skip
    assert severe(browser) == []
    assert requested_hosts(browser) == {"127.0.0.1"}


def test_a_sample_is_asked_about_with_one_click(browser, address, predictor):
    page = Page(browser, address)
    path, question = next(iter(sample_questions().items()))
    page.all("#samples .gallery-item")[0].click()
    answer = predictor.ask(path, question)
    page.wait(lambda: answer.sentence in page.text("#answer"), "the answer")
    assert question in page.text("#answer")
    page.all("#photo button[aria-label='Remove Image']")[0].click()
    page.wait(lambda: not page.all("#answer .card, #marks svg, #chips .chip"), "an empty page")
    page.ask("any limes?")
    page.wait(lambda: "no photo yet" in page.text("#answer"), "what is missing")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(1280, 900), (390, 844)])
def test_the_answer_is_in_view_on_any_screen(browser, address, pictures, width, height, theme):
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 640}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    page = Page(browser, f"{address}/?__theme={theme}")
    page.drop(next(path for path in pictures if path.name == "hand.jpg"))
    page.wait(lambda: page.all("#chips .chip"), "the counts")
    page.all("#chips .chip")[0].click()
    page.wait(lambda: page.all("#answer .sentence"), "the answer")

    def is_in_view():
        _, top, _, bottom = page.box("#answer .card")
        return top >= 0 and bottom <= height

    page.wait(is_in_view, "the answer to come into view")
    left, top, right, bottom = page.box("#photo img")
    drawing = page.box("#marks svg")  # the photo is square and fits into the drawing's box
    assert drawing[1] == pytest.approx(top, abs=1)
    assert drawing[3] == pytest.approx(bottom, abs=1)
    assert drawing[0] + drawing[2] == pytest.approx(left + right, abs=3)
    assert page.box("#answer .card")[3] - top < height  # one screen holds photo and answer
    assert page.script("return document.documentElement.scrollWidth") <= width
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_the_api_answers_like_the_library(address, predictor, pictures):
    for picture in pictures[:3]:
        sent = upload(address, picture.name, picture.read_bytes())
        [details] = call(address, "ask", sent, "how many apples?")
        answer = predictor.ask(picture, "how many apples?")
        assert details["image"] == picture.name
        assert_same(details, answer)
        assert call(address, "count", sent) == [predictor.count(picture)]
        assert post(address, picture, "how many apples?") == (200, details)


def assert_same(details, answer):
    assert {n: details[n] for n in ("question", "kind", "fruit", "answer", "value")} == {
        "question": answer.question, "kind": "count", "fruit": "apple", "answer": answer.text,
        "value": answer.value,
    }  # fmt: skip
    assert details["points"] == answer.to_json()["points"]
    assert details["confidence"] == pytest.approx(answer.confidence, rel=0.01)
    assert len(details["alternatives"]) <= 3


def post(address, picture, question):
    """Ask with the plain POST; return the status and the JSON object."""
    files = {"picture": (picture.name, picture.read_bytes())}
    answer = httpx.post(f"{address}/api/ask", files=files, data={"question": question})
    return answer.status_code, answer.json()


USAGE = "Send a form (multipart/form-data) with the file `picture` and the text `question`"
FILE = {"picture": ("large.jpg", bytes(21_000_000))}


@pytest.mark.parametrize(
    ("method", "body", "status", "message"),
    [("POST", {}, 400, USAGE), ("GET", {}, 405, USAGE), ("POST", {"json": {"a": 1}}, 400, USAGE),
     ("POST", {"data": {"question": "any figs?", "picture": "a.jpg"}}, 400, USAGE),
     ("POST", {"files": {"picture": ("a.jpg", b"x")}}, 400, USAGE),
     ("POST", {"content": b"x", "headers": {"Content-Type": "multipart/form-data"}}, 400, USAGE),
     ("POST", {"files": {"picture": ("a.jpg", b"x")}, "data": {"question": "any figs?"}}, 422,
      "a.jpg is not a picture")],
)  # fmt: skip
def test_a_wrong_request_gets_one_line_that_says_so(address, method, body, status, message):
    answer = httpx.request(method, f"{address}/api/ask", **body)
    assert answer.status_code == status
    assert message in answer.json()["error"]
    assert "\n" not in answer.json()["error"]


def test_a_large_picture_is_rejected(address):
    with suppress(httpx.TransportError):  # or the server hangs up before all is sent
        answer = httpx.post(f"{address}/api/ask", files=FILE, data={"question": "any figs?"})
        assert answer.status_code == 413
        assert "at most 20 MB" in answer.json()["error"]


def test_a_large_body_without_a_length_is_cut_off(address):
    def body():
        yield b'--cut\r\nContent-Disposition: form-data; name="picture"; filename="a"\r\n\r\n'
        for _ in range(25):
            yield bytes(1_000_000)

    headers = {"Content-Type": "multipart/form-data; boundary=cut"}
    assert httpx.post(f"{address}/api/ask", content=body(), headers=headers).status_code == 413


@pytest.mark.parametrize(
    ("question", "message"),
    [("who painted this?", "not a question about fruit"), ("how many durians?", "not trained on"),
     ("x" * 300, "too long"), ("", "not a question")],
)  # fmt: skip
def test_unanswerable_questions_get_a_one_line_message(address, pictures, question, message):
    line = call(address, "ask", upload(address, "a.png", pictures[3].read_bytes()), question)
    assert message in line
    assert "\n" not in line
    assert post(address, pictures[3], question) == (422, {"error": line})


def test_error_messages_use_the_name_of_the_uploaded_file(address):
    sent = upload(address, "holiday.jpg", b"no picture")
    line = call(address, "ask", sent, "any limes?")
    assert line == "holiday.jpg is not a picture that can be read (JPEG, PNG …)."
    assert "no photo yet" in call(address, "ask", None, "any limes?")


def test_uploads_are_limited(address):
    with pytest.raises((HTTPError, URLError, ConnectionError)) as error:  # or it hangs up
        upload(address, *FILE["picture"])
    if isinstance(error.value, HTTPError):
        error.value.close()
        assert error.value.code == 413


FRAGILE = """
import sys
from fruit_caption.web.server import serve

class Predictor:
    fruits, calls = ("apple",), 0

    def count(self, photo):
        self.calls += 1
        if self.calls == 1:
            raise ZeroDivisionError("a defect")
        return {"apple": self.calls}

serve(Predictor(), "127.0.0.1", int(sys.argv[1]), 3, print)
"""
"""Serves a predictor that fails at the first photo, with at most three calls per client."""


def test_an_internal_error_ends_one_call_and_too_many_calls_are_rejected(pictures):
    with served([sys.executable, "-c", FRAGILE]) as address:
        sent = upload(address, "a.png", pictures[0].read_bytes())
        assert call(address, "count", sent).startswith("Something went wrong on the server")
        assert call(address, "count", sent) == [{"apple": 2}]
        elsewhere = {"url": f"{address}/config", "path": "a.png", "meta": sent["meta"]}
        assert not isinstance(call(address, "count", elsewhere), list)  # URLs are not accepted
        status, content = post(address, pictures[0], "any apples?")  # it has no method `ask`
        assert status == 500
        assert content["error"].startswith("Something went wrong on the server")
        assert "More than 3 calls a minute" in call(address, "count", sent)
        assert post(address, pictures[0], "any apples?")[0] == 429


def test_a_port_in_use_is_reported(address):
    port = str(urlsplit(address).port)
    command = [sys.executable, "cli.py", "--quiet", "serve", "--port", port]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"Can't listen on 127.0.0.1:{port}" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_the_address_is_one_that_a_browser_can_open():
    assert page_url("0.0.0.0", 80) == page_url("::", 80) == "http://127.0.0.1:80"
    assert page_url("::1", 7860) == "http://[::1]:7860"
    assert page_url("fruit.example", 7860) == "http://fruit.example:7860"


TRAVERSALS = ("{secret}", "../../../../../../..{secret}", "..%2f..%2f..%2f..%2f..%2f..{encoded}",
              "%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e{secret}", "file={secret}", "file://{secret}",
              "....//....//....//..{secret}", "..\\..\\..\\..{secret}")  # fmt: skip


def test_files_of_the_server_cannot_be_read_through_any_route(address, tmp_path, pictures):
    secret = tmp_path / "secret.txt"
    secret.write_text("top secret")
    with urlopen(f"{address}/openapi.json", timeout=SECONDS) as answer:
        routes = [path for path, how in json.load(answer)["paths"].items() if "get" in how]
    routes += ["/gradio_api/file={path}", "/file={path}", "/{path}"]
    routes = [route for route in routes if "heartbeat" not in route]  # never ends, reads no file
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
    """Return the body of the response, whatever its status; some routes never end."""
    try:
        with urlopen(address, timeout=1) as answer:
            return answer.read(100_000)
    except HTTPError as error:
        with error:
            return error.read()
    except (URLError, ValueError, TimeoutError, ConnectionError):
        return b""
