"""Events that a bench's apps bring along: async functions that an app names in its own hooks.py.

An app's ``hooks.py`` is read, not run, and only the modules that it names are imported. So nothing
of Frappe's comes into this process unless such a module wants it. What is broken is named in the
log and left out; the rest works.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import importlib
import inspect
import sys
from collections.abc import Awaitable, Callable, Collection
from functools import partial
from pathlib import Path
from typing import Any

import structlog

from presence_progress import keys, rooms, texts
from presence_progress.bench import EVENTS_HOOK, apps_of
from presence_progress.room_rights import Document
from presence_progress.server import sessions
from presence_progress.server.limits import OverLimit
from presence_progress.server.questions import Unavailable
from presence_progress.server.sessions import FAILED, NO_SUCH_EVENT, Denied
from presence_progress.settings import EXTENSION_TIMEOUT

TIMED_OUT = "timed out"

log = structlog.get_logger(__name__)


class BadExtension(Exception):
    """An app's event that cannot be taken; the text says what is wrong and what was expected."""


class Session:
    """One connection, as an app's handler sees it: whose it is, and what can be done with it."""

    def __init__(self, session: sessions.Session) -> None:
        self._session = session

    @property
    def site(self) -> str:
        return self._session.identity.site

    @property
    def user(self) -> str:
        """The user's id; "Guest" for one who has not signed in."""
        return self._session.identity.user

    async def join(self, room: str, doctype: str = "", name: str | int = "") -> bool:
        """Join a room by its name; with a document, or a DocType, only if the user may read it, and
        for as long. Returns whether it has joined.

        ``BadRoom`` for what is no text of at most 500 characters.
        """
        if doctype:
            document = _document(doctype, name)
            if document is None:
                return False
            try:
                await self._session.join_as_reader(_room(room), document)
            except Denied:
                return False
            return True
        self._session.join(_room(room))
        return True

    async def leave(self, room: str) -> None:
        self._session.leave(_room(room))

    async def emit(self, event: str, message: Any = None, *, room: str | None = None) -> None:
        """Send an event to this connection, or to all in a room on every server of the bench."""
        if room is None:
            self._session.send(event, message)
            return
        envelope = {"event": event, "message": message, "room": room, "namespace": self.site}
        text = rooms.to_json(envelope, "message")
        await self._session.services.redis.publish(keys.EVENTS_CHANNEL, text)

    async def has_permission(self, doctype: str, name: str | int = "") -> bool:
        """Return whether the user may read a document, or a DocType; Frappe is asked at most
        every 30 seconds, and not at all about what is no document's name."""
        document = _document(doctype, name)
        return document is not None and await self._session.may_read(document)


def _document(doctype: object, name: object) -> Document | None:
    try:
        return (keys.doctype_of(doctype), "") if name == "" else keys.document(doctype, name)
    except keys.BadRoom:
        return None


def _room(room: object) -> str:
    if not texts.is_name(room, keys.MAX_NAME):
        raise keys.BadRoom(f"a room is a text in Unicode, 1 to {keys.MAX_NAME} characters")
    return room


AppHandler = Callable[..., Awaitable[Any]]


def load_events(bench: Path, taken: Collection[str]) -> dict[str, sessions.Handler]:
    """Return the events that a bench's apps bring along, without those whose name is taken."""
    events: dict[str, sessions.Handler] = {}
    for app in apps_of(bench):
        try:
            named = _read_hook(bench / "apps" / app / app / "hooks.py")
        except BadExtension as error:
            log.error("an app's events are left out", app=app, why=str(error))
            continue
        for event, path in named.items():
            try:
                if event in taken or event in events:
                    raise BadExtension("an event of this name there is already: choose another")
                handler = _import(bench / "apps" / app, path)
            except BadExtension as error:
                log.error("an app's event is left out", app=app, event_name=event, why=str(error))
            else:
                events[event] = sessions.Handler(partial(_run, app, event, handler))
                log.info("an app brings an event", app=app, event_name=event, handler=path)
    return events


def _read_hook(hooks: Path) -> dict[str, str]:
    """Return the hook's dict, from the text of a hooks.py."""
    try:
        body = ast.parse(hooks.read_text("utf-8")).body
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, SyntaxError) as error:
        raise BadExtension(f"its hooks.py cannot be read: {error}") from error
    for statement in body:
        if isinstance(statement, ast.AnnAssign) and statement.value:
            targets, value = [statement.target], statement.value
        elif isinstance(statement, ast.Assign):
            targets, value = statement.targets, statement.value  # type: ignore[assignment]
        else:
            continue
        if any(isinstance(target, ast.Name) and target.id == EVENTS_HOOK for target in targets):
            return _read_dict(value)
    return {}


def _read_dict(value: ast.expr) -> dict[str, str]:
    try:
        named = ast.literal_eval(value)
    except ValueError:
        named = None
    if not isinstance(named, dict) or not all(
        isinstance(text, str) and text for pair in named.items() for text in pair
    ):
        raise BadExtension(
            f"{EVENTS_HOOK} in its hooks.py is no plain dict: "
            'expected is {"event": "app.module.function"}'
        )
    return named


def _import(app_folder: Path, path: str) -> AppHandler:
    module_name, _, function = path.rpartition(".")
    if str(app_folder) not in sys.path:
        # An app that bench has installed is found anyway; one beside it, by its folder.
        sys.path.append(str(app_folder))
    try:
        handler = getattr(importlib.import_module(module_name), function)
    except Exception as error:
        # It is the app's code that runs here: whatever it raises is the app's, not ours.
        raise BadExtension(f"{path} cannot be imported: {error!r}") from error
    if not inspect.iscoroutinefunction(handler):
        raise BadExtension(
            f"{path} is no async function: expected is async def {function}(session, …)"
        )
    return handler  # type: ignore[no-any-return]


async def _run(
    app: str, event: str, handler: AppHandler, session: sessions.Session, *arguments: Any
) -> Any:
    """Run an app's handler for a connection to a site that has the app. What it returns goes to a
    client that has asked for an acknowledgement."""
    apps = session.identity.installed_apps
    # Frappe v15 does not say which apps a site has.
    if apps is not None and app not in apps:
        raise Denied(NO_SUCH_EVENT)
    try:
        handling = _until_gone(handler(Session(session), *arguments))
        return await asyncio.wait_for(handling, EXTENSION_TIMEOUT)
    except (OverLimit, Unavailable, keys.BadRoom, rooms.BadField):
        raise  # not the app's fault, and the client can do something about it
    except asyncio.TimeoutError as error:
        log.error("an app's event took too long", app=app, event_name=event)
        raise Denied(TIMED_OUT) from error
    except Exception as error:
        log.exception("an app's event failed", app=app, event_name=event)
        raise Denied(FAILED) from error


async def _until_gone(handling: Awaitable[Any]) -> Any:
    # In its own task: one that does not heed its cancellation ends after those who wait for it.
    with contextlib.suppress(sessions.Gone):
        return await handling
