"""Who is on a site at all: the users that have a socket, whatever they look at."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass, field
from typing import Any

import structlog
from redis.exceptions import RedisError

from presence_progress.presence import Presence
from presence_progress.server.engine import spawn
from presence_progress.server.node import Node
from presence_progress.server.questions import Unavailable
from presence_progress.server.sessions import Session

log = structlog.get_logger(__name__)


@dataclass
class _User:
    """One user's sockets on this node, which are one session together."""

    session: str = field(default_factory=lambda: uuid.uuid4().hex)
    sessions: set[Session] = field(default_factory=set)
    entered: Presence | None = None
    entering: asyncio.Task[None] | None = None
    is_wanted: bool = False
    """Whether a socket has come that is not entered: also while an older answer is waited for."""

    def pulse(self) -> int:
        return sum(session.connection.beat for session in self.sessions)


class Online:
    """Enters each user of this node once, however many sockets he has."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._users: dict[tuple[str, str], _User] = {}

    def come(self, session: Session) -> None:
        """Take note of a socket that has connected, or shall be seen again."""
        rules, identity = session.rules, session.identity
        is_of_use = rules.presence and (rules.online, rules.online_count) != ("off", "off")
        if identity.is_guest or not is_of_use:
            return
        session.require_open()
        user = self._users.setdefault((identity.site, identity.user), _User())
        user.sessions.add(session)
        user.is_wanted = True
        if user.entered is None and user.entering is None:
            user.entering = spawn(self._enter(user, session))

    async def _enter(self, user: _User, session: Session) -> None:
        identity = session.identity
        try:
            while user.is_wanted and user.entered is None:
                user.is_wanted = False
                person = await session.services.access.person(identity)
                if user.sessions and not person.invisible:
                    user.entered = Presence(
                        identity.site, "", "", user.session, identity.user, person.who
                    )
                    await self._node.enter(user.entered, user.pulse)
        except (Unavailable, RedisError, OSError) as error:
            log.debug("not shown online for now", user=identity.user, error=str(error))
        finally:
            user.entering = None

    async def go(self, session: Session, grace: int) -> None:
        """Take note of a socket that has gone, or shall not be seen any more; grace in ms."""
        key = session.identity.site, session.identity.user
        user = self._users.get(key)
        if user is None:
            return
        user.sessions.discard(session)
        if user.sessions:
            return
        del self._users[key]
        if user.entered:
            await self._leave(user.entered, grace)

    async def _leave(self, entered: Presence, grace: int) -> Any:
        try:
            await self._node.leave(entered, grace)
        except (RedisError, OSError) as error:
            log.debug("Redis is told later", user=entered.user, error=str(error))
