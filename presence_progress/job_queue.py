"""How a job gets into its queue: Frappe's own way in a site, RQ's elsewhere."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from presence_progress import context

_OURS = frozenset({"method", "queue", "timeout", "job_id", "deduplicate", "kwargs"})


def take_options(arguments: dict[str, Any]) -> dict[str, Any]:
    """Take what ``frappe.enqueue`` of this version has as parameters of its own out of the
    arguments of a job, which Frappe would not pass on either."""
    if not context.in_frappe():
        return {}
    import frappe

    known = inspect.signature(frappe.enqueue).parameters
    return {name: arguments.pop(name) for name in known if name in arguments and name not in _OURS}


def is_direct(now: bool, is_async: bool) -> bool:
    """Return whether a job is run here and now, as Frappe decides it: its tests have their own way
    with one that is not asynchronous."""
    if now or is_async or not context.in_frappe():
        return now or not is_async
    import frappe

    return not frappe.flags.in_test


def waiting_task(job_id: str) -> str | None:
    """Return the task of the job with this id that waits or runs, None when there is none; a job
    that is not ours has its own id as its task's."""
    job = _fetch(job_id)
    if job is None or job.get_status() not in ("queued", "started"):
        return None
    try:
        told = job.kwargs.get("kwargs") or job.kwargs
        return str(told["task"]["task_id"])
    except Exception:
        # Arguments that cannot be read here may be no less good in their worker.
        return str(job.id)


def _fetch(job_id: str) -> Any | None:
    if context.in_frappe():
        from frappe.utils.background_jobs import get_job

        return get_job(job_id)
    from rq.exceptions import NoSuchJobError
    from rq.job import Job

    try:
        return Job.fetch(job_id, connection=context.redis())
    except NoSuchJobError:
        return None


def put(
    function: Callable[..., Any],
    arguments: dict[str, Any],
    *,
    job_id: str,
    queue: str,
    timeout: int | None,
    deduplicate: bool,
    options: dict[str, Any],
) -> bool:
    """Put a job into its queue; returns False when that was not done, because one with its id is
    there already. ``options`` are more of those that ``frappe.enqueue`` takes."""
    if context.in_frappe():
        import frappe

        told = {"job_id": job_id, "deduplicate": deduplicate, **options}
        job = frappe.enqueue(function, queue=queue, timeout=timeout, **told, **arguments)
        return job is not None or not deduplicate
    if deduplicate and waiting_task(job_id) is not None:
        return False
    import rq

    rq.Queue(queue, connection=context.redis()).enqueue_call(
        function,
        kwargs=arguments,
        timeout=timeout,
        job_id=job_id,
        description=options.get("job_name"),
        at_front=bool(options.get("at_front")),
        on_success=_callback(options.get("on_success")),
        on_failure=_callback(options.get("on_failure")),
    )
    return True


def _callback(function: Any) -> Any:
    import rq

    return rq.Callback(function) if callable(function) else function
