"""Keeps Frappe's own progress as it passes: each becomes a task, whose job knows nothing of it.

Every server hears every event and writes what it heard last; ``task_pass.lua`` makes one history of
that, so it does not matter which of them live. Hearing is a look into a dict and never waits:
writing is done beside it, for each task five times a second at most, the last one always.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import structlog
from redis.exceptions import RedisError

from presence_progress import due, keys, rooms, task_room
from presence_progress.server import metrics
from presence_progress.server.bus import Event
from presence_progress.server.calls import Calls
from presence_progress.server.node import BATCH
from presence_progress.server.stock_runs import DEFAULT_TITLE, Heard, Run, read
from presence_progress.settings import (
    FLUSH_INTERVAL,
    KEEP_AFTER,
    MAX_STOCK_KNOWN,
    MAX_STOCK_LISTED,
    STOCK_FORGOTTEN,
    STOCK_LEASE,
    STOCK_LOST_AFTER,
    STOCK_RETRY,
)
from presence_progress.task_record import TaskRecord
from presence_progress.task_room import Passed

log = structlog.get_logger(__name__)

Place = tuple[str, str]
"""A site, and a task's id or a room of Frappe's."""

_MAX_RUNS = 5
"""Runs that wait for a Redis that is away."""
_FORGET_INTERVAL = 10.0
_FORGOTTEN_UNENDED = (STOCK_LEASE + STOCK_LOST_AFTER) / 1000
_ASK_AGAIN = {"soon": FLUSH_INTERVAL, "wait": STOCK_RETRY}
"""Seconds, by the answer of a write."""


@dataclass
class _Kept:
    """A task as this server knows it: what it was heard of last, and runs of it, of which all but
    the last are only to be written to their end."""

    site: str
    heard: Heard
    runs: list[Run]
    title: str
    user: str | None
    epoch: str = ""
    is_told: bool = True
    """Whether lists are known to have what this server has written."""
    due: float | None = None
    """When the first of its runs is to be written; seconds."""
    written: float = field(default=float("-inf"))

    @property
    def place(self) -> Place:
        return self.site, self.heard.task_id

    @property
    def crowd(self) -> Place:
        return self.site, self.heard.room

    def is_ready(self, now: float) -> bool:
        return self.due is not None and self.due <= now

    def is_listed(self, now: float) -> bool:
        """Return whether lists have it among what goes on."""
        run = self.runs[-1]
        return not run.has_ended and bool(run.attempt) and now - run.heard < STOCK_LEASE / 1000


def _after(run: Run) -> int:
    """Return what the run that follows this one came after, as ``Run.after`` says it."""
    return run.attempt or run.after or -1


class StockProgress:
    """Knows the progress that this server has heard of; ``listeners`` returns the users here who
    are in a room of Frappe's."""

    def __init__(self, calls: Calls, listeners: Callable[[str, str], set[str]]) -> None:
        self._calls = calls
        self._listeners = listeners
        self._known: dict[Place, _Kept] = {}
        self._crowds: dict[Place, dict[str, _Kept]] = {}
        """By room of Frappe's: those that go by their title, the one heard of last at the end."""
        self._due: set[Place] = set()
        self._news = asyncio.Event()
        self._next_forget = 0.0

    # --- hearing, on the bus ---

    def hear(self, event: Event) -> None:
        """Take an event of Frappe's; never raises, whatever an app has sent."""
        try:
            heard = read(event)
            if heard and event.site:
                self._take(event.site, heard, time.monotonic())
        except Exception as error:
            log.warning("a progress that cannot be read", event_name=event.event, error=repr(error))

    def _take(self, site: str, heard: Heard, now: float) -> None:
        kept = self._find(site, heard)
        if kept is None:
            if len(self._known) >= MAX_STOCK_KNOWN:
                return
            title = heard.title or DEFAULT_TITLE
            kept = _Kept(site, heard, [Run(now, now)], title, heard.user)
            self._known[kept.place] = kept
        elif kept.runs[-1].is_over_with(heard, now):
            self._begin_run(kept, heard, now)
        if heard.goes_by_title:
            crowd = self._crowds.setdefault(kept.crowd, {})
            crowd[kept.heard.task_id] = crowd.pop(kept.heard.task_id, kept)
        if heard.task_id == kept.heard.task_id and not heard.ends_only:
            kept.heard = heard
        kept.user = heard.user or kept.user
        kept.title = heard.title or kept.title
        if kept.runs[-1].take(heard, now):
            self._plan(kept, now)

    def _find(self, site: str, heard: Heard) -> _Kept | None:
        if heard.goes_by_title and not heard.title:
            # A bulk action has no title for a document that it failed at.
            for kept in reversed(self._crowds.get((site, heard.room), {}).values()):
                if not kept.runs[-1].is_over_with(heard, kept.runs[-1].heard):
                    return kept
                break
        return self._known.get((site, heard.task_id))

    def _begin_run(self, kept: _Kept, heard: Heard, now: float) -> None:
        last = kept.runs[-1]
        run = Run(now, now, is_exact=True, after=_after(last))
        if kept.due is None:
            kept.runs = [run]
        else:
            # Its end is on its way, and so are those of others that lasted.
            between = [one for one in kept.runs[1:] if one.age >= KEEP_AFTER]
            kept.runs = [kept.runs[0], *between[-_MAX_RUNS:], run]
        if heard.room.startswith("task_progress:"):
            kept.user = None

    def _plan(self, kept: _Kept, now: float) -> None:
        run = kept.runs[0]
        at = max(now, kept.written + FLUSH_INTERVAL)
        if not run.attempt:
            # An end may be followed by the next beginning, if this server has fallen behind.
            at = max(at, now + FLUSH_INTERVAL if run.has_ended else run.began + KEEP_AFTER)
        if kept.due is None or run.has_ended:
            self._write_at(kept, at)

    def _write_at(self, kept: _Kept, at: float) -> None:
        kept.due = at
        self._due.add(kept.place)
        self._news.set()

    # --- writing, beside it ---

    async def run(self) -> None:
        """Write until cancelled; Redis being away stops nothing, it is tried again."""
        while True:
            if not self._due:
                self._news.clear()
                await self._news.wait()
            try:
                await self._write(time.monotonic())
                self._forget(time.monotonic())
            except Exception:
                log.exception("progress could not be kept")
                await asyncio.sleep(STOCK_RETRY)
            await asyncio.sleep(FLUSH_INTERVAL / 2)

    async def _write(self, now: float) -> None:
        ready = [self._known[place] for place in self._due if self._known[place].is_ready(now)]
        ready.sort(key=lambda kept: kept.due or 0.0)
        wanted = [kept for kept in ready[:BATCH] if self._is_wanted(kept, now)]
        # What is heard while Redis writes is written next: it shall not be taken for written.
        written = [(kept, kept.runs[0], kept.runs[0].version) for kept in wanted]
        results = await self._calls.try_all([self._call(kept, now) for kept in wanted])
        now = time.monotonic()
        for (kept, run, version), result in zip(written, results, strict=True):
            kept.written = now
            if isinstance(result, BaseException):
                self._write_at(kept, now + STOCK_RETRY)
            else:
                self._take_answer(kept, run, version == run.version, result, now)
        untold = [kept for kept in wanted if not kept.is_told]
        await asyncio.gather(*map(self._tell, untold))

    def _is_wanted(self, kept: _Kept, now: float) -> bool:
        """Return whether to keep it at all; if not, it is forgotten."""
        run, crowd = kept.runs[0], self._crowds.get(kept.crowd, {})
        is_begun = run.attempt or run.after > 0 or run.has_ended
        if is_begun or not kept.heard.goes_by_title or not crowd:
            return True
        is_once = run.version == 1 and next(reversed(crowd)) != kept.heard.task_id
        if is_once or sum(one.is_listed(now) for one in crowd.values()) >= MAX_STOCK_LISTED:
            # Its title is another with every event, or there is no end of them.
            self._drop(kept)
            return False
        return True

    def _call(self, kept: _Kept, now: float) -> rooms.Call[Passed]:
        run, heard = kept.runs[0], kept.heard
        if not kept.user and heard.room.startswith("task_progress:"):
            # Its page alone knows the id: whoever listens to it is the one who asked for it.
            users = self._listeners(kept.site, heard.room)
            kept.user = users.pop() if len(users) == 1 else None
        is_current = run is kept.runs[-1] and not run.has_ended
        lasted = now - run.began if is_current else run.age
        return task_room.pass_call(
            kept.site,
            heard.task_id,
            self._fields(kept, run),
            run=(run.attempt, run.after),
            state=run.state,
            value=run.value,
            count=run.count if run.is_exact else -run.count,
            age=int(1000 * (now - run.began)),
            is_over=run is not kept.runs[-1],
            may_begin=run.value is not None and lasted >= KEEP_AFTER,
            lease=heard.lease,
            user=kept.user,
        )

    def _fields(self, kept: _Kept, run: Run) -> dict[str, Any]:
        known = run.fields()
        if not known:
            return known
        heard = kept.heard
        blank = TaskRecord(heard.task_id, kept.site, "", kept.title, heard.doctype, heard.name)
        fields = {**blank.fields(), **known, "source": heard.source}
        if run.state == "done":
            del fields["percent"]
        # Those are the script's to judge, by what is there already.
        return {
            name: value
            for name, value in fields.items()
            if name not in ("user", "queued_at", "started_at")
        }

    def _take_answer(self, kept: _Kept, run: Run, is_all: bool, passed: Passed, now: float) -> None:
        kept.due = None
        self._due.discard(kept.place)
        run.is_exact = run.is_exact or passed.is_new
        run.attempt = passed.attempt or run.attempt
        if passed.answer == "superseded":
            # Others are ahead by a run or more: which one the next will be is not known.
            run.attempt, run.after = 0, -1
        if passed.answer == "taken":
            metrics.STOCK_PROGRESS.labels(kept.heard.source).inc()
            is_new_life = passed.epoch != kept.epoch
            kept.epoch = passed.epoch
            kept.is_told = kept.is_told and not (passed.is_to_be_told or is_new_life)
        again = _ASK_AGAIN.get(passed.answer)
        if again:
            self._write_at(kept, now + again)
        elif not is_all:
            self._write_at(kept, now + FLUSH_INTERVAL)
        elif run is not kept.runs[-1]:
            kept.runs = kept.runs[1:]
            kept.runs[0].after = _after(run)
            self._plan(kept, now)

    async def _tell(self, kept: _Kept) -> None:
        """Bring lists up to date, and have it swept, should Redis have lost that it is due."""
        site, task_id = kept.place
        try:
            await self._calls.run(due.note_call(site, keys.task_room(task_id)))
            state = await self._calls.run_steps(task_room.tell(site, task_id))
            if state.get("ended_at"):
                await self._calls.run_steps(task_room.prune(site, state))
        except (RedisError, OSError):
            self._write_at(kept, time.monotonic() + STOCK_RETRY)
        else:
            kept.is_told = True

    # --- forgetting ---

    def _forget(self, now: float) -> None:
        if now < self._next_forget:
            return
        self._next_forget = now + _FORGET_INTERVAL
        for kept in list(self._known.values()):
            run = kept.runs[-1]
            # A single end knows no run: it was kept, or there was none.
            limit = STOCK_FORGOTTEN if run.has_ended else _FORGOTTEN_UNENDED
            if kept.due is None and now - run.heard > limit:
                self._drop(kept)

    def _drop(self, kept: _Kept) -> None:
        self._known.pop(kept.place, None)
        self._due.discard(kept.place)
        crowd = self._crowds.get(kept.crowd, {})
        if crowd.pop(kept.heard.task_id, None) and not crowd:
            del self._crowds[kept.crowd]
