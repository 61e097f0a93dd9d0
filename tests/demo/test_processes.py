"""The demo as a whole: it comes up, stays up, and leaves nothing behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from presence_progress.demo import pages, processes, valkey
from presence_progress.demo.child import Child
from tests.conftest import free_port
from tests.running import PARTS, Demo, children, is_alive

from .test_importer import AIRPORTS

T = TypeVar("T")


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    demo = Demo(tmp_path / "data", "--pace", "10")
    yield demo
    demo.close()


def until(reached: Callable[[], T], seconds: float = 30) -> T:
    """Return what is reached; on a busy machine a process that starts takes some seconds."""
    deadline = time.monotonic() + seconds
    while not (found := reached()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def start_import(demo: Demo) -> int:
    """Start an import and return the process id of the work horse that runs it."""
    until(lambda: takes_import(demo))
    [horse] = until(lambda: work_horses(demo))
    return horse


def takes_import(demo: Demo) -> bool:
    try:
        return bool(demo.start_import(demo.sign_in("Administrator")))
    except OSError:
        return False


def work_horses(demo: Demo) -> list[int]:
    worker = demo.parts().get(":long")
    return children(worker) if worker else []


def test_it_prints_one_address_and_everything_answers(demo: Demo) -> None:
    assert sum(demo.url in line for line in demo.lines) == 1
    assert any("no-access@example.com" in line for line in demo.lines)
    for url in (demo.url, f"http://127.0.0.1:{demo.realtime_port}"):
        with urllib.request.urlopen(f"{url}/healthz") as answer:
            assert answer.status == 200
    assert set(demo.parts()) == set(PARTS)


def test_the_prompt_that_it_prints_works(demo: Demo) -> None:
    line = next(line for line in demo.lines if "PRESENCE_PROGRESS_REDIS" in line)
    *variables, python = line.split()
    code = "".join(line for line in demo.lines[demo.lines.index("".join(line)) + 1 : -1])
    environment = {**os.environ, **dict(variable.split("=", 1) for variable in variables)}
    command = [python, "-c", "\n".join(part[4:] for part in code.splitlines())]
    subprocess.run(command, env=environment, check=True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_all_of_it_quickly(demo: Demo, number: signal.Signals) -> None:
    everything = [*demo.parts().values(), start_import(demo)]
    demo.process.send_signal(number)
    # The import would take most of an hour.
    assert demo.process.wait(20) == 0
    assert not [pid for pid in everything if is_alive(pid)]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties a process to its parent")
def test_nothing_outlives_a_demo_that_is_killed(demo: Demo) -> None:
    everything = [*demo.parts().values(), start_import(demo)]
    demo.process.kill()
    until(lambda: not [pid for pid in everything if is_alive(pid)])


@pytest.mark.parametrize("part", PARTS)
def test_what_dies_is_started_again(demo: Demo, part: str) -> None:
    before = demo.parts()[part]
    os.kill(before, signal.SIGKILL)
    until(lambda: demo.parts().get(part) not in (None, before))
    assert demo.process.stdout is not None
    # Others may have said first what they miss.
    assert any("died; starting it again" in line for line in demo.process.stdout)
    start_import(demo)


def test_the_data_and_the_sessions_survive_a_restart(tmp_path: Path) -> None:
    with contextlib.closing(Demo(tmp_path / "data", "--pace", "0")) as first:
        cookie = first.sign_in("viewer@example.com")
        first.start_import(first.sign_in("Administrator"))
        until(lambda: first.count(cookie) == AIRPORTS, 90)
    with contextlib.closing(Demo(tmp_path / "data")) as second:
        assert second.count(cookie) == AIRPORTS


# --- what keeps it from starting ------------------------------------------------------------------


def refusal(data: Path) -> str:
    options = processes.Options("127.0.0.1", free_port(), free_port(), None, data, 0)
    with pytest.raises(processes.DemoError) as failure:
        processes.run(options)
    return str(failure.value)


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "missing_pages", list)


def test_pages_that_are_not_built_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "STATIC", tmp_path / "static")
    said = refusal(tmp_path / "data")
    assert str(tmp_path / "static") in said and "make build" in said and "Node" in said


def test_a_data_folder_that_cannot_be_written_is_named(tmp_path: Path, built: None) -> None:
    (tmp_path / "file").write_text("")
    said = refusal(tmp_path / "file" / "data")
    assert str(tmp_path / "file" / "data") in said and "--data" in said


def test_a_file_that_is_no_database_is_named(tmp_path: Path, built: None) -> None:
    (tmp_path / "site.sqlite").write_text("no database" * 1000)
    said = refusal(tmp_path)
    assert "site.sqlite" in said and "--data" in said


def test_two_demos_do_not_share_their_data(demo: Demo, tmp_path: Path, built: None) -> None:
    assert "Another demo" in refusal(tmp_path / "data")


def test_a_machine_without_any_redis_is_told_what_to_do(
    tmp_path: Path, built: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(valkey, "find_server", lambda: None)
    assert "--redis" in refusal(tmp_path / "data")


def test_what_dies_again_and_again_is_given_up_with_its_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A busy machine may take more than ten seconds to start a Python five times.
    monkeypatch.setattr(processes, "_DEATHS_WITHIN", processes._START_TIMEOUT)
    code = "print('WARNING: soon'); print('the reason'); raise SystemExit(1)"
    child = Child("part", [sys.executable, "-c", code], tmp_path / "log", lambda _: False)
    handlers = signal.getsignal(signal.SIGINT)
    with pytest.raises(processes.DemoError) as failure, processes._Supervisor() as supervisor:
        supervisor.start(child)
    assert "part died 5 times" in str(failure.value) and "the reason" in str(failure.value)
    assert signal.getsignal(signal.SIGINT) == handlers


def test_what_never_answers_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_START_TIMEOUT", 0.3)
    code = "import time; print('still busy', flush=True); time.sleep(60)"
    log = tmp_path / "log"

    def never_answers(_: int) -> bool:
        while b"busy" not in log.read_bytes():
            time.sleep(0.01)
        return False

    child = Child("part", [sys.executable, "-c", code], log, never_answers)
    with pytest.raises(processes.DemoError) as failure, processes._Supervisor() as supervisor:
        supervisor.start(child)
    assert "part did not answer" in str(failure.value) and "still busy" in str(failure.value)
    assert not child.is_alive()


def test_what_ignores_being_asked_is_ended_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "_TERM_TIMEOUT", 0.2)
    code = "import signal, time; signal.signal(15, signal.SIG_IGN)"
    code += "; print('on', flush=True); time.sleep(60)"
    log = tmp_path / "log"
    child = Child("part", [sys.executable, "-c", code], log, lambda _: b"on" in log.read_bytes())
    with processes._Supervisor() as supervisor:
        supervisor.start(child)
    assert not child.is_alive()


def test_warnings_are_told_once_and_whole(tmp_path: Path) -> None:
    log = tmp_path / "log"
    child = Child("part", ["true"], log, lambda _: True)
    log.write_text("INFO fine\nx WARNING look\ny ERROR hal")
    assert child.new_warnings() == ["x WARNING look"]
    with log.open("a") as file:
        file.write("f\n")
    assert child.new_warnings() == ["y ERROR half"]
    assert child.new_warnings() == []


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:80"),
        ("0.0.0.0", "http://127.0.0.1:80"),
        ("::", "http://[::1]:80"),
        ("localhost", "http://localhost:80"),
    ],
)
def test_the_address_is_one_that_can_be_opened(host: str, url: str) -> None:
    assert processes.http_url(host, 80) == url
