"""What a job knows of its task: counted, capped, and made into the fields that watchers see. No
I/O, no clock."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from presence_progress import keys
from presence_progress.estimate import percent
from presence_progress.rooms import to_json
from presence_progress.settings import (
    MAX_ERROR_LENGTH,
    MAX_KEPT_MESSAGES,
    MAX_LAST_MESSAGES,
    MAX_MESSAGE_LENGTH,
    MAX_MESSAGES,
)

State = Literal["queued", "running", "stalled", "cancelling", "done", "failed", "cancelled", "lost"]
ENDED = frozenset({"done", "failed", "cancelled", "lost"})

Message = dict[str, Any]
"""``{n, level, row, message}``: its number from 0, "warning" or "error", the row or None, text."""


class Messages:
    """The messages of rows: all are counted, the first and the last ones kept."""

    def __init__(self) -> None:
        self.noted = 0
        self._kept: dict[int, Message] = {}
        self._unwritten: dict[int, Message] = {}
        self._taken: dict[int, Message] = {}

    def note(self, level: str, message: str, row: int | None) -> None:
        text = plain_text(message, MAX_MESSAGE_LENGTH)
        noted = {"n": self.noted, "level": level, "row": row, "message": text}
        place = self._place(self.noted)
        self._kept[place] = self._unwritten[place] = noted
        self.noted += 1

    @property
    def first(self) -> list[Message]:
        return [_shown(self._kept[n]) for n in range(min(self.noted, MAX_MESSAGES))]

    @property
    def last(self) -> list[Message]:
        """The last ones, of those that are not among the first."""
        places = [self._place(n) for n in self._last_numbers]
        return [_shown(self._kept[place]) for place in places if place in self._kept]

    @property
    def _last_numbers(self) -> range:
        return range(max(MAX_MESSAGES, self.noted - MAX_LAST_MESSAGES), self.noted)

    def take(self) -> dict[int, Message]:
        """Return what was not written yet, by place; whoever fails to write it gives it back."""
        self._taken, self._unwritten = self._unwritten, {}
        return self._taken

    def give_back(self, taken: Mapping[int, Message]) -> None:
        self._unwritten = {**taken, **self._unwritten}

    def write_all(self) -> None:
        """Redis has lost them: all that is kept is to be written once more."""
        self._unwritten = dict(self._kept)

    def to_resume(self) -> list[Message]:
        """Return those that the next attempt needs: what is shown, and what Redis may not have
        yet."""
        # In this order: the other thread moves them from the first to the second.
        unwritten, taken = self._unwritten, self._taken
        found = {message["n"]: message for message in (*taken.values(), *unwritten.values())}
        for n in (*range(min(self.noted, MAX_MESSAGES)), *self._last_numbers):
            if (message := self._kept.get(self._place(n))) is not None:
                found[n] = message
        return [found[n] for n in sorted(found)]

    def resume(self, noted: int, messages: list[Message]) -> None:
        """Go on from an earlier attempt, whose other messages are in Redis."""
        self.noted = noted
        self._kept = {self._place(message["n"]): message for message in messages}
        self._unwritten = dict(self._kept)

    def _place(self, number: int) -> int:
        half = MAX_KEPT_MESSAGES // 2
        return number if number < half else half + number % half


def _shown(message: Message) -> Message:
    return {name: value for name, value in message.items() if name != "n"}


@dataclass
class TaskRecord:
    """Everything that is known of one attempt of a task; times are ms since 1970."""

    task_id: str
    site: str
    user: str
    title: str
    doctype: str | None = None
    name: str | None = None
    parent: str | None = None
    method: str | None = None
    """The dotted path of its function; not shown to watchers."""
    retryable: bool = False
    attempt: int = 1
    state: State = "queued"
    stage: str | None = None
    weights: dict[str, float] | None = None
    """By stage, in their order: the part that each has in the whole."""
    done: int = 0
    total: int | None = None
    total_grown: bool = False
    rate: float | None = None
    eta: float | None = None
    eta_range: tuple[float, float] | None = None
    ok: int = 0
    warnings: int = 0
    errors: int = 0
    messages: Messages = field(default_factory=Messages)
    error: str | None = None
    result: str | None = None
    queued_at: int | None = None
    started_at: int | None = None
    _resumed: tuple[str | None, int] | None = None
    """The stage of the checkpoint that this attempt goes on from, and what was done in it."""
    stretch: int = 0
    """How often the counting has begun anew."""
    begun_at: int = 0
    """The number that it has begun at."""
    _highest: tuple[int, int] = (0, 0)
    """A stretch of work, and the highest percent that was shown of it: a bar never goes back."""

    @property
    def room(self) -> str:
        return keys.task_room(self.task_id)

    def note(self, level: Literal["warning", "error"], message: str, row: int | None) -> None:
        """Count a row's message, and keep it if it is among the first or the last."""
        if level == "warning":
            self.warnings += 1
        else:
            self.errors += 1
        self.messages.note(level, message, row)

    def set_total(self, total: int | None) -> None:
        """Set how many steps there are; more than were said before is told to watchers."""
        if total is not None and self.total is not None and total > self.total:
            self.total_grown = True
        self.total = total

    def begin_stretch(self, total: int | None, stage: str | None) -> None:
        """Count from 0 again: another stage, or another loop of the same job. The one in which a
        checkpoint was made goes on from there."""
        self.done, self.total, self.total_grown = 0, total, False
        if self._resumed is not None and self._resumed[0] == stage:
            self.done, self._resumed = self._resumed[1], None
        self.begun_at = self.done
        # Last: to the thread that reads, the steps of the stage before are none of this one's.
        self.stage = stage
        if not self.weights:
            self.stretch += 1

    # --- for watchers ---

    def identity(self) -> dict[str, Any]:
        """Return the room's fields that say whose task it is; they are the same in every
        attempt."""
        return {
            name: getattr(self, name)
            for name in ("title", "user", "doctype", "name", "parent", "retryable", "queued_at")
        }

    def fields(self, state: State | None = None) -> dict[str, Any]:
        """Return all of the room's fields but ``attempt``, ``state`` and ``ended_at``, which the
        scripts judge; as they are in a state that was read before."""
        state = state or self.state
        done, total, percent_done = self._measure(state)
        is_ended = state in ENDED
        low_high = None if self.eta_range is None or is_ended else [*map(_rounded, self.eta_range)]
        return {
            **self.identity(),
            "started_at": self.started_at,
            "stage": self.stage,
            "stages": self.weights
            and [{"name": name, "weight": weight} for name, weight in self.weights.items()],
            "done": done,
            # Whoever does more than he has said knows better now.
            "total": total if total is None else max(total, done),
            "total_grown": self.total_grown or (total is not None and done > total),
            "percent": percent_done,
            # Also of what takes minutes: "0.0 a second" says nothing.
            "rate": None if self.rate is None else float(f"{self.rate:.3g}"),
            "eta": None if self.eta is None or is_ended else _rounded(self.eta),
            "eta_range": low_high,
            "ok": self.ok,
            "warnings": self.warnings,
            "errors": self.errors,
            "messages": self.messages.first,
            "last_messages": self.messages.last,
            "error": self.error,
            "result": self.result,
        }

    def percent(self) -> int | None:
        """Return how much of the whole is done; what was shown once is not taken back."""
        return self._measure(self.state)[2]

    def workload(self) -> tuple[int, int | None]:
        """Return how much is done, and of how much, as its pace is measured: in steps, or in ten
        thousandths of weighted stages."""
        if not self.weights:
            return self.done, self.total
        stage, total, done = self.stage, self.total, self.done
        return int(10_000 * _part_of_stages(self.weights, stage, done, total)), 10_000

    def _measure(self, state: State) -> tuple[int, int | None, int | None]:
        """Return done, total and percent of one moment: the job goes on while its thread reads."""
        # In this order: begin_stretch sets them in the other one.
        stretch, stage, total, done = self.stretch, self.stage, self.total, self.done
        if state == "done":
            return done, total, None if total is None and not self.weights else 100
        if self.weights:
            part = _part_of_stages(self.weights, stage, done, total)
            now: int | None = min(99, int(100 * part + 1e-9))
        else:
            now = percent(done, total, ended=False)
        if now is None:
            return done, total, None
        of_stretch, highest = self._highest
        if of_stretch == stretch:
            now = max(now, highest)
        self._highest = stretch, now
        return done, total, now

    # --- from one attempt to the next ---

    def checkpoint(self, value: Any) -> dict[str, Any]:
        """Return all that the next attempt goes on with: the job's own value, and the counts that
        belong to it."""
        counted = {name: getattr(self, name) for name in _COUNTED}
        noted = {"noted": self.messages.noted, "messages": self.messages.to_resume()}
        return {"value": value, **counted, **noted}

    def resume(self, checkpoint: Mapping[str, Any]) -> None:
        for name in _COUNTED:
            setattr(self, name, checkpoint[name])
        self._resumed = self.stage, self.done
        self.messages.resume(checkpoint["noted"], checkpoint["messages"])


def _part_of_stages(
    weights: dict[str, float], stage: str | None, done: int, total: int | None
) -> float:
    names = list(weights)
    current = names.index(stage) if stage in names else 0
    behind = sum(weights[name] for name in names[:current])
    part = min(1.0, done / total) if total else 0.0
    return (behind + weights[names[current]] * part) / sum(weights.values())


_COUNTED = ("stage", "done", "total", "ok", "warnings", "errors")


def message_arguments(messages: Mapping[int, Message]) -> list[str | int]:
    """Return ``[place, JSON, …]``."""
    return [part for place, one in messages.items() for part in (place, to_json(one, "message"))]


def plain_text(text: str, longest: int = MAX_ERROR_LENGTH) -> str:
    """Return a message without the HTML that Frappe's messages are written in, and not too long."""
    # A "<" that no letter or slash follows is no tag: "3 < 5" stays as it is.
    text = re.sub(r"<(br|/p|/div|/li|/tr)\b[^>]*>", "\n", text, flags=re.IGNORECASE)
    text = html.unescape(re.sub(r"</?[a-zA-Z][^<>]*>", "", text)).strip()
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _rounded(seconds: float) -> float:
    return round(seconds, 1)
