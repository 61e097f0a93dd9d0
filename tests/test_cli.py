"""The command line: a mistake gets one line that names the thing and the way out."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from presence_progress import __version__
from tests.conftest import free_port


def command(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "presence_progress.cli", *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        cwd=cwd,
    )


def complaint(*arguments: str) -> str:
    """Run a command that must fail, and return the one line that it says."""
    ended = command(*arguments)
    assert ended.returncode not in (0, -1), ended
    lines = ended.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("Error: "), ended.stderr
    assert not ended.stdout
    return lines[0].removeprefix("Error: ")


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def test_it_says_its_version_and_how_it_is_used() -> None:
    assert command("--version").stdout == f"presence-progress, version {__version__}\n"
    for arguments in (["--help"], ["serve", "-h"], ["demo", "--help"]):
        ended = command(*arguments)
        assert ended.returncode == 0 and "Usage:" in ended.stdout


@pytest.mark.parametrize("heavy", ["aiohttp", "socketio", "uvicorn", "rq", "redis"])
def test_help_does_not_wait_for_what_it_does_not_need(heavy: str) -> None:
    code = f"import sys, presence_progress.cli; assert {heavy!r} not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("option", ["--port", "--realtime-port"])
def test_a_taken_port_of_the_demo_is_named(taken: int, option: str) -> None:
    said = complaint("demo", option, str(taken))
    assert f"Port {taken} on 127.0.0.1 is taken" in said and f"another with {option}" in said


def test_a_taken_port_of_the_server_is_named(taken: int, redis_url: str) -> None:
    assert f"Port {taken}" in complaint("serve", "--port", str(taken), "--redis", redis_url)


def test_one_port_cannot_be_two() -> None:
    assert "--realtime-port" in complaint("demo", "--port", "9000")


def test_a_host_that_is_not_here_is_named() -> None:
    assert "another --host" in complaint("demo", "--host", "192.0.2.1")
    assert "another --host" in complaint("demo", "--host", "no such host")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may have every port")
def test_a_port_for_root_is_named() -> None:
    assert "above 1023" in complaint("demo", "--port", "80")


@pytest.mark.parametrize("host", ["serve", "demo"])
@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("redis://127.0.0.1:1", "does not answer"),
        ("redis://:secret@127.0.0.1:1", "does not answer"),
        ("127.0.0.1:6379", "is no Redis URL"),
        ("http://127.0.0.1", "is no Redis URL"),
        ("redis://127.0.0.1:port", "is no Redis URL"),
        ("unix:///no/such/socket", "does not answer"),
        ("", "is no Redis URL"),
    ],
)
def test_a_redis_that_is_none_is_named(host: str, url: str, reason: str) -> None:
    said = complaint(host, "--port", str(free_port()), "--redis", url)
    assert reason in said and "secret" not in said


@pytest.mark.parametrize("url", ["127.0.0.1:8000", "ftp://x", "http://", "http://x:port"])
def test_a_site_that_is_no_address_is_named(url: str) -> None:
    assert "--site-url" in complaint("serve", "--site-url", url)


def test_what_listens_but_is_no_redis_is_named(taken: int) -> None:
    said = complaint("serve", "--port", str(free_port()), "--redis", f"redis://127.0.0.1:{taken}")
    assert "does not answer" in said
