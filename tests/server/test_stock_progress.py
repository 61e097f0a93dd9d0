"""Frappe's own progress is kept: over the wire, by several servers, whatever apps send."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from msgspec import Raw

from presence_progress import context, counts, keys, progress, rooms, task_room
from presence_progress.keys import EVENTS_CHANNEL
from presence_progress.server import stock_progress
from presence_progress.server.bus import Event
from presence_progress.server.stock_progress import StockProgress
from presence_progress.server.stock_runs import read
from presence_progress.task_record import ENDED, TaskRecord
from tests.server.conftest import SITE, Client, Connect, Process, Stack

EDITOR, VIEWER, NOBODY = "editor@example.com", "viewer@example.com", "no-access@example.com"
ADMIN = "Administrator"
_numbers = itertools.count(1)


@pytest.fixture
def name() -> str:
    return f"Import {next(_numbers)} of {time.time_ns()}"


def import_rows(name: str, current: int, total: int = 300, user: str = EDITOR) -> None:
    """Send what Frappe's importer sends for a row."""
    counts.publish_realtime(
        "data_import_progress",
        {
            "current": current,
            "total": total,
            "docname": "x",
            "data_import": name,
            "success": True,
            "row_indexes": [current],
            "eta": 9.9,
        },
        user=user,
    )


async def keep_saying(say: Callable[[], None], until: Awaitable[Any]) -> Any:
    """Say something again and again, as a job does, until something has happened."""
    waited = asyncio.ensure_future(until)
    while not waited.done():
        say()
        await asyncio.wait({waited}, timeout=0.1)
    return waited.result()


def state_of(task_id: str) -> dict[str, Any]:
    return rooms.snapshot(keys.task_room(task_id)).state


async def until(is_so: Callable[[], Any], seconds: float = 20) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := is_so()):
        assert time.monotonic() < deadline, "it has not come to be so"
        await asyncio.sleep(0.05)
    return found


async def listed(client: Client, room: str, task_id: str) -> dict[str, Any]:
    """Wait for a task to be on a list that is watched."""
    change = await client.wait_for(
        "room_change", lambda m: m["room"] == room and task_id in m["set"]
    )
    entry: dict[str, Any] = change["set"][task_id]
    return entry


# --- over the wire ------------------------------------------------------------------------------


async def test_an_import_of_frappes_is_there_for_whoever_comes_in_its_middle(
    server: Process, sign_in: Connect, name: str
) -> None:
    """Its page has been reloaded: stock knows nothing until the next row."""
    editor, task_id = await sign_in(EDITOR, server), f"frappe:data_import:{name}"
    await editor.watch(f"tasks:{EDITOR}")
    rows = iter(range(1, 299))
    await keep_saying(
        lambda: import_rows(name, next(rows)), listed(editor, f"tasks:{EDITOR}", task_id)
    )
    late = await sign_in(EDITOR, server)
    last = next(rows)
    import_rows(name, last)
    await until(lambda: state_of(task_id)["done"] == last)
    state = (await late.watch(f"task:{task_id}"))["state"]
    assert (
        state.items()
        >= {
            "source": "data_import",
            "state": "running",
            "attempt": 1,
            "title": name,
            "user": EDITOR,
            "doctype": "Data Import",
            "name": name,
            "done": last,
            "total": 300,
            "percent": last // 3,
            "eta": 9.9,
            "ended_at": None,
            "retryable": False,
        }.items()
    )
    assert state["started_at"] <= state_of(task_id)["started_at"] <= time.time() * 1000
    import_rows(name, 300)
    await late.wait_for("room_change", lambda m: m["set"].get("state") == "done")
    assert state_of(task_id).items() >= {"percent": 100, "done": 300}.items()
    await editor.wait_for(
        "room_change", lambda m: (m["set"].get(task_id) or {}).get("state") == "done"
    )


async def test_an_import_of_which_rows_failed_ends_with_its_refresh(
    server: Process, name: str
) -> None:
    task_id = f"frappe:data_import:{name}"
    rows = iter(range(1, 299))
    await keep_saying(lambda: import_rows(name, next(rows)), until(lambda: state_of(task_id)))
    counts.publish_realtime("data_import_refresh", {"data_import": name})
    state = await until(lambda: (s := state_of(task_id))["state"] == "done" and s)
    assert state["percent"] == 100 and state["done"] < 300


async def test_a_progress_of_a_document_is_for_its_readers(
    server: Process, sign_in: Connect, name: str
) -> None:
    viewer, nobody = await sign_in(VIEWER, server), await sign_in(NOBODY, server)
    percents = itertools.count(1)

    def say() -> None:
        message = {"percent": next(percents) / 3, "title": name, "description": "one of them"}
        counts.publish_realtime("progress", message, doctype="Airport", docname="KJFK")

    list_room = "tasks:doc:Airport/KJFK"
    await viewer.watch(list_room)

    async def is_listed() -> str:
        change = await viewer.wait_for(
            "room_change",
            lambda m: (
                m["room"] == list_room and any(task["title"] == name for task in m["set"].values())
            ),
        )
        task_id: str = next(iter(change["set"]))
        return task_id

    task_id = await keep_saying(say, is_listed())
    state = (await viewer.watch(f"task:{task_id}"))["state"]
    assert state.items() >= {"user": None, "doctype": "Airport", "name": "KJFK"}.items()
    assert state["stage"] == "one of them" and state["source"] == "progress"
    await nobody.say("room_watch", f"task:{task_id}")
    denied = await nobody.wait_for("room_denied")
    assert denied["reason"] == "not permitted"


async def test_a_users_own_progress_is_nobody_elses(
    server: Process, sign_in: Connect, name: str
) -> None:
    editor, viewer = await sign_in(EDITOR, server), await sign_in(VIEWER, server)
    counted = itertools.count(1)

    def say() -> None:
        message = {"progress": [next(counted), 400], "title": name, "description": "KJFK"}
        counts.publish_realtime("progress", message, user=EDITOR)

    await editor.watch(f"tasks:{EDITOR}")

    async def is_listed() -> str:
        change = await editor.wait_for(
            "room_change",
            lambda m: any(task.get("title") == name for task in m["set"].values()),
        )
        task_id: str = next(iter(change["set"]))
        return task_id

    task_id = await keep_saying(say, is_listed())
    await editor.watch(f"task:{task_id}")
    await viewer.say("room_watch", f"task:{task_id}")
    assert (await viewer.wait_for("room_denied"))["reason"] == "not permitted"
    # A job that knows nothing of us cannot be asked to stop.
    for event, reason in (("task_cancel", "may not cancel"), ("task_retry", "may not retry")):
        editor.forget()
        await editor.say(event, task_id)
        assert (await editor.wait_for("room_denied"))["reason"] == reason
    assert progress.cancel(task_id) in ("running", False, None)
    assert state_of(task_id)["state"] == "running"


async def test_a_bulk_action_is_his_whose_page_alone_listens_to_it(
    server: Process, sign_in: Connect, name: str
) -> None:
    """The id of a bulk action is made by the page; no event says whose it is."""
    editor, viewer = await sign_in(EDITOR, server), await sign_in(VIEWER, server)
    task_id, counted = f"frappe:task:{name}", itertools.count(1)
    await editor.say("task_subscribe", name)
    await editor.settle()

    def say() -> None:
        message = {"percent": next(counted) / 5, "title": "Submitting", "description": "x"}
        counts.publish_realtime("progress", message, task_id=name)

    await editor.watch(f"tasks:{EDITOR}")
    await keep_saying(say, listed(editor, f"tasks:{EDITOR}", task_id))
    assert state_of(task_id)["user"] == EDITOR
    # That others listen now gives them nothing: the first one has it.
    await viewer.say("task_subscribe", name)
    await viewer.say("room_watch", f"task:{task_id}")
    assert (await viewer.wait_for("room_denied"))["reason"] == "not permitted"


async def test_a_task_of_nobodys_is_for_the_administrator(
    server: Process, sign_in: Connect, name: str
) -> None:
    task_id = f"frappe:task:{name}"

    def say() -> None:
        counts.publish_realtime(message={"message": "one more line"}, task_id=name)

    state = await keep_saying(say, until(lambda: state_of(task_id)))
    assert state.items() >= {"user": None, "percent": None, "total": None, "done": 0}.items()
    editor, admin = await sign_in(EDITOR, server), await sign_in(ADMIN, server)
    await editor.say("room_watch", f"task:{task_id}")
    assert (await editor.wait_for("room_denied"))["reason"] == "not permitted"
    assert (await admin.watch(f"task:{task_id}"))["state"]["stage"] == "one more line"


async def test_a_background_task_of_develops_is_bridged_from_its_events(
    server: Process, name: str
) -> None:
    task_id = f"frappe:background_task:{name}"

    def say(**more: Any) -> None:
        message = {"task_id": name, "task_name": "Big Report", **more}
        counts.publish_realtime("task_update", message, user=EDITOR)

    say(status="Queued")
    state = await until(lambda: state_of(task_id))
    assert state["state"] == "queued" and state["started_at"] is None
    say(status="Running", progress=0)
    say(progress=100, stage="Writing")
    state = await until(lambda: (s := state_of(task_id))["stage"] == "Writing" and s)
    assert state.items() >= {"state": "running", "percent": 99, "title": "Big Report"}.items()
    say(status="Failed")
    state = await until(lambda: (s := state_of(task_id))["state"] == "failed" and s)
    assert state["attempt"] == 1 and state["ended_at"] >= state["started_at"]
    say(status="Queued")
    state = await until(lambda: (s := state_of(task_id))["state"] == "queued" and s)
    assert state.items() >= {"attempt": 2, "ended_at": None, "stage": None}.items()
    say(status="Completed")
    state = await until(lambda: (s := state_of(task_id))["state"] == "done" and s)
    assert state["source"] == "background_task" and state["user"] == EDITOR


async def test_what_is_over_at_once_is_not_kept(
    server: Process, client: redis.Redis, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    # In one piece: with a break of a second they would not be over at once.
    with client.pipeline() as piece, monkeypatch.context() as patch:
        patch.setattr(context, "redis", lambda: piece)
        for row in range(1, 31):
            import_rows(name, row, 30)
        for row in range(40):
            title = {"percent": 2 * row, "title": f"Row {row} of {name}"}
            counts.publish_realtime("progress", title, user=VIEWER)
        piece.execute()
    # One that lasts tells when those had their time.
    other, rows = f"{name} lasts", iter(range(1, 299))
    await keep_saying(
        lambda: import_rows(other, next(rows)),
        until(lambda: state_of(f"frappe:data_import:{other}")),
    )
    assert state_of(f"frappe:data_import:{name}") == {}
    assert f"frappe:data_import:{name}" not in rooms.snapshot(f"tasks:{EDITOR}").state
    titles = [task["title"] for task in rooms.snapshot(f"tasks:{VIEWER}").state.values()]
    assert sum(name in title for title in titles) <= 1


async def test_the_job_of_another_day_is_the_next_attempt(server: Process, name: str) -> None:
    task_id, rows = f"frappe:data_import:{name}", iter(range(1, 299))
    await keep_saying(lambda: import_rows(name, next(rows)), until(lambda: state_of(task_id)))
    import_rows(name, 300)
    await until(lambda: state_of(task_id)["state"] == "done")
    rows = iter(range(1, 299))
    state = await keep_saying(
        lambda: import_rows(name, next(rows)),
        until(lambda: (s := state_of(task_id))["attempt"] == 2 and s),
    )
    assert state["state"] == "running" and state["done"] < 300 and state["ended_at"] is None


MALFORMED: Sequence[Any] = [
    *(None, True, 7, -0.5, "", "Failed", [], [1], [1, "x"], {"percent": {}}, {"percent": []}),
    *({"percent": "x" * 9_000, "title": {"a": 1}}, {"progress": [None, None], "title": 5}),
    *({"percent": 10**30}, {"current": "1", "total": "x", "data_import": "\u0000"}),
    *({"task_id": 7, "status": 7}, {"data_import": 5}, {"title": "t" * 300_000, "percent": 1}),
    {"percent": 1, "title": "<" * 60_000},
]


async def test_stock_clients_get_everything_as_it_was_sent(
    server: Process, sign_in: Connect, client: redis.Redis, name: str
) -> None:
    """Whatever apps send: nothing is held up, and nothing of ours comes in between."""
    editor = await sign_in(EDITOR, server)
    events = ["progress", "task_progress", "data_import_progress", "data_import_refresh"]
    sent = [(event, message) for event in [*events, "task_update"] for message in MALFORMED]
    for event, message in sent:
        envelope = {"event": event, "message": message, "room": f"user:{EDITOR}"}
        client.publish(EVENTS_CHANNEL, json.dumps({**envelope, "namespace": SITE}))
    counts.publish_realtime("last", user=EDITOR)
    await editor.wait_for("last")
    assert editor.heard[:-1] == sent
    rows = iter(range(1, 299))
    await keep_saying(
        lambda: import_rows(name, next(rows)), until(lambda: state_of(f"frappe:data_import:{name}"))
    )


async def test_a_task_of_ours_is_never_overwritten(
    server: Process, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Not even one that was named to be."""
    # Nobody says that its job lives, and nothing but the other one is to change it.
    monkeypatch.setattr(task_room, "TASK_LEASE", 60_000)
    task_id = f"frappe:data_import:{name}"
    ours = TaskRecord(task_id, SITE, VIEWER, "Ours", total=2, state="running")
    rooms.run(context.store(), task_room.begin_call(ours, "holder"))
    before = state_of(task_id)
    rows = iter(range(1, 299))
    other = f"{name} too"

    def say() -> None:
        import_rows(name, row := next(rows))
        import_rows(other, row)

    await keep_saying(say, until(lambda: state_of(f"frappe:data_import:{other}")))
    assert state_of(task_id) == before


# --- several servers ----------------------------------------------------------------------------


async def test_the_same_value_is_written_once_by_two_servers_and_the_last_one_at_once(
    own_stack: Stack, sign_in: Connect, name: str
) -> None:
    one, other = own_stack.start_server(), own_stack.start_server()
    watcher, task_id = await sign_in(EDITOR, one), f"frappe:data_import:{name}"
    rows = iter(range(1, 900))
    await keep_saying(lambda: import_rows(name, next(rows), 900), until(lambda: state_of(task_id)))
    await watcher.watch(f"task:{task_id}")
    for _ in range(60):
        import_rows(name, next(rows), 900)
        await asyncio.sleep(0.01)
    # The server that wrote is gone, whichever it was: the other goes on where that was.
    other.stop(kill=True)
    reached = state_of(task_id)["done"]
    await keep_saying(
        lambda: import_rows(name, next(rows), 900),
        until(lambda: state_of(task_id)["done"] > reached + 10),
    )
    third = own_stack.start_server()
    import_rows(name, 900, 900)
    await watcher.wait_for("room_change", lambda m: m["set"].get("state") == "done")
    state = state_of(task_id)
    assert state.items() >= {"done": 900, "percent": 100, "attempt": 1}.items()
    done = [m["set"]["done"] for m in watcher.changes(f"task:{task_id}") if "done" in m["set"]]
    assert done == sorted(set(done))
    third.stop()


async def test_a_server_that_starts_in_the_middle_goes_on(own_stack: Stack, name: str) -> None:
    task_id, rows = f"frappe:data_import:{name}", iter(range(1, 299))
    first = own_stack.start_server()
    await keep_saying(lambda: import_rows(name, next(rows)), until(lambda: state_of(task_id)))
    first.stop(kill=True)
    own_stack.start_server()
    # Its end is all that the second one hears: too little to keep, and an end nevertheless.
    import_rows(name, 300)
    state = await until(lambda: (s := state_of(task_id))["state"] == "done" and s)
    assert state["attempt"] == 1 and state["done"] == 300


# --- every interleaving -------------------------------------------------------------------------


class Calls:
    """The server's calls, one after the other and at once: the test says who is when."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self.meanwhile: Callable[[], None] = lambda: None
        """What happens while Redis writes."""

    async def run(self, call: rooms.Call[Any]) -> Any:
        return rooms.run(self._client, call)

    async def run_steps(self, steps: rooms.Steps[Any]) -> Any:
        return rooms.run_steps(self._client, steps)

    async def try_all(self, calls: Sequence[rooms.Call[Any]]) -> list[Any]:
        results = [rooms.run(self._client, call) for call in calls]
        self.meanwhile()
        return results


class Server:
    """A server that hears what was said when it is told to, and writes when it is told to."""

    def __init__(self, client: redis.Redis, heard: int = 0, *listeners: str) -> None:
        self.heard = heard
        self.calls = Calls(client)
        self.keeps = StockProgress(self.calls, lambda *_: {*listeners})  # type: ignore[arg-type]

    def hear(self, said: Sequence[Event]) -> None:
        if self.heard < len(said):
            self.keeps.hear(said[self.heard])
            self.heard += 1

    def write(self, said: Sequence[Event] = ()) -> None:
        # One that is not part of a run yet writes when it has read what has come.
        if not any(run.attempt for kept in self.keeps._known.values() for run in kept.runs):
            while self.heard < len(said):
                self.hear(said)
        asyncio.run(self.keeps._write(time.monotonic() + 60))


async def leave_untold(*_: Any) -> None:
    """Lists are no part of it."""


def say(name: str, value: int, stage: int) -> Event:
    message = {"percent": value, "title": name, "description": f"{stage}"}
    return Event("progress", Raw(json.dumps(message).encode()), f"user:{EDITOR}", SITE)


EXAMPLES = int(os.environ.get("PP_MODEL_EXAMPLES", "40"))
RUN = st.lists(st.integers(1, 99), min_size=1, max_size=8).map(sorted)
ACTIONS = st.lists(
    st.sampled_from(
        [
            *(("say", number) for number in (1, 2, 3)),
            *(("hear", number) for number in (0, 1, 2, 1, 2)),
            *(("write", number) for number in (0, 1, 2, 1, 2)),
            ("restart", 1),
        ]
    ),
    min_size=40,
    max_size=120,
)


def story(*parts: tuple[str, int] | tuple[str, int, int]) -> list[tuple[str, int]]:
    """Return actions: what, with which number, and how often."""
    return [(what, number) for what, number, *times in parts for _ in range(*times or [1])]


# Two servers are late by a whole run, whose end the third one has written before it is restarted.
LATE_BY_A_RUN = [
    story(
        *(("say", said), ("write", 0), ("write", 1), ("write", 2), ("say", more)),
        *(("hear", 0, late), ("hear", 1), ("write", 1, 2), ("say", 1), ("restart", 1)),
    )
    for said, more, late in [(9, 15, 4), (5, 10, 6)]
]


@pytest.mark.timeout(0)
@settings(
    max_examples=EXAMPLES,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(RUN, min_size=1, max_size=3), ACTIONS)
@example([[1] * 8, [1] * 8, [1] * 6 + [2]], LATE_BY_A_RUN[0])
@example([[1] * 4, [1] * 2, [1] * 7 + [2]], LATE_BY_A_RUN[1])
def test_no_interleaving_of_servers_takes_a_value_back(
    client: redis.Redis, monkeypatch: pytest.MonkeyPatch, runs: list[list[int]], actions: Any
) -> None:
    """All hear the same, each at its pace; one of them is restarted. Silence is believed
    only in the end, so nothing depends on how fast the test is."""
    monkeypatch.setattr(stock_progress, "KEEP_AFTER", 0.0)
    monkeypatch.setattr(task_room, "FLUSH_INTERVAL", 0.0)
    monkeypatch.setattr(task_room, "STOCK_SILENCE", 10**9)
    monkeypatch.setattr(StockProgress, "_tell", leave_untold)
    name = f"Run {next(_numbers)}"
    # Each run but the last reaches its end: so each is one attempt at most.
    values = [value for run in runs[:-1] for value in [*run, 100]] + runs[-1]
    to_say = [say(name, value, number) for number, value in enumerate(values)]
    heard = read(to_say[0])
    assert heard
    said: list[Event] = []
    servers = [Server(client) for _ in range(3)]
    seen: list[dict[str, Any]] = [{}]

    def write(server: Server) -> None:
        server.write(said)
        state = state_of(heard.task_id)
        if state and state != seen[-1]:
            seen.append(state)

    for what, number in actions:
        if what == "say":
            said += to_say[len(said) : len(said) + number]
        elif what == "hear":
            servers[number].hear(said)
        elif what == "write":
            write(servers[number])
        else:
            servers[number] = Server(client, len(said))
    said += to_say[len(said) :]
    for server in [*servers[1:], servers[0]]:
        while server.heard < len(said):
            server.hear(said)
    for server in servers * 3:
        write(server)
    # Who waits for others to go on believes at last that they do not.
    monkeypatch.setattr(task_room, "STOCK_SILENCE", 0)
    for server in servers * 2:
        write(server)

    for before, after in itertools.pairwise(seen[1:]):
        assert before["attempt"] <= after["attempt"]
        if before["attempt"] == after["attempt"]:
            assert before["percent"] <= after["percent"]
            # Who has begun to listen in the middle of a run cannot count how many times a value was
            # said: beside others who are late it may take its description back for a moment.
            if before["percent"] == after["percent"] and ("restart", 1) not in actions:
                assert int(before["stage"]) <= int(after["stage"])
            assert before["state"] == after["state"] or before["state"] not in ENDED
    assert seen[-1]["attempt"] <= len(runs)
    assert seen[-1]["percent"] == runs[-1][-1]
    assert seen[-1]["stage"] == str(len(said) - 1)


def test_what_is_heard_while_redis_writes_is_written_next(
    client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stock_progress, "KEEP_AFTER", 0.0)
    monkeypatch.setattr(task_room, "FLUSH_INTERVAL", 0.0)
    name, server = f"Busy {next(_numbers)}", Server(client)
    server.keeps.hear(say(name, 1, 1))
    [(_, task_id)] = server.keeps._known
    server.calls.meanwhile = lambda: server.keeps.hear(say(name, 100, 2))
    server.write()
    server.calls.meanwhile = lambda: server.keeps.hear(say(name, 7, 3))
    server.write()
    # The end is there, and nobody had to wait for it: only then has the next run begun.
    assert state_of(task_id).items() >= {"state": "done", "stage": "2", "attempt": 1}.items()
    server.write()
    assert state_of(task_id).items() >= {"state": "running", "percent": 7, "attempt": 2}.items()


# --- silence ------------------------------------------------------------------------------------


def test_what_falls_silent_is_stalled_then_lost_and_comes_back_as_the_next_attempt(
    client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stock_progress, "KEEP_AFTER", 0.0)
    monkeypatch.setattr(task_room, "FLUSH_INTERVAL", 0.0)
    name, server = f"Silent {next(_numbers)}", Server(client)
    server.keeps.hear(say(name, 1, 1))
    server.write()
    [(site, task_id)] = server.keeps._known
    work = keys.task_keys(site, task_id)[1]

    def sweep() -> task_room.Swept:
        return rooms.run(context.store(), task_room.sweep_call(site, task_id))

    assert sweep().state == "running"
    client.hset(work, "lease", 1)
    swept = sweep()
    assert swept.state == "stalled"
    # Far more patient than with a job of ours, which says that it lives.
    assert swept.due > 20 * 60_000
    server.keeps.hear(say(name, 2, 2))
    server.write()
    assert state_of(task_id)["state"] == "running"
    assert sweep().state == "running"
    client.hset(work, "lost_at", 1)
    assert sweep().state == "lost"
    server.write()
    assert state_of(task_id)["state"] == "lost"
    server.keeps.hear(say(name, 3, 3))
    server.write()
    assert state_of(task_id).items() >= {"state": "running", "attempt": 2, "percent": 3}.items()
    assert state_of(task_id)["user"] == EDITOR


def test_a_task_that_comes_back_is_still_his_who_was_found_to_own_it(
    client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a server that does not know him; a later run may be somebody else's."""
    monkeypatch.setattr(stock_progress, "KEEP_AFTER", 0.0)
    monkeypatch.setattr(task_room, "FLUSH_INTERVAL", 0.0)
    task_id = f"bulk {next(_numbers)}"

    def percent(value: int) -> Event:
        message = Raw(json.dumps({"percent": value}).encode())
        return Event("progress", message, f"task_progress:{task_id}", SITE)

    def hear(value: int, *servers: Server) -> dict[str, Any]:
        for server in servers:
            server.keeps.hear(percent(value))
            server.write()
        return state_of(f"frappe:task:{task_id}")

    one, his, many = Server(client), Server(client, 0, EDITOR), Server(client, 0, EDITOR, VIEWER)
    assert hear(1, many, one)["user"] is None
    assert hear(2, many, his, one)["user"] == EDITOR
    work = keys.task_keys(SITE, f"frappe:task:{task_id}")[1]
    client.hset(work, mapping={"lease": 1, "lost_at": 1})
    rooms.run(context.store(), task_room.sweep_call(SITE, f"frappe:task:{task_id}"))
    assert hear(3, one).items() >= {"attempt": 2, "user": EDITOR}.items()
    assert hear(100, one)["state"] == "done"
    assert hear(1, one).items() >= {"attempt": 3, "user": None}.items()
