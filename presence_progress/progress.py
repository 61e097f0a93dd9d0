"""How far is the work: three heights of one thing.

``track()`` around an iterable; the ``Task`` context manager for whoever wants stages, row results
and checkpoints; ``enqueue()``, which makes a task before its job exists, so that a page can watch
it at once. In a job none of them needs to be told which it is; in a plain script that is told of no
Redis they draw a bar in the terminal.

A step costs an addition: a thread beside the job writes what was last said (task_attempt.py), and a
job never fails because its progress did. Who may see a task is not decided here.
"""

from __future__ import annotations

import base64
import inspect
import logging
import os
import pickle
import traceback as tracebacks
import uuid
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sized,
)
from contextlib import suppress
from contextvars import ContextVar, copy_context
from importlib import import_module
from types import TracebackType
from typing import Any, Literal, TypeVar, overload

from presence_progress import context, job_queue, rooms, task_room
from presence_progress.settings import MAX_NOTED_JOB
from presence_progress.task_attempt import FORKED, Attempt, now_ms
from presence_progress.task_record import TaskRecord, plain_text

T = TypeVar("T")

logger = logging.getLogger(__name__)


class TaskCancelled(BaseException):
    """Somebody cancelled this task; raised at its next step.

    Not an ``Exception``: a job that goes on after a bad row would go on after this, too.
    """


@overload
def track(
    iterable: Iterable[T],
    total: int | None = None,
    title: str | None = None,
    *,
    doctype: str | None = None,
    name: str | None = None,
) -> Iterator[T]: ...


@overload
def track(
    iterable: AsyncIterable[T],
    total: int | None = None,
    title: str | None = None,
    *,
    doctype: str | None = None,
    name: str | None = None,
) -> AsyncIterator[T]: ...


def track(
    iterable: Iterable[T] | AsyncIterable[T],
    total: int | None = None,
    title: str | None = None,
    *,
    doctype: str | None = None,
    name: str | None = None,
) -> Iterator[T] | AsyncIterator[T]:
    """Yield from an iterable, also with ``async for``, and report how many of its items are done.

    Without ``total`` and without a length there is no percent, only the number done. Leaving the
    loop before its end leaves a task ``failed``, except in a job started by :func:`enqueue`, where
    the job's own end decides. The other arguments are those of :class:`Task`.
    """
    if total is None and isinstance(iterable, Sized):
        total = len(iterable)
    task = Task(title, total=total, doctype=doctype, name=name)
    if isinstance(iterable, AsyncIterable):
        return _track_async(iterable, task)
    return _track(iterable, task)


def _track(iterable: Iterable[T], task: Task) -> Iterator[T]:
    with task as running:
        advance = running.advance
        for item in iterable:
            yield item
            advance()


async def _track_async(iterable: AsyncIterable[T], task: Task) -> AsyncIterator[T]:
    with task as running:
        async for item in iterable:
            yield item
            running.advance()


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
        name: str | None = None,
        user: str | None = None,
    ) -> None:
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
        is_another = stage != self._record.stage
        self._name_stage(stage)
        if is_another and (total is not None or self._record.weights):
            self._record.begin_stretch(total)

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
        if title and self._title:
            self._name_stage(title)
        elif title:
            record.title = self._title = title
        record.begin_stretch(total)

    def _name_stage(self, stage: str | None) -> None:
        weights = self._record.weights
        if weights and stage is not None and stage not in weights:
            known = ", ".join(weights)
            logger.warning("task %s has no stage %r; it has: %s", self.id, stage, known)
        self._record.stage = stage

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


# --- jobs -----------------------------------------------------------------------------------------


def enqueue(
    method: str | Callable[..., Any],
    queue: str = "default",
    timeout: int | None = None,
    event: str | None = None,
    is_async: bool = True,
    job_name: str | None = None,
    now: bool = False,
    enqueue_after_commit: bool = False,
    *,
    on_success: Callable[..., Any] | None = None,
    on_failure: Callable[..., Any] | None = None,
    at_front: bool = False,
    job_id: str | None = None,
    deduplicate: bool = False,
    title: str | None = None,
    user: str | None = None,
    doctype: str | None = None,
    name: str | None = None,
    parent: Task | str | None = None,
    **arguments: Any,
) -> str:
    """Create a task, put its job into RQ, and return the task's id; it can be watched before the
    job exists.

    ``method`` is a function or its dotted path, called in the worker with ``arguments``, and with
    ``doctype``, ``name`` and ``title`` where it has parameters of these names. ``user`` owns the
    task (default: who is signed in); readers of the reference document ``doctype``/``name``, or of
    the DocType alone, may watch it, too. A task that is the ``parent`` of others shows how many of
    them are done, failed and left, and ends with the last of them.

    All others are those of ``frappe.enqueue``, and mean the same. With ``enqueue_after_commit``
    there is neither task nor job before the transaction is committed, and never if it is rolled
    back. With ``now`` the job has run when this returns, in the transaction that runs here, and
    raises here what it raises. With ``deduplicate`` the id is that of the task whose job waits or
    runs under this ``job_id``.
    """
    is_async = arguments.pop("async", is_async)
    options: dict[str, Any] = {
        "event": event,
        "job_name": job_name,
        "on_success": on_success,
        "on_failure": on_failure,
        "at_front": at_front,
    }
    options = {key: value for key, value in options.items() if value}
    options.update(job_queue.take_options(arguments))
    if deduplicate and not job_id:
        raise ValueError("deduplicate=True says by job_id=… what is the same job")
    if deduplicate and (waiting := job_queue.waiting_task(job_id or "")):
        return waiting
    target = method if isinstance(method, str) else f"{method.__module__}.{method.__qualname__}"
    record = TaskRecord(
        task_id=new_id(),
        site=context.site(),
        user=user or context.user(),
        title=title or target.rpartition(".")[2].replace("_", " ").capitalize(),
        doctype=doctype,
        name=name,
        parent=parent.id if isinstance(parent, Task) else parent,
        method=target,
        queued_at=now_ms(),
    )
    job = {"title": title, "target": target, "arguments": arguments}
    noted = _noted(queue, timeout, job, options)
    record.retryable = len(noted) <= MAX_NOTED_JOB
    if job_queue.is_direct(now, is_async):
        _create(record, noted)
        # A task that runs here is not this one's stage.
        copy_context().run(_run_here, _carried(record), job)
        return record.task_id

    def create() -> None:
        _create(record, noted)
        more = options if is_async else {**options, "is_async": False}
        _enqueue_job(queue, timeout, record, job, more, job_id, deduplicate)

    if enqueue_after_commit:
        context.after_commit(create)
    else:
        create()
    return record.task_id


def _create(record: TaskRecord, noted: str) -> None:
    """Have a task seen that is to be done."""
    client = context.store()
    rooms.run(client, task_room.write_call(record))
    if record.retryable:
        call = task_room.note_call(record.site, record.task_id, "job", noted)
        rooms.run(client, call)
    task = rooms.run_steps(client, task_room.tell(record.site, record.task_id))
    rooms.run_steps(client, task_room.prune(record.site, task))


def retry(task_id: str, user: str | None = None) -> int:
    """Start a task again that has failed, or was cancelled or lost, as its next attempt; returns
    that attempt's number, 0 when there is nothing to start again.

    It runs with the same arguments, in the same queue, and goes on from its last checkpoint.
    Whether ``user`` may do this is not asked here.
    """
    site, client = context.site(), context.store()
    retried = rooms.run(client, task_room.retry_call(site, task_id, user or context.user()))
    if not retried.attempt:
        return 0
    task = rooms.run_steps(client, task_room.tell(site, task_id))
    # As RQ does with the job itself, which came from the same Redis.
    queue, timeout, job, options = pickle.loads(base64.b64decode(retried.job))
    carried: dict[str, Any] = {key: task[key] for key in _CARRIED}
    target, attempt = job["target"], retried.attempt
    record = TaskRecord(task_id, site, method=target, attempt=attempt, **carried)
    _enqueue_job(queue, timeout, record, job, options)
    return retried.attempt


def cancel(task_id: str, user: str | None = None) -> str:
    """Ask a task and its children to stop, and return its state: ``cancelled`` when it was queued,
    ``cancelling`` when it runs.

    An ended task stays what it is; ``""`` when there is no such task. A job that has not stopped
    within ten seconds is killed, where it has its process to itself. Whether ``user`` may do this
    is not asked here.
    """
    steps = task_room.cancel(context.site(), task_id, user or context.user())
    return rooms.run_steps(context.store(), steps)


_CARRIED = ("user", "title", "doctype", "name", "parent", "queued_at", "retryable")
"""What the job is told of its task beside its id, its site, its attempt and its method: all that
Redis would have to be asked for, and may have lost."""


def _carried(record: TaskRecord) -> dict[str, Any]:
    carried = ("task_id", "site", "attempt", "method", *_CARRIED)
    return {key: getattr(record, key) for key in carried}


def _enqueue_job(
    queue: str,
    timeout: int | None,
    record: TaskRecord,
    job: dict[str, Any],
    options: dict[str, Any],
    job_id: str | None = None,
    deduplicate: bool = False,
) -> None:
    own_id = record.task_id if record.attempt == 1 else f"{record.task_id}-{record.attempt}"
    try:
        is_put = job_queue.put(
            run_job,
            {"task": _carried(record), **job},
            job_id=job_id or own_id,
            queue=queue,
            timeout=timeout,
            deduplicate=deduplicate,
            options=options,
        )
    except BaseException:
        _end_unqueued(record, "failed", "could not be enqueued")
        raise
    if not is_put:
        # Somebody else was faster, in the moment since that was looked at.
        _end_unqueued(record, "cancelled", "the same job was in the queue already")


def _end_unqueued(record: TaskRecord, state: Literal["failed", "cancelled"], error: str) -> None:
    """No job will ever end this attempt."""
    record.state, record.error = state, error
    rooms.run(context.store(), task_room.write_call(record))
    rooms.run_steps(context.store(), task_room.tell(record.site, record.task_id))


def run_job(task: dict[str, Any], title: str | None, target: str, arguments: dict[str, Any]) -> Any:
    """Run ``target`` in the worker, as the task that :func:`enqueue` made for it."""
    try:
        # Committed before it is called done: Frappe commits after the job, and that may fail.
        return _run(task, title, target, arguments, context.commit)
    except TaskCancelled:
        # Frappe commits after a job that returns: what a cancelled one has half done goes.
        context.rollback()
        return None


def _run_here(task: dict[str, Any], job: dict[str, Any]) -> None:
    """Run a job where it was to be enqueued; whose transaction it is in, commits."""
    _current.set(None)
    try:
        _run(task, job["title"], job["target"], job["arguments"], lambda: None)
    except TaskCancelled:
        # An exception like others: what a request has half done is undone after one.
        raise RuntimeError("the task was cancelled") from None


def _run(
    task: dict[str, Any],
    title: str | None,
    target: str,
    arguments: dict[str, Any],
    commit: Callable[[], None],
) -> Any:
    with context.at(task["site"], task["user"]):
        running = Task(title)
        running._record = TaskRecord(**task)
        with running:
            function = _load(target)
            known = {"doctype": task["doctype"], "name": task["name"], "title": title}
            result = function(**_wanted(function, known), **arguments)
            commit()
            return result


def _wanted(function: Callable[..., Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of the task's own a function asks for by the names of its parameters."""
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return {}
    return {name: value for name, value in known.items() if value and name in parameters}


def new_id() -> str:
    return uuid.uuid4().hex


def _noted(queue: str, timeout: int | None, job: dict[str, Any], options: dict[str, Any]) -> str:
    """Return how a job is started again, as a text; too long a one when it cannot be."""
    return base64.b64encode(pickle.dumps((queue, timeout, job, options))).decode()


def _load(target: str) -> Callable[..., Any]:
    module, _, function = target.rpartition(".")
    loaded: Callable[..., Any] = getattr(import_module(module), function)
    return loaded


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
