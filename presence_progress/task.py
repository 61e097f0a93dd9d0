"""A piece of work that people watch: what its job says of it, from its beginning to its end."""

from __future__ import annotations

import logging
import os
import traceback as tracebacks
import uuid
from collections.abc import Mapping
from contextlib import suppress
from contextvars import ContextVar
from types import TracebackType
from typing import Any

from presence_progress import context, keys
from presence_progress.task_attempt import FORKED, Attempt
from presence_progress.task_record import TaskRecord, plain_text

logger = logging.getLogger(__name__)


class TaskCancelled(BaseException):
    """Somebody cancelled this task; raised at its next step.

    Not an ``Exception``: a job that goes on after a bad row would go on after this, too.
    """


def current_task() -> Task | None:
    """Return the task that runs here, or None."""
    task = _current.get()
    return None if task is None or task._running.is_ended else task


class Task:
    """A piece of work that people watch.

    ``with Task(title, total=…) as task`` begins one, or joins the one of the job that runs here:
    then a title is the stage if the job has one of its own. ``total`` and ``done`` may be set at
    any time. ``stages`` are names with the weight that each has in the whole, such as
    ``{"Reading": 1, "Importing": 8}``. Its owner watches it, and whoever may read the document
    ``doctype``/``name``, or the DocType when there is no name.
    """

    def __init__(
        self,
        title: str | None = None,
        *,
        total: int | None = None,
        stages: Mapping[str, float] | None = None,
        doctype: str | None = None,
        name: str | int | None = None,
        user: str | None = None,
    ) -> None:
        doctype, name = reference(doctype, name)
        self._title, self._total, self._stages = title, total, _weights(stages)
        self._joined: Task | None = None
        job = context.job()
        self._is_stored = _is_told()
        record = TaskRecord(
            task_id=job.id if job is not None else new_id(),
            site=context.site() if self._is_stored else "",
            user=user or context.user(),
            title=title or "Task",
            doctype=doctype,
            name=name,
            total=total,
            weights=self._stages,
        )
        self._record = record
        self._attempt: Attempt | None = None

    # --- what a job says ---

    @property
    def id(self) -> str:
        """Its id, by which pages and :func:`cancel` know it."""
        return self._record.task_id

    @property
    def attempt(self) -> int:
        """Which attempt this is: 1, and one more with each retry."""
        return self._record.attempt

    @property
    def done(self) -> int:
        """How many steps are done; may be set."""
        return self._record.done

    @done.setter
    def done(self, done: int) -> None:
        self._record.done = done

    @property
    def total(self) -> int | None:
        """How many steps there are; may be set at any time, and None when nobody knows."""
        return self._record.total

    @total.setter
    def total(self, total: int | None) -> None:
        self._record.set_total(total)

    def advance(self, steps: int = 1) -> None:
        """Count steps as done; raises :class:`TaskCancelled` when somebody has cancelled the
        task."""
        self._record.done += steps
        if self._attempt.stop:  # type: ignore[union-attr]
            self._heed()

    def stage(self, stage: str | None, total: int | None = None) -> None:
        """Say what is being done now; with a ``total``, or where the task has weighted stages, its
        steps are counted from 0."""
        record = self._record
        self._warn_of(stage)
        if stage != record.stage and (total is not None or record.weights):
            record.begin_stretch(total, stage)
        record.stage = stage

    def ok(self, rows: int = 1) -> None:
        """Count rows that went well."""
        self._record.ok += rows

    def warn(self, message: str, row: int | None = None) -> None:
        """Count a row that went through with a remark; the first and the last messages are kept."""
        self._record.note("warning", message, row)

    def error(self, message: str, row: int | None = None) -> None:
        """Count a row that failed; the work goes on. The first and the last messages are kept."""
        self._record.note("error", message, row)

    @property
    def result(self) -> str | None:
        """A link to what has come of it, shown when it is done."""
        return self._record.result

    @result.setter
    def result(self, link: str | None) -> None:
        self._record.result = link

    # --- from one attempt to the next ---

    def checkpoint(self, value: Any) -> dict[str, Any]:
        """Remember how far the work is: should it have to be done again, the next attempt finds
        ``value`` in :attr:`resumed`, and counts on from here.

        In a Frappe job it is part of the transaction that runs, and so as true as the rows.
        Elsewhere it is in Redis within a fifth of a second: where no row may be done twice, store
        what this returns, plain JSON, with the rows, and begin with :meth:`resume`. Raises
        :class:`TaskCancelled` where a later attempt has begun meanwhile: this one was taken for
        dead.
        """
        try:
            return self._running.checkpoint(value)
        except context.Superseded:
            raise TaskCancelled("superseded") from None

    @property
    def resumed(self) -> Any:
        """The value of the earlier attempt's last checkpoint; None for one that begins at the
        start."""
        return self._running.resumed

    def resume(self, checkpoint: dict[str, Any]) -> Any:
        """Go on from a checkpoint that the job has stored itself, and return its value."""
        self._running.resume(checkpoint)
        return self._running.resumed

    # --- its life ---

    def __enter__(self) -> Task:
        self._joined = current_task()
        if self._joined is not None:
            self._joined._join(self._title, self._total, self._stages)
            return self._joined
        self._attempt = Attempt(self._record, is_stored=self._is_stored)
        if not self._attempt.begin():
            raise TaskCancelled(self._attempt.stop)
        _running[self.id] = self
        self._token = _current.set(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._joined is not None:
            return
        # A generator that was left early is closed wherever it is collected.
        with suppress(ValueError):
            _current.reset(self._token)
        _running.pop(self.id, None)
        if error is None:
            self._running.end("done")
        elif isinstance(error, TaskCancelled):
            self._running.end("cancelled")
        elif isinstance(error, GeneratorExit):
            self._running.end("failed", "stopped before its end")
        else:
            told = plain_text(str(error)) or type(error).__name__
            lines = tracebacks.format_exception(kind, error, traceback)
            self._running.end("failed", told, "".join(lines))

    def _join(self, title: str | None, total: int | None, stages: dict[str, float] | None) -> None:
        record = self._record
        record.weights = stages or record.weights
        stage = record.stage
        if title and self._title:
            stage = title
            self._warn_of(stage)
        elif title:
            record.title = self._title = title
        record.begin_stretch(total, stage)

    def _warn_of(self, stage: str | None) -> None:
        weights = self._record.weights
        if weights and stage is not None and stage not in weights:
            known = ", ".join(weights)
            logger.warning("task %s has no stage %r; it has: %s", self.id, stage, known)

    @property
    def _running(self) -> Attempt:
        if self._attempt is None:
            raise RuntimeError("a task is begun by `with task:` before it is told anything")
        return self._attempt

    def _heed(self) -> None:
        """Do what a step that is not like the others has to."""
        if self._running.stop == FORKED:
            self._running.go_on_here()
        else:
            raise TaskCancelled(self._running.stop)


_current: ContextVar[Task | None] = ContextVar("_current", default=None)


_running: dict[str, Task] = {}
"""By id, those of this process."""


def _mark_forked() -> None:
    for task in _running.values():
        task._running.mark_forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_mark_forked)


def task_of(record: TaskRecord, title: str | None) -> Task:
    """Return the task that was made for the job that runs here; ``title`` is the one that it was
    given, None for one made up."""
    task = Task(title)
    task._record = record
    return task


def begin_alone() -> None:
    """What comes next in this context is a task of its own, whatever runs around it."""
    _current.set(None)


def reference(doctype: str | None, name: str | int | None) -> tuple[str | None, str | None]:
    """Return the document, or the DocType, that a task is about; ``BadRoom`` for what is none, for
    lists of its tasks could not be called after it."""
    if doctype and name:
        return keys.document(doctype, name)
    return (keys.doctype_of(doctype) if doctype else None), (None if name is None else str(name))


def new_id() -> str:
    return uuid.uuid4().hex


def _weights(stages: Mapping[str, float] | None) -> dict[str, float] | None:
    weights = dict(stages or {})
    for stage, weight in weights.items():
        if not weight > 0:
            raise ValueError(f"the weight of stage {stage!r} is a number above 0, got {weight!r}")
    return weights or None


def _is_told() -> bool:
    """Return whether there is a site and a Redis to tell of a task."""
    if not context.is_told() and context.job() is None:
        return False
    try:
        context.site()
        context.store()
    except context.ContextError as error:
        if context.job() is None:
            raise
        # A job never fails because its progress cannot be told.
        logger.error("the progress of this job is told to nobody: %s", error)
        return False
    return True
