"""What Frappe's own progress events say, and where one run of a job ends and its next begins. No
I/O, no clock.

Events carry no identity of a run, and apps send what they like: whatever cannot be read is left
out, and nothing here raises for it.
"""

from __future__ import annotations

import functools
import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from presence_progress import keys
from presence_progress.server.bus import Event
from presence_progress.settings import (
    BACKGROUND_TASK_LEASE,
    MAX_MESSAGE_LENGTH,
    MAX_STOCK_MESSAGE,
    STOCK_LEASE,
)
from presence_progress.task_record import ENDED, State, plain_text

Source = Literal["progress", "data_import", "background_task"]

DEFAULT_TITLE = "Progress"
"""What Frappe's page shows when a progress has no title."""

_MAX_TITLE = 140
_MAX_ID = 200
_FULL = 99.9999
"""Percent from which it is the whole: ``i / n * 100`` may miss it by a hair."""
_LONG_SILENCE = STOCK_LEASE / 1000
"""Seconds after which what is less than before is another run."""

_STATES: Mapping[str, State] = {
    "queued": "queued",
    "running": "running",
    "started": "running",
    "completed": "done",
    "success": "done",
    "failed": "failed",
    "error": "failed",
    "cancelled": "cancelled",
    "stopped": "cancelled",
}


@dataclass(frozen=True)
class Heard:
    """What one event says; None for what it leaves open."""

    task_id: str
    source: Source
    room: str
    """Where it was sent, which says who may know of it."""
    title: str = ""
    stage: str | None = None
    user: str | None = None
    doctype: str | None = None
    name: str | None = None
    state: State | None = None
    value: float | None = None
    """Percent, from 0 to 100."""
    done: int | None = None
    total: int | None = None
    """Steps; None when only a percentage was said."""
    eta: float | None = None
    ends_only: bool = False
    """It says that something has ended, and is no beginning."""
    goes_by_title: bool = False
    """Its identity is its title: without one it belongs to what its room heard of last."""

    @property
    def lease(self) -> int:
        """For how long it is not stalled, ms."""
        return BACKGROUND_TASK_LEASE if self.source == "background_task" else STOCK_LEASE


# --- reading ------------------------------------------------------------------------------------


def read(event: Event) -> Heard | None:
    """Read an event of one of the :data:`EVENTS`; None when there is nothing to keep."""
    if not event.site or not event.room or memoryview(event.message).nbytes > MAX_STOCK_MESSAGE:
        return None
    message = event.value
    if isinstance(message, str):
        message = {"message": message}
    elif isinstance(message, (int, float, list)):
        message = {"progress": message}
    if not isinstance(message, dict):
        return None
    heard = EVENTS[event.event](event.room, message)
    if heard and _fits(heard.user, heard.doctype, heard.name, heard.task_id):
        return heard
    return None


def _progress(room: str, message: dict[str, Any]) -> Heard | None:
    if room.startswith("task_progress:"):
        return _task_progress(room, message)
    user, doctype, name = _audience(room)
    if not (user or doctype):
        return None  # All of a site is nobody who could be asked for a right.
    title = message.get("title") or ""
    return Heard(
        _id("progress", _digest(room, str(message.get("task_id") or title))),
        "progress",
        room,
        _text(title, _MAX_TITLE),
        _stage(message),
        *(user, doctype, name),
        **_how_far(message),
        goes_by_title=not message.get("task_id"),
    )


def _task_progress(room: str, message: dict[str, Any]) -> Heard | None:
    kind, _, task_id = room.partition(":")
    if kind != "task_progress":
        return _progress(room, message)
    if not task_id:
        return None
    how_far = _how_far(message)
    return Heard(
        _id("task", task_id),
        "progress",
        room,
        _text(message.get("title"), _MAX_TITLE),
        _stage(message),
        **{**how_far, "state": _state(message) or how_far["state"]},
    )


def _data_import(room: str, message: dict[str, Any]) -> Heard | None:
    name = message.get("data_import")
    if not name or not isinstance(name, str):
        return None
    return Heard(
        _id("data_import", name),
        "data_import",
        room,
        _text(name, _MAX_TITLE),
        user=_audience(room)[0],
        doctype="Data Import",
        name=name,
        **_how_far(message),
        eta=_amount(message.get("eta")),
    )


def _data_import_refresh(room: str, message: dict[str, Any]) -> Heard | None:
    name = message.get("data_import")
    if not name or not isinstance(name, str):
        return None
    return Heard(_id("data_import", name), "data_import", room, state="done", ends_only=True)


def _task_update(room: str, message: dict[str, Any]) -> Heard | None:
    task_id, (user, doctype, name) = message.get("task_id"), _audience(room)
    if not task_id or not isinstance(task_id, str) or not user:
        return None
    # Its progress may be complete while it still works: its status says when it has ended.
    how_far = {**_how_far(message), "state": _state(message)}
    return Heard(
        _id("background_task", task_id),
        "background_task",
        room,
        _text(message.get("task_name"), _MAX_TITLE),
        _stage(message),
        *(user, doctype, name),
        **how_far,
    )


EVENTS = {
    "progress": _progress,
    "task_progress": _task_progress,
    "data_import_progress": _data_import,
    "data_import_refresh": _data_import_refresh,
    "task_update": _task_update,
}
"""Frappe's events that tell how far something is; bulk actions and apps send ``progress``."""


def _audience(room: str) -> tuple[str | None, str | None, str | None]:
    """Return whose a room of Frappe's is: a user, or the readers of a DocType or a document."""
    kind, _, rest = room.partition(":")
    if kind == "user" and rest and rest != "Guest":
        return rest, None, None
    if kind == "doctype" and rest:
        return None, rest, None
    doctype, _, name = rest.partition("/")
    if kind == "doc" and doctype and name:
        return None, doctype, name
    return None, None, None


@functools.lru_cache(maxsize=1_000)
def _fits(user: str | None, doctype: str | None, name: str | None, task_id: str) -> bool:
    """Return whether all of a task's rooms have names that are names."""
    try:
        if user:
            keys.parse_room(keys.user_tasks_room(user))
        if doctype:
            keys.parse_room(keys.doctype_tasks_room(doctype))
        if doctype and name:
            keys.parse_room(keys.document_tasks_room(doctype, name))
        keys.parse_room(keys.task_room(task_id))
    except keys.BadRoom:
        return False
    return True


def _id(kind: str, name: str) -> str:
    # A task of our own is named by its job, which is never called so.
    name = name if len(name) <= _MAX_ID else _digest(name)
    return f"frappe:{kind}:{name}"


def _digest(*parts: str) -> str:
    text = "\n".join(parts).encode(errors="replace")
    return hashlib.sha1(text, usedforsecurity=False).hexdigest()[:20]


def _text(value: Any, longest: int) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return ""
    # Cut first: what is very long shall not be searched for tags.
    return plain_text(str(value)[: 10 * longest], longest)


def _stage(message: dict[str, Any]) -> str | None:
    for name in ("description", "stage", "message"):
        if text := _text(message.get(name), MAX_MESSAGE_LENGTH):
            return text
    return None


def _state(message: dict[str, Any]) -> State | None:
    status = message.get("status")
    return _STATES.get(status.lower()) if isinstance(status, str) else None


def _how_far(message: dict[str, Any]) -> dict[str, Any]:
    """Return value, done, total, and the state that follows from them."""
    done, total = _steps(message)
    if done is None:
        return {"value": None, "state": None}
    if total is None:
        value = min(max(done, 0.0), 100.0)
    else:
        done = min(max(done, 0.0), total)
        value = 100 * done / total
    is_full = value > _FULL
    return {
        "value": 100.0 if is_full else value,
        "done": None if total is None else int(done),
        "total": None if total is None else int(total),
        "state": "done" if is_full else None,
    }


def _steps(message: dict[str, Any]) -> tuple[float | None, float | None]:
    """Return steps and how many there are, or a percentage and None, or nothing."""
    for name in ("percent", "progress", "current"):
        value = message.get(name)
        if isinstance(value, list) and len(value) == 2:
            done, total = map(_amount, value)
        else:
            done = _amount(value)
            total = None if name == "percent" else _amount(message.get("total"))
        if done is not None and total is not None and total >= 1:
            return done, total
        if done is not None and total is None and name != "current":
            return done, None
    return None, None


def _amount(value: Any) -> float | None:
    if isinstance(value, str):
        value = value[:30].strip().removesuffix("%")
    elif isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) and abs(number) < 2**53 else None


# --- runs ---------------------------------------------------------------------------------------


@dataclass
class Run:
    """One run of a job, as far as this server has heard it; times are seconds of any clock that
    only goes forward."""

    began: float
    heard: float
    state: State = "running"
    value: float | None = -1.0
    """Percent; -1 when nothing was said of it, None when only its end was heard."""
    first: float = 101.0
    """The first percentage."""
    count: int = 0
    """Events since it is so far."""
    is_exact: bool = False
    """Whether none of those can have been missed: it was heard to come so far, or to begin."""
    done: int | None = None
    total: int | None = None
    stage: str | None = None
    eta: float | None = None
    version: int = 0
    """Grows with every event that says something new."""
    attempt: int = 0
    after: int = 0
    """The attempts that it is, and that it came after; 0 when that is not known, and ``after`` -1
    when another run was heard before it all the same."""

    @property
    def has_ended(self) -> bool:
        return self.state in ENDED

    @property
    def age(self) -> float:
        """For how long it was heard."""
        return self.heard - self.began

    def is_over_with(self, heard: Heard, now: float) -> bool:
        """Return whether an event is the first one of another run.

        Jobs of one title that run side by side cannot be told apart; they shall not look like a new
        run with each of their events. So a value that falls is one only after an end, after a long
        silence, or where it is a beginning.
        """
        if heard.ends_only:
            return False
        if self.has_ended:
            if heard.state in ENDED and (heard.value is None or heard.value == self.value):
                return now - self.heard > _LONG_SILENCE
            if heard.value is None or self.value is None:
                return heard.value is not None or heard.state in ("queued", "running")
            return heard.value < self.value or heard.state == "queued"
        if heard.state == "queued":
            return self.state != "queued"
        if heard.value is None or self.value is None or heard.value >= self.value:
            return False
        is_first_step = heard.done is not None and heard.done <= 1 < (self.done or 0)
        return heard.value <= self.first or is_first_step or now - self.heard > _LONG_SILENCE

    def take(self, heard: Heard, now: float) -> bool:
        """Take in an event of this run; returns whether it says something new."""
        if heard.ends_only and not self.version:
            self.value = None
        value = self.value if heard.value is None else heard.value
        if self.has_ended or (value is not None and self.value is not None and value < self.value):
            return False
        if value == self.value:
            self.count += 1
        else:
            self.count, self.is_exact = 1, True
        if heard.value is not None:
            self.value, self.done, self.total = value, heard.done, heard.total
            self.first = heard.value if self.first > 100 else self.first
        is_waiting = self.state == "queued" and heard.value is None
        self.state = heard.state or ("queued" if is_waiting else "running")
        self.stage, self.eta = heard.stage or self.stage, heard.eta
        self.heard = now
        self.version += 1
        return True

    def fields(self) -> dict[str, Any]:
        """Return the fields of its room that say how far it is."""
        if self.value is None:
            return {}
        done, total = self.done, self.total
        if total is None and self.value >= 0:
            done, total = int(self.value), 100  # as Frappe's own page shows it
        return {
            "stage": self.stage,
            "done": done or 0,
            "total": total,
            "percent": None if self.value < 0 else min(99, int(self.value)),
            "eta": None if self.eta is None or self.has_ended else round(max(0.0, self.eta), 1),
        }
