"""An app's hooks run once per transition, whoever tells it and however often; and none is lost
because a site was away."""

from __future__ import annotations

from typing import Any

ROOM = "presence:Airport/ED/DB"
EDITOR = "editor@example.com"
AT = 1_764_000_000_123_456


def transition(kind: str, at: int = AT, user: str = EDITOR) -> dict[str, Any]:
    return {"kind": kind, "user": user, "at": at}
