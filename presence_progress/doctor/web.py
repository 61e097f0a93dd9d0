"""One question over HTTP, that gives up soon."""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

_MOST = 200_000


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    body: str
    location: str


def get(
    base: str, path: str, headers: Mapping[str, str] | None = None, timeout: float = 3
) -> Answer:
    """Ask; ``OSError`` when no answer of a web server comes."""
    parts = urlsplit(base)
    secure = parts.scheme == "https"
    kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=timeout)
    try:
        connection.request("GET", parts.path.rstrip("/") + path, headers=dict(headers or {}))
        answer = connection.getresponse()
        body = answer.read(_MOST).decode("utf-8", "replace")
        return Answer(answer.status, body, answer.headers.get("Location", ""))
    except http.client.HTTPException as error:
        raise OSError(f"what answers is no web server: {error!r}") from error
    finally:
        connection.close()
