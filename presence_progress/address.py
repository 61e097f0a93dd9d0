"""Where a Redis is: one URL for a single one, for one behind sentinels, and for a cluster.

``redis://``, ``rediss://`` and ``unix://`` are redis-py's own. Two more name several places, with
the credentials of the Redis before them:

- ``redis+sentinel://HOST:PORT,HOST:PORT/SERVICE`` (``?sentinel_username=…&sentinel_password=…``)
- ``redis+cluster://HOST:PORT,HOST:PORT`` (``rediss+cluster://`` with TLS): any node will do, the
  others are learned from it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit

from presence_progress.settings import Sentinel

Place = tuple[str, int]
"""A host and a port."""

EXPECTED = (
    "redis://HOST:PORT (with USER:PASSWORD@ where needed, a slash in it as %2F), "
    "rediss://…, unix:///PATH, "
    "redis+sentinel://HOST:PORT,…/SERVICE or redis+cluster://HOST:PORT,…"
)

_CREDENTIALS = re.compile(r"://.*@")
"""To the last @ of a line: a password may have an @, a slash, a space in it, where it must not."""
_SECRET_OPTION = re.compile(
    r"""((?:^|[?&\s"'(,{])\w*(?:password|secret|token)['"]?\s*[=:]\s*)[^&\s,)}]+""", re.IGNORECASE
)


@dataclass(frozen=True)
class ClusterAddress:
    """Some nodes of a cluster, and what is alike for all of its nodes."""

    nodes: tuple[Place, ...]
    scheme: str = "redis"
    credentials: str = field(default="", repr=False)
    """As in a URL: ``USER:PASSWORD``."""
    options: str = field(default="", repr=False)
    """redis-py's own, as in the query of a URL."""

    def url(self, place: Place) -> str:
        """Return redis-py's URL for one node."""
        host, port = place
        user = f"{self.credentials}@" if self.credentials else ""
        options = f"?{self.options}" if self.options else ""
        return f"{self.scheme}://{user}{_written(host)}:{port}{options}"


Address = str | Sentinel | ClusterAddress
"""Of a single Redis it is redis-py's URL."""


def read_address(url: object) -> Address:
    """Take a URL apart; the text of a ``ValueError`` says what was expected."""
    if not isinstance(url, str):
        raise ValueError(EXPECTED)
    try:
        scheme, _, rest = url.partition("://")
        if "+" in scheme:
            # Not urlsplit: it takes one host, and newer ones refuse brackets further on.
            named, _, query = rest.partition("?")
            hosts, _, path = named.partition("/")
            credentials, _, places = hosts.rpartition("@")
            if scheme in ("redis+cluster", "rediss+cluster"):
                kind = scheme.partition("+")[0]
                return ClusterAddress(_places(places), kind, credentials, query)
            if scheme == "redis+sentinel":
                return _sentinel(_places(places), path, credentials, query)
        parts = urlsplit(url)
        if parts.scheme in ("redis", "rediss"):
            # An @ further on ends a password with a slash, whose first half would be the host.
            is_cut = "@" in parts.path + parts.fragment + parts.query.partition("=")[0]
            good = bool(parts.hostname) and parts.port != 0 and not is_cut
        else:
            good = parts.scheme == "unix" and bool(parts.path)
    except ValueError:
        good = False
    if not good:
        raise ValueError(EXPECTED)
    return url


def without_password(address: str) -> str:
    """Return an address as a person may see it, also one that is none."""
    if "://" not in address:
        address = f"…@{address.rpartition('@')[2]}" if "@" in address else address
    return without_passwords(address)


def without_passwords(text: str) -> str:
    """Return a text, an error's or a log line's, without what addresses in it must not show."""
    # The options first: one may have an @ in it.
    text = _SECRET_OPTION.sub(r"\1…", text)
    return _CREDENTIALS.sub("://…@", text)


def _sentinel(nodes: tuple[Place, ...], path: str, credentials: str, query: str) -> Sentinel:
    service = unquote(path.strip("/"))
    if not service:
        raise ValueError("no service")
    options = {name: values[-1] for name, values in parse_qs(query).items()}
    username, has_password, password = credentials.partition(":")
    return Sentinel(
        nodes,
        service,
        options.get("sentinel_username"),
        options.get("sentinel_password"),
        unquote(username) or None,
        unquote(password) if has_password else None,
    )


def _places(text: str) -> tuple[Place, ...]:
    places = []
    for place in text.split(","):
        parts = urlsplit(f"//{place}")
        if not parts.hostname or not parts.port:
            raise ValueError("no place")
        places.append((parts.hostname, parts.port))
    return tuple(places)


def _written(host: str) -> str:
    return f"[{host}]" if ":" in host else host
