"""How far is the work: three heights of one thing.

``track()`` around an iterable; the ``Task`` context manager for whoever wants stages and row
results; ``enqueue()``, which makes a task before its job exists, so that a page can watch it at
once. In a job none of them needs to be told which it is.

A step costs an addition: a thread beside the job writes what was last said (reporter.py), and a job
never fails because its progress did. Who may see a task is not decided here.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sized
from contextvars import ContextVar
from importlib import import_module
from types import TracebackType
from typing import Any, TypeVar

from redis.exceptions import RedisError

from presence_progress import context, keys, rooms
from presence_progress.estimate import Estimator
from presence_progress.reporter import Reporter
from presence_progress.task_room import (
    State,
    TaskRecord,
    Written,
    cancel_call,
    list_calls,
    list_rooms,
    prune_call,
    write_call,
)

T = TypeVar("T")


class TaskCancelled(BaseException):
    """Somebody cancelled this task; raised at its next step.

    Not an ``Exception``: a job that goes on after a bad row would go on after this, too.
    """


def track(
    iterable: Iterable[T],
    total: int | None = None,
    title: str | None = None,
    *,
    doctype: str | None = None,
    name: str | None = None,
) -> Iterator[T]:
    """Yield from an iterable and report how many of its items are done.

    Without ``total`` and without a length there is no percent, only the number done. Leaving the
    loop before its end leaves a task ``failed``, except in a job started by :func:`enqueue`, where
    the job's own end decides. The other arguments are those of :class:`Task`.
    """
    if total is None and isinstance(iterable, Sized):
        total = len(iterable)
    with Task(title, total=total, doctype=doctype, name=name) as task:
        for item in iterable:
            yield item
            task.advance()


def current_task() -> Task | None:
    """Return the task that runs here, or None."""
    return _current.get()


class Task:
    """A piece of work that people watch.

    ``with Task(title, total=…) as task`` begins one, or joins the one of the job that runs here:
    then a title is the stage if the job has one of its own. ``total`` and ``done`` may be set at
    any time. Its owner watches it, and whoever may read the document ``doctype``/``name``, or the
    DocType when there is no name.
    """

    def __init__(
        self,
        title: str | None = None,
        *,
        total: int | None = None,
        doctype: str | None = None,
        name: str | None = None,
        user: str | None = None,
    ) -> None:
        self._title, self._total = title, total
        self._joined: Task | None = None
        self._stop: str | None = None
        job = context.job()
        self._record = TaskRecord(
            task_id=job.id if job is not None else new_id(),
            site=context.site(),
            user=user or context.user(),
            title=title or "Task",
            doctype=doctype,
            name=name,
            total=total,
        )

    # --- what a job says ---

    @property
    def id(self) -> str:
        return self._record.task_id

    @property
    def done(self) -> int:
        return self._record.done

    @done.setter
    def done(self, done: int) -> None:
        self._record.done = done

    @property
    def total(self) -> int | None:
        return self._record.total

    @total.setter
    def total(self, total: int | None) -> None:
        self._record.total = total

    def advance(self, steps: int = 1) -> None:
        """Count steps as done; raises :class:`TaskCancelled` when somebody has cancelled the
        task."""
        self._record.done += steps
        if self._stop:
            raise TaskCancelled(self._stop)

    def stage(self, stage: str | None) -> None:
        """Say what is being done now."""
        self._record.stage = stage

    def ok(self, rows: int = 1) -> None:
        """Count rows that went well."""
        self._record.ok += rows

    def warn(self, message: str, row: int | None = None) -> None:
        """Count a row that went through with a remark; the first messages are kept."""
        self._record.note("warning", message, row)

    def error(self, message: str, row: int | None = None) -> None:
        """Count a row that failed; the work goes on. The first messages are kept."""
        self._record.note("error", message, row)

    # --- its life ---

    def __enter__(self) -> Task:
        self._joined = _current.get()
        if self._joined is not None:
            self._joined._join(self._title, self._total)
            return self._joined
        self._begin()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._joined is not None:
            return
        if error is None:
            self._end("done")
        elif isinstance(error, TaskCancelled):
            self._end("cancelled")
        elif isinstance(error, GeneratorExit):
            self._end("failed", "stopped before its end")
        else:
            self._end("failed", str(error) or type(error).__name__)

    def _begin(self) -> None:
        record = self._record
        before = _read_or_nothing(record) if context.job() is not None else {}
        if before.get("state") == "cancelled" and not before["started_at"]:
            raise TaskCancelled("cancelled")
        if before and before["state"] != "queued":
            # A job runs again after a failure or a killed worker, or tracks a second time.
            record.attempt = before["attempt"] + 1
        record.state, record.started_at = "running", _now()
        record.queued_at = record.queued_at or record.started_at
        self._store = context.store()
        self._estimator = Estimator()
        self._listed: Written | None = None
        self._reporter = Reporter(self._write, record.task_id)
        self._token = _current.set(self)
        self._reporter.start()

    def _join(self, title: str | None, total: int | None) -> None:
        if title and self._title:
            self._record.stage = title
        elif title:
            self._record.title = self._title = title
        self._record.done, self._record.total = 0, total

    def _end(self, state: State, error: str | None = None) -> None:
        _current.reset(self._token)
        record = self._record
        record.error, record.ended_at = error, _now()
        # Last: the reporter's thread may write at any moment, and after an end nothing is taken.
        record.state = state
        self._reporter.close()

    def _write(self) -> None:
        """Write what is known now; called by the reporter's thread, and for the last time by the
        job itself."""
        record = self._record
        if record.state == "running":
            self._estimator.sample(time.monotonic(), record.done)
            record.rate, record.eta = self._estimator.rate, self._estimator.eta(record.total)
        written = rooms.run(self._store, write_call(record))
        if written.state in ("cancelling", "cancelled", "superseded"):
            self._stop = written.state
        # Also in a new epoch: what had lost the room has lost the lists.
        if written != self._listed:
            _list(self._store, record, written.state)
            self._listed = written


_current: ContextVar[Task | None] = ContextVar("_current", default=None)


# --- jobs -----------------------------------------------------------------------------------------


def enqueue(
    method: str | Callable[..., Any],
    *,
    queue: str = "default",
    timeout: int | None = None,
    title: str | None = None,
    user: str | None = None,
    doctype: str | None = None,
    name: str | None = None,
    **arguments: Any,
) -> str:
    """Create a task, put its job into RQ, and return the task's id; it can be watched before the
    job exists.

    ``method`` is a function or its dotted path, called in the worker with ``arguments`` (whose
    names must be others than those of this function). ``user``
    owns the task (default: who is signed in); readers of the reference document
    ``doctype``/``name``, or of the DocType alone, may watch it, too.
    """
    target = method if isinstance(method, str) else f"{method.__module__}.{method.__qualname__}"
    record = TaskRecord(
        task_id=new_id(),
        site=context.site(),
        user=user or context.user(),
        title=title or target.rpartition(".")[2].replace("_", " ").capitalize(),
        doctype=doctype,
        name=name,
        queued_at=_now(),
    )
    _store(record)
    _prune_lists(record)
    job = {
        "task": {key: getattr(record, key) for key in _CARRIED},
        "title": title,
        "target": target,
        "arguments": arguments,
    }
    try:
        _enqueue_job(queue, timeout, record.task_id, job)
    except BaseException:
        # No job will ever end this task.
        record.state, record.error, record.ended_at = "failed", "could not be enqueued", _now()
        _store(record)
        raise
    return record.task_id


def _store(record: TaskRecord) -> None:
    client = context.store()
    rooms.run(client, write_call(record))
    _list(client, record, record.state)


def _list(client: Any, record: TaskRecord, state: str) -> None:
    for call in list_calls(record.site, record.task_id, {**record.fields(), "state": state}):
        rooms.run(client, call)


def _prune_lists(record: TaskRecord) -> None:
    client = context.store()
    for room in list_rooms(record.user, record.doctype):
        listed = rooms.run(client, rooms.snapshot_call(record.site, room))
        pruning = prune_call(record.site, listed)
        if pruning:
            rooms.run(client, pruning)


_CARRIED = ("task_id", "site", "user", "title", "doctype", "name", "queued_at")
"""What the job is told of its task: all that Redis would have to be asked for, and may have
lost."""


def _enqueue_job(queue: str, timeout: int | None, task_id: str, job: dict[str, Any]) -> None:
    if context.in_frappe():
        import frappe

        frappe.enqueue(run_job, queue=queue, timeout=timeout, job_id=task_id, **job)
        return
    import rq

    rq.Queue(queue, connection=context.redis()).enqueue_call(
        run_job, kwargs=job, timeout=timeout, job_id=task_id
    )


def run_job(task: dict[str, Any], title: str | None, target: str, arguments: dict[str, Any]) -> Any:
    """Run ``target`` in the worker, as the task that :func:`enqueue` made for it."""
    with context.at(task["site"], task["user"]):
        running = Task(title)
        running._record = TaskRecord(**task)
        try:
            with running:
                result = _load(target)(**arguments)
                # Before it is called done: Frappe commits after the job, and that may fail.
                context.commit()
                return result
        except TaskCancelled:
            # Frappe commits after a job that returns: what a cancelled one has half done goes.
            context.rollback()
            return None


def _read_or_nothing(record: TaskRecord) -> dict[str, Any]:
    try:
        return rooms.run(context.store(), rooms.snapshot_call(record.site, record.room)).state
    except RedisError:
        return {}  # the job is here and shall run, whatever became of its room


def cancel(task_id: str, user: str | None = None) -> str:
    """Ask a task to stop, and return its state: ``cancelled`` when it was queued, ``cancelling``
    when it runs.

    An ended task stays what it is; ``""`` when there is no such task. Whether ``user`` may do this
    is not asked here.
    """
    site, client = context.site(), context.store()
    state = rooms.run(client, cancel_call(site, task_id, user or context.user()))
    if state:
        now = rooms.run(client, rooms.snapshot_call(site, keys.task_room(task_id))).state
        for call in list_calls(site, task_id, now):
            rooms.run(client, call)
    return state


def new_id() -> str:
    return uuid.uuid4().hex


def _load(target: str) -> Callable[..., Any]:
    module, _, function = target.rpartition(".")
    loaded: Callable[..., Any] = getattr(import_module(module), function)
    return loaded


def _now() -> int:
    return int(time.time() * 1000)
