"""Tasks that are jobs of RQ's: made before their job exists, run in a worker, started again."""

from __future__ import annotations

import base64
import inspect
import pickle
from collections.abc import Callable, Mapping
from contextvars import copy_context
from importlib import import_module
from typing import Any, Literal

from presence_progress import context, job_queue, rooms, task_room
from presence_progress.settings import MAX_NOTED_JOB
from presence_progress.task import Task, TaskCancelled, begin_alone, new_id, reference, task_of
from presence_progress.task_attempt import now_ms
from presence_progress.task_record import TaskRecord


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
    name: str | int | None = None,
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
    doctype, name = reference(doctype, name)
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
    begin_alone()
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
    with context.at(task["site"], task["user"]), task_of(TaskRecord(**task), title):
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


def _noted(queue: str, timeout: int | None, job: dict[str, Any], options: dict[str, Any]) -> str:
    """Return how a job is started again, as a text; too long a one when it cannot be."""
    return base64.b64encode(pickle.dumps((queue, timeout, job, options))).decode()


def _load(target: str) -> Callable[..., Any]:
    module, _, function = target.rpartition(".")
    loaded: Callable[..., Any] = getattr(import_module(module), function)
    return loaded
