"""The whole demo as a person starts it, and Chromium as the persons who look at it."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from presence_progress import rooms
from tests.conftest import free_port

CHROMIUM_ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
    # A page that a test has changed on its way counts as a stranger on this machine's network.
    "--disable-features=LocalNetworkAccessChecks",
]
AIRPORTS = 28_298


class Demo:
    """One run of ``presence-progress demo``."""

    def __init__(self, data: Path, *arguments: str) -> None:
        self.port, self.realtime_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.output: list[str] = []
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "presence_progress.cli", "demo", "--data", str(data)),
                *("--port", str(self.port), "--realtime-port", str(self.realtime_port)),
                *arguments,
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self._process.stdout
        for line in self._process.stdout:
            self.output.append(line)
            if "Ctrl-C" in line:
                return
        raise AssertionError("the demo did not start:\n" + "".join(self.output))

    @property
    def redis_url(self) -> str:
        [line] = [line for line in self.output if "PRESENCE_PROGRESS_REDIS=" in line]
        return line.split("PRESENCE_PROGRESS_REDIS=")[1].split()[0]

    def call(self, user: str, path: str, method: str = "GET") -> Any:
        """Ask the site's API as a user."""
        login = urllib.parse.urlencode({"usr": user, "pwd": "x"}).encode()
        with urllib.request.urlopen(f"{self.url}/api/method/login", login) as reply:
            cookies = reply.headers.get_all("Set-Cookie")
        [sid] = [cookie.split(";")[0] for cookie in cookies if cookie.startswith("sid=")]
        request = urllib.request.Request(self.url + path, method=method, headers={"Cookie": sid})
        with urllib.request.urlopen(request) as reply:
            return json.load(reply)

    def count(self) -> int:
        count: int = self.call("Administrator", COUNT_PATH)["message"]
        return count

    def empty(self) -> None:
        self.call("Administrator", "/api/method/presence_progress.demo.delete_airports", "POST")

    def pids(self, name: str) -> list[int]:
        """Return the processes of this demo whose command line has this in it."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
                if name in command and int(parent) == self._process.pid:
                    found.append(int(folder.name))
        return found

    def stop(self) -> int:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        assert self._process.stdout
        with self._process.stdout:
            return self._process.wait(10)


COUNT_PATH = "/api/method/frappe.client.get_count?doctype=Airport"


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    demo = Demo(tmp_path_factory.mktemp("demo"), "--pace", "5000")
    yield demo
    demo.stop()


@pytest.fixture
def airports(demo: Demo) -> None:
    """See to it that there are airports."""
    if demo.count() >= 100:
        return
    path = "/api/method/presence_progress.demo.import_csv"
    task_id = demo.call("Administrator", path, "POST")["message"]["task_id"]
    call = rooms.snapshot_call("demo.localhost", f"task:{task_id}")
    deadline = time.monotonic() + 60
    with redis.Redis.from_url(demo.redis_url) as client:
        while rooms.run(client, call).state["state"] != "done":
            assert time.monotonic() < deadline
            time.sleep(0.1)


@pytest.fixture(scope="session")
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

    def sign_in(user: str, demo: Demo | None = None, **options: Any) -> Person:
        demo = demo or request.getfixturevalue("demo")
        context = chromium.new_context(**options)
        context.set_default_timeout(15_000)
        reply = context.request.post(f"{demo.url}/api/method/login", form={"usr": user, "pwd": "x"})
        assert reply.ok
        persons.append(Person(context, demo.url))
        return persons[-1]

    yield sign_in
    for person in persons:
        person.context.close()
    assert not [problem for person in persons for problem in person.problems]
