"""How far is the work: three heights of one thing.

``track()`` around an iterable; the ``Task`` context manager for whoever wants stages, row results
and checkpoints; ``enqueue()``, which makes a task before its job exists, so that a page can watch
it at once. In a job none of them needs to be told which it is; in a plain script that is told of no
Redis they draw a bar in the terminal.

Reading goes on in task.py (what a job says), task_jobs.py (how it is enqueued, run and retried) and
task_attempt.py: a step costs an addition, a thread beside the job writes what was last said, and a
job never fails because its progress did. Who may see a task is decided by none of them.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Sized
from typing import TypeVar, overload

from presence_progress.task import Task, TaskCancelled, current_task
from presence_progress.task_jobs import cancel, enqueue, retry

__all__ = [
    "Task",
    "TaskCancelled",
    "cancel",
    "current_task",
    "enqueue",
    "retry",
    "track",
]

T = TypeVar("T")


@overload
def track(
    iterable: Iterable[T],
    total: int | None = None,
    title: str | None = None,
    *,
    doctype: str | None = None,
    name: str | int | None = None,
) -> Iterator[T]: ...


@overload
def track(
    iterable: AsyncIterable[T],
    total: int | None = None,
    title: str | None = None,
    *,
    doctype: str | None = None,
    name: str | int | None = None,
) -> AsyncIterator[T]: ...


def track(
    iterable: Iterable[T] | AsyncIterable[T],
    total: int | None = None,
    title: str | None = None,
    *,
    doctype: str | None = None,
    name: str | int | None = None,
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
