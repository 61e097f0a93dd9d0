"""What makes no sense is answered so, and is nobody's failure: any event with any argument."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from presence_progress.server import invisible, presence_list, room_events, stock_events
from presence_progress.server.sessions import Session
from tests.server.test_sessions_that_end import World, world  # noqa: F401

_BAD: list[Any] = [None, 1, [], {}]
ODD: list[Any] = [
    *(None, True, 0, -1, 1.5, 10**30, "", "x", "presence:", "query:", "query:Airport/{", "count:a"),
    *([], {}, [[]], [{}], {"a": {}}, "presence:" + "x" * 10_000, "query:" + "[" * 1_900),
    *({"doctype": odd, "name": "KJFK"} for odd in (*_BAD, [{}], "a/b", "")),
    *({"doctype": "Airport", "name": odd} for odd in (*_BAD, "")),
    *({"doctype": "Airport", "name": "KJFK", "activity": odd} for odd in (*_BAD, "asleep")),
    *({"doctype": "Airport", "name": "KJFK", "focus": odd} for odd in (*_BAD, "a\0b", "\ud83d")),
    *({"doctype": "Airport", "names": odd} for odd in (*_BAD, "KJFK", [None], [[]], [{}])),
    *({"doctype": odd, "names": ["KJFK"]} for odd in _BAD),
]
_EVENTS = {**stock_events.EVENTS, **room_events.EVENTS, **presence_list.EVENTS, **invisible.EVENTS}


@pytest.mark.parametrize("is_in_line", [False, True], ids=["at once", "in line"])
async def test_no_argument_of_a_clients_is_a_failure_of_the_servers(
    world: World,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    is_in_line: bool,
) -> None:
    failures: list[tuple[Any, Any]] = []
    sent: list[tuple[str, Any]] = []
    now: Any = None

    def note(_: Session, *what: Any, **more: Any) -> None:
        failures.append((now, what))

    monkeypatch.setattr(Session, "_note_failure", note)
    monkeypatch.setattr(Session, "send", lambda _, event, *message: sent.append((event, message)))
    await world.connect()
    await world.settle()
    [session] = world.server._sessions.values()
    for event, odd in itertools.product(_EVENTS, ODD):
        now = event, odd
        sent.clear()
        if is_in_line:
            session.receive("task_subscribe", ["a"])
        session.receive(event, [odd])
        await world.settle()
        if event == "room_unwatch" and not isinstance(odd, str):
            assert [name for name, _ in sent] == ["room_denied"], f"{odd} is answered"
    assert failures == []
    # Nothing is in the node's book that it cannot enter again after an outage of Redis.
    world.server._node.say_again()
    await world.settle()
