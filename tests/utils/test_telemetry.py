"""No telemetry leaves the machine: the commands speak to nobody but the machine itself."""

import ipaddress
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

ROOT = Path(__file__).parents[2]
PICTURE = ROOT / "docs" / "sample" / "images" / "scene_3_00000.jpg"
SECONDS = 90
SPY = """
import sys
told = open(sys.argv.pop(1), "a", buffering=1)

def note(event, details):
    if event == "socket.connect" and isinstance(details[1], tuple):  # others are files
        print(details[1][0], file=told)
    elif event == "socket.getaddrinfo":
        print(details[0], file=told)

sys.addaudithook(note)
from fruit_caption.commands.app import app
app()
"""
"""Runs the command; notes where a socket is led to, and whose address is looked up."""


def watched(hosts, *words):
    return [sys.executable, "-c", SPY, str(hosts), *map(str, words)]


def outside(hosts):
    """The hosts outside of this machine that were tried."""
    return [host for host in hosts.read_text().split() if not is_here(host)]


def is_here(host):
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host in ("localhost", "None")


def test_what_leaves_is_noticed(tmp_path):
    hosts = tmp_path / "hosts"
    ask = watched(hosts, "ask", "http://nowhere.invalid/a.jpg", "any limes?")
    done = subprocess.run(ask, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2, done.stderr
    assert "nowhere.invalid" in outside(hosts)


@pytest.mark.parametrize(
    "words",
    [["count", PICTURE], ["generate-data", "--scenes", "2", "--out", "data"]],
    ids=lambda words: words[0],
)
def test_commands_speak_to_nobody(words, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    hosts = tmp_path / "hosts"
    done = subprocess.run(watched(hosts, *words), cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert outside(hosts) == []


def test_the_web_page_speaks_to_nobody(tmp_path):
    pytest.importorskip("gradio")
    hosts = tmp_path / "hosts"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with subprocess.Popen(watched(hosts, "serve", "--port", port), cwd=ROOT) as server:
        begin = time.monotonic()
        while not is_served(f"http://127.0.0.1:{port}"):
            assert server.poll() is None
            assert time.monotonic() < begin + SECONDS
            time.sleep(0.2)
        while not hosts.read_text():  # Gradio asks itself whether it is up
            assert time.monotonic() < begin + SECONDS
            time.sleep(0.2)
        server.terminate()
    assert outside(hosts) == []


def is_served(address):
    try:
        with urlopen(address, timeout=SECONDS) as page:
            return b"fruit" in page.read()
    except URLError:
        return False
