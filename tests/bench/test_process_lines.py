"""Which server a line starts, and that only its command is replaced."""

from __future__ import annotations

from pathlib import Path

import pytest

from presence_progress.process_lines import Form, Line, Server, find_lines, replace_commands
from tests.bench.conftest import procfile, supervisor, systemd

NEW = "env/bin/presence-progress serve"


def the_line(text: str, form: Form = Form.PROCFILE) -> Line:
    [line] = find_lines(text, form, unit="bench-node-socketio.service")
    return line


@pytest.mark.parametrize(
    ("command", "server"),
    [
        ("/usr/bin/node apps/frappe/socketio.js", Server.NODE),
        ("node apps/frappe/socketio.js", Server.NODE),
        ("/home/f/.nvm/versions/node/v18.20.2/bin/node apps/frappe/socketio.js", Server.NODE),
        ("/usr/bin/nodejs apps/frappe/socketio.js", Server.NODE),
        ("None apps/frappe/socketio.js", Server.NODE),
        ("node --max-old-space-size=512 -r dotenv/config apps/frappe/socketio.js", Server.NODE),
        ("bench socketio", Server.BENCH),
        ("/usr/local/bin/bench --verbose socketio", Server.BENCH),
        ("env/bin/python -m frappe.realtime.server", Server.PYTHON),
        ("env/bin/presence-progress serve", Server.OURS),
        ("env/bin/presence-progress serve --port 9001 --host ''", Server.OURS),
        ("env/bin/python3.11 -m presence_progress.cli serve", Server.OURS),
        ("bench presence-progress serve", Server.OURS),
        ("'/home/a b/env/bin/presence-progress' serve", Server.OURS),
        ("./start-realtime.sh", Server.OTHER),
        ("my-node apps/frappe/socketio.js", Server.OTHER),
        ("env/bin/presence-progress doctor", Server.OTHER),
    ],
)
def test_it_says_which_server_a_command_starts(command: str, server: Server) -> None:
    assert the_line(procfile(command)).server is server
    unit = Path("/home/frappe/bench")
    assert the_line(systemd(unit, command), Form.SYSTEMD).server is server
    assert the_line(supervisor(unit, command), Form.SUPERVISOR).server is server


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("node apps/frappe/socketio.js 1>> a.log 2>> b.log", f"{NEW} 1>> a.log 2>> b.log"),
        ("FRAPPE_SITE=a B=/c node apps/frappe/socketio.js", f"FRAPPE_SITE=a B=/c {NEW}"),
        ("exec /usr/bin/env node apps/frappe/socketio.js", f"exec /usr/bin/env {NEW}"),
        ('sh -c "node apps/frappe/socketio.js"', f'sh -c "{NEW}"'),
        ("bench socketio > logs/node.log", f"{NEW} > logs/node.log"),
        ("cd x && bench socketio; true", f"cd x && {NEW}; true"),
        ("presence-progress serve --port 9001 --quiet 1>> a.log", f"{NEW} 1>> a.log"),
        ("presence-progress serve --host '' 1>> a.log", f"{NEW} 1>> a.log"),
    ],
)
def test_all_else_in_the_line_stays(before: str, after: str) -> None:
    text = procfile(before)
    assert replace_commands(text, {the_line(text): NEW}) == procfile(after)


def test_the_signs_of_systemd_before_a_command_stay() -> None:
    text = systemd(Path("/b"), "-+/usr/bin/node /b/apps/frappe/socketio.js")
    assert replace_commands(text, {the_line(text, Form.SYSTEMD): "x"}) == systemd(Path("/b"), "-+x")


def test_ends_of_lines_stay() -> None:
    text = procfile("node apps/frappe/socketio.js").replace("\n", "\r\n")
    after = replace_commands(text, {the_line(text): NEW})
    assert after == procfile(NEW).replace("\n", "\r\n")


def test_comments_and_other_processes_are_no_realtime_server() -> None:
    text = (
        "# socketio: node apps/frappe/socketio.js\nredis_socketio: redis-server x.conf\n"
        "web: bench serve\nworker: bench worker --queue socketio\n"
    )
    assert not find_lines(text, Form.PROCFILE)
    assert not find_lines("[program:x]\n;command=node socketio.js\n", Form.SUPERVISOR)
    assert not find_lines("[eventlistener:x]\ncommand=node socketio.js\n", Form.SUPERVISOR)
    assert not find_lines("#ExecStart=node socketio.js\nExecStart=\n", Form.SYSTEMD)


def test_a_process_under_another_name_is_found_by_its_command() -> None:
    assert the_line("realtime: node apps/frappe/socketio.js\n").name == "realtime"
    assert the_line("realtime: node apps/frappe/socketio.js").number == 1


def test_only_what_is_about_the_bench_is_found_where_there_are_several() -> None:
    first, second = Path("/home/frappe/bench"), Path("/home/frappe/bench-2")
    text = supervisor(first, "bench socketio") + supervisor(second, "bench socketio")
    assert len(find_lines(text, Form.SUPERVISOR)) == 2
    [line] = find_lines(text, Form.SUPERVISOR, str(first))
    assert text[: line.start].endswith(
        supervisor(first, "bench socketio").partition("bench socketio")[0]
    )
    [other] = find_lines(text, Form.SUPERVISOR, str(second))
    assert other.start > line.start


def test_several_lines_are_replaced_at_once() -> None:
    text = procfile("bench socketio") + "again: bench socketio\n"
    lines = find_lines(text, Form.PROCFILE)
    after = replace_commands(text, {line: f"new {line.name}" for line in lines})
    assert after == procfile("new socketio") + "again: new again\n"
