"""The whole demo as a person starts it, and Chromium as the persons who look at it."""

from __future__ import annotations

import csv
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from presence_progress import rooms
from presence_progress.demo.actions import bundled_airports
from tests.running import Demo

# Long enough for a machine that is busy with something else, too.
expect.set_options(timeout=15_000)

CHROMIUM_ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
    # A page that a test has changed on its way counts as a stranger on this machine's network.
    "--disable-features=LocalNetworkAccessChecks",
]
with bundled_airports().open(encoding="utf-8", newline="") as file:
    # Each release of the package has some more.
    AIRPORTS = sum(1 for _ in csv.DictReader(file))


@pytest.fixture(scope="session")
def demo_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="session")
def demo(demo_data: Path) -> Iterator[Demo]:
    demo = Demo(demo_data, "--pace", "5000")
    yield demo
    demo.close()


@pytest.fixture(scope="session")
def administrator(demo: Demo) -> str:
    """Return the cookie of somebody who may do anything."""
    return demo.sign_in("Administrator")


@pytest.fixture
def no_airports(demo: Demo, administrator: str) -> None:
    demo.call("presence_progress.demo.delete_airports", administrator, "POST")


@pytest.fixture
def airports(demo: Demo, administrator: str) -> None:
    """See to it that all airports are there: a test may have left half of an import."""
    if demo.count(administrator) >= AIRPORTS:
        return
    task_id = demo.start_import(administrator)
    call = rooms.snapshot_call("demo.localhost", f"task:{task_id}")
    deadline = time.monotonic() + 90
    with redis.Redis.from_url(demo.redis_url) as client:
        while rooms.run(client, call).state["state"] != "done":
            assert time.monotonic() < deadline
            time.sleep(0.1)


# Not for the session: Playwright runs a loop of its own, beside which no asyncio test can run.
@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    path = shutil.which("chromium")
    assert path, "no chromium: `make test` installs it as root, else apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_ARGUMENTS)
        yield browser
        browser.close()


class Person:
    """Somebody signed in, with a browser of their own; errors on their pages fail the test."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.context = context
        self.url = url
        self.problems: list[str] = []
        context.on("weberror", lambda error: self.problems.append(str(error.error)))
        context.on("console", self._note)

    def _note(self, message: Any) -> None:
        if message.type == "error":
            self.problems.append(message.text)

    def open(self, path: str = "/") -> Page:
        page = self.context.new_page()
        page.goto(self.url + path)
        return page


SignIn = Callable[..., Person]


@pytest.fixture
def sign_in(request: pytest.FixtureRequest, chromium: Browser) -> Iterator[SignIn]:
    """Return a function that gives a user a browser on the demo."""
    persons: list[Person] = []

    def sign_in(
        user: str, demo: Demo | None = None, browser: Browser = chromium, **options: Any
    ) -> Person:
        demo = demo or request.getfixturevalue("demo")
        context = browser.new_context(**options)
        context.set_default_timeout(15_000)
        reply = context.request.post(f"{demo.url}/api/method/login", form={"usr": user, "pwd": "x"})
        assert reply.ok
        persons.append(Person(context, demo.url))
        return persons[-1]

    yield sign_in
    for person in persons:
        person.context.close()
    assert not [problem for person in persons for problem in person.problems]
