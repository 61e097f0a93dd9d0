"""An app's hooks run once per transition, whoever tells it and however often; and none is lost
because a site was away."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from presence_progress.demo.config import SHORT
from presence_progress.server.app_questions import AppQuestions
from presence_progress.server.connection import connect, disconnect
from presence_progress.server.questions import Denied, Failed, Questions, Unavailable
from presence_progress.server.transitions import Transitions
from presence_progress.settings import Settings
from tests.conftest import free_port
from tests.hooks import NOTED
from tests.running import run_worker
from tests.server.conftest import SITE, Process, Stack

ROOM = "presence:Airport/ED/DB"
EDITOR = "editor@example.com"
AT = 1_764_000_000_123_456


def transition(kind: str, at: int = AT, user: str = EDITOR) -> dict[str, Any]:
    return {"kind": kind, "user": user, "at": at}
