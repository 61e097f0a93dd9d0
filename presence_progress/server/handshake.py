"""Which site a new connection means, and with which credentials: Frappe's rules, and nothing else.

Nobody is asked here. A connection that breaks a rule is :class:`Refused` with the words that
Frappe's own server has for it.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from presence_progress.settings import Settings

BROWSER_ORIGIN = "HTTP_X_BROWSER_ORIGIN"
"""Where a proxy forwards the Origin that the browser sent: Frappe's nginx overwrites Origin itself,
so that comparing it with Host proves nothing there."""

_SITE = re.compile(r"(?!\.)[A-Za-z0-9._:-]{1,253}")
"""A host's name or address; a folder of a bench that is named otherwise can be in no URL."""
_CREDENTIAL = re.compile(r"[ -~]{1,4000}")
"""Printable ASCII; the longest are the tokens of other sign-in services."""


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
    named = _hostname(environ.get("HTTP_X_FRAPPE_SITE_NAME", ""))
    site = named or (settings.default_site if _names_no_site(host) else "") or origin or host
    if namespace != f"/{site}" or not _SITE.fullmatch(site):
        raise Refused("Invalid namespace")
    # A same-origin polling request carries no Origin; a request without a Host is no browser's.
    if not host:
        raise Refused("Invalid origin")
    allowed = {host, *settings.origins}
    # A page of the site that the proxy names, reached by another name: frappe_docker's proxy says
    # so itself. Were the header the page's own, it would be let in to its own site and no other.
    # Not "if origin": file:// names no host, and is as foreign as null.
    if environ.get("HTTP_ORIGIN") and origin not in allowed | {named.lower()} - {""}:
        raise Refused("Invalid origin")
    browser_origin = environ.get(BROWSER_ORIGIN)
    if browser_origin and _hostname(browser_origin).lower() not in allowed | {site.lower()}:
        raise Refused("Invalid origin")
    return Handshake(site, _credentials(environ))


def _credentials(environ: Mapping[str, Any]) -> dict[str, str]:
    # Authorization first: mobile apps send sid=Guest beside their token (frappe#26766).
    authorization, cookies = environ.get("HTTP_AUTHORIZATION"), environ.get("HTTP_COOKIE")
    if authorization:
        return {"Authorization": _checked(authorization)}
    if not cookies:
        raise Refused("No cookie transmitted.")
    pairs = [cookie.partition("=") for cookie in cookies.split(";") if "=" in cookie]
    # Of several the first counts, as with Node's parser.
    sid = next((value.strip(" \t") for name, _, value in pairs if name.strip(" \t") == "sid"), "")
    if not sid:
        raise Refused("No authentication method used. Use cookie or authorization header.")
    return {"Cookie": f"sid={_checked(sid)}"}


def _checked(credential: str) -> str:
    """Return a credential that can stand in the header of a question to Frappe."""
    if not _CREDENTIAL.fullmatch(credential):
        raise Refused("Invalid credentials")
    return credential


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
