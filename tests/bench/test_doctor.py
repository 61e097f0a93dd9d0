"""Each check against what it is about: a real Redis, real sockets, a web server, real files."""

from __future__ import annotations

import json
import resource
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from presence_progress import doctor
from presence_progress.doctor import Check, Finding, Mark, callback, examine, nginx, port
from tests.bench.conftest import NODE, Bench
from tests.cluster import Shards
from tests.conftest import RedisServer, free_port, redis_binary, until_answers

LISTEN = (
    "import socket, sys, time; s = socket.create_server(('127.0.0.1', int(sys.argv[-1]))); "
    "print(flush=True); time.sleep(60)"
)


def look(bench: Bench, title: str) -> list[Finding]:
    [check] = [check for check in doctor.CHECKS if check.title == title]
    return list(examine(check, bench.root))


def worst(findings: list[Finding]) -> Finding:
    """Return the one finding that is not fine."""
    [bad] = [finding for finding in findings if finding.mark is not Mark.FINE]
    assert bad.way_out or bad.mark is Mark.SKIPPED
    return bad


def all_fine(findings: list[Finding]) -> str:
    assert findings and all(finding.mark is Mark.FINE for finding in findings), findings
    return " ".join(finding.text for finding in findings)


# --- settings, and what is started ---------------------------------------------------------------


def test_settings_that_cannot_be_read_stop_no_other_check(bench: Bench) -> None:
    bench.configure(socketio_port="many")
    assert worst(look(bench, "Settings")).text.startswith("socketio_port in ")
    for check in doctor.CHECKS:
        assert list(examine(check, bench.root)), check.title
    assert worst(look(bench, "Redis")).mark is Mark.SKIPPED


def test_a_password_is_not_shown(bench: Bench) -> None:
    bench.configure(redis_queue="redis://user:secret@127.0.0.1:1")
    assert "secret" not in str(look(bench, "Settings")) + str(look(bench, "Redis"))


def test_a_broken_check_is_a_finding(bench: Bench) -> None:
    def fail(root: Path) -> Iterator[Finding]:
        raise RuntimeError("oh")
        yield

    assert "RuntimeError('oh')" in worst(list(examine(Check("x", fail), bench.root))).text


def test_it_says_what_the_bench_starts(bench: Bench) -> None:
    assert "No process file" in worst(look(bench, "Started")).text
    bench.procfile()
    assert "Frappe's Node server" in all_fine(look(bench, "Started"))
    bench.supervisor(f"{bench.root}/env/bin/presence-progress serve")
    assert worst(look(bench, "Started")).mark is Mark.WARNING
    bench.procfile("env/bin/presence-progress serve")
    assert "starts presence_progress" in all_fine(look(bench, "Started"))


def test_an_environment_that_cannot_start_it_is_a_problem(bench: Bench) -> None:
    (bench.root / "env/bin/presence-progress").unlink()
    bench.procfile()
    assert "pip install" in worst(look(bench, "Started")).way_out


# --- Redis ---------------------------------------------------------------------------------------


def test_redis_is_named_with_its_version(bench: Bench, redis_url: str, client: Any) -> None:
    bench.configure(redis_queue=redis_url)
    said = all_fine(look(bench, "Redis"))
    assert ("Valkey " in said) == ("valkey_version" in client.info())
    assert not client.keys("presence_progress:{doctor}*")


def test_a_redis_that_is_away_is_a_problem(bench: Bench) -> None:
    bench.configure(redis_queue=f"redis://127.0.0.1:{free_port()}")
    assert "does not answer" in worst(look(bench, "Redis")).text


def test_a_redis_that_never_answers_does_not_hold_up_the_rest(bench: Bench) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        bench.configure(redis_queue=f"redis://127.0.0.1:{silent.getsockname()[1]}")
        began = time.monotonic()
        assert "does not answer" in worst(look(bench, "Redis")).text
        assert time.monotonic() - began < 8


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        (["~rq:*", "&*", "+@all"], "write presence_progress:*"),
        (["~*", "&*", "+@all", "-evalsha"], "run scripts"),
        (["~*", "&presence_progress:*", "+@all"], "publish on events"),
        (["~*", "&*", "+@all", "-subscribe"], "subscribe to events"),
        (["~presence_progress:*", "&*", "+@all"], "socketio_auth_secret"),
    ],
)
def test_what_a_user_may_not_do_is_named(
    bench: Bench, redis_server: RedisServer, client: Any, rules: list[str], words: str
) -> None:
    client.execute_command("ACL", "SETUSER", "limited", "reset", "on", ">pw", *rules)
    try:
        bench.configure(redis_queue=f"redis://limited:pw@127.0.0.1:{redis_server.port}")
        found = worst(look(bench, "Redis"))
        assert words in found.text and "ACL SETUSER limited" in found.way_out
        # The way out is one.
        command = found.way_out.partition("ACL SETUSER limited ")[2].partition(",")[0]
        client.execute_command("ACL", "SETUSER", "limited", *command.split())
        all_fine(look(bench, "Redis"))
    finally:
        client.execute_command("ACL", "DELUSER", "limited")


def test_the_store_is_looked_at_wherever_it_is(
    bench: Bench, redis_url: str, shards: Shards
) -> None:
    bench.configure(redis_queue=redis_url)
    assert "in redis_queue" in all_fine(look(bench, "Store"))
    bench.configure(redis_queue=redis_url, presence_progress_store=redis_url)
    assert "answers" in all_fine(look(bench, "Store"))
    bench.configure(redis_queue=redis_url, presence_progress_store=shards.url)
    said = all_fine(look(bench, "Store"))
    assert all(f":{shard.port}" in said for shard in shards.all)
    assert "may publish, subscribe, run scripts" in said


def test_a_store_that_is_away_is_a_problem(bench: Bench, redis_url: str) -> None:
    for scheme in ("redis", "redis+cluster"):
        url = f"{scheme}://127.0.0.1:{free_port()}"
        bench.configure(redis_queue=redis_url, presence_progress_store=url)
        found = worst(look(bench, "Store"))
        assert "does not answer" in found.text and "presence_progress_store" in found.way_out


def test_a_cluster_that_stops_with_its_first_shard_is_a_warning(
    bench: Bench, shards: Shards
) -> None:
    config = shards.all[1].client.config_set
    config("cluster-require-full-coverage", "yes")
    try:
        bench.configure(presence_progress_store=shards.url)
        found = worst(look(bench, "Store"))
        assert f":{shards.all[1].port} stops" in found.text
    finally:
        config("cluster-require-full-coverage", "no")


def test_a_wrong_password_is_named(bench: Bench, redis_server: RedisServer) -> None:
    bench.configure(redis_queue=f"redis://nobody:wrong@127.0.0.1:{redis_server.port}")
    assert "user or password" in worst(look(bench, "Redis")).text


def test_a_redis_that_throws_keys_away_is_a_warning(bench: Bench, tmp_path: Path) -> None:
    server = RedisServer(tmp_path)
    server.start()
    try:
        bench.configure(redis_queue=server.url)
        import redis

        with redis.Redis.from_url(server.url) as client:
            client.config_set("maxmemory-policy", "allkeys-lru")
            all_fine(look(bench, "Redis"))  # Without a limit nothing is thrown away.
            client.config_set("maxmemory", "100mb")
            assert "allkeys-lru" in worst(look(bench, "Redis")).text
            client.config_set("maxmemory-policy", "noeviction")
            client.replicaof("127.0.0.1", 1)
            assert "replica" in str(look(bench, "Redis"))
    finally:
        server.stop()


def test_redis_behind_sentinels(bench: Bench, redis_server: RedisServer, tmp_path: Path) -> None:
    sentinel_port = free_port()
    file = tmp_path / "sentinel.conf"
    file.write_text(
        f"port {sentinel_port}\nbind 127.0.0.1\ndir {tmp_path}\n"
        f"sentinel monitor queue 127.0.0.1 {redis_server.port} 1\n"
    )
    bench.configure(
        redis_queue_sentinel_enabled=1,
        redis_queue_sentinels=[f"127.0.0.1:{sentinel_port}"],
        redis_queue_master_service="queue",
    )
    assert "of the sentinels" in worst(look(bench, "Redis")).text
    process = subprocess.Popen([redis_binary(), str(file), "--sentinel"], stdout=subprocess.DEVNULL)
    try:
        until_answers(lambda: socket.create_connection(("127.0.0.1", sentinel_port)).close())
        all_fine(look(bench, "Redis"))
    finally:
        process.kill()
        process.wait()


# --- the port ------------------------------------------------------------------------------------


@contextmanager
def listening(*words: str) -> Iterator[tuple[int, int]]:
    """Run a process that listens, with these words in its command line: its port, its id."""
    number = free_port()
    process = subprocess.Popen(
        [sys.executable, "-c", LISTEN, *words, str(number)], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        process.stdout.readline()
        yield number, process.pid
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_free_port_is_fine(bench: Bench) -> None:
    bench.configure(socketio_port=(number := free_port()))
    assert f"port {number}: it is free" in all_fine(look(bench, "Port"))


def test_a_host_that_is_not_here_is_a_problem(bench: Bench) -> None:
    bench.configure(socketio_port=free_port(), presence_progress_host="192.0.2.1")
    assert "nothing can" in worst(look(bench, "Port")).text


def test_frappes_own_server_is_fine_before_switching_only(bench: Bench) -> None:
    bench.procfile()
    with listening("apps/frappe/socketio.js") as (number, pid):
        bench.configure(socketio_port=number)
        assert f"Frappe's Node server (pid {pid})" in all_fine(look(bench, "Port"))
        bench.procfile("env/bin/presence-progress serve")
        assert "Restart" in worst(look(bench, "Port")).way_out


def test_a_stranger_on_the_port_is_named(bench: Bench) -> None:
    with listening("something") as (number, pid):
        bench.configure(socketio_port=number)
        found = worst(look(bench, "Port"))
        assert found.mark is Mark.PROBLEM and f"(pid {pid})" in found.text
        assert f"kill {pid}" in found.way_out


def test_our_own_server_that_does_not_answer_is_a_problem(bench: Bench) -> None:
    with listening("presence_progress.cli", "serve") as (number, pid):
        bench.configure(socketio_port=number)
        assert f"presence_progress (pid {pid})" in worst(look(bench, "Port")).text


@pytest.mark.parametrize(
    ("answers", "mark", "words"),
    [
        ({"/readyz": (200, "ok\n")}, Mark.FINE, "is well"),
        ({"/readyz": (503, "Redis is away\n")}, Mark.PROBLEM, "Redis is away"),
    ],
)
def test_our_own_server_is_asked_how_it_is(
    bench: Bench,
    monkeypatch: pytest.MonkeyPatch,
    answers: dict[str, tuple[int, str]],
    mark: Mark,
    words: str,
) -> None:
    # As if its process were another user's.
    monkeypatch.setattr(port, "_holder", lambda sockets: None)
    with web_server({**answers, "/": (404, "not found: presence_progress\n")}) as url:
        bench.configure(socketio_port=int(url.rpartition(":")[2]))
        [found] = look(bench, "Port")
        assert found.mark is mark and words in found.text


def test_what_cannot_be_seen_is_told_by_what_it_answers(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(port, "_holder", lambda sockets: None)
    with web_server({"/socket.io/": (200, '0{"sid":"x"}')}) as url:
        bench.configure(socketio_port=int(url.rpartition(":")[2]))
        assert "Socket.IO server of another user" in all_fine(look(bench, "Port"))
    with web_server({}) as url:
        bench.configure(socketio_port=int(url.rpartition(":")[2]))
        assert "ss -ltnp" in worst(look(bench, "Port")).way_out


def test_a_unix_socket_is_looked_at_too(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "realtime.sock"
    bench.configure(socketio_uds=str(path))
    assert "it is free" in all_fine(look(bench, "Port"))
    with socket.socket(socket.AF_UNIX) as held:
        held.bind(str(path))
        held.listen()
        assert "kill" in worst(look(bench, "Port")).way_out
    # Left behind by a server that was killed.
    assert "it is free" in all_fine(look(bench, "Port"))


# --- Frappe --------------------------------------------------------------------------------------


@contextmanager
def web_server(answers: dict[str, tuple[int, str]], site: str = "") -> Iterator[str]:
    """Serve fixed answers by path, and what Frappe says when ``site`` is not the one asked for."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = answers.get(self.path.partition("?")[0], (404, "not found"))
            asked = self.headers.get("X-Frappe-Site-Name", "")
            if site and (asked != site or self.headers["Host"] != asked):
                status, body = 404, f"<p>{asked} does not exist</p>"
            secret = self.headers.get("X-Frappe-Socket-Secret")
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", "https://elsewhere/")
            self.end_headers()
            self.wfile.write(body.replace("SECRET", str(secret)).encode())

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        # Also of a test that has failed: for a thread that serves on, the whole run would wait.
        server.shutdown()
        thread.join()
        server.server_close()


PATH = "/api/method/frappe.realtime.get_user_info"
V15 = json.dumps({"message": {"user": "Guest", "user_type": None}})
V16 = json.dumps({"message": {"user": "Guest", "user_type": None, "installed_apps": ["frappe"]}})


@pytest.mark.parametrize(("answer", "dialect"), [(V15, "v15"), (V16, "v16")])
def test_frappe_is_asked_for_each_site(
    bench: Bench, redis_url: str, answer: str, dialect: str
) -> None:
    bench.add_site("one.localhost")
    bench.add_site("two.localhost")
    with web_server({PATH: (200, answer)}, site="one.localhost") as url:
        bench.configure(redis_queue=redis_url, presence_progress_site_url=url)
        findings = look(bench, "Frappe")
    assert dialect in findings[0].text and findings[0].mark is Mark.FINE
    assert "two.localhost: the web server" in worst(findings).text


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (200, '{"message": {}}', "in another Redis"),
        (200, "<html>", "is no Frappe"),
        (301, "", "https://elsewhere/"),
        (403, "", "refuses"),
        (404, "nothing", "answers 404"),
        (500, "Traceback", "answers 500"),
        (503, "", "maintenance"),
    ],
)
def test_what_frappe_answers_is_understood(
    bench: Bench, redis_url: str, status: int, body: str, words: str
) -> None:
    bench.add_site("one.localhost")
    with web_server({PATH: (status, body)}) as url:
        bench.configure(redis_queue=redis_url, presence_progress_site_url=url)
        assert words in worst(look(bench, "Frappe")).text


def test_without_a_site_there_is_none_to_ask_for(bench: Bench) -> None:
    assert worst(look(bench, "Frappe")).mark is Mark.SKIPPED


def test_a_frappe_that_is_away_is_said_once(bench: Bench, redis_url: str) -> None:
    bench.add_site("one.localhost")
    bench.add_site("two.localhost")
    bench.configure(redis_queue=redis_url, webserver_port=free_port())
    assert "does not answer" in worst(look(bench, "Frappe")).text


def test_a_frappe_that_never_answers_does_not_hold_up_the_rest(
    bench: Bench, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callback, "_TIMEOUT", 0.2)
    bench.add_site("one.localhost")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        bench.configure(redis_queue=redis_url, webserver_port=silent.getsockname()[1])
        assert "does not answer" in worst(look(bench, "Frappe")).text


def test_the_secret_is_shown_to_frappe(bench: Bench, redis_url: str, client: Any) -> None:
    bench.add_site("one.localhost")
    client.set(callback.SECRET_KEY, "xyz")
    try:
        with web_server({PATH: (200, '{"message": {"user": "SECRET"}}')}) as url:
            bench.configure(redis_queue=redis_url, presence_progress_site_url=url)
            all_fine(look(bench, "Frappe"))
        assert "is in Redis" in all_fine(look(bench, "Secret"))
    finally:
        client.delete(callback.SECRET_KEY)


def test_a_missing_secret_is_judged_by_what_this_frappe_wants(bench: Bench, redis_url: str) -> None:
    bench.configure(redis_queue=redis_url)
    bench.write("apps/frappe/frappe/realtime.py", "def get_user_info(): ...")
    assert "None is needed" in all_fine(look(bench, "Secret"))
    bench.write("apps/frappe/frappe/realtime.py", f'KEY = "{callback.SECRET_KEY}"')
    assert "is not in Redis" in worst(look(bench, "Secret")).text
    bench.configure(redis_queue=f"redis://127.0.0.1:{free_port()}")
    assert worst(look(bench, "Secret")).mark is Mark.SKIPPED


# --- sites, nginx --------------------------------------------------------------------------------


def test_the_default_site_must_be_one(bench: Bench) -> None:
    assert "no site" in worst(look(bench, "Sites")).text
    bench.add_site("one.localhost")
    all_fine(look(bench, "Sites"))
    bench.configure(default_site="gone.localhost")
    assert "bench use one.localhost" in worst(look(bench, "Sites")).way_out


def test_another_name_of_a_site_must_be_known_to_nginx(bench: Bench) -> None:
    bench.add_site("one.localhost", domains=["www.example.com", {"domain": "one.localhost"}])
    assert "Invalid namespace" in worst(look(bench, "Sites")).text
    bench.write("config/nginx.conf", "map $host $s {\n\twww.example.com one.localhost;\n}\n")
    all_fine(look(bench, "Sites"))
    bench.add_site("www.example.com")
    assert "a site of its own" in worst(look(bench, "Sites")).text


LOCATION = """
location /socket.io {
    proxy_http_version 1.1;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection "upgrade";
    proxy_set_header X-Frappe-Site-Name $host;
    proxy_set_header Origin $scheme://$http_host;
    proxy_set_header X-Browser-Origin $http_origin;
    proxy_set_header Host $host;
    proxy_pass http://bench-socketio-server;
}
"""
UPSTREAM = "upstream bench-socketio-server {\n\tserver 127.0.0.1:9000 fail_timeout=0;\n}\n"


def with_nginx(bench: Bench, location: str = LOCATION) -> list[Finding]:
    bench.write(
        "config/nginx.conf", UPSTREAM + "server {" + location + "}\nserver {" + location + "}"
    )
    return look(bench, "nginx")


def test_nginx_that_says_all_is_fine(bench: Bench) -> None:
    assert worst(look(bench, "nginx")).mark is Mark.SKIPPED
    assert "leads to 127.0.0.1:9000" in all_fine(with_nginx(bench))
    socket_file = LOCATION.replace("bench-socketio-server", "unix:/run/x.sock:/")
    bench.configure(socketio_uds="/run/x.sock")
    all_fine(with_nginx(bench, socket_file))


def test_nginx_that_leads_elsewhere_is_a_problem(bench: Bench) -> None:
    bench.configure(socketio_port=9100)
    assert "127.0.0.1:9000, and this server listens on port 9100" in worst(with_nginx(bench)).text
    assert "no location" in worst(with_nginx(bench, "")).text


@pytest.mark.parametrize(
    ("line", "words", "mark"),
    [
        ("X-Browser-Origin $http_origin", "overwrites Origin", Mark.WARNING),
        ("Host $host", "Invalid origin", Mark.PROBLEM),
        ("X-Frappe-Site-Name $host", "X-Frappe-Site-Name", Mark.WARNING),
        ("Upgrade $http_upgrade", "WebSocket", Mark.WARNING),
    ],
)
def test_what_nginx_does_not_say_is_named_once(
    bench: Bench, line: str, words: str, mark: Mark
) -> None:
    # A comment says nothing, either.
    found = worst(with_nginx(bench, LOCATION.replace(f"proxy_set_header {line};", f"# {line};")))
    assert words in found.text and found.mark is mark
    added = nginx._ADD.partition("{}")[0]
    if found.way_out.startswith(added):
        lines = found.way_out.removeprefix(added).partition(" to location")[0]
        mended = LOCATION.replace(f"proxy_set_header {line};", lines)
        all_fine(with_nginx(bench, mended))


# --- versions, apps, limits ----------------------------------------------------------------------


def test_versions_are_named(bench: Bench) -> None:
    said = all_fine(look(bench, "Versions"))
    assert "python-socketio 5." in said and "Frappe 15.55.1" in said
    bench.write("apps/frappe/node_modules/socket.io-client/package.json", '{"version": "4.7.5"}')
    assert "socket.io-client 4.7.5" in all_fine(look(bench, "Versions"))


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("frappe/__init__.py", '__version__ = "13.58.0"', "Frappe is 13.58.0"),
        ("frappe/__init__.py", "__version__ = '17.0.0-dev'", "newer"),
        ("frappe/__init__.py", "", "does not say"),
        ("package.json", '{"dependencies": {"socket.io-client": "^2.4.0"}}', "2.4.0"),
        ("package.json", "{}", "is not known"),
    ],
)
def test_a_version_that_does_not_fit_is_named(
    bench: Bench, file: str, text: str, words: str
) -> None:
    bench.write(f"apps/frappe/{file}", text)
    assert words in worst(look(bench, "Versions")).text


def test_apps_with_events_for_node_are_named(bench: Bench) -> None:
    bench.write("sites/apps.txt", "frappe\nraven\nhelpdesk\nhrms\n")
    for app in ("frappe", "raven", "helpdesk"):
        bench.write(f"apps/{app}/realtime/handlers.js", "")
    bench.write("apps/helpdesk/helpdesk/hooks.py", 'presence_progress_events = {"a": "b.c"}')
    assert worst(look(bench, "Apps")).text.startswith("raven has events of its own")


def test_a_low_limit_of_open_files_is_a_warning(bench: Bench) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (1024, hard))
        assert "Only 1024 files" in worst(look(bench, "Limits")).text
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_node_in_the_procfile_is_no_problem_of_any_check(bench: Bench) -> None:
    bench.procfile(f"{NODE} apps/frappe/socketio.js")
    assert all(finding.mark is not Mark.PROBLEM for finding in look(bench, "Started"))
