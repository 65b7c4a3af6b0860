"""Standard input, output and error where they are closed, full, or can't encode a text."""

from __future__ import annotations

import errno
import io
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

READER_GONE = 141
"""Exit code when the reader of a pipe ends early, as in `fruit … | head`: what shells report for a
program that the signal SIGPIPE (13) stops."""


class OutputError(Exception):
    """Standard output can't be written.

    Not a `FruitError`: no other error message can be printed, and no other picture be answered.
    """


class _Output(io.FileIO):
    """Standard output or error that is a file or a pipe.

    Once writing has failed, everything else is dropped, so that Python has nothing left to flush
    when it ends. Lost messages on standard error stop nothing.
    """

    _failed = False

    def write(self, data: Any) -> int:
        """Write bytes; raise `OutputError` if standard output can't be written."""
        if not self._failed:
            try:
                return super().write(data)
            except OSError as error:
                self._failed = True
                if self.fileno() == 1:
                    raise OutputError(error.errno, error.strerror or str(error)) from None
        return len(data)


def prepare() -> None:
    """Make the standard streams of this process fit for use.

    Closed ones are opened to nothing. Otherwise the next file that is opened would take their place
    and receive the messages of TensorFlow. Characters that an encoding lacks are escaped.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    for name, number in (("stdout", 1), ("stderr", 2)):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "w", closefd=False))
        elif getattr(sys, name) is getattr(sys, f"__{name}__"):
            setattr(sys, name, _watched(getattr(sys, name), number))
    for stream in (sys.stdout, sys.stderr):
        _escape(stream, "backslashreplace")
    _escape(sys.stdin, "surrogateescape")


def _escape(stream: Any, errors: str) -> None:
    if isinstance(stream, io.TextIOWrapper):
        with suppress(io.UnsupportedOperation):  # it has been read from
            stream.reconfigure(errors=errors)


def _watched(stream: Any, number: int) -> Any:
    """Return a stream that writes to the same file through `_Output`; a terminal stays as it is."""
    if not isinstance(stream, io.TextIOWrapper) or stream.isatty():
        return stream
    return io.TextIOWrapper(
        io.BufferedWriter(_Output(number, "w", closefd=False)),
        encoding=stream.encoding,
        line_buffering=stream.line_buffering or stream.write_through,
    )


@contextmanager
def exit_if_output_fails() -> Iterator[None]:
    """Exit with `READER_GONE`, or with 2 and one line, if standard output can't be written."""
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except OutputError as error:
        number, reason = error.args
        if number == errno.EPIPE:
            sys.exit(READER_GONE)
        print(f"error: Standard output can't be written: {reason}.", file=sys.stderr)
        sys.exit(2)


def print_json(row: dict[str, Any]) -> None:
    """Print an object as one line of JSON, in ASCII if standard output can't encode it."""
    text = json.dumps(row, ensure_ascii=False)
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(row)
    print(text, flush=True)
