"""Who are you, may you read this: the only module that asks Frappe, over HTTP, as the user who asks
us.

It decides from Frappe's answers, believes them for a minute and asks one question only once at a
time. It never lets anybody in while Frappe cannot answer.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit

import aiohttp

from presence_progress.keys import Room, Scope
from presence_progress.presence import Who
from presence_progress.settings import DENIAL_TTL, FRAPPE_TIMEOUT, PERMISSION_TTL, Settings

logger = logging.getLogger(__name__)
T = TypeVar("T")

SECRET_KEY = "socketio_auth_secret"
"""Where Frappe v16 keeps the secret that its realtime server must show (frappe#36778)."""


class Refused(Exception):
    """This connection is refused; the text is what the client is told, in Frappe's own words."""


class Unavailable(Exception):
    """Frappe did not answer, or not sensibly; nobody is let in, and nobody is refused for good."""


@dataclass(frozen=True)
class Identity:
    """Who a socket belongs to, and the credentials to ask Frappe as that user."""

    site: str
    user: str
    user_type: str
    credentials: Mapping[str, str]
    has_permission_endpoint: bool
    """Frappe v16 has one endpoint for permissions, v15 two; v16 also names its installed apps."""

    @property
    def key(self) -> tuple[str, ...]:
        """Whose answers are alike. Not the user alone: a session that has ended is told no."""
        return (self.site, self.user, *self.credentials.values())

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


class Access:
    """Frappe's answers, kept for a minute."""

    def __init__(self, settings: Settings, redis: Any) -> None:
        self._settings = settings
        self._redis = redis
        self._permissions: _Answers[bool] = _Answers()
        self._people: _Answers[Who | None] = _Answers()
        self._http: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._http:
            await self._http.close()

    async def identify(self, environ: Mapping[str, Any], namespace: str) -> Identity:
        """Return who connects; :class:`Refused` or :class:`Unavailable` otherwise."""
        site = self._site(environ, namespace)
        credentials = _credentials(environ)
        if not credentials:
            raise Refused("No authentication method used. Use cookie or authorization header.")
        info = await self._ask(site, credentials, "frappe.realtime.get_user_info")
        if not info:
            # Frappe makes its secret when it is first asked: the second question carries it.
            info = await self._ask(site, credentials, "frappe.realtime.get_user_info")
        if not isinstance(info, dict) or not info.get("user"):
            raise Refused("Unauthorized")
        return Identity(
            site,
            str(info["user"]),
            str(info.get("user_type") or "Website User"),
            credentials,
            "installed_apps" in info,
        )

    async def may_read(self, identity: Identity, doctype: str, name: str = "") -> bool:
        """Return whether the user may read a document, or the DocType when there is no name."""

        async def ask() -> bool:
            if identity.has_permission_endpoint:
                method, parameters = "has_permission", {"doctype": doctype, "name": name}
            elif name:
                method, parameters = "can_subscribe_doc", {"doctype": doctype, "docname": name}
            else:
                method, parameters = "can_subscribe_doctype", {"doctype": doctype}
            try:
                answer = await self._ask(
                    identity.site, identity.credentials, f"frappe.realtime.{method}", parameters
                )
            except Refused:
                return False
            return answer is True

        return await self._permissions.get((*identity.key, doctype, name), ask)

    async def may_watch(self, identity: Identity, room: Room, task: Mapping[str, Any]) -> bool:
        """Return whether the user may watch a room; ``task`` is its state when it is a task's."""
        if room.kind == "presence":
            return await self.may_read(identity, room.doctype or "", room.name or "")
        if room.kind == "task":
            return await self._may_watch_task(identity, task)
        if room.kind == "tasks":
            if room.doctype:
                return await self.may_read(identity, room.doctype)
            return room.user == identity.user and not identity.is_guest
        return room.scope is not None and await self._may_watch_scope(identity, room.scope)

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
            except (Refused, Unavailable, KeyError, TypeError, AttributeError):
                return None

        return await self._people.get(identity.key, ask) or Who(identity.user)

    async def _may_watch_task(self, identity: Identity, task: Mapping[str, Any]) -> bool:
        if identity.user in (task.get("user"), "Administrator") and not identity.is_guest:
            return True
        doctype: str | None = task.get("doctype")
        return doctype is not None and await self.may_read(
            identity, doctype, task.get("name") or ""
        )

    async def _may_watch_scope(self, identity: Identity, scope: Scope) -> bool:
        if scope.kind == "website":
            return True
        if scope.kind == "site":
            return identity.is_system_user
        if scope.kind == "user":
            return scope.user == identity.user
        return await self.may_read(identity, scope.doctype or "", scope.name or "")

    def _site(self, environ: Mapping[str, Any], namespace: str) -> str:
        """Return the site that a request means, by Frappe's rules, when the namespace agrees."""
        host = _hostname(environ.get("HTTP_HOST", ""))
        origin = _hostname(environ.get("HTTP_ORIGIN", ""))
        # A same-origin polling request carries no Origin.
        if not host or (origin and origin != host):
            raise Refused("Invalid origin")
        site = _hostname(environ.get("HTTP_X_FRAPPE_SITE_NAME", ""))
        if not site and self._settings.default_site and _names_no_site(host):
            site = self._settings.default_site
        site = site or origin or host
        if namespace != f"/{site}":
            raise Refused("Invalid namespace")
        return site

    async def _ask(
        self,
        site: str,
        credentials: Mapping[str, str],
        method: str,
        parameters: Mapping[str, str] | None = None,
    ) -> Any:
        if self._http is None:
            self._http = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=FRAPPE_TIMEOUT),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        headers = {
            **credentials,
            "Host": site,
            "X-Frappe-Site-Name": site,
            "Accept": "application/json",
        }
        secret = await self._redis.get(SECRET_KEY)
        if secret:
            headers["X-Frappe-Socket-Secret"] = secret
        url = f"{self._settings.site_url.rstrip('/')}/api/method/{method}"
        try:
            async with self._http.get(url, params=parameters, headers=headers) as response:
                if (
                    response.status >= HTTPStatus.INTERNAL_SERVER_ERROR
                    or response.status == HTTPStatus.TOO_MANY_REQUESTS
                ):
                    raise Unavailable(f"Frappe answers {response.status} to {method}")
                if response.status != HTTPStatus.OK:
                    raise Refused("Unauthorized")
                return (await response.json(content_type=None)).get("message")
        except (aiohttp.ClientError, asyncio.TimeoutError, ValueError, AttributeError) as error:
            raise Unavailable(f"Frappe at {self._settings.site_url}: {error!r}") from error


class _Answers(Generic[T]):
    """Answers kept for a minute; one question is asked only once at a time, whoever asks it."""

    _MOST = 50_000

    def __init__(self) -> None:
        self._known: dict[Any, tuple[float, T]] = {}
        self._asking: dict[Any, asyncio.Task[T]] = {}

    async def get(self, key: Any, ask: Callable[[], Awaitable[T]]) -> T:
        until, answer = self._known.get(key, (0.0, None))
        if until > time.monotonic():
            return answer  # type: ignore[return-value]
        if key not in self._asking:
            asking = asyncio.ensure_future(self._ask(key, ask))
            self._asking[key] = asking
            asking.add_done_callback(lambda _: self._asking.pop(key, None))
        # Shielded: one who gives up waiting does not take the answer from the others.
        return await asyncio.shield(self._asking[key])

    async def _ask(self, key: Any, ask: Callable[[], Awaitable[T]]) -> T:
        answer = await ask()
        if len(self._known) >= self._MOST:
            self._known.clear()
        self._known[key] = (time.monotonic() + (PERMISSION_TTL if answer else DENIAL_TTL), answer)
        return answer


def _credentials(environ: Mapping[str, Any]) -> dict[str, str]:
    # Authorization first: mobile apps send sid=Guest beside their token (frappe#26766).
    authorization = environ.get("HTTP_AUTHORIZATION")
    if authorization:
        return {"Authorization": authorization}
    for cookie in environ.get("HTTP_COOKIE", "").split(";"):
        name, _, value = cookie.strip().partition("=")
        if name == "sid" and value:
            return {"Cookie": f"sid={value}"}
    return {}


def _hostname(text: str) -> str:
    """Return the host of a URL or of a Host header, without scheme, user, port and path."""
    try:
        return (urlsplit(text if "//" in text else f"//{text}").hostname or "").lower()
    except ValueError:
        return ""


def _names_no_site(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
