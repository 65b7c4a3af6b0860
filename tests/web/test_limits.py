"""Limits on the calls of the web server."""

import threading

import pytest

pytest.importorskip("gradio")

from fruit_caption.web import limits
from fruit_caption.web.limits import Busy, RateLimiter, TooManyCalls, Turns


def test_calls_are_limited_per_client(monkeypatch):
    limiter, now = RateLimiter(3), [0.0]
    monkeypatch.setattr(limits.time, "monotonic", lambda: now[0])
    for now[0] in (0.0, 1.0, 59.0):
        limiter.check("a")
    with pytest.raises(TooManyCalls, match="More than 3 calls a minute"):
        limiter.check("a")
    limiter.check("b")
    now[0] = 60.5
    limiter.check("a")
    with pytest.raises(TooManyCalls):
        limiter.check("a")
    now[0] = 200.0
    limiter.check("a")
    assert set(limiter._calls) == {"a"}  # idle clients are forgotten


def test_one_call_has_its_turn_and_a_limited_number_waits():
    turns, inside, order = Turns(max_waiting=1), threading.Event(), []

    def wait():
        with turns.take():
            order.append("second")

    with turns.take():
        waiting = threading.Thread(target=wait)
        waiting.start()
        while turns._free._value:  # until it waits
            inside.wait(0.001)
        with pytest.raises(Busy, match="try again"), turns.take():
            pass
        order.append("first")
    waiting.join()
    assert order == ["first", "second"]
    with turns.take():
        pass
