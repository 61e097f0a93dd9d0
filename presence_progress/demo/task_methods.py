"""What a site answers about tasks that has our app: :mod:`presence_progress.site.tasks` does so in
Frappe."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from presence_progress import keys, progress, rooms
from presence_progress.demo import task_history
from presence_progress.demo.errors import Forbidden, Invalid
from presence_progress.demo.realtime_methods import may_read
from presence_progress.demo.request import (
    answer,
    arguments_of,
    in_thread,
    require_server,
    signed_in,
    text_of,
    with_database,
)
from presence_progress.demo.users import ADMINISTRATOR


async def record(request: web.Request) -> web.Response:
    await require_server(request)
    tasks = (await arguments_of(request))["tasks"]
    await with_database(request, task_history.record, tasks)
    return answer([task["task_id"] for task in tasks])


async def history(request: web.Request) -> web.Response:
    user = await signed_in(request)
    arguments = await arguments_of(request)
    start, limit = _number(arguments, "start", 0), _number(arguments, "limit", 20)
    doctype, name = text_of(arguments, "doctype"), text_of(arguments, "name")
    if not doctype:
        return answer(await with_database(request, task_history.of_user, user.id, start, limit))
    if not await may_read(request, user.id, doctype, name):
        raise Forbidden("You may not read this.")
    return answer(
        await with_database(request, task_history.about, doctype, name or None, start, limit)
    )


async def retry(request: web.Request) -> web.Response:
    arguments = await arguments_of(request)
    task_id, user = text_of(arguments, "task_id"), text_of(arguments, "user")
    if user:
        await require_server(request)
        # A no would mean to the server that this site does not have the method.
        if not await in_thread(_owns, task_id, user):
            return answer(0)
    else:
        user = (await signed_in(request)).id
        await in_thread(_require_owned, task_id, user)
    return answer(await in_thread(progress.retry, task_id, user))


async def cancel(request: web.Request) -> web.Response:
    user = (await signed_in(request)).id
    task_id = text_of(await arguments_of(request), "task_id")
    await in_thread(_require_owned, task_id, user)
    return answer(await in_thread(progress.cancel, task_id, user))


def _require_owned(task_id: str, user: str) -> None:
    if not _owns(task_id, user):
        raise Forbidden("This is no task of yours.")


def _owns(task_id: str, user: str) -> bool:
    try:
        owner = rooms.snapshot(keys.task_room(task_id)).state.get("user")
    except keys.BadRoom:
        return False
    return bool(owner) and user in (owner, ADMINISTRATOR)


def _number(arguments: dict[str, Any], name: str, default: int) -> int:
    try:
        number = int(arguments.get(name, default))
    except (TypeError, ValueError, OverflowError):
        raise Invalid(f"{name} is a whole number.") from None
    return min(number, 2**62)


_METHODS = "/api/method/presence_progress.site.tasks."
ROUTES = [
    *(web.post(_METHODS + method.__name__, method) for method in (record, history, retry, cancel)),
    web.get(_METHODS + "history", history),
]
