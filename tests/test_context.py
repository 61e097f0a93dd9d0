"""Where rooms live, for the code that writes them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import redis
import rq

from presence_progress import context, counts, keys, rooms
from presence_progress.cluster import Cluster
from tests import jobs
from tests.conftest import RedisServer


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path) as server:
        yield server


def kept_in(server: RedisServer, site: str, room: str) -> bool:
    with redis.Redis.from_url(server.url) as client:
        return bool(client.exists(keys.room_key(site, room)))


def test_rooms_live_with_frappes_events_unless_another_place_is_named(
    site: str, redis_server: RedisServer
) -> None:
    assert context.store() is context.redis()
    counts.set("c", 1)
    assert kept_in(redis_server, site, "count:site/c")


def test_rooms_are_written_and_published_in_the_store(
    site: str, redis_server: RedisServer, store: RedisServer, events: Any
) -> None:
    context.configure(store_url=store.url)
    counts.set("c", 1)
    assert kept_in(store, site, "count:site/c")
    assert not kept_in(redis_server, site, "count:site/c")
    assert rooms.snapshot("count:site/c").state == {"value": 1}
    # A plain event remains where Frappe publishes them.
    counts.publish_realtime("e", user="a@x")
    assert [event["event"] for event in events.drain()] == ["e"]


def test_the_environment_names_it_too(
    site: str, store: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRESENCE_PROGRESS_STORE", store.url)
    counts.set("c", 1)
    assert kept_in(store, site, "count:site/c")


def test_inside_frappe_the_bench_names_it(
    site: str, store: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    conf = {"presence_progress_store": store.url}
    frappe = SimpleNamespace(local=SimpleNamespace(site=site, conf=conf))
    monkeypatch.setitem(sys.modules, "frappe", frappe)
    counts.set("c", 1)
    assert kept_in(store, site, "count:site/c")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # rq 1.15's own, in this process
def test_a_job_tells_its_progress_to_the_store(
    site: str, redis_url: str, store: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRESENCE_PROGRESS_STORE", store.url)
    from presence_progress import progress

    task_id = progress.enqueue(jobs.import_rows, count=3, user="a@x")
    with redis.Redis.from_url(redis_url) as client:
        rq.SimpleWorker(["default"], connection=client).work(burst=True)
    assert rooms.snapshot(keys.task_room(task_id)).state["state"] == "done"
    assert kept_in(store, site, keys.task_room(task_id))


def test_nothing_is_sent_before_the_first_use(site: str) -> None:
    for url, kind in (
        ("redis+cluster://192.0.2.1:1", Cluster),
        ("redis+sentinel://192.0.2.1:1/main", redis.Redis),
        ("redis://192.0.2.1:1", redis.Redis),
    ):
        context._configured.store_url = url
        assert isinstance(context.store(), kind)


def test_what_is_no_address_is_said_so(site: str) -> None:
    context.configure(store_url="nowhere")
    with pytest.raises(context.ContextError, match="presence_progress_store is no address"):
        counts.get("c")
