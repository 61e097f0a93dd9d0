"""Does nginx lead to this server, and tell it what it needs to know?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from presence_progress.bench import read_settings
from presence_progress.doctor.finding import Finding, fine, problem, skipped, warning
from presence_progress.settings import Settings

_COMMENT = re.compile(r"#.*")
_LOCATION = re.compile(r"\blocation\s+(?:[=~^*]+\s*)?\^?/socket\.io/?\s*\{([^{}]*)\}")
_UPSTREAM = re.compile(r"\bupstream\s+(\S+)\s*\{([^{}]*)\}")
_MEMBER = re.compile(r"\bserver\s+([^;\s]+)")
_HEADER = re.compile(r"\bproxy_set_header\s+(\S+)\s+([^;]+?)\s*;")
_TARGET = re.compile(r"\bproxy_pass\s+https?://([^;]+?)/?\s*;")

_ADD = (
    "Add {} to location /socket.io in config/nginx.conf (and again after each bench setup nginx), "
)
_RELOAD = "then sudo nginx -s reload."


def check_nginx(bench: Path) -> Iterator[Finding]:
    """Read bench's nginx.conf; every complaint once, however many sites it has."""
    settings = read_settings(bench)
    try:
        text = _COMMENT.sub("", (bench / "config/nginx.conf").read_text("utf-8"))
    except FileNotFoundError:
        yield skipped("There is no config/nginx.conf: browsers come directly, or by another proxy.")
        return
    except OSError as error:
        yield warning(f"config/nginx.conf cannot be read: {error.strerror}.", "Make it readable.")
        return
    upstreams = {name: _MEMBER.findall(body) for name, body in _UPSTREAM.findall(text)}
    locations = _LOCATION.findall(text)
    if not locations:
        yield problem(
            "config/nginx.conf has no location /socket.io, so that no browser gets here.",
            "bench setup nginx, then sudo nginx -s reload.",
        )
        return
    findings = [
        finding
        for location in locations
        for finding in (
            *_check_target(location, upstreams, settings),
            *_check_headers(location),
            *_check_origin(location),
        )
    ]
    yield from dict.fromkeys(findings)


def _check_target(
    location: str, upstreams: dict[str, list[str]], settings: Settings
) -> Iterator[Finding]:
    found = _TARGET.search(location)
    target = found[1] if found else ""
    servers = upstreams.get(target, [target.removesuffix(":")])
    wanted = f"unix:{settings.uds}" if settings.uds else f":{settings.port}"
    if any(server == wanted or server.endswith(wanted) for server in servers):
        yield fine(f"/socket.io leads to {' and '.join(servers)}.")
    else:
        yield problem(
            f"/socket.io leads to {' and '.join(servers) or 'nowhere'}, and this server listens on "
            f"{settings.uds or f'port {settings.port}'}.",
            "bench setup nginx writes it anew from socketio_port, " + _RELOAD,
        )


def _check_headers(location: str) -> Iterator[Finding]:
    headers = _headers(location)
    upgrades = "upgrade" in headers and "upgrade" in headers.get("connection", "").lower()
    if not upgrades or "proxy_http_version" not in location:
        yield warning(
            "nginx does not let WebSocket through, so that browsers ask again and again instead.",
            _ADD.format(
                "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; "
                'proxy_set_header Connection "upgrade";'
            )
            + _RELOAD,
        )
    if headers.get("host", "") not in ("$host", "$http_host"):
        yield problem(
            "nginx does not say which Host the browser asked for: connections are refused "
            '("Invalid origin").',
            _ADD.format("proxy_set_header Host $host;") + _RELOAD,
        )
    if "x-frappe-site-name" not in headers:
        yield warning(
            "nginx does not say which site a domain means (X-Frappe-Site-Name): a site with "
            "another domain than its name refuses its pages.",
            "bench setup nginx writes it, " + _RELOAD,
        )


def _check_origin(location: str) -> Iterator[Finding]:
    headers = _headers(location)
    if headers.get("x-browser-origin") == "$http_origin" or "origin" not in headers:
        yield fine("The browser's own Origin arrives, and is checked.")
    else:
        yield warning(
            "nginx overwrites Origin, so that pages of other sites cannot be told from the "
            "site's own.",
            _ADD.format("proxy_set_header X-Browser-Origin $http_origin;") + _RELOAD,
        )


def _headers(location: str) -> dict[str, str]:
    return {name.lower(): value.strip("\"'") for name, value in _HEADER.findall(location)}
