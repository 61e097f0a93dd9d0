"""Do the parts fit together: the server's packages, Frappe, and the client in its pages?"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from presence_progress.doctor.finding import Finding, fine, problem, warning

_PACKAGES = ("python-socketio", "python-engineio", "uvicorn", "websockets", "aiohttp", "redis")
_SERVED = (15, 16)
"""Frappe's versions that this server is tested with."""
_OLDEST_CLIENT = 3
"""Socket.IO clients from version 3 on speak the protocol of this server."""

_REQUIREMENT = re.compile(r"([\w.-]+)\s*([^;]*)")
_BOUND = re.compile(r"(>=|<)\s*(\d+(?:\.\d+)*)")


def check_versions(bench: Path) -> Iterator[Finding]:
    """Name the versions, and those that do not fit."""
    yield from _check_packages()
    yield from _check_frappe(bench / "apps/frappe")
    yield from _check_client(bench / "apps/frappe")


def _check_packages() -> Iterator[Finding]:
    bounds = _bounds()
    named, bad = [], []
    for package in _PACKAGES:
        try:
            version = metadata.version(package)
        except metadata.PackageNotFoundError:
            bad.append(f"{package} is missing")
            continue
        named.append(f"{package} {version}")
        if not all(_fits(version, *bound) for bound in bounds.get(package, [])):
            wanted = ",".join(sign + number for sign, number in bounds[package])
            bad.append(f"{package} is {version}, and must be {wanted}")
    if named:
        yield fine(", ".join(named))
    if bad:
        yield problem(
            f"{'; '.join(bad)}.",
            "bench setup requirements (or env/bin/pip install -e apps/presence_progress).",
        )


def _check_frappe(frappe: Path) -> Iterator[Finding]:
    try:
        text = (frappe / "frappe/__init__.py").read_text("utf-8")
    except OSError:
        yield warning("apps/frappe is not here, so that its version is not known.", "Look there.")
        return
    found = re.search(r"^__version__\s*=\s*[\"']((\d+)[^\"']*)", text, re.MULTILINE)
    if not found:
        yield warning("apps/frappe does not say its version.", "Look in frappe/__init__.py.")
    elif int(found[2]) < _SERVED[0]:
        yield problem(
            f"Frappe is {found[1]}: this server serves version {_SERVED[0]} and later.",
            "Keep Node, or upgrade Frappe.",
        )
    elif int(found[2]) > _SERVED[-1]:
        yield warning(
            f"Frappe is {found[1]}, newer than what this server was tested with.",
            "Try it on a copy first, or look for a newer presence_progress.",
        )
    else:
        yield fine(f"Frappe {found[1]}")


def _check_client(frappe: Path) -> Iterator[Finding]:
    version = _client_version(frappe)
    number = re.search(r"\d+", version)
    if not number:
        yield warning(
            "Which socket.io-client is in Frappe's pages is not known.",
            f"It must be {_OLDEST_CLIENT}.0 or later: see apps/frappe/package.json.",
        )
    elif int(number[0]) < _OLDEST_CLIENT:
        yield problem(
            f"socket.io-client in Frappe's pages is {version}: {_OLDEST_CLIENT}.0 is the oldest "
            "that this server understands.",
            "bench setup requirements --node, then bench build.",
        )
    else:
        yield fine(f"socket.io-client {version} in Frappe's pages")


def _client_version(frappe: Path) -> str:
    """Return what is installed, else what is asked for, else nothing."""
    for file, keys in (
        ("node_modules/socket.io-client/package.json", ("version",)),
        ("package.json", ("dependencies", "socket.io-client")),
    ):
        try:
            value = json.loads((frappe / file).read_text("utf-8"))
            for key in keys:
                value = value[key]
            return str(value)
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return ""


def _bounds() -> dict[str, list[tuple[str, str]]]:
    """Return what this package asks of others: the oldest, and the first that is too new."""
    try:
        requirements = metadata.requires("presence_progress") or []
    except metadata.PackageNotFoundError:
        return {}
    found = filter(None, map(_REQUIREMENT.match, requirements))
    return {match[1].lower(): _BOUND.findall(match[2]) for match in found}


def _fits(version: str, sign: str, bound: str) -> bool:
    ours, theirs = _numbers(version), _numbers(bound)
    return ours >= theirs if sign == ">=" else ours < theirs


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])
