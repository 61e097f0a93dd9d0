"""Who may sign in to the demo and what each may do. There is no password: any will do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from presence_progress.demo.errors import Forbidden

Right = Literal["read", "write"]


@dataclass(frozen=True)
class User:
    """A person of the demo; ``rights`` hold for every DocType, of which there is one."""

    id: str
    full_name: str
    can: str
    rights: frozenset[Right] = frozenset()
    image: str | None = None
    user_type: str = "System User"

    @property
    def is_guest(self) -> bool:
        return self.id == "Guest"

    @property
    def token(self) -> str:
        """What stands behind ``token`` or ``Bearer`` in an Authorization of theirs; no secret."""
        return f"{self.id}:demo"


ADMINISTRATOR = "Administrator"
GUEST = User("Guest", "Guest", "may do nothing", user_type="Website User")
USERS = {
    user.id: user
    for user in (
        User(
            ADMINISTRATOR,
            "Ada Administrator",
            "may read, edit and import",
            frozenset({"read", "write"}),
            "/files/administrator.svg",
        ),
        User(
            "editor@example.com",
            "Elif Editor",
            "may read, edit and import",
            frozenset({"read", "write"}),
            "/files/editor.svg",
        ),
        User(
            "viewer@example.com",
            "Vikram Viewer",
            "may read",
            frozenset({"read"}),
            "/files/viewer.svg",
        ),
        User(
            "no-access@example.com",
            "Noor No-Access",
            "may read nothing",
            image="/files/no-access.svg",
        ),
        User(
            "customer@example.com",
            "Cleo Customer",
            "may read, as a visitor of the website",
            frozenset({"read"}),
            "/files/customer.svg",
            "Website User",
        ),
    )
}
_BY_LOGIN = {user.id.casefold(): user for user in USERS.values()}
_BY_TOKEN = {user.token: user for user in USERS.values()}


def find(login: str) -> User | None:
    """Return the user who signs in with this, whatever its case, as Frappe does."""
    return _BY_LOGIN.get(login.strip().casefold())


def find_by_token(token: str) -> User | None:
    return _BY_TOKEN.get(token)


def require(user: User, right: Right) -> None:
    """Raise :class:`Forbidden`, with a sentence, unless the user has the right."""
    if right not in user.rights:
        who = "Guests" if user.is_guest else user.full_name
        raise Forbidden(f"{who} may not {right} airports.")
