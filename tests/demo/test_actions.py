"""What the buttons of the demo start: uploads, and jobs that a real worker process runs."""

from __future__ import annotations

import asyncio
import io
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import rq
from aiohttp import FormData

from presence_progress import progress, rooms
from presence_progress.demo import actions, airports
from presence_progress.demo.config import LONG, SHORT, Config
from tests.running import children, is_alive

from .conftest import Client, SignIn, total_told

DEMO = "/api/method/presence_progress.demo."
HEADER = "icao,name,lat,lon,country,elevation\n"


def form(content: bytes, filename: str | None = "my airports.csv") -> FormData:
    # File names as browsers send them, in UTF-8 and not percent-encoded.
    form = FormData(quote_fields=False)
    form.add_field("note", "a field before the file")
    form.add_field("file", io.BytesIO(content), filename=filename)
    return form


def task_state(task_id: str) -> dict[str, Any]:
    return rooms.snapshot(f"task:{task_id}").state


async def started(browser: Client, method: str, **request: Any) -> str:
    answer = await browser.post(DEMO + method, **request)
    assert answer.status == 200, await answer.text()
    return str((await answer.json())["message"]["task_id"])


async def until(task_id: str, reached: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    for _ in range(400):
        state = await asyncio.to_thread(task_state, task_id)
        if reached(state):
            return state
        await asyncio.sleep(0.05)
    raise AssertionError(f"it stays {state}")


def ended(state: dict[str, Any]) -> bool:
    return state["ended_at"] is not None


@pytest.fixture
def worker(client: Any, redis_url: str, site: str) -> Iterator[subprocess.Popen[bytes]]:
    """The demo's worker, as a process."""
    # Imports that other tests have left there are long.
    for queue in (LONG, SHORT):
        rq.Queue(queue, connection=client).empty()
    command = [sys.executable, "-m", "presence_progress.demo.worker", "--redis", redis_url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as worker:
        yield worker
        worker.terminate()


# --- uploads --------------------------------------------------------------------------------------


async def test_an_import_is_a_task_before_its_job_runs(sign_in: SignIn, client: Any) -> None:
    rq.Queue(LONG, connection=client).empty()
    browser = await sign_in("editor@example.com")
    state = task_state(await started(browser, "import_csv"))
    assert (state["state"], state["title"]) == ("queued", "Import airports")
    assert (state["user"], state["doctype"]) == ("editor@example.com", "Airport")


@pytest.mark.parametrize(
    ("filename", "title"),
    [
        ("my airports.csv", "Import my airports.csv"),
        ("../../etc/passwd", "Import passwd"),
        ("C:\\data\\x.csv", "Import x.csv"),
        ("Flughäfen.csv", "Import Flughäfen.csv"),
        ("x" * 300, f"Import {'x' * 79}…"),
    ],
)
async def test_a_file_name_is_only_ever_shown(
    sign_in: SignIn, config: Config, filename: str, title: str
) -> None:
    browser = await sign_in("editor@example.com")
    task_id = await started(browser, "import_csv", data=form(b"x", filename))
    assert task_state(task_id)["title"] == title
    [upload] = config.uploads.iterdir()
    assert upload.read_bytes() == b"x" and len(upload.stem) == 32


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"json": {}},
        {"data": form(b"", "")},
        # What a browser sends for an empty FormData.
        {
            "data": b"------x--\r\n",
            "headers": {"Content-Type": "multipart/form-data; boundary=----x"},
        },
    ],
)
async def test_no_file_means_the_airports_of_the_demo(
    sign_in: SignIn, config: Config, request_: dict[str, Any]
) -> None:
    browser = await sign_in("editor@example.com")
    task_id = await started(browser, "import_csv", **request_)
    assert task_state(task_id)["title"] == "Import airports"
    assert list(config.uploads.iterdir()) == []


async def test_too_large_a_file_is_refused_and_forgotten(
    sign_in: SignIn, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions, "MAX_UPLOAD", 2**20)
    monkeypatch.setattr(actions, "_CHUNK", 2**16)
    browser = await sign_in("editor@example.com")

    async def in_pieces() -> Any:
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'
        for _ in range(40):
            yield bytes(2**16)
        yield b"\r\n--x--\r\n"

    multipart = {"Content-Type": "multipart/form-data; boundary=x"}
    for request in (
        {"data": form(bytes(2**20 + 1))},
        {"data": form(bytes(2**22))},
        {"data": in_pieces(), "headers": multipart},
    ):
        answer = await browser.post(DEMO + "import_csv", **request)
        said = await answer.json()
        assert answer.status == 413 and "at most 1 MB" in said["message"]
    assert list(config.uploads.iterdir()) == []
    await started(browser, "import_csv", data=form(bytes(2**20)))


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"no form at all", "multipart/form-data; boundary=x"),
        (b"--x\r\n", "multipart/form-data; boundary=x"),
        (b"--x\r\nnonsense\r\n\r\n", "multipart/form-data"),
    ],
)
async def test_a_broken_form_is_refused(
    sign_in: SignIn, config: Config, body: bytes, content_type: str
) -> None:
    browser = await sign_in("editor@example.com")
    headers = {"Content-Type": content_type}
    answer = await browser.post(DEMO + "import_csv", data=body, headers=headers)
    assert answer.status == 417 and "multipart" in (await answer.json())["message"]
    assert list(config.uploads.iterdir()) == []


# --- jobs -----------------------------------------------------------------------------------------


async def test_an_upload_becomes_airports(sign_in: SignIn, config: Config, worker: object) -> None:
    browser = await sign_in("editor@example.com")
    content = HEADER + "EDDB,Berlin,52,13,DE,1\nEDDF,Frankfurt,50,8,,1\nXXXX,Nowhere,99,8,DE,1\n"
    state = await until(await started(browser, "import_csv", data=form(content.encode())), ended)
    assert (state["state"], state["done"], state["total"], state["percent"]) == ("done", 3, 3, 100)
    assert (state["ok"], state["warnings"], state["errors"]) == (1, 1, 1)
    assert state["messages"][1] == {
        "level": "error",
        "row": 4,
        "message": "latitude 99 is outside ±90",
    }
    answer = await browser.get("/api/resource/Airport/EDDB")
    assert (await answer.json())["data"]["modified_by"] == "editor@example.com"
    assert total_told() == 2
    assert list(config.uploads.iterdir()) == []


async def test_a_file_that_cannot_be_read_fails_in_words(
    sign_in: SignIn, config: Config, worker: object
) -> None:
    browser = await sign_in("editor@example.com")
    state = await until(
        await started(browser, "import_csv", data=form(b"\x89PNG\r\n\x1a\n")), ended
    )
    assert state["state"] == "failed"
    assert state["error"].startswith("The file is a picture, not text; expected is a CSV file")
    assert list(config.uploads.iterdir()) == []


async def test_a_cancelled_import_stops_where_it_is(
    sign_in: SignIn, config: Config, worker: object
) -> None:
    object.__setattr__(config, "pace", 500)
    browser = await sign_in("Administrator")
    task_id = await started(browser, "import_csv")
    await until(task_id, lambda state: state["done"] > 200)
    progress.cancel(task_id, "Administrator")
    state = await until(task_id, ended)
    assert state["state"] == "cancelled" and state["percent"] < 100
    answer = await browser.get("/api/method/frappe.client.get_count?doctype=Airport")
    assert (await answer.json())["message"] == state["done"] == total_told()
    assert state["done"] < 10_000
    assert (await browser.post(DEMO + "delete_airports")).status == 200
    assert total_told() == 0


async def test_counting_to_a_hundred_reaches_who_asked(
    sign_in: SignIn, worker: object, events: Any
) -> None:
    browser = await sign_in("no-access@example.com")
    await until(await started(browser, "count_to_hundred"), ended)
    counts = [event for event in events.drain() if event["event"] == "count"]
    assert [event["message"]["count"] for event in counts] == list(range(100))
    assert {event["room"] for event in counts} == {"user:no-access@example.com"}
    assert (await (await sign_in("")).post(DEMO + "count_to_hundred")).status == 403


# --- the worker -----------------------------------------------------------------------------------


async def test_a_worker_ends_at_once_in_the_middle_of_a_job(
    sign_in: SignIn, config: Config, worker: subprocess.Popen[bytes]
) -> None:
    object.__setattr__(config, "pace", 10)
    browser = await sign_in("Administrator")
    task_id = await started(browser, "import_csv")
    await until(task_id, lambda state: state["done"] > 0)
    [horse] = children(worker.pid)
    worker.terminate()
    # The import would take most of an hour.
    assert await asyncio.to_thread(worker.wait, 20) == 0
    assert not is_alive(horse)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties a process to its parent")
async def test_a_killed_worker_takes_its_work_horse_with_it(
    sign_in: SignIn, config: Config, worker: subprocess.Popen[bytes]
) -> None:
    object.__setattr__(config, "pace", 10)
    browser = await sign_in("Administrator")
    task_id = await started(browser, "import_csv")
    await until(task_id, lambda state: state["done"] > 0)
    [horse] = children(worker.pid)
    worker.kill()
    worker.wait()
    for _ in range(400):
        if not is_alive(horse):
            return
        await asyncio.sleep(0.05)
    raise AssertionError("the work horse lives on")


def test_the_demo_knows_where_its_airports_are() -> None:
    assert actions.bundled_airports().name == "airports.csv" and airports.DOCTYPE == "Airport"
