"""Standard streams that are closed, full, without a reader, or in another encoding."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fruit_caption.commands.streams import print_json

ROOT = Path(__file__).parents[2]
PRINTS = """
import sys
from fruit_caption.commands import streams
streams.prepare()
with streams.exit_if_output_fails():
    for line in range(3):
        print("line", line, flush={flush})
    print("a message", file=sys.stderr)
    opened = open({path!r}, "rb").fileno()
    print(opened, file=sys.stderr)
    sys.exit(0)
"""


def run(flush=False, **streams):
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | streams
    code = PRINTS.format(flush=flush, path=__file__)
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, text=True, check=False, **streams)


@pytest.mark.parametrize("flush", [True, False])
def test_a_pipe_without_a_reader(flush):
    reading, writing = os.pipe()
    os.close(reading)
    done = run(flush, stdout=writing)
    os.close(writing)
    assert done.returncode == 141
    assert "Error" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize("flush", [True, False])
def test_a_full_device(flush):
    with open("/dev/full", "wb") as full:
        done = run(flush, stdout=full)
        assert done.returncode == 2
        error = "error: Standard output can't be written: No space left on device."
        assert done.stderr.splitlines()[-1] == error
        # Messages that are lost stop nothing.
        done = run(flush, stderr=full)
        assert (done.returncode, done.stdout) == (0, "line 0\nline 1\nline 2\n")


@pytest.mark.parametrize("closed", [[0], [1], [2], [0, 1], [0, 1, 2]])
def test_closed_streams(closed):
    done = run(preexec_fn=lambda: [os.close(number) for number in closed])
    assert done.returncode == 0
    if 2 not in closed:
        # No other file takes the place of a closed stream.
        message, opened = done.stderr.splitlines()
        assert (message, int(opened) > 2) == ("a message", True)


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "ascii", "gbk"])
@pytest.mark.parametrize("name", ["苹果.jpg", "🍎.jpg", "Äpfel.jpg", os.fsdecode(b"\xc4.jpg")])
def test_names_in_json(encoding, name, tmp_path, monkeypatch):
    with (tmp_path / "out").open("w", encoding=encoding) as file:
        monkeypatch.setattr("sys.stdout", file)
        print_json({"image": name})
    assert json.loads((tmp_path / "out").read_text(encoding=encoding)) == {"image": name}
