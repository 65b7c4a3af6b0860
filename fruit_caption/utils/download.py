"""HTTP downloads with retries: text and CSV files line by line, pictures as a whole.

After a connection fails, the download resumes where it stopped. The pause before each retry is
twice as long as the one before.
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

MAX_CONNECTIONS = 8
"""Maximum number of simultaneous connections."""

MAX_TRIES = 4
"""Maximum number of consecutive attempts that bring no new data."""

MAX_PICTURE_BYTES = 50_000_000
"""Maximum size of a picture file."""

MAX_LINE_BYTES = 1 << 20
"""Maximum length of a line of text; longer lines mean that the file is not text."""

RETRY_ADVICE = (
    "Check the internet connection and run the same command again; what is there is kept."
)

Item = TypeVar("Item")
Result = TypeVar("Result")

_picture_lock = threading.Lock()


class _SafeRedirects(HTTPRedirectHandler):
    """Follows redirects to HTTP(S) addresses only, and never from https to http."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        if urlsplit(newurl).scheme not in {req.type, "https"}:
            fp.close()
            raise Unusable(f"the server redirects to {newurl[:80]}, which is not {req.type}")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


_opener = build_opener(_SafeRedirects)


class Downloader:
    """Downloads files, with retries.

    Args:
        timeout: Seconds without data after which a connection has failed.
        pause: Seconds before the first retry; doubled before each further one.

    Attributes:
        stopped: Set this event to stop all downloads.
    """

    def __init__(self, timeout: float, pause: float) -> None:
        self.timeout, self.pause = timeout, pause
        self.stopped = threading.Event()

    def text_lines(self, address: str) -> Generator[str, None, None]:
        """Yield the lines of a UTF-8 text file while it is downloaded.

        Raises:
            DataError: The file can't be downloaded or is not text.
        """
        rest = b""
        try:
            with closing(self._chunks(address)) as chunks:
                for chunk in chunks:
                    *lines, rest = (rest + chunk).split(b"\n")
                    for line in lines:
                        yield line.decode("utf-8", "replace") + "\n"
                    if len(rest) > MAX_LINE_BYTES:
                        raise Unusable("it is not text")
        except Unusable as reason:
            raise DataError(f"{address} can't be read: {reason}. {RETRY_ADVICE}") from None
        if rest:
            yield rest.decode("utf-8", "replace")

    def csv_rows(self, address: str) -> Generator[list[str], None, None]:
        """Yield the non-empty rows of a CSV file.

        Raises:
            DataError: The file can't be downloaded or is not CSV.
        """
        with closing(self.text_lines(address)) as lines:
            try:
                for row in csv.reader(lines):
                    if row:
                        row[0] = row[0].lstrip("\ufeff")
                        yield row
            except csv.Error as error:
                raise invalid_table_error(address, str(error)) from None

    def csv_columns(
        self, address: str, columns: Sequence[str]
    ) -> Generator[tuple[str, ...], None, None]:
        """Yield, row by row, the named columns of a CSV file with a header.

        Raises:
            DataError: The file can't be downloaded, lacks a column, or has a row that is too short.
        """
        with closing(self.csv_rows(address)) as rows:
            header = [name.strip() for name in next(rows, [])]
            for name in columns:
                if name not in header:
                    raise invalid_table_error(address, f"it has no column {name}")
            places = [header.index(name) for name in columns]
            for number, row in enumerate(rows, start=2):
                if len(row) <= max(places):
                    raise invalid_table_error(address, f"row {number} ends early")
                yield tuple([row[place] for place in places])

    def save_picture(self, address: str, path: Path) -> tuple[int, int]:
        """Download a picture and write it atomically.

        Returns:
            Width and height in pixels, upright.

        Raises:
            Unusable: The file can't be downloaded or is not a picture.
            FruitError: The file can't be written.
        """
        for attempt in range(1, MAX_TRIES + 1):
            try:
                content = self._content(address)
            except Unusable as reason:
                raise Unusable(f"{address} can't be downloaded: {reason}") from None
            try:
                with atomic_write(path) as draft:
                    draft.write_bytes(content)
                    return locked_upright_size(draft)
            except PictureError:
                if attempt < MAX_TRIES:
                    self._wait(attempt)
        raise Unusable(f"{address} is not a picture")

    def map_parallel(
        self, function: Callable[[Item], Result], items: Iterable[Item]
    ) -> Generator[Result, None, None]:
        """Yield `function(item)` for each item, in order; several calls run at once in threads.

        If a call fails or the generator is closed early, the downloads in progress are stopped.
        """
        with ThreadPoolExecutor(MAX_CONNECTIONS) as pool:
            try:
                yield from pool.map(function, items)
            except BaseException:
                # `map` cancels the calls that have not begun; this stops the others.
                self.stopped.set()
                raise

    def _content(self, address: str) -> bytes:
        content = bytearray()
        with closing(self._chunks(address)) as chunks:
            for chunk in chunks:
                content += chunk
                if len(content) > MAX_PICTURE_BYTES:
                    raise Unusable(f"it is larger than {MAX_PICTURE_BYTES // 1_000_000} MB")
        return bytes(content)

    def _chunks(self, address: str) -> Generator[bytes, None, None]:
        """Yield the bytes of a file as they arrive; raise `Unusable` when all attempts failed."""
        offset = failures = 0
        while True:
            try:
                with closing(self._read_from(address, offset)) as chunks:
                    for chunk in chunks:
                        offset, failures = offset + len(chunk), 0
                        yield chunk
                return
            except (OSError, HTTPException, ValueError) as error:
                reason = self._reason(error)
                if not _is_transient(error):
                    raise Unusable(reason) from None
            failures += 1
            if failures == MAX_TRIES:
                raise Unusable(reason)
            self._wait(failures)

    def _read_from(self, address: str, offset: int) -> Generator[bytes, None, None]:
        """Yield the bytes of a file from `offset` on, over one connection."""
        request = Request(address, headers={"User-Agent": "fruit-caption"})
        if offset:
            request.add_header("Range", f"bytes={offset}-")
        with _opener.open(request, timeout=self.timeout) as response:
            # A server without range requests sends the whole file: skip what is known already.
            skip = 0 if _starts_at(response, offset) else offset
            length = response.headers.get("Content-Length")
            left = None if length is None else int(length)
            while left != 0:
                chunk = response.read1(1 << 16 if left is None else min(1 << 16, left))
                if self.stopped.is_set():
                    raise Unusable("it was stopped")
                if not chunk:
                    break
                left = None if left is None else left - len(chunk)
                if chunk[skip:]:
                    yield chunk[skip:]
                skip = max(0, skip - len(chunk))
            if left:
                raise ConnectionError("the connection breaks off")

    def _wait(self, failures: int) -> None:
        if self.stopped.wait(self.pause * 2 ** (failures - 1)):
            raise Unusable("it was stopped")

    def _reason(self, error: Exception) -> str:
        """Why a connection failed, on one line."""
        if isinstance(error, HTTPError):
            error.close()
            return f"the server answers {error.code} {' '.join(str(error.reason).split())}".strip()
        cause = error.reason if isinstance(error, URLError) else error
        if isinstance(cause, TimeoutError):
            return f"the server is silent for {self.timeout:g} s"
        text = (cause.strerror if isinstance(cause, OSError) else None) or str(cause)
        return " ".join(text.split()) or type(cause).__name__


def locked_upright_size(path: Path) -> tuple[int, int]:
    """Thread-safe `images.upright_size`, which changes Python's global warning filters."""
    with _picture_lock:
        return upright_size(path)


def _starts_at(response: HTTPResponse, offset: int) -> bool:
    """Whether the response starts at `offset`; if not, it is the whole file."""
    if response.status != 206:
        return False
    if not (response.headers.get("Content-Range") or "").startswith(f"bytes {offset}-"):
        raise ConnectionError("the server sends another part than was asked for")
    return True


def _is_transient(error: Exception) -> bool:
    """Whether a retry may succeed."""
    if isinstance(error, HTTPError):
        return error.code >= 500 or error.code in (408, 429)  # timeout, too many requests
    return not isinstance(error, ValueError)  # an invalid URL or Content-Length


def invalid_table_error(address: str, reason: str) -> DataError:
    """The error for an address that does not return the expected table."""
    return DataError(
        f"{address} is not the table it should be ({reason}). Open it in a browser: a proxy or a "
        "login page may stand in between, or it has moved."
    )
