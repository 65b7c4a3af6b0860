"""Tests that the commands send no telemetry: they only connect to this machine."""

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
PICTURE = ROOT / "docs" / "sample" / "images" / "hand.jpg"
SECONDS = 90
SPY = """
import sys
log = open(sys.argv.pop(1), "a", buffering=1)

def record(event, details):
    if event == "socket.connect" and isinstance(details[1], tuple):  # not a Unix socket
        print(details[1][0], file=log)
    elif event == "socket.getaddrinfo":
        print(details[0], file=log)

sys.addaudithook(record)
from fruit_caption.commands.app import app
app()
"""
"""Program that runs `fruit` and writes all hosts to a file that it connects to or looks up."""


def spy_command(hosts, *words):
    return [sys.executable, "-c", SPY, str(hosts), *map(str, words)]


def external_hosts(hosts):
    """The recorded hosts that are not this machine."""
    return [host for host in hosts.read_text().split() if not is_this_machine(host)]


def is_this_machine(host):
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host in ("localhost", "None")


def test_external_hosts_are_recorded(tmp_path):
    hosts = tmp_path / "hosts"
    ask = spy_command(hosts, "ask", "http://nowhere.invalid/a.jpg", "any limes?")
    done = subprocess.run(ask, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2, done.stderr
    assert "nowhere.invalid" in external_hosts(hosts)


@pytest.mark.parametrize(
    "words",
    [["count", PICTURE], ["generate-data", "--scenes", "2", "--out", "data"]],
    ids=lambda words: words[0],
)
def test_commands_contact_no_other_host(words, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    hosts = tmp_path / "hosts"
    done = subprocess.run(spy_command(hosts, *words), cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert external_hosts(hosts) == []


def test_web_page_contacts_no_other_host(tmp_path):
    pytest.importorskip("gradio")
    hosts = tmp_path / "hosts"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with subprocess.Popen(spy_command(hosts, "serve", "--port", port), cwd=ROOT) as server:
        begin = time.monotonic()
        while not is_served(f"http://127.0.0.1:{port}"):
            assert server.poll() is None
            assert time.monotonic() < begin + SECONDS
            time.sleep(0.2)
        while not hosts.read_text():  # Gradio checks that its own server is up
            assert time.monotonic() < begin + SECONDS
            time.sleep(0.2)
        server.terminate()
    assert external_hosts(hosts) == []


def is_served(address):
    try:
        with urlopen(address, timeout=SECONDS) as page:
            return b"fruit" in page.read()
    except URLError:
        return False
