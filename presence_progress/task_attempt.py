"""The life of one attempt in the process that makes it: begun, written while it lasts, ended.

Its record is the job's to change; a thread writes it (reporter.py), a process says that the job
lives (lease.py), and what others have to say to it, such as a cancellation, comes with the answers.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import time
import uuid
from contextlib import suppress
from typing import Any

from redis.exceptions import RedisError

from presence_progress import context, due, rooms, task_room
from presence_progress.lease import Lease, hold
from presence_progress.pace import Pace, read_call, remember_call
from presence_progress.reporter import Reporter
from presence_progress.settings import MAX_TRACEBACK_LENGTH
from presence_progress.task_record import State, TaskRecord, plain_text
from presence_progress.terminal import Bar, open_bar

logger = logging.getLogger(__name__)

FORKED = "forked"
"""In the place of why to stop: this process is a copy of the one that began the attempt."""
_STOPPING = frozenset({"cancelling", "cancelled", "superseded"})


class Attempt:
    """One attempt, from its beginning to its end; without a store it is known to this process
    alone."""

    def __init__(self, record: TaskRecord, *, is_stored: bool) -> None:
        self.record = record
        self.stop: str | None = None
        """Why the job is to stop at its next step; set from another thread."""
        self.resumed: Any = None
        """What the earlier attempt said with its last checkpoint."""
        self._store = context.store() if is_stored else None
        self._prior: float | None = None
        self._pace = Pace(record)
        self._bar: Bar | None = None
        self._holder = uuid.uuid4().hex
        self._has_begun = False
        self.is_ended = False
        self._epoch = ""
        self._told: tuple[str, str] | None = None
        """The state and the epoch that lists and parent know of."""
        self._checkpoint: dict[str, Any] | None = None
        """The last one that the job has made, until Redis has it."""
        self._traceback = ""
        self._lease: Lease | None = None
        self._reporter = Reporter(self._write, record.task_id)

    # --- its life ---

    def begin(self) -> bool:
        """Begin; returns False when the job is not to run."""
        self.record.started_at = now_ms()
        self.record.queued_at = self.record.queued_at or self.record.started_at
        self.record.state = "running"
        checkpoint = None
        try:
            checkpoint = self._begin()
            self._prior = self._read_pace()
        except (RedisError, OSError) as error:
            # The job is here and shall run, whatever became of its room.
            logger.warning("task %s begins without Redis: %s", self.record.task_id, error)
        if self.stop:
            return False
        try:
            self._go_on_from(checkpoint)
        except Exception as error:
            # Of the site's database, without which nobody knows where to begin.
            self.end("failed", plain_text(str(error)) or type(error).__name__)
            raise
        self._pace = Pace(self.record, self._prior)
        if context.job() is None and not context.in_frappe():
            self._bar = open_bar()
        if self._store is not None:
            self._lease = hold(self._renew, self._tell_gone, _kill_work_horse)
        self._reporter.start()
        return True

    def end(self, state: State, error: str | None = None, traceback: str = "") -> None:
        """End, and have it known; tried for some seconds, should Redis be away."""
        record = self.record
        self.is_ended = True
        record.error, self._traceback = error, traceback[-MAX_TRACEBACK_LENGTH:]
        # Last, as _write looks at it first: after an end nothing is taken.
        record.state = state
        if self.stop == FORKED:
            self._reporter = Reporter(self._write, record.task_id)
        self._reporter.close()
        if self._lease is not None:
            self._lease.close()
        if self._bar is not None:
            self._bar.close(record)
        self._remember_pace()

    def checkpoint(self, value: Any) -> dict[str, Any]:
        """Remember how far the work is, for the next attempt; sent with the next write."""
        record = self.record
        checkpoint = record.checkpoint(value)
        text = rooms.to_json(checkpoint, "the checkpoint")
        if self._store is not None:
            context.save_checkpoint(record.task_id, record.attempt, text)
        self._checkpoint = checkpoint
        return checkpoint

    def resume(self, checkpoint: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.resumed = checkpoint["value"]
        self.record.resume(checkpoint)
        self._pace = Pace(self.record, self._prior)

    def mark_forked(self) -> None:
        """In a copy of the process, whose threads were not copied: the next step sees to it."""
        if not self.is_ended:
            self.stop = FORKED

    def go_on_here(self) -> None:
        """It is this copy that does the work: write from here."""
        self.stop = None
        self._reporter = Reporter(self._write, self.record.task_id)
        self._reporter.start()

    def _go_on_from(self, checkpoint: dict[str, Any] | None) -> None:
        """Go on from the last checkpoint of the attempt before, the site's own or that of Redis;
        here, not in the reporter's thread: a job that has begun at the start does not go on from
        anywhere else."""
        if self._store is None:
            return
        record = self.record
        is_kept, text = context.take_checkpoint(record.task_id, record.attempt)
        if is_kept:
            checkpoint = json.loads(text) if text else None
        if checkpoint:
            self.resume(checkpoint)

    def _read_pace(self) -> float | None:
        """Return what earlier runs of the same method have taught."""
        record = self.record
        if self._store is None or not record.method:
            return None
        return rooms.run(self._store, read_call(record.site, record.method))

    def _remember_pace(self) -> None:
        record, seconds = self.record, self._pace.learnt()
        if record.state == "done" and record.method and seconds and self._store is not None:
            with suppress(RedisError, OSError):
                rooms.run(self._store, remember_call(record.site, record.method, seconds))

    # --- writing, in the reporter's thread ---

    def _begin(self) -> dict[str, Any] | None:
        """Begin where others see it, and return the checkpoint that Redis has."""
        if self._store is None:
            self._has_begun = True
            return None
        record = self.record
        is_first = not self._epoch
        call = task_room.begin_call(record, self._holder, goes_on=not is_first)
        begun = rooms.run(self._store, call)
        if begun.state != "running":
            self.stop = begun.state
            return None
        record.attempt, self._epoch, self._has_begun = begun.attempt, begun.epoch, True
        return begun.checkpoint

    def _write(self) -> None:
        """Write what is known now; called by the reporter's thread, and for the last time by the
        job itself."""
        record, state = self.record, self.record.state
        if state == "running":
            self._pace.look()
            if self._bar is not None:
                self._bar.show(record)
        if self._store is None:
            return
        if not self._has_begun:
            self._begin()
            if not self._has_begun:
                return
        checkpoint, messages = self._checkpoint, record.messages.take()
        try:
            call = task_room.write_call(
                record,
                self._holder,
                state=state,
                checkpoint=checkpoint,
                traceback=self._traceback,
                messages=messages,
            )
            written = rooms.run(self._store, call)
        except BaseException:
            record.messages.give_back(messages)
            raise
        if self._checkpoint is checkpoint:
            self._checkpoint = None
        self._take(written)

    def _take(self, written: task_room.Written) -> None:
        record = self.record
        if written.state in _STOPPING:
            self.stop = written.state
        elif written.state == "lost" and not written.is_taken:
            # This job was taken for dead, and was only out of reach: it goes on as the next
            # attempt, unless somebody has begun that one already.
            self._has_begun = False
            return self._write()
        # An end may be refused because it is there already: the first answer was lost.
        if not written.is_taken and written.state != record.state:
            return None
        if written.epoch != self._epoch or written.is_news:
            # What had lost the room, or this part of its life, has lost the rest.
            self._epoch, self._told = written.epoch, None
            record.messages.write_all()
            rooms.run(self._store, due.note_call(record.site, record.room))
        if (written.state, written.epoch) != self._told:
            rooms.run_steps(self._store, task_room.tell(record.site, record.task_id))
            self._told = written.state, written.epoch
        return None

    # --- in the process of the lease ---

    def _renew(self) -> bool:
        record = self.record
        call = task_room.renew_call(record.site, record.task_id, self._holder)
        return rooms.run(context.store(), call).is_to_be_killed

    def _tell_gone(self) -> None:
        record = self.record
        call = task_room.sweep_call(record.site, record.task_id, gone=self._holder)
        if rooms.run(context.store(), call).has_changed:
            rooms.run_steps(context.store(), task_room.tell(record.site, record.task_id))


def _kill_work_horse(process: int) -> None:
    # A job that runs in its worker's own process, or in a web request's, is not alone there.
    if context.is_work_horse(process):
        os.kill(process, signal.SIGKILL)


def now_ms() -> int:
    return int(time.time() * 1000)
