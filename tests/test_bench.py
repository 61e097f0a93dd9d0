"""What a bench tells the server: environment, then files, then defaults; and what it says wrong."""

from __future__ import annotations

import json
import re
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from presence_progress import bench
from presence_progress.bench import BadSetting
from presence_progress.settings import Limits, Sentinel, Settings


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for folder in ("sites", "apps/frappe"):
        (tmp_path / folder).mkdir(parents=True)
    return tmp_path


def read(root: Path, environ: dict[str, str] | None = None, /, **config: Any) -> Settings:
    (root / "sites/common_site_config.json").write_text(json.dumps(config))
    return bench.read_settings(root, environ or {})


def test_a_bench_that_says_nothing_has_frappes_defaults(root: Path) -> None:
    assert read(root) == Settings(host="", bench=root)


def test_the_keys_of_frappe_are_read(root: Path) -> None:
    settings = read(
        root,
        socketio_port="9005",
        socketio_uds="/run/socketio.sock",
        redis_queue="redis://someone:secret@redis:11000/1",
        webserver_port=8005,
        default_site="one.example",
        developer_mode=1,
    )
    assert (settings.port, settings.uds) == (9005, "/run/socketio.sock")
    assert settings.redis_url == "redis://someone:secret@redis:11000/1"
    assert settings.site_url == "http://127.0.0.1:8005"
    assert (settings.default_site, settings.developer_mode) == ("one.example", True)


def test_our_own_keys_are_read(root: Path) -> None:
    settings = read(
        root,
        presence_progress_host="127.0.0.1",
        presence_progress_site_url="http://backend:8000/",
        presence_progress_origins=["https://portal.example", "shop.example:8443"],
    )
    assert (settings.host, settings.site_url) == ("127.0.0.1", "http://backend:8000")
    assert settings.origins == {"portal.example", "shop.example"}


def test_the_environment_goes_before_the_files(root: Path) -> None:
    environ = {
        "FRAPPE_SITE": "env.example",
        "FRAPPE_REDIS_QUEUE": "unix:///run/redis.sock",
        "FRAPPE_SOCKETIO_PORT": "9100",
        "PRESENCE_PROGRESS_ORIGINS": "https://a.example, https://b.example",
    }
    settings = read(root, environ, socketio_port=9000, redis_queue="redis://x", default_site="file")
    assert settings.port == 9100 and settings.redis_url == "unix:///run/redis.sock"
    assert settings.default_site == "env.example"
    assert settings.origins == {"a.example", "b.example"}


def test_the_later_file_wins_and_what_is_empty_leaves_the_earlier(root: Path) -> None:
    (root / "config.json").write_text('{"socketio_port": 9001, "default_site": "old.example"}')
    settings = read(root, socketio_port=9002, default_site="")
    assert (settings.port, settings.default_site) == (9002, "old.example")


def test_the_store_is_read(root: Path) -> None:
    url = "redis+cluster://user:secret@one:7000,two:7001"
    assert read(root).store_url is None
    assert read(root, presence_progress_store=url).store_url == url
    environ = {"PRESENCE_PROGRESS_STORE": "redis://env:1"}
    assert read(root, environ, presence_progress_store=url).store_url == "redis://env:1"
    with pytest.raises(bench.BadSetting, match="a single Redis"):
        read(root, redis_queue=url)
    with pytest.raises(bench.BadSetting, match=r"presence_progress_store .*//…@one") as raised:
        read(root, presence_progress_store="redis+cluster://user:secret@one")
    assert "secret" not in str(raised.value)


def test_the_sentinels_of_v16_are_read(root: Path) -> None:
    settings = read(
        root,
        redis_queue_sentinel_enabled=1,
        redis_queue_sentinels=["one:26379", "two:26380"],
        redis_queue_master_service="main",
        redis_queue_sentinel_password="s",
        redis_queue_master_username="m",
    )
    assert settings.sentinel == Sentinel(
        (("one", 26379), ("two", 26380)), "main", sentinel_password="s", username="m"
    )
    assert read(root, redis_queue_sentinels=["one:26379"]).sentinel is None


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("socketio_port", "nine", "a port between 1 and 65535"),
        ("socketio_port", 70000, "a port between 1 and 65535"),
        ("socketio_port", True, "a port between 1 and 65535"),
        ("webserver_port", [8000], "a port between 1 and 65535"),
        ("socketio_uds", 5, "a text"),
        ("redis_queue", "localhost:11000", "redis://HOST:PORT"),
        ("redis_queue", "http://localhost", "redis://HOST:PORT"),
        ("default_site", ["a"], "a text"),
        ("developer_mode", "yes", "true or false"),
        ("presence_progress_site_url", "backend:8000", "http://HOST:PORT"),
        ("presence_progress_origins", {"a": 1}, "a list of origins"),
        ("presence_progress_origins", ["http://["], "a list of origins"),
    ],
)
def test_a_wrong_value_names_key_file_and_what_was_expected(
    root: Path, key: str, value: Any, expected: str
) -> None:
    with pytest.raises(BadSetting) as error:
        read(root, **{key: value})
    said = str(error.value)
    assert key in said and "common_site_config.json" in said and expected in said


def test_a_wrong_value_of_the_environment_is_named_there(root: Path) -> None:
    with pytest.raises(BadSetting, match=r"the environment \(FRAPPE_SOCKETIO_PORT\)"):
        read(root, {"FRAPPE_SOCKETIO_PORT": "x"})


def test_a_password_is_not_shown(root: Path) -> None:
    with pytest.raises(BadSetting) as error:
        read(root, redis_queue="rediss//user:secret@host")
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("redis_queue_master_password", 12345),
        ("redis_queue_sentinel_password", {"a": "12345"}),
        ("redis_queue", ["redis://:12345@one", "redis://:12345@two"]),
        ("redis_queue", "redis://:1/12345@host"),
        ("presence_progress_site_url", "ftp://u:12345@host"),
        ("presence_progress_store", {"url": "redis://host", "password": "12345"}),
    ],
)
def test_no_secret_of_a_setting_is_shown(root: Path, key: str, value: Any) -> None:
    sentinel = {
        "redis_queue_sentinel_enabled": 1,
        "redis_queue_sentinels": ["a:1"],
        "redis_queue_master_service": "m",
    }
    with pytest.raises(BadSetting) as error:
        read(root, **sentinel, **{key: value})
    assert key in str(error.value) and "12345" not in str(error.value)


def test_settings_that_are_printed_show_no_secret(root: Path) -> None:
    settings = read(
        root,
        redis_queue="redis://:secret@h",
        presence_progress_store="redis://:secret@h",
        redis_queue_sentinel_enabled=1,
        redis_queue_sentinels=["a:1"],
        redis_queue_master_service="m",
        redis_queue_master_password="secret",
        redis_queue_sentinel_password="secret",
    )
    assert "secret" not in repr(settings)


@pytest.mark.parametrize("text", ["{", "[1]", '"x"'])
def test_a_file_that_cannot_be_read_is_named(root: Path, text: str) -> None:
    (root / "sites/common_site_config.json").write_text(text)
    with pytest.raises(BadSetting, match=r"common_site_config\.json"):
        bench.read_settings(root, {})


def test_sentinels_without_their_names_are_named(root: Path) -> None:
    with pytest.raises(BadSetting, match="redis_queue_master_service is missing"):
        read(root, redis_queue_sentinel_enabled=1, redis_queue_sentinels=["a:1"])
    with pytest.raises(BadSetting, match="redis_queue_sentinels is missing"):
        read(root, redis_queue_sentinel_enabled=1)
    with pytest.raises(BadSetting, match="a list of sentinels"):
        read(root, redis_queue_sentinel_enabled=1, redis_queue_sentinels=["a"])


def test_a_bench_is_found_from_within(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FRAPPE_BENCH_ROOT", raising=False)
    assert bench.find_bench(root / "sites") == root
    assert bench.find_bench(root / "apps/frappe") == root
    assert bench.find_bench(root.parent) is None


def test_a_bench_is_named_by_the_environment(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRAPPE_BENCH_ROOT", str(root))
    assert bench.find_bench(Path("/")) == root
    monkeypatch.setenv("FRAPPE_BENCH_ROOT", str(root / "apps"))
    with pytest.raises(BadSetting, match="FRAPPE_BENCH_ROOT"):
        bench.find_bench()


def test_apps_whose_events_only_frappes_servers_run_are_named(root: Path) -> None:
    files = {
        "frappe": "realtime/handlers.js",
        "raven": "realtime/handlers.js",
        "newer": "newer/realtime/handlers.py",
        "ours": "realtime/handlers.js",
        "plain": "plain/hooks.py",
    }
    (root / "sites/apps.txt").write_text("\n".join(files))
    for app, file in files.items():
        (root / "apps" / app / file).parent.mkdir(parents=True, exist_ok=True)
        (root / "apps" / app / file).touch()
    (root / "apps/ours/ours").mkdir()
    (root / "apps/ours/ours/hooks.py").write_text("presence_progress_events = {}")
    assert bench.apps_of(root) == list(files)
    assert bench.events_of_other_servers(root) == {
        "raven": "realtime/handlers.js",
        "newer": "newer/realtime/handlers.py",
    }


def test_every_limit_is_a_setting_that_is_read_and_checked(root: Path) -> None:
    for limit in fields(Limits):
        key = f"presence_progress_{limit.name}"
        assert read(root, **{key: 7}).limits == replace(Limits(), **{limit.name: 7})
        assert getattr(read(root, {key.upper(): "8"}).limits, limit.name) == 8
        for bad in (-1, 1.5, "many", [1], True):
            with pytest.raises(BadSetting, match=f"{key} in .* a whole number from 1 on"):
                read(root, **{key: bad})


def test_every_limit_is_documented_with_its_default() -> None:
    documented = Path(__file__).parents[1].joinpath("docs/running.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \|", documented, re.MULTILINE)
    assert dict(rows) == {limit.name: str(limit.default) for limit in fields(Limits)}


def test_trusted_proxies_are_addresses_and_networks(root: Path) -> None:
    key = "presence_progress_trusted_proxies"
    assert read(root, **{key: ["10.0.0.0/8", "::1"]}).trusted_proxies == {"10.0.0.0/8", "::1/128"}
    for bad in ("proxy.local", ["10.0.0.1/8"], 5):
        with pytest.raises(BadSetting, match="a list of addresses or networks"):
            read(root, **{key: bad})
