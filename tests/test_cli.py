"""The command line: a mistake gets one line that names the thing and the way out."""

from __future__ import annotations

import json
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
    ended = command("serve", "--port", str(taken), "--redis", redis_url)
    # Before it, a Redis that takes its time may be warned of.
    *_, said = ended.stderr.splitlines()
    assert said.startswith("Error: ") and f"Port {taken}" in said and ended.returncode == 1


def test_one_port_cannot_be_two() -> None:
    assert "--realtime-port" in complaint("demo", "--port", "9000")


def test_a_host_that_is_not_here_is_named() -> None:
    assert "another --host" in complaint("demo", "--host", "192.0.2.1")
    assert "another --host" in complaint("demo", "--host", "no such host")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may have every port")
def test_a_port_for_root_is_named() -> None:
    assert "above 1023" in complaint("demo", "--port", "80")


def test_a_store_that_is_no_address_is_named_without_its_password() -> None:
    said = complaint("serve", "--store", "redis+cluster://u:secret@host")
    assert "is no address of a Redis" in said and "redis+cluster://HOST:PORT" in said
    assert "secret" not in said


NO_URLS = [
    *("127.0.0.1:6379", "http://127.0.0.1", "redis://127.0.0.1:port", ""),
    *(":secret@127.0.0.1", "redis://u:1/secret@127.0.0.1", "redis://:secret/@127.0.0.1"),
]
NOBODYS_URLS = [
    *("redis://127.0.0.1:1", "redis://:secret@127.0.0.1:1", "unix:///no/such/socket"),
    *("redis://u:a@secret@127.0.0.1:1", "redis://127.0.0.1:1?password=secret"),
]


@pytest.mark.parametrize("url", NO_URLS)
@pytest.mark.parametrize("host", ["serve", "demo"])
def test_a_redis_url_that_is_none_is_named(host: str, url: str) -> None:
    said = complaint(host, "--port", str(free_port()), "--redis", url)
    assert "is no Redis URL" in said and "secret" not in said


@pytest.mark.parametrize("url", NOBODYS_URLS)
def test_a_redis_for_the_demo_that_does_not_answer_is_named(url: str) -> None:
    said = complaint("demo", "--port", str(free_port()), "--redis", url)
    assert "does not answer" in said and "secret" not in said


@pytest.mark.parametrize("url", NOBODYS_URLS)
def test_a_server_whose_redis_does_not_answer_says_so_and_waits_for_it(url: str) -> None:
    assert_warns("does not answer", "--redis", url)


def assert_warns(warning: str, *arguments: str) -> None:
    """Run a server, and look at the first line that it says on stderr, before it goes on."""
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "presence_progress.cli",
            "serve",
            "--port",
            str(free_port()),
            *list(arguments),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout and process.stderr
    said = process.stderr.readline()
    assert said.startswith("Warning: ") and warning in said and "secret" not in said
    assert process.stdout.readline().startswith("Realtime server on port")
    process.terminate()
    process.communicate()


@pytest.mark.parametrize(
    "url", ["127.0.0.1:8000", "ftp://x", "http://", "http://x:port", "//:secret@x"]
)
def test_a_site_that_is_no_address_is_named(url: str) -> None:
    said = complaint("serve", "--site-url", url)
    assert "--site-url" in said and "secret" not in said


def test_what_listens_but_is_no_redis_is_named(taken: int) -> None:
    assert_warns("does not answer", "--redis", f"redis://127.0.0.1:{taken}")


def test_a_setting_of_the_bench_that_is_wrong_is_named(tmp_path: Path) -> None:
    for folder in ("sites", "apps"):
        (tmp_path / folder).mkdir()
    (tmp_path / "sites/common_site_config.json").write_text('{"socketio_port": "nine"}')
    ended = command("serve", cwd=tmp_path)
    assert ended.returncode == 1
    assert "socketio_port in" in ended.stderr and "expected is a port" in ended.stderr


def test_a_bench_needs_no_flag(tmp_path: Path, redis_url: str) -> None:
    for folder in ("sites", "apps"):
        (tmp_path / folder).mkdir()
    socket_path = tmp_path / "socketio.sock"
    config = {"socketio_uds": str(socket_path), "redis_queue": redis_url, "webserver_port": 8123}
    (tmp_path / "sites/common_site_config.json").write_text(json.dumps(config))
    process = subprocess.Popen(
        [sys.executable, "-m", "presence_progress.cli", "serve"],
        cwd=tmp_path / "sites",
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    said = process.stdout.readline()
    assert str(socket_path) in said and "http://127.0.0.1:8123" in said
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(socket_path))
        client.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
        assert client.makefile("rb").readline().startswith(b"HTTP/1.1 200")
    process.kill()
    process.communicate()

    # What a killed server has left behind is no obstacle; one that lives is.
    process = subprocess.Popen(
        [sys.executable, "-m", "presence_progress.cli", "serve"],
        cwd=tmp_path / "sites",
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout and str(socket_path) in process.stdout.readline()
    ended = command("serve", cwd=tmp_path)
    assert "change socketio_uds" in ended.stderr and ended.returncode == 1
    process.terminate()
    process.communicate()
