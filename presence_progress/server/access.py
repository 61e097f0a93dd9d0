"""Who are you, may you read this: what Frappe has answered, and for how long that is believed.

It decides from Frappe's answers alone and lets nobody in while Frappe cannot answer.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from redis.exceptions import RedisError

from presence_progress import keys, rooms
from presence_progress.keys import Room, Scope
from presence_progress.presence import Who
from presence_progress.server.answers import Answers
from presence_progress.server.handshake import Handshake, Refused
from presence_progress.server.questions import Denied, Questions, Unavailable
from presence_progress.settings import (
    APP_LOOKUP,
    DENIAL_TTL,
    IDENTITY_TTL,
    PERMISSION_TTL,
    SECRET_TTL,
)

Document = tuple[str, str]
"""A DocType and a name; without a name, the DocType itself."""


@dataclass(frozen=True)
class Identity:
    """Who a socket belongs to, and the credentials to ask Frappe as that user."""

    site: str
    user: str
    user_type: str
    credentials: Mapping[str, str]
    installed_apps: tuple[str, ...] | None
    """From v16 on; the same versions have one endpoint for permissions, where v15 has two."""

    @property
    def sid(self) -> str:
        """The id of the session, or "" for one who has shown a token."""
        return self.credentials.get("Cookie", "").partition("=")[2]

    @property
    def is_guest(self) -> bool:
        return self.user == "Guest"

    @property
    def is_system_user(self) -> bool:
        return self.user_type == "System User"

    @property
    def rooms(self) -> list[str]:
        """The rooms of Frappe's that a socket is in from the start."""
        return [f"user:{self.user}", "website", *(["all"] if self.is_system_user else [])]


@dataclass(frozen=True)
class Permission:
    """One answer, and with whose session it was asked for."""

    is_granted: bool
    credentials: Mapping[str, str]


@dataclass(frozen=True)
class Look:
    """What a site with this app has told: whose sessions there are, and yes, no or nothing to each
    right."""

    users: Mapping[str, str]
    may_read: Sequence[bool | None]


class Access:
    """Frappe's answers about users."""

    def __init__(self, questions: Questions, redis: Any) -> None:
        self._ask = questions.ask
        self._redis = redis
        self._without_app: dict[str, float] = {}
        self._identities: Answers[tuple[str, ...], Identity] = Answers(lambda _: IDENTITY_TTL)
        self._permissions: Answers[tuple[str, str, Document], Permission] = Answers(
            lambda permission: PERMISSION_TTL if permission.is_granted else DENIAL_TTL
        )
        self._people: Answers[tuple[str, str], Who | None] = Answers(
            lambda who: PERMISSION_TTL if who else DENIAL_TTL
        )

    async def identify(self, handshake: Handshake) -> Identity:
        """Return who connects; :class:`Refused` or :class:`Unavailable` otherwise."""
        return await self._identities.get(
            (handshake.site, *handshake.credentials.values()),
            lambda: self._identify(handshake.site, handshake.credentials),
        )

    async def is_still(self, identity: Identity) -> bool:
        """Return whether a connection made now would be the same user's, of the same type."""
        try:
            now = await self._identities.renew(
                (identity.site, *identity.credentials.values()),
                lambda: self._identify(identity.site, identity.credentials),
            )
        except Refused:
            return False
        return (now.user, now.user_type) == (identity.user, identity.user_type)

    async def _identify(self, site: str, credentials: Mapping[str, str]) -> Identity:
        try:
            info = await self._ask(site, credentials, "frappe.realtime.get_user_info")
            if not info:
                # Frappe makes its secret when it is first asked: the second question carries it.
                info = await self._ask(site, credentials, "frappe.realtime.get_user_info")
        except Denied as error:
            raise Refused(f"Unauthorized: Error: {error.phrase}") from error
        if not isinstance(info, dict) or not info.get("user"):
            raise Refused("Unauthorized")
        apps = info.get("installed_apps")
        return Identity(
            site,
            str(info["user"]),
            str(info.get("user_type") or "Website User"),
            credentials,
            tuple(apps) if isinstance(apps, list) else None,
        )

    # --- what may be read ---

    async def may_read(self, identity: Identity, document: Document) -> bool:
        """Return whether the user may read a document; believed for a minute."""
        key = (identity.site, identity.user, document)
        permission = await self._permissions.get(key, lambda: self._may_read(identity, document))
        if permission.is_granted or permission.credentials == identity.credentials:
            return permission.is_granted
        # The no may be another session's alone, which has ended.
        return await self.may_still_read(identity, document)

    def is_reader(self, identity: Identity, document: Document) -> bool:
        """Return whether it is known that the user may read a document."""
        permission = self._permissions.peek((identity.site, identity.user, document))
        return permission is not None and permission.is_granted

    async def may_still_read(self, identity: Identity, document: Document) -> bool:
        """Return what Frappe says now."""
        key = (identity.site, identity.user, document)
        permission = await self._permissions.renew(key, lambda: self._may_read(identity, document))
        return permission.is_granted

    def age(self, identity: Identity, document: Document) -> float:
        """Return how many seconds ago Frappe was asked; infinity when its answer is not known."""
        return self._permissions.age((identity.site, identity.user, document))

    def forget(self, site: str, user: str | None = None) -> None:
        """Believe nothing any more that Frappe has said about a user, or about a whole site."""
        for answers in (self._permissions, self._people):
            answers.forget(lambda key: key[0] == site and user in (None, key[1]))
        self._identities.forget(lambda key: key[0] == site)

    async def _may_read(self, identity: Identity, document: Document) -> Permission:
        doctype, name = document
        if identity.installed_apps is not None:
            method, parameters = "has_permission", {"doctype": doctype, "name": name}
        elif name:
            method, parameters = "can_subscribe_doc", {"doctype": doctype, "docname": name}
        else:
            method, parameters = "can_subscribe_doctype", {"doctype": doctype}
        try:
            answer = await self._ask(
                identity.site, identity.credentials, f"frappe.realtime.{method}", parameters
            )
        except Denied:
            answer = False
        return Permission(answer is True, identity.credentials)

    # --- all at once, in the server's own name ---

    async def look(
        self, site: str, sids: Collection[str], rights: Sequence[tuple[str, Document]]
    ) -> Look | None:
        """Ask a site that has this app whose some sessions are, and who may read what.

        Returns None for a site that does not have it; :class:`Unavailable` when it cannot answer.
        """
        if self._without_app.get(site, 0) > time.monotonic():
            return None
        asked_at, times_forgotten = time.monotonic(), self._permissions.times_forgotten
        questions = [[user, *document] for user, document in rights]
        secret = {keys.SECRET_HEADER: await self._secret()}
        body = {"sessions": list(sids), "questions": questions}
        try:
            answer = await self._ask(site, secret, "presence_progress.site.rights.look", None, body)
            look = Look(dict(answer["users"]), list(answer["may_read"]))
            answers = list(zip(rights, look.may_read, strict=True))
        except Denied:
            self._without_app[site] = time.monotonic() + APP_LOOKUP
            return None
        except (KeyError, TypeError, ValueError) as error:
            raise Unavailable(f"{site} answers nothing that makes sense") from error
        if self._permissions.times_forgotten == times_forgotten:
            for (user, document), is_granted in answers:
                if is_granted is not None:
                    permission = Permission(is_granted, {})
                    self._permissions.put((site, user, document), permission, asked_at)
        return look

    async def _secret(self) -> str:
        """Return what this bench's servers show to its sites; the first one makes it."""
        try:
            made = secrets.token_urlsafe(32)
            await self._redis.set(keys.SECRET, made, nx=True, ex=SECRET_TTL)
            await self._redis.expire(keys.SECRET, SECRET_TTL)
            return rooms.text(await self._redis.get(keys.SECRET))
        except (RedisError, OSError) as error:
            raise Unavailable("Redis is away") from error

    # --- how somebody is shown ---

    async def who(self, identity: Identity) -> Who:
        """Return how the user is shown to others: asked once, not by every browser."""

        async def ask() -> Who | None:
            try:
                people = await self._ask(
                    identity.site,
                    identity.credentials,
                    "frappe.desk.form.load.get_user_info_for_viewers",
                    {"users": json.dumps([identity.user])},
                )
                person = people[identity.user]
                return Who(person.get("fullname") or identity.user, person.get("image") or None)
            except (Denied, Unavailable, KeyError, TypeError, AttributeError):
                return None

        key = (identity.site, identity.user)
        return await self._people.get(key, ask) or Who(identity.user)


def right_to_watch(identity: Identity, room: Room, task: Mapping[str, Any]) -> bool | Document:
    """Return whether a user may watch a room, or which document he must be able to read for it.

    ``task`` is the room's state when it is a task's.
    """
    if room.kind == "presence":
        return room.doctype or "", room.name or ""
    if room.kind == "task":
        if identity.user in (task.get("user"), "Administrator") and not identity.is_guest:
            return True
        doctype = task.get("doctype")
        return (doctype, task.get("name") or "") if doctype else False
    if room.kind == "tasks":
        if room.doctype:
            return room.doctype, ""
        return room.user == identity.user and not identity.is_guest
    return room.scope is not None and _right_to_scope(identity, room.scope)


def _right_to_scope(identity: Identity, scope: Scope) -> bool | Document:
    if scope.kind == "website":
        return True
    if scope.kind == "site":
        return identity.is_system_user
    if scope.kind == "user":
        return scope.user == identity.user
    return scope.doctype or "", scope.name or ""
