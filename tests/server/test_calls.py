"""Script calls go together: few round trips for many, and one's failure is its own."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis as redis_py

from presence_progress import rooms
from presence_progress.server.calls import Calls
from presence_progress.server.connection import connect, disconnect
from presence_progress.settings import Settings
from tests.conftest import RedisServer, free_port


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return a Redis that nobody else uses: its connections are counted here, and cut."""
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server.url


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Any]:
    redis = connect(Settings(redis_url=redis_url))
    yield redis
    await disconnect(redis)


@pytest.fixture
async def calls(redis: Any) -> AsyncIterator[Calls]:
    calls = Calls(redis)
    yield calls
    await calls.close()


async def test_a_storm_is_one_connection_and_in_order(calls: Calls, client: Any, site: str) -> None:
    client.script_flush()
    before = client.info("stats")["total_connections_received"]
    setting = [
        calls.run(rooms.set_call(site, "count:site/c", 60, {"value": n})) for n in range(900)
    ]
    positions = await asyncio.gather(*setting)
    assert [seq for _, seq in positions] == list(range(1, 901))
    assert client.info("stats")["total_connections_received"] == before + 1


async def test_a_redis_that_hangs_is_given_up_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("presence_progress.server.calls.REDIS_TIMEOUT", 0.3)
    server = RedisServer(tmp_path)
    server.start()
    redis = connect(Settings(redis_url=server.url), socket_timeout=None)
    calls = Calls(redis)
    call = rooms.set_call("site", "count:site/h", 60, {"value": 1})
    assert (await calls.run(call))[1] == 1
    os.kill(server.pid, signal.SIGSTOP)
    hanging = [calls.run(call), calls.run(call)]
    for one in hanging:
        with pytest.raises(redis_py.TimeoutError):
            await asyncio.wait_for(one, 15)
    os.kill(server.pid, signal.SIGCONT)
    assert (await calls.run(call))[1] == 1
    await calls.close()
    await disconnect(redis)
    server.stop()


async def test_a_script_that_fails_fails_alone(calls: Calls, client: Any, site: str) -> None:
    client.set("presence_progress:{odd/count:site/c}", "no hash")
    good = rooms.set_call(site, "count:site/d", 60, {"value": 1})
    bad = rooms.set_call("odd", "count:site/c", 60, {"value": 1})
    first, failed, last = await asyncio.gather(
        *(calls.run(call) for call in (good, bad, good)), return_exceptions=True
    )
    assert isinstance(failed, redis_py.ResponseError)
    assert first == last


async def test_one_who_gives_up_harms_no_other(calls: Calls, site: str) -> None:
    call = rooms.set_call(site, "count:site/e", 60, {"value": 1})
    gone, other = (asyncio.ensure_future(calls.run(call)) for _ in range(2))
    await asyncio.sleep(0)
    gone.cancel()
    assert (await other)[1] == 1
    assert (await calls.run(call))[1] == 1


async def test_a_connection_that_was_cut_is_made_anew(calls: Calls, client: Any, site: str) -> None:
    call = rooms.set_call(site, "count:site/k", 60, {"value": 1})
    for _ in range(3):
        assert (await calls.run(call))[1] == 1
        client.client_kill_filter(_type="normal", skipme=True)


async def test_a_redis_that_is_away_is_told_to_all_and_tried_again() -> None:
    redis = connect(Settings(redis_url=f"redis://127.0.0.1:{free_port()}"))
    calls = Calls(redis)
    call = rooms.snapshot_call("site", "count:site/e")
    for _ in range(2):
        results = await asyncio.gather(calls.run(call), calls.run(call), return_exceptions=True)
        assert all(isinstance(result, redis_py.ConnectionError) for result in results)
    await disconnect(redis)
