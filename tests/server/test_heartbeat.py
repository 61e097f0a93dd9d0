"""Who is timed out, on a clock of the test's own: however late the event loop is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from presence_progress.server.heartbeat import Heartbeat

INTERVAL, TIMEOUT, PATIENCE = 5.0, 2.0, 60.0
TICKS = int(TIMEOUT / (INTERVAL / 50))
"""That the time for an answer is at the most, however late they are."""


class Loop:
    """An event loop in which only the heartbeat's timer runs, when the test lets it."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.timer: tuple[float, Callable[[], None]] | None = None

    def time(self) -> float:
        return self.now

    def call_later(self, seconds: float, call: Callable[[], None]) -> None:
        self.timer = self.now + seconds, call

    def tick(self, late: float = 0.0) -> None:
        assert self.timer
        due, call = self.timer
        self.now = due + late
        call()

    def tick_until(self, is_so: Callable[[], bool], late: float = 0.0) -> int:
        """Tick until something is so, and return how often."""
        for ticks in range(5000):
            if is_so():
                return ticks
            self.tick(late)
        raise AssertionError("it never came to be")


class Client:
    def __init__(self) -> None:
        self.beat = 0
        self.held_until = 0.0
        self.pings = 0
        self.is_ended = False

    @property
    def is_pinged(self) -> bool:
        return self.pings > 0

    def ping(self) -> None:
        self.pings += 1

    def time_out(self) -> None:
        self.is_ended, self.beat = True, -1


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> Loop:
    loop = Loop()
    monkeypatch.setattr(asyncio, "get_running_loop", lambda: loop)
    return loop


@pytest.fixture
def pinged(loop: Loop) -> Client:
    """Return a client that has just been pinged."""
    client = Client()
    Heartbeat(INTERVAL, TIMEOUT, PATIENCE).begin(client)
    loop.tick_until(lambda: client.is_pinged)
    return client


def test_a_silent_client_ends_once_its_time_is_over(loop: Loop, pinged: Client) -> None:
    began = loop.now
    loop.tick_until(lambda: pinged.is_ended)
    assert TIMEOUT <= loop.now - began <= TIMEOUT + INTERVAL / 20


@pytest.mark.parametrize("late", [0.5, 1.5, 20.0])
def test_a_loop_that_is_kept_busy_does_not_excuse_a_silent_client(
    loop: Loop, pinged: Client, late: float
) -> None:
    assert loop.tick_until(lambda: pinged.is_ended, late) <= TICKS + 2


@pytest.mark.parametrize("before", [0, 7, TICKS - 1])
def test_a_loop_that_stood_still_takes_no_more_of_a_clients_time_than_two_ticks(
    loop: Loop, pinged: Client, before: int
) -> None:
    """So that what has come meanwhile, by several requests or once more, is read."""
    for _ in range(before):
        loop.tick()
    loop.tick(late=600)
    for _ in range(TICKS - before - 2):
        loop.tick()
    assert not pinged.is_ended
    pinged.beat += 1
    for _ in range(2 * TICKS):
        loop.tick()
    assert not pinged.is_ended


def test_a_client_that_is_not_read_from_is_excused_until_it_has_been(
    loop: Loop, pinged: Client
) -> None:
    released = pinged.held_until = loop.now + 4 * TIMEOUT
    loop.tick_until(lambda: loop.now > released + TIMEOUT)
    assert not pinged.is_ended
    assert pinged.pings >= 4  # it would take a silent server for dead
    loop.tick_until(lambda: pinged.is_ended)
    assert loop.now < released + 2 * TIMEOUT + INTERVAL / 20


def test_a_client_that_is_never_read_from_is_excused_for_a_while_only(
    loop: Loop, pinged: Client
) -> None:
    began, held = loop.now, float("inf")
    pinged.held_until = held
    loop.tick_until(lambda: pinged.is_ended)
    assert PATIENCE <= loop.now - began <= PATIENCE + TIMEOUT + INTERVAL / 20


def test_pings_are_sent_in_time_in_a_loop_that_is_late(loop: Loop) -> None:
    """Clients wait for them by clocks of their own."""
    client: Any = Client()
    began = loop.now
    Heartbeat(INTERVAL, TIMEOUT, PATIENCE).begin(client)
    loop.tick_until(lambda: client.is_pinged, late=0.5)
    assert loop.now - began < INTERVAL + 0.7
