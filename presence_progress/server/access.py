"""Who are you, may you read this: what Frappe has answered, and for how long that is believed.

It decides from Frappe's answers alone and lets nobody in while Frappe cannot answer.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from presence_progress import texts
from presence_progress.keys import MAX_NAME
from presence_progress.presence import Who
from presence_progress.room_rights import Document
from presence_progress.server.answers import Answers
from presence_progress.server.app_questions import AppQuestions, NoApp
from presence_progress.server.handshake import Handshake, Refused
from presence_progress.server.people import People, Person
from presence_progress.server.questions import Asker, Denied, Questions, Unavailable
from presence_progress.server.site_settings import SiteSettings
from presence_progress.settings import (
    DENIAL_TTL,
    IDENTITY_TTL,
    MAX_FORESEEN,
    PERMISSION_TTL,
)

SYSTEM_USERS = "all"
"""Frappe's name for the room of all System Users of a site."""
_RIGHTS = Asker("server", "rights")
"""Asks whether users still may what they do: their own floods must not keep it from being known."""


@dataclass(frozen=True)
class Identity:
    """Who a socket belongs to, and the credentials to ask Frappe as that user."""

    site: str
    user: str
    user_type: str
    credentials: Mapping[str, str]
    installed_apps: tuple[str, ...] | None
    """From v16 on; the same versions have one endpoint for permissions, where v15 has two."""
    address: str | None = None
    """Of a guest, as all of them are one user: where the connection comes from, where known."""

    @property
    def sid(self) -> str:
        """The id of the session, or "" for one who has shown a token."""
        return self.credentials.get("Cookie", "").partition("=")[2]

    @property
    def is_guest(self) -> bool:
        return self.user == "Guest"

    @property
    def asker(self) -> Asker:
        """Who shares what a user may use: all sockets of the user, or of a guest's address."""
        return Asker("guest", self.address) if self.is_guest else Asker("user", self.user)

    @property
    def is_system_user(self) -> bool:
        return self.user_type == "System User"

    @property
    def rooms(self) -> list[str]:
        """The rooms of Frappe's that a socket is in from the start."""
        system_users = [SYSTEM_USERS] if self.is_system_user else []
        return [f"user:{self.user}", "website", *system_users]


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
    types: Mapping[str, str]
    """By user; an older version of the app does not say."""
    may_read: Sequence[bool | None]


class Access:
    """Frappe's answers about users."""

    def __init__(
        self, questions: Questions, redis: Any, site_settings: SiteSettings | None = None
    ) -> None:
        self._ask = questions.ask
        self.app = AppQuestions(questions, redis)
        self.rules = (site_settings or SiteSettings(None)).of
        """What a site has set about presence, by the site's name."""
        self._ask_people = People(self.app).ask
        self._identities: Answers[tuple[Any, ...], Identity] = Answers(lambda _: IDENTITY_TTL)
        self._permissions: Answers[tuple[str, str, Document], Permission] = Answers(
            lambda permission: PERMISSION_TTL if permission.is_granted else DENIAL_TTL
        )
        self._people: Answers[tuple[str, str], Person | None] = Answers(
            lambda person: PERMISSION_TTL if person else DENIAL_TTL
        )

    async def identify(self, handshake: Handshake, address: str | None = None) -> Identity:
        """Return who connects from an address; :class:`Refused` or :class:`Unavailable`
        otherwise."""
        # Not the credentials: who guesses sessions has new ones each time.
        asker = Asker("sign-in", address)
        identity = await self._identities.get(
            (handshake.site, *handshake.credentials.items()),
            lambda: self._identify(handshake.site, handshake.credentials, asker),
        )
        return replace(identity, address=address) if identity.is_guest else identity

    async def is_still(self, identity: Identity) -> bool:
        """Return whether a connection made now would be the same user's, of the same type."""
        try:
            now = await self._identities.renew(
                (identity.site, *identity.credentials.items()),
                lambda: self._identify(identity.site, identity.credentials, _RIGHTS),
                line="rights",
            )
        except Refused:
            return False
        return (now.user, now.user_type) == (identity.user, identity.user_type)

    async def _identify(self, site: str, credentials: Mapping[str, str], asker: Asker) -> Identity:
        method = "frappe.realtime.get_user_info"
        try:
            info = await self._ask(site, credentials, method, asker=asker)
            if not info:
                # Frappe makes its secret when it is first asked: the second question carries it.
                info = await self._ask(site, credentials, method, asker=asker)
        except Denied as error:
            raise Refused(f"Unauthorized: Error: {error.phrase}") from error
        if not isinstance(info, dict) or not texts.is_name(info.get("user"), MAX_NAME):
            raise Refused("Unauthorized")
        apps = info.get("installed_apps")
        return Identity(
            site,
            info["user"],
            str(info.get("user_type") or "Website User"),
            credentials,
            tuple(apps) if isinstance(apps, list) else None,
        )

    # --- what may be read ---

    async def may_read(self, identity: Identity, document: Document) -> bool:
        """Return whether the user may read a document; cached for 30 seconds."""
        key = (identity.site, identity.user, document)

        def ask() -> Awaitable[Permission]:
            return self._may_read(identity, document, identity.asker)

        permission = await self._permissions.get(key, ask)
        is_about_them = permission.credentials in ({}, identity.credentials)
        if not permission.is_granted and not is_about_them:
            # The no may be another session's alone, which has ended.
            permission = await self._permissions.renew(key, ask)
        return permission.is_granted

    async def may_read_all(
        self, identity: Identity, documents: Sequence[Document]
    ) -> set[Document]:
        """Return those of some documents that the user may read: what is not known is asked in one
        question, where the site has this app."""
        known = {document: self.known(identity, document) for document in documents}
        unknown = [document for document, is_granted in known.items() if is_granted is None]
        if unknown:
            rights = [(identity.user, document) for document in unknown]
            look = await self.look(identity.site, (), rights, asker=identity.asker)
            answers = look.may_read if look else await self._may_read_each(identity, unknown)
            known.update(zip(unknown, answers, strict=True))
        return {document for document, is_granted in known.items() if is_granted}

    def known(self, identity: Identity, document: Document) -> bool | None:
        """Return whether the user may read a document, if that is known."""
        permission = self._permissions.peek((identity.site, identity.user, document))
        if permission is None:
            return None
        # A no to another session of the user's may be that session's alone.
        is_about_him = permission.credentials in ({}, identity.credentials)
        return permission.is_granted if permission.is_granted or is_about_him else None

    async def _may_read_each(self, identity: Identity, documents: Sequence[Document]) -> list[bool]:
        asked, answers = iter(documents), []
        # In parts: a long list shall not take every place in its site's line.
        while part := list(islice(asked, MAX_FORESEEN)):
            answers += await asyncio.gather(
                *(self.may_read(identity, document) for document in part)
            )
        return answers

    def is_reader(self, identity: Identity, document: Document) -> bool:
        """Return whether it is known that the user may read a document."""
        permission = self._permissions.peek((identity.site, identity.user, document))
        return permission is not None and permission.is_granted

    async def may_still_read(self, identity: Identity, document: Document) -> bool:
        """Return what Frappe says now, whatever the user's own line is like."""
        key = (identity.site, identity.user, document)
        permission = await self._permissions.renew(
            key, lambda: self._may_read(identity, document, _RIGHTS), line="rights"
        )
        return permission.is_granted

    def asked_at(self, identity: Identity, document: Document) -> float | None:
        """Return when Frappe was asked, as ``time.monotonic()`` says; None when its answer is not
        known."""
        return self._permissions.asked_at((identity.site, identity.user, document))

    def identified_at(self, identity: Identity) -> float | None:
        """Return when Frappe was asked who somebody is, likewise."""
        return self._identities.asked_at((identity.site, *identity.credentials.items()))

    def forget(self, site: str, user: str | None = None) -> None:
        """Believe nothing any more that Frappe has said about a user, or about a whole site."""
        about = (site,) if user is None else (site, user)
        self._permissions.forget(*about)
        self._people.forget(*about)
        self._identities.forget(site)

    def forget_person(self, site: str, user: str) -> None:
        """Ask anew how a user is shown, the next time."""
        self._people.forget(site, user)

    async def _may_read(self, identity: Identity, document: Document, asker: Asker) -> Permission:
        doctype, name = document
        if identity.installed_apps is not None:
            method, parameters = "has_permission", {"doctype": doctype, "name": name}
        elif name:
            method, parameters = "can_subscribe_doc", {"doctype": doctype, "docname": name}
        else:
            method, parameters = "can_subscribe_doctype", {"doctype": doctype}
        try:
            answer = await self._ask(
                *(identity.site, identity.credentials, f"frappe.realtime.{method}", parameters),
                asker=asker,
            )
        except Denied:
            answer = False
        return Permission(answer is True, identity.credentials)

    # --- all at once, in the server's own name ---

    async def look(
        self,
        site: str,
        sids: Collection[str],
        rights: Sequence[tuple[str, Document]],
        *,
        asker: Asker | None = None,
    ) -> Look | None:
        """Ask a site that has this app whose some sessions are, and who may read what, because of
        a client or in the server's own name.

        Returns None for a site that does not have it; :class:`Unavailable` when it cannot answer.
        """
        asked_at = time.monotonic()
        questions = [[user, *document] for user, document in rights]
        body = {"sessions": list(sids), "questions": questions}
        try:
            answer = await self.app.ask(site, "rights.look", body, asker=asker)
            look = Look(
                dict(answer["users"]), dict(answer.get("types", {})), list(answer["may_read"])
            )
            answers = list(zip(rights, look.may_read, strict=True))
        except NoApp:
            return None
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise Unavailable(f"{site} answers nothing that makes sense") from error
        for (user, document), is_granted in answers:
            if is_granted is not None:
                permission = Permission(is_granted, {})
                self._permissions.put((site, user, document), permission, asked_at)
        return look

    # --- how somebody is shown ---

    async def who(self, identity: Identity) -> Who:
        """Return how the user is shown to others."""
        return (await self.person(identity)).who

    async def person(self, identity: Identity) -> Person:
        """Return how the user is shown to others, and whether he is: asked once, not by every
        browser.

        :class:`Unavailable` when a site that has this app cannot answer: whoever wants to be
        invisible is not shown because nobody could say so.
        """

        async def ask() -> Person | None:
            try:
                return await self._ask_people(identity.site, identity.user)
            except NoApp:
                return await self._ask_for_person(identity)

        key = (identity.site, identity.user)
        return await self._people.get(key, ask) or Person(Who(identity.user))

    async def renew_person(self, identity: Identity) -> Person | None:
        """Ask anew how the user is shown; None where the site does not have this app."""
        site, user = identity.site, identity.user
        try:
            # What an event tells meanwhile is newer than this.
            return await self._people.renew((site, user), lambda: self._ask_people(site, user))
        except NoApp:
            return None

    async def _ask_for_person(self, identity: Identity) -> Person | None:
        """Ask as stock pages do; None when the answer says nothing."""
        try:
            people = await self._ask(
                identity.site,
                identity.credentials,
                "frappe.desk.form.load.get_user_info_for_viewers",
                {"users": json.dumps([identity.user])},
                asker=identity.asker,
            )
            told = people[identity.user]
            return Person(Who(told.get("fullname") or identity.user, told.get("image") or None))
        except (Denied, Unavailable, KeyError, TypeError, AttributeError):
            return None

    async def set_invisible(self, identity: Identity, invisible: bool) -> None:
        """Have the site store whether the user is shown to others; :class:`NoApp` where it cannot.

        The site tells everybody's servers, this one too.
        """
        body = {"user": identity.user, "invisible": invisible}
        await self.app.ask(identity.site, "presence.set_invisible", body, asker=identity.asker)
