"""Which site a new connection means, and with which credentials: Frappe's rules, and nothing else.

Nobody is asked here. A connection that breaks a rule is :class:`Refused` with the words that
Frappe's own server has for it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from presence_progress.settings import Settings

BROWSER_ORIGIN = "HTTP_X_BROWSER_ORIGIN"
"""Where a proxy forwards the Origin that the browser sent: Frappe's nginx overwrites Origin itself,
so that comparing it with Host proves nothing there."""


MAX_CREDENTIALS = 4_000
"""Longest session id or Authorization header in characters; tokens of others are the longest."""


class Refused(Exception):
    """This connection is refused; the text is what the client is told."""


@dataclass(frozen=True)
class Handshake:
    """The site that is meant, and the header to ask Frappe with as the user who connects."""

    site: str
    credentials: Mapping[str, str]


def read_handshake(environ: Mapping[str, Any], namespace: str, settings: Settings) -> Handshake:
    """Read the headers of a connection; :class:`Refused` when they break a rule."""
    host = _hostname(environ.get("HTTP_HOST", "")).lower()
    origin = _hostname(environ.get("HTTP_ORIGIN", "")).lower()
    site = (
        _hostname(environ.get("HTTP_X_FRAPPE_SITE_NAME", ""))
        or (settings.default_site if _names_no_site(host) else "")
        or origin
        or host
    )
    if namespace != f"/{site}":
        raise Refused("Invalid namespace")
    # A same-origin polling request carries no Origin; a request without a Host is no browser's.
    if not host or (origin and origin != host and origin not in settings.origins):
        raise Refused("Invalid origin")
    browser_origin = environ.get(BROWSER_ORIGIN)
    if browser_origin and _hostname(browser_origin).lower() not in {host, site, *settings.origins}:
        raise Refused("Invalid origin")
    return Handshake(site, _credentials(environ))


def _credentials(environ: Mapping[str, Any]) -> dict[str, str]:
    # Authorization first: mobile apps send sid=Guest beside their token (frappe#26766).
    authorization, cookies = environ.get("HTTP_AUTHORIZATION"), environ.get("HTTP_COOKIE")
    if authorization:
        return {"Authorization": _short(authorization)}
    if not cookies:
        raise Refused("No cookie transmitted.")
    for cookie in cookies.split(";"):
        name, _, value = cookie.strip().partition("=")
        if name == "sid" and value:
            return {"Cookie": f"sid={_short(value)}"}
    raise Refused("No authentication method used. Use cookie or authorization header.")


def _short(credentials: str) -> str:
    if len(credentials) > MAX_CREDENTIALS:
        raise Refused("Unauthorized")
    return credentials


def _hostname(text: str) -> str:
    """Return the host of a URL or of a Host header, without scheme, user, port and path.

    As it was written: a site may be named in capitals, though no browser will say so.
    """
    try:
        parts = urlsplit(text if "//" in text else f"//{text}")
        start = parts.netloc.lower().find(parts.hostname or "", parts.netloc.rfind("@") + 1)
    except ValueError:
        return ""
    return parts.netloc[start : start + len(parts.hostname or "")]


def _names_no_site(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost"
    return True
