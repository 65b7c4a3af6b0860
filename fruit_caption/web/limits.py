"""Limits that keep one client, or one large file, from stopping the server for all others."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from fruit_caption.utils.errors import FruitError

MAX_UPLOAD = 20 * 1024**2
"""Maximum size of an uploaded file in bytes."""

MAX_WAITING = 64
"""Maximum number of calls that wait for the model; further calls are rejected."""

UPLOAD_SECONDS = 3600
"""Uploads are deleted after this many seconds."""


class TooManyCalls(FruitError):
    """A client made too many calls within a minute."""


class Busy(FruitError):
    """Too many calls wait for the model."""


class RateLimiter:
    """Limits the number of calls per client and minute.

    Args:
        per_minute: Maximum number of calls of a client within 60 seconds.
    """

    def __init__(self, per_minute: int) -> None:
        self.per_minute = per_minute
        self._calls: dict[str, deque[float]] = {}
        self._lock = threading.Lock()

    def check(self, client: str) -> None:
        """Count a call.

        Args:
            client: Identifies the client, for example by its IP address.

        Raises:
            TooManyCalls: The client has made too many calls.
        """
        now = time.monotonic()
        with self._lock:
            for idle in [name for name, calls in self._calls.items() if calls[-1] < now - 60]:
                del self._calls[idle]
            calls = self._calls.setdefault(client, deque(maxlen=self.per_minute))
            if len(calls) == self.per_minute and calls[0] > now - 60:
                raise TooManyCalls(f"More than {self.per_minute} calls a minute; try again later.")
            calls.append(now)


class Turns:
    """Lets one call at a time use the model.

    Args:
        max_waiting: Maximum number of calls that wait for their turn.
    """

    def __init__(self, max_waiting: int = MAX_WAITING) -> None:
        self._lock, self._free = threading.Lock(), threading.Semaphore(max_waiting + 1)

    @contextmanager
    def take(self) -> Iterator[None]:
        """Wait for the turn, and hold it until the block ends.

        Raises:
            Busy: Too many calls wait already.
        """
        if not self._free.acquire(blocking=False):
            raise Busy("The server is busy; try again in a moment.")
        try:
            with self._lock:
                yield
        finally:
            self._free.release()
