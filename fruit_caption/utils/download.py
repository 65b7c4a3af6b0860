"""Fetches over HTTP what may be large, slow or broken: tables row by row, pictures whole.

A connection that fails is made again, after a pause that doubles each time, and goes on where it
broke off.
"""

from __future__ import annotations

import csv
import threading
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPException, HTTPMessage, HTTPResponse
from pathlib import Path
from typing import IO, TypeVar
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from fruit_caption.utils.errors import DataError, PictureError
from fruit_caption.utils.files import atomic_write
from fruit_caption.utils.images import upright_size
from fruit_caption.utils.paths import Unusable

CONNECTIONS = 8
"""At most, at once."""

TRIES = 4
"""How often something is asked for before it is given up, if nothing new arrives in between."""

MAX_BYTES = 50_000_000
"""Of a picture: what is larger is none."""

LONGEST_LINE = 1 << 20
"""In bytes: what has longer ones is no table."""

AGAIN = "Check the internet connection and run the same command again; what is there is kept."

_CHUNK = 1 << 16
_TRIED_AGAIN = frozenset([408, 429])
# Opening a picture sets Python's warning filters aside, which threads must not do at once.
_opening = threading.Lock()


class _Redirects(HTTPRedirectHandler):
    """Goes where a server leads to, but only by HTTP, and never from https to less."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        if urlsplit(newurl).scheme not in {req.type, "https"}:
            fp.close()
            raise Unusable(f"the server leads to {newurl[:80]}, which is not {req.type} any more")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


_opener = build_opener(_Redirects)

Item = TypeVar("Item")
Result = TypeVar("Result")


class Web:
    """Downloads with retries.

    Args:
        timeout: seconds that a connection may be no_progress.
        pause: seconds before the second try; doubled before each that follows.
    """

    def __init__(self, timeout: float, pause: float) -> None:
        self.timeout, self.pause = timeout, pause
        self.stopped = threading.Event()

    def lines(self, address: str) -> Generator[str, None, None]:
        """The lines of a UTF-8 text, read as they are asked for and never held together.

        Raises:
            DataError: it can't be fetched, or is no text.
        """
        rest = b""
        try:
            with closing(self._chunks(address)) as chunks:
                for chunk in chunks:
                    *whole, rest = (rest + chunk).split(b"\n")
                    for line in whole:
                        yield line.decode("utf-8", "replace") + "\n"
                    if len(rest) > LONGEST_LINE:
                        raise Unusable("it is no text")
        except Unusable as reason:
            raise DataError(f"{address} can't be read: {reason}. {AGAIN}") from None
        if rest:
            yield rest.decode("utf-8", "replace")

    def rows(self, address: str) -> Generator[list[str], None, None]:
        """The rows of a CSV file that are not empty; raises the same, and where it is no CSV."""
        with closing(self.lines(address)) as lines:
            try:
                for row in csv.reader(lines):
                    if row:
                        row[0] = row[0].lstrip("\ufeff")
                        yield row
            except csv.Error as error:
                raise no_table(address, str(error)) from None

    def table(self, address: str, columns: Sequence[str]) -> Generator[tuple[str, ...], None, None]:
        """The named columns of a CSV file with a header, row by row.

        Raises:
            DataError: it can't be fetched, lacks a column, or has a row that ends early.
        """
        with closing(self.rows(address)) as rows:
            header = [name.strip() for name in next(rows, [])]
            for name in columns:
                if name not in header:
                    raise no_table(address, f"it has no column {name}")
            places = [header.index(name) for name in columns]
            for number, row in enumerate(rows, start=2):
                if len(row) <= max(places):
                    raise no_table(address, f"row {number} ends early")
                yield tuple([row[place] for place in places])

    def picture(self, address: str, path: Path) -> tuple[int, int]:
        """Download a picture whole or not at all.

        Returns:
            its width and height in pixels, upright.

        Raises:
            Unusable: it can't be had, or what comes is no picture.
            FruitError: the file can't be written.
        """
        for failures in range(1, TRIES + 1):
            try:
                content = self._content(address)
            except Unusable as reason:
                raise Unusable(f"{address} can't be had: {reason}") from None
            try:
                with atomic_write(path) as draft:
                    draft.write_bytes(content)
                    return picture_size(draft)
            except PictureError:
                if failures < TRIES:
                    self._rest(failures)
        raise Unusable(f"what {address} sends is no picture")

    def each(
        self, work: Callable[[Item], Result], items: Iterable[Item]
    ) -> Generator[Result, None, None]:
        """Do the work on every item, several at once; the results come in order.

        Where one fails, the caller stops early or the user interrupts, what goes on is stopped.
        """
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            try:
                yield from pool.map(work, items)
            except BaseException:
                # What is not begun is cancelled by `map`, what is by this.
                self.stopped.set()
                raise

    def _content(self, address: str) -> bytes:
        content = bytearray()
        with closing(self._chunks(address)) as chunks:
            for chunk in chunks:
                content += chunk
                if len(content) > MAX_BYTES:
                    raise Unusable(f"it is larger than {MAX_BYTES // 1_000_000} MB")
        return bytes(content)

    def _chunks(self, address: str) -> Generator[bytes, None, None]:
        """The bytes at an address as they arrive; raises `Unusable` once it is given up."""
        offset = failures = 0
        while True:
            try:
                with closing(self._answer(address, offset)) as answer:
                    for chunk in answer:
                        offset, failures = offset + len(chunk), 0
                        yield chunk
                return
            except (OSError, HTTPException, ValueError) as error:
                reason = self._reason(error)
                if not _may_pass(error):
                    raise Unusable(reason) from None
            failures += 1
            if failures == TRIES:
                raise Unusable(reason)
            self._rest(failures)

    def _answer(self, address: str, offset: int) -> Generator[bytes, None, None]:
        """What a server sends from a byte on, over one connection."""
        request = Request(address, headers={"User-Agent": "fruit-caption"})
        if offset:
            request.add_header("Range", f"bytes={offset}-")
        with _opener.open(request, timeout=self.timeout) as answer:
            # A server that knows no parts of files sends all of it, from the beginning.
            known = 0 if _begins_at(answer, offset) else offset
            length = answer.headers.get("Content-Length")
            left = None if length is None else int(length)
            while left != 0:
                chunk = answer.read1(_CHUNK if left is None else min(_CHUNK, left))
                if self.stopped.is_set():
                    raise Unusable("it was stopped")
                if not chunk:
                    break
                left = None if left is None else left - len(chunk)
                if chunk[known:]:
                    yield chunk[known:]
                known = max(0, known - len(chunk))
            if left:
                raise ConnectionError("the connection breaks off")

    def _rest(self, failures: int) -> None:
        if self.stopped.wait(self.pause * 2 ** (failures - 1)):
            raise Unusable("it was stopped")

    def _reason(self, error: Exception) -> str:
        """Why a connection failed, in words and on one line."""
        if isinstance(error, HTTPError):
            error.close()
            return f"the server answers {error.code} {' '.join(str(error.reason).split())}".strip()
        cause = error.reason if isinstance(error, URLError) else error
        if isinstance(cause, TimeoutError):
            return f"the server is no_progress for {self.timeout:g} s"
        text = (cause.strerror if isinstance(cause, OSError) else None) or str(cause)
        return " ".join(text.split()) or type(cause).__name__


def picture_size(path: Path) -> tuple[int, int]:
    """`pictures.upright_size` for threads; raises the same."""
    with _opening:
        return upright_size(path)


def _begins_at(answer: HTTPResponse, offset: int) -> bool:
    """Whether a server sends the part that was asked for, and not all of the file."""
    if answer.status != 206:
        return False
    if not (answer.headers.get("Content-Range") or "").startswith(f"bytes {offset}-"):
        raise ConnectionError("the server sends another part than was asked for")
    return True


def _may_pass(error: Exception) -> bool:
    """Whether a failure may be gone at the next try."""
    if isinstance(error, HTTPError):
        return error.code >= 500 or error.code in _TRIED_AGAIN
    # An address that is none, or a length that is no number.
    return not isinstance(error, ValueError)


def no_table(address: str, reason: str) -> DataError:
    """What to say of an address that has something else than the table that belongs there."""
    return DataError(
        f"{address} is not the table it should be ({reason}). Open it in a browser: a proxy or a "
        "login page may stand in between, or it has moved."
    )
