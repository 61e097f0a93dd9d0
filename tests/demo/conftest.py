"""A demo site on a real port, with a real SQLite file and a real Redis."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from aiohttp.test_utils import TestClient, TestServer

from presence_progress import rooms
from presence_progress.demo import airports, database
from presence_progress.demo.config import Config, Frappe
from presence_progress.demo.site import make_app
from presence_progress.demo.validation import EDITABLE

Client: TypeAlias = "TestClient[Any, Any]"
SignIn: TypeAlias = Callable[[str], Awaitable[Any]]


@pytest.fixture
def frappe() -> Frappe:
    """Return the Frappe as which the site answers; tests name another where it matters."""
    return "v16"


@pytest.fixture
def config(tmp_path: Path, frappe: Frappe) -> Config:
    config = Config(tmp_path / "data", realtime_port=9123, pace=0, frappe=frappe)
    config.uploads.mkdir(parents=True)
    database.create(config.database)
    return config


@pytest.fixture
async def sign_in(config: Config, site: str) -> AsyncIterator[SignIn]:
    """Sign in at a site that runs, each time as a browser of its own; ``""`` stays a guest."""
    server = TestServer(make_app(config))
    await server.start_server()
    browsers: list[Client] = []

    async def sign_in(user: str) -> Client:
        browser: Client = TestClient(server)
        browsers.append(browser)
        if user:
            answer = await browser.post("/api/method/login", data={"usr": user, "pwd": "any"})
            assert answer.status == 200
        return browser

    yield sign_in
    for browser in browsers:
        await browser.session.close()
    await server.close()


@pytest.fixture
def store(config: Config) -> Callable[..., None]:
    """Store airports by their codes, with some values of their own."""

    def store(*codes: str, **values: object) -> None:
        blank = {**dict.fromkeys(EDITABLE, ""), "elevation": 10, "latitude": 1.5, "longitude": 2.5}
        with database.connect(config.database) as db:
            for code in codes:
                airport = {**blank, "icao": code, "airport_name": f"{code} Airfield", **values}
                airports.store(db, airport, "Administrator")

    return store


def total_told() -> object:
    """Return the count that everybody is shown."""
    return rooms.snapshot("count:doctype:Airport/total").state.get("value")
