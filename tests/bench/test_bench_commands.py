"""What a person reads and is asked, as bench runs it: in the folder sites."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from presence_progress.switch import BACKUP_SUFFIX
from tests.bench.conftest import Bench, procfile
from tests.conftest import free_port

OURS = "env/bin/presence-progress serve"


def command(bench: Bench, *arguments: str, answer: str = "") -> subprocess.CompletedProcess[str]:
    """Run the command; with an answer, on a terminal where that is typed."""
    main, terminal = pty.openpty() if answer else (-1, -1)
    if answer:
        os.write(main, answer.encode())
    ended = subprocess.run(
        [
            *(sys.executable, "-c", "from presence_progress.commands import commands as c; c[0]()"),
            *arguments,
        ],
        stdin=terminal if answer else subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        cwd=bench.root / "sites",
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    if answer:
        os.close(main)
        os.close(terminal)
    return ended


@pytest.mark.parametrize("heavy", ["aiohttp", "socketio", "uvicorn", "redis", "frappe", "asyncio"])
def test_bench_loads_nothing_heavy(heavy: str) -> None:
    code = f"import sys, presence_progress.commands; assert {heavy!r} not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_frappe_finds_one_group_with_all_commands() -> None:
    from presence_progress.commands import commands

    [group] = commands
    assert group.name == "presence-progress"
    assert set(group.commands) == {"serve", "switch", "doctor"}


def test_without_a_terminal_nothing_is_changed(bench: Bench) -> None:
    bench.procfile()
    ended = command(bench, "switch")
    assert ended.returncode == 1 and f"+socketio: {OURS}" in ended.stdout
    assert "give --yes" in ended.stderr
    assert bench.read("Procfile") == procfile("/usr/bin/node apps/frappe/socketio.js")


@pytest.mark.parametrize(("answer", "switched"), [("y\n", True), ("n\n", False), ("\n", False)])
def test_on_a_terminal_it_asks(bench: Bench, answer: str, switched: bool) -> None:
    bench.procfile()
    ended = command(bench, "switch", answer=answer)
    assert ("-socketio: /usr/bin/node" in ended.stdout) and "Change this?" in ended.stdout
    assert (f"socketio: {OURS}" in bench.read("Procfile")) is switched
    assert (bench.root / f"Procfile{BACKUP_SUFFIX}").exists() is switched


def test_there_and_back(bench: Bench) -> None:
    bench.procfile()
    bench.supervisor()
    bench.systemd()
    assert command(bench, "switch", "--check").returncode == 1
    done = command(bench, "switch", "--yes")
    assert done.returncode == 0, done
    for words in (
        f"Procfile{BACKUP_SUFFIX}",
        "bench start again",
        "supervisorctl reread",
        "systemctl restart bench-node-socketio.service",
        "bench setup supervisor",
        "switch --back",
    ):
        assert words in done.stdout
    check = command(bench, "switch", "--check")
    assert check.returncode == 0 and check.stdout.count("presence_progress\n") == 3
    again = command(bench, "switch")
    assert again.returncode == 0 and "already" in again.stdout
    assert command(bench, "switch", "--back", "--yes").returncode == 0
    assert bench.read("Procfile") == procfile("/usr/bin/node apps/frappe/socketio.js")
    again = command(bench, "switch", "--back")
    assert again.returncode == 0 and "nothing to put back" in again.stdout


def test_a_dry_run_only_shows(bench: Bench) -> None:
    bench.procfile()
    ended = command(bench, "switch", "--dry-run")
    assert ended.returncode == 0 and f"+socketio: {OURS}" in ended.stdout
    assert "socketio.js" in bench.read("Procfile")


def test_apps_that_need_node_are_named_before(bench: Bench) -> None:
    bench.procfile()
    bench.write("sites/apps.txt", "frappe\nraven\n")
    bench.write("apps/raven/realtime/handlers.js", "")
    ended = command(bench, "switch", "--dry-run")
    assert "raven has events of its own" in ended.stdout


def test_without_process_files_it_says_what_a_container_needs(bench: Bench) -> None:
    ended = command(bench, "switch")
    assert ended.returncode == 1 and len(ended.stderr.splitlines()) == 1
    assert "Procfile" in ended.stderr and f"{bench.root}/{OURS}" in ended.stderr


def test_a_file_without_the_line_says_how_it_comes_there(bench: Bench) -> None:
    bench.write("Procfile", "web: bench serve\n")
    assert "bench setup procfile" in command(bench, "switch", "--check").stderr


def test_a_file_without_the_line_is_no_matter_where_another_has_it(bench: Bench) -> None:
    bench.write("Procfile", "web: bench serve\n")
    bench.supervisor(f"{bench.root}/{OURS}")
    ended = command(bench, "switch", "--check")
    assert ended.returncode == 0 and "no realtime server" in ended.stdout


def test_outside_of_a_bench_it_says_where_to_go(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "empty/sites").mkdir(parents=True)
    outside = Bench.__new__(Bench)
    outside.root = tmp_path / "empty"
    assert "FRAPPE_BENCH_ROOT" in command(outside, "switch").stderr
    assert "FRAPPE_BENCH_ROOT" in command(outside, "doctor").stderr


def test_the_doctor_says_one_line_a_check_and_ends_with_1(bench: Bench) -> None:
    bench.configure(redis_queue=f"redis://127.0.0.1:{free_port()}", socketio_port=free_port())
    bench.add_site("one.localhost")
    ended = command(bench, "doctor")
    assert ended.returncode == 1 and not ended.stderr
    assert "\033" not in ended.stdout
    titles = [line.split()[0] for line in ended.stdout.splitlines() if line[:1].strip()]
    assert titles[:4] == ["Bench", "Settings", "Started", "Redis"] and "Limits" in titles
    assert "→ Start it" in ended.stdout


def test_the_doctor_ends_with_0_when_there_are_warnings_only(bench: Bench, redis_url: str) -> None:
    bench.procfile()
    bench.write("sites/apps.txt", "frappe\nraven\n")
    bench.write("apps/raven/realtime/handlers.js", "")
    bench.add_site("one.localhost")
    from tests.bench.test_doctor import PATH, V15, web_server

    with web_server({PATH: (200, V15)}) as url:
        bench.write(
            "sites/common_site_config.json",
            json.dumps(
                {
                    "redis_queue": redis_url,
                    "socketio_port": free_port(),
                    "presence_progress_site_url": url,
                }
            ),
        )
        ended = command(bench, "doctor")
    assert ended.returncode == 0, ended.stdout
    assert "no problems" in ended.stdout and "raven has events" in ended.stdout
