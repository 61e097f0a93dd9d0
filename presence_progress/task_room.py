"""What is done to a task's room, and what follows from it in others: calls that a job, a web
request or the server runs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from presence_progress import due, keys, rooms
from presence_progress.settings import (
    CANCEL_GRACE,
    FLUSH_INTERVAL,
    STOCK_LOST_AFTER,
    STOCK_SILENCE,
    TASK_LEASE,
    TASK_LOST_AFTER,
    TASK_TTL,
    TASKS_LISTED,
)
from presence_progress.task_record import ENDED, Message, State, TaskRecord, message_arguments

SEEN_AT = "seen_at"
"""Beside its tasks, a user's list says until when he has seen how they ended: ms since 1970."""


# --- the job's own calls --------------------------------------------------------------------------


class Begun(NamedTuple):
    """What came of a beginning: ``state`` is "running", or "cancelled" or "superseded" when the job
    is not to run."""

    state: str
    attempt: int
    epoch: str
    checkpoint: dict[str, Any] | None


def begin_call(task: TaskRecord, holder: str, *, goes_on: bool = False) -> rooms.Call[Begun]:
    """Begin the attempt that a job was made for, or the next one when it runs again; the same
    ``holder`` is told the same again. It ``goes_on`` when it was taken for lost, and was not."""

    def read(reply: Sequence[Any]) -> Begun:
        state, attempt, epoch, checkpoint = reply
        known = json.loads(checkpoint) if checkpoint else None
        return Begun(rooms.text(state), int(attempt), rooms.text(epoch), known)

    identity = {**task.identity(), "started_at": task.started_at}
    fields = {**identity, **task.fields("running")}
    return _call(
        "task_begin",
        *(task.site, task.task_id),
        [
            *(task.attempt, TASK_LEASE, holder, int(goes_on), len(identity)),
            *rooms.field_arguments(fields),
        ],
        read,
        due.note(task.site, task.room),
    )


class Written(NamedTuple):
    """What a task is after it was written: not ``is_taken`` means refused.

    ``superseded`` when a later attempt has taken over, or another process this one. Another epoch
    than before means that Redis had lost the room; ``is_news``, that it did not know that the job
    runs: it has gone back, at least.
    """

    state: str
    epoch: str
    is_taken: bool
    is_news: bool


def write_call(
    task: TaskRecord,
    holder: str = "",
    *,
    state: State | None = None,
    checkpoint: Mapping[str, Any] | None = None,
    traceback: str = "",
    messages: Mapping[int, Message] | None = None,
) -> rooms.Call[Written]:
    """Write the task whole, and what of the rest is new; ``holder`` is the process that makes its
    attempt, and ``state`` the task's as it was before the rest was looked at."""
    state = state or task.state
    fields = task.fields(state)
    return _call(
        "task_write",
        *(task.site, task.task_id),
        [
            *(task.attempt, state, TASK_LEASE if state == "running" else 0),
            rooms.to_json(checkpoint, "checkpoint") if checkpoint else "",
            *(traceback, holder, len(fields)),
            *rooms.field_arguments(fields),
            *message_arguments(messages or {}),
        ],
        _read_written,
        due.note(task.site, task.room) if state in ENDED else (),
    )


def _read_written(reply: Sequence[Any]) -> Written:
    state, epoch, is_taken, is_news = reply
    return Written(rooms.text(state), rooms.text(epoch), bool(is_taken), bool(is_news))


class Renewed(NamedTuple):
    """The state that holds now, and whether the job has been cancelled for so long that it is to be
    killed."""

    state: str
    is_to_be_killed: bool


def renew_call(site: str, task_id: str, holder: str) -> rooms.Call[Renewed]:
    """Say that a job's process lives, whatever its attempt is by now."""
    return _call(
        "task_renew",
        site,
        task_id,
        [holder, TASK_LEASE],
        lambda reply: Renewed(rooms.text(reply[0]), bool(reply[1])),
    )


def note_call(site: str, task_id: str, what: str, value: str | int) -> rooms.Call[None]:
    """Note something beside a task that no watcher sees: ``job``, how to start it again, or
    ``settled``, the attempt whose end everybody knows."""
    return _call("task_note", site, task_id, [what, value], lambda reply: None)


# --- what servers hear of stock tasks -------------------------------------------------------------


class Passed(NamedTuple):
    """What came of a write, as ``task_pass.lua`` has it; the attempt is 0 when it is not known."""

    answer: str
    attempt: int
    epoch: str
    is_to_be_told: bool
    is_new: bool
    """Whether the attempt was made by this."""


def pass_call(
    site: str,
    task_id: str,
    fields: Mapping[str, Any],
    *,
    run: tuple[int, int],
    state: str,
    value: float | None,
    count: int,
    age: int,
    may_begin: bool,
    is_over: bool,
    lease: int,
    user: str | None,
) -> rooms.Call[Passed]:
    """Keep what was heard of a task that is not ours.

    ``run`` is the attempt that it is and the one that it came after, 0 for what is not known;
    ``value`` is how far it is, None to end it wherever it is; ``age`` and ``lease`` are ms.
    """
    # A room that is known is in line for its sweep already.
    is_due = run[0] == 0 or state in ENDED
    return _call(
        "task_pass",
        *(site, task_id),
        [
            *(*run, state, "" if value is None else repr(value), count, age),
            *(
                int(may_begin),
                int(is_over),
                lease,
                STOCK_LOST_AFTER,
                int(FLUSH_INTERVAL * 1000),
                STOCK_SILENCE,
                user or "",
            ),
            *rooms.field_arguments(fields),
        ],
        lambda reply: Passed(
            *(rooms.text(reply[0]), int(reply[1]), rooms.text(reply[2])),
            *(bool(reply[3]), bool(reply[4])),
        ),
        due.note(site, keys.task_room(task_id)) if is_due else (),
    )


# --- what others do -------------------------------------------------------------------------------


class Swept(NamedTuple):
    """A task after a sweep: in how many ms it is due again, or -1, whether its state has
    changed, and whether it has ended and not everybody knows."""

    due: int
    state: str
    has_changed: bool
    is_unsettled: bool


def sweep_call(site: str, task_id: str, *, gone: str = "") -> rooms.Call[Swept]:
    """Let happen what happens by itself; ``gone`` is the holder whose process is known to have
    ended."""
    return _call(
        "task_sweep",
        site,
        task_id,
        [TASK_LOST_AFTER, gone],
        lambda reply: Swept(int(reply[0]), rooms.text(reply[1]), bool(reply[2]), bool(reply[3])),
    )


class Retried(NamedTuple):
    """The attempt that is to be made, 0 for none; the job as it was noted, and from where it goes
    on."""

    attempt: int
    job: str
    checkpoint: dict[str, Any] | None


def retry_call(site: str, task_id: str, user: str) -> rooms.Call[Retried]:
    """Make the next attempt of a task that has failed, or was cancelled or lost."""

    def read(reply: Sequence[Any]) -> Retried:
        if not reply:
            return Retried(0, "", None)
        attempt, job, checkpoint = reply
        return Retried(
            int(attempt), rooms.text(job), json.loads(checkpoint) if checkpoint else None
        )

    return _call("task_retry", site, task_id, [user], read)


class Details(NamedTuple):
    """What is too long for a room."""

    traceback: str | None
    messages: list[Message]


def details_call(site: str, task_id: str) -> rooms.Call[Details]:
    """Read all messages that were kept, in their order, and the traceback of a failure."""

    def read(reply: Sequence[Any]) -> Details:
        traceback, *messages = map(rooms.text, reply)
        kept = sorted(map(json.loads, messages), key=lambda message: int(message["n"]))
        return Details(traceback or None, kept)

    return _call("task_details", site, task_id, [], read)


def cancel(site: str, task_id: str, user: str) -> rooms.Steps[str]:
    """Ask a task and its children to stop; comes to the state that holds now, ``""`` when there is
    no such task."""
    state, children = yield _cancel_call(site, task_id, user)
    for child in children:
        yield from cancel(site, child, user)
    if state:
        yield from tell(site, task_id)
    return str(state)


def _cancel_call(site: str, task_id: str, user: str) -> rooms.Call[tuple[str, list[str]]]:
    def read(reply: Sequence[Any]) -> tuple[str, list[str]]:
        state, *children = map(rooms.text, reply)
        return state, children

    note = due.note(site, keys.task_room(task_id))
    return _call("task_cancel", site, task_id, [user, CANCEL_GRACE], read, note)


# --- what follows in other rooms ------------------------------------------------------------------


def tell(site: str, task_id: str) -> rooms.Steps[dict[str, Any]]:
    """Bring the lists and the parent up to date with a task, as often as one likes; comes to its
    state."""
    state: dict[str, Any] = (yield rooms.snapshot_call(site, keys.task_room(task_id))).state
    if state:
        yield from list_steps(site, task_id, state)
        if state.get("parent"):
            has_ended = yield child_call(
                site, state["parent"], task_id, state["state"], state["attempt"]
            )
            if has_ended:
                yield from tell(site, state["parent"])
    return state


def child_call(site: str, parent: str, child: str, state: str, attempt: int) -> rooms.Call[bool]:
    """Tell a task in which state a child is, in which attempt; returns whether it has ended with
    this."""
    note = due.note(site, keys.task_room(parent)) if state in ENDED else ()
    return _call(
        "task_child", site, parent, [child, state, attempt], lambda reply: bool(reply[1]), note
    )


def list_rooms(state: Mapping[str, Any]) -> list[str]:
    """Return the rooms that list a task: its owner's, and those of what it is about."""
    user = state.get("user")  # a stock task may be nobody's
    listed = [keys.user_tasks_room(user)] if user else []
    doctype, name = state.get("doctype"), state.get("name")
    if doctype:
        listed.append(keys.doctype_tasks_room(doctype))
    if doctype and name:
        listed.append(keys.document_tasks_room(doctype, name))
    return listed


def list_steps(site: str, task_id: str, state: Mapping[str, Any]) -> rooms.Steps[None]:
    """Bring the lists up to date with a task's state, the fields of its room."""
    entry = {name: state.get(name) for name in ("title", "state", "user", "queued_at", "ended_at")}
    # A child is seen in its parent; a hundred of them would push out all else.
    for room in [] if state.get("parent") else list_rooms(state):
        yield rooms.set_call(site, room, TASK_TTL, {task_id: entry})


def prune(site: str, state: Mapping[str, Any]) -> rooms.Steps[None]:
    """Forget the oldest ended tasks of the lists that a task is in, where they have grown too
    long."""
    for room in list_rooms(state):
        listed: rooms.Snapshot = yield rooms.snapshot_call(site, room)
        ended = sorted(
            (entry.get("ended_at") or 0, task_id)
            for task_id, entry in listed.state.items()
            if task_id != SEEN_AT and entry.get("state") in ENDED
        )
        surplus = [task_id for _, task_id in ended[:-TASKS_LISTED]]
        if surplus:
            yield rooms.set_call(site, room, TASK_TTL, {}, surplus)


def seen_call(site: str, user: str, until: int) -> rooms.Call[Any]:
    """Note until when a user has seen how his tasks ended; ms since 1970."""
    return rooms.set_call(site, keys.user_tasks_room(user), TASK_TTL, {SEEN_AT: until})


def _call(
    script: str,
    site: str,
    task_id: str,
    arguments: Sequence[str | int],
    read: Any,
    before: Sequence[tuple[str | int, ...]] = (),
) -> rooms.Call[Any]:
    common: list[str | int] = [site, keys.task_room(task_id), TASK_TTL]
    return rooms.Call(script, keys.task_keys(site, task_id), [*common, *arguments], read, before)
