"""What a task's room holds, and the calls that write it: built here, run by a job, by a web request
or by the server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, NamedTuple

from presence_progress import keys, rooms
from presence_progress.estimate import percent
from presence_progress.settings import (
    MAX_MESSAGE_LENGTH,
    MAX_MESSAGES,
    TASK_TTL,
    TASKS_LISTED,
)

State = Literal["queued", "running", "cancelling", "done", "failed", "cancelled"]
ENDED = frozenset({"done", "failed", "cancelled"})


@dataclass
class TaskRecord:
    """Everything that is known of one attempt of a task; its fields are the room's, times are ms
    since 1970."""

    task_id: str
    site: str
    user: str
    title: str
    doctype: str | None = None
    name: str | None = None
    attempt: int = 1
    state: State = "queued"
    stage: str | None = None
    done: int = 0
    total: int | None = None
    rate: float | None = None
    eta: float | None = None
    ok: int = 0
    warnings: int = 0
    errors: int = 0
    messages: list[dict[str, Any]] = field(default_factory=list)
    error: str | None = None
    queued_at: int | None = None
    started_at: int | None = None
    ended_at: int | None = None

    @property
    def room(self) -> str:
        return keys.task_room(self.task_id)

    def note(self, level: Literal["warning", "error"], message: str, row: int | None) -> None:
        """Count a row's message, and keep it while there is room for it."""
        if level == "warning":
            self.warnings += 1
        else:
            self.errors += 1
        if len(self.messages) < MAX_MESSAGES:
            text = message[:MAX_MESSAGE_LENGTH]
            self.messages.append({"level": level, "row": row, "message": text})

    def fields(self) -> dict[str, Any]:
        """Return the room's fields but ``attempt`` and ``state``, which the script judges."""
        known = asdict(self)
        for name in ("task_id", "site", "attempt", "state"):
            del known[name]
        known["percent"] = percent(self.done, self.total, ended=self.state == "done")
        known["rate"] = None if self.rate is None else round(self.rate, 1)
        known["eta"] = None if self.eta is None or self.state in ENDED else round(self.eta, 1)
        return known


class Written(NamedTuple):
    """What a task is after it was written: another state than was written means refused.

    ``superseded`` when a later attempt has taken over. Another epoch than before means that Redis
    had lost the room.
    """

    state: str
    epoch: str


def write_call(task: TaskRecord) -> rooms.Call[Written]:
    """Write the task whole."""
    return rooms.Call(
        "task_write",
        [keys.room_key(task.site, task.room)],
        [
            # The state first, then the rest: a job that is ending sets them the other way round.
            *(task.site, task.room, TASK_TTL, task.attempt, task.state),
            *rooms.field_arguments(task.fields()),
        ],
        lambda reply: Written(rooms.text(reply[0]), rooms.text(reply[1])),
    )


def cancel_call(site: str, task_id: str, user: str) -> rooms.Call[str]:
    """Ask a task to stop; returns the state that holds now, ``""`` when there is no such task."""
    room = keys.task_room(task_id)
    return rooms.Call(
        "task_cancel", [keys.room_key(site, room)], [site, room, TASK_TTL, user], rooms.text
    )


def list_rooms(user: str, doctype: str | None) -> list[str]:
    """Return the rooms that list a task: its owner's, and its reference DocType's."""
    listed = [keys.user_tasks_room(user)]
    if doctype:
        listed.append(keys.doctype_tasks_room(doctype))
    return listed


def list_calls(site: str, task_id: str, state: dict[str, Any]) -> list[rooms.Call[Any]]:
    """Bring the lists up to date with a task's state (the fields of its room, or those of a
    record)."""
    entry = {name: state.get(name) for name in ("title", "state", "user", "queued_at", "ended_at")}
    return [
        rooms.set_call(site, room, TASK_TTL, {task_id: entry})
        for room in list_rooms(state["user"], state.get("doctype"))
    ]


def prune_call(site: str, listed: rooms.Snapshot) -> rooms.Call[Any] | None:
    """Forget the oldest ended tasks of a list that has grown too long; None when it has not."""
    ended = sorted(
        (entry.get("ended_at") or 0, task_id)
        for task_id, entry in listed.state.items()
        if entry.get("state") in ENDED
    )
    surplus: Sequence[str] = [task_id for _, task_id in ended[:-TASKS_LISTED]]
    return rooms.set_call(site, listed.room, TASK_TTL, {}, surplus) if surplus else None
