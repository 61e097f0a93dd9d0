"""Frappe's REST for the one DocType of the demo: lists, filters, changes, and what they publish."""

from __future__ import annotations

import json
from typing import Any

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from presence_progress import context

from .conftest import SignIn, total_told

URL = "/api/resource/Airport"
COUNT = "/api/method/frappe.client.get_count"
GOOD = {"icao": "eddb", "airport_name": "Berlin", "latitude": 52.3, "longitude": "13,5"}


async def test_a_list_has_fields_order_and_pages(sign_in: SignIn, store: Any) -> None:
    store(*(f"AA{number:02}" for number in range(30)))
    browser = await sign_in("viewer@example.com")
    answer = await browser.get(URL, params={"order_by": "icao desc"})
    rows = (await answer.json())["data"]
    assert len(rows) == 20 and rows[0] == {"name": "AA29"}
    params = {
        "fields": '["icao", "`tabAirport`.`airport_name`"]',
        "order_by": "`tabAirport`.`icao` asc",
        "limit_start": 28,
        "limit_page_length": 5,
    }
    answer = await browser.get(URL, params=params)
    assert (await answer.json())["data"][-1] == {"icao": "AA29", "airport_name": "AA29 Airfield"}
    answer = await browser.get(URL, params={"limit_page_length": 0, "fields": '["*"]'})
    rows = (await answer.json())["data"]
    assert len(rows) == 30 and rows[0]["modified_by"] == "Administrator"


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ([["country", "=", "DE"]], ["EDDB", "EDDF"]),
        ([["Airport", "country", "=", "DE"]], ["EDDB", "EDDF"]),
        (["country", "=", "FR"], ["LFPG"]),
        ({"country": "DE", "elevation": [">", 100]}, ["EDDF"]),
        ([["icao", "like", "ED%"], ["icao", "!=", "EDDB"]], ["EDDF"]),
        ([["icao", "not like", "ED%"]], ["LFPG"]),
        ([["icao", "in", ["EDDB", "LFPG"]]], ["EDDB", "LFPG"]),
        ([["icao", "not in", "EDDB,LFPG"]], ["EDDF"]),
        ([["elevation", "between", [100, 365]]], ["EDDF"]),
        ([["iata", "is", "set"]], ["LFPG"]),
        ([["iata", "is", "not set"]], ["EDDB", "EDDF"]),
        ([["elevation", "=", None]], ["LFPG"]),
        ([["icao", "in", []]], []),
        ([["city", "=", "' OR 1=1 --"]], []),
        ([], ["EDDB", "EDDF", "LFPG"]),
    ],
)
async def test_filters_in_the_forms_of_frappe(
    sign_in: SignIn, store: Any, filters: object, expected: list[str]
) -> None:
    store("EDDB", country="DE", elevation=10)
    store("EDDF", country="DE", elevation=364)
    store("LFPG", country="FR", iata="CDG", elevation=None)
    browser = await sign_in("viewer@example.com")
    params = {"filters": json.dumps(filters), "order_by": "name", "doctype": "Airport"}
    answer = await browser.get(URL, params=params)
    assert [row["name"] for row in (await answer.json())["data"]] == expected
    answer = await browser.get(COUNT, params=params)
    assert await answer.json() == {"message": len(expected)}


async def test_search_looks_at_codes_names_and_cities(sign_in: SignIn, store: Any) -> None:
    store("EDDB", airport_name="Brandenburg", city="Berlin", iata="BER")
    store("LFPG", airport_name="Charles 100% de_Gaulle", city="Paris")
    browser = await sign_in("viewer@example.com")
    for text, expected in (
        ("berl", ["EDDB"]),
        ("eddb", ["EDDB"]),
        ("ber", ["EDDB"]),
        ("brand BERLIN", ["EDDB"]),
        ("brand paris", []),
        ("100%", ["LFPG"]),
        ("e_g", ["LFPG"]),
        ("%", ["LFPG"]),
        ("\\", []),
        ("  ", ["EDDB", "LFPG"]),
    ):
        answer = await browser.get(URL, params={"search": text, "order_by": "name"})
        assert [row["name"] for row in (await answer.json())["data"]] == expected, text


@pytest.mark.parametrize(
    "arguments",
    [
        {"fields": '["password"]'},
        {"fields": '["name; DROP TABLE airport"]'},
        {"fields": '["count(*)"]'},
        {"fields": '"name"'},
        {"fields": "[1]"},
        {"fields": "["},
        {"filters": "nonsense"},
        {"filters": "7"},
        {"filters": "[[1, 2, 3]]"},
        {"filters": '[["icao", "="]]'},
        {"filters": '[["icao", "regexp", "x"]]'},
        {"filters": '[["icao", "= 1 OR 1", "x"]]'},
        {"filters": '[["icao", "=", {"a": 1}]]'},
        {"filters": '[["icao", "in", {"a": 1}]]'},
        {"filters": '[["icao", "between", [1]]]'},
        {"filters": '[["icao", "is", "maybe"]]'},
        {"filters": json.dumps([["icao", "like", "%" * 60_000]])},
        {"filters": json.dumps([["icao", "in", ["x"] * 40_000]])},
        {"filters": json.dumps([["icao", "=", "x"]] * 2_000)},
        {"filters": "[" * 100_000},
        {"filters": '[["icao", "=", "\\ud800"]]'},
        {"filters": '[["elevation", "=", 99999999999999999999999]]'},
        {"order_by": "icao; DROP TABLE airport"},
        {"order_by": "icao sideways"},
        {"order_by": "(select 1)"},
        {"limit_start": "many"},
        {"limit_page_length": "1.5"},
    ],
)
async def test_a_question_that_makes_no_sense_is_refused(
    sign_in: SignIn, store: Any, arguments: dict[str, str]
) -> None:
    store("EDDB")
    browser = await sign_in("viewer@example.com")
    answer = await browser.post(COUNT, json={"doctype": "Airport", **arguments})
    said = await answer.json()
    assert answer.status == 417 and said["exc_type"] == "ValidationError" and said["message"]
    answer = await browser.get(COUNT, params={"doctype": "Airport"})
    assert await answer.json() == {"message": 1}


async def test_limits_out_of_all_bounds_are_bounded(sign_in: SignIn, store: Any) -> None:
    store("EDDB")
    browser = await sign_in("viewer@example.com")
    for params in ({"limit_start": -5}, {"limit_page_length": "9" * 40}, {"limit": -1}):
        answer = await browser.get(URL, params=params)
        assert len((await answer.json())["data"]) == 1
    answer = await browser.get(URL, params={"limit_start": "9" * 40})
    assert (await answer.json())["data"] == []


@pytest.mark.parametrize("body", [b"[]", b"{", b"\xff", b'"x"', b"[" * 100_000])
async def test_a_body_that_cannot_be_read_is_refused(sign_in: SignIn, body: bytes) -> None:
    browser = await sign_in("Administrator")
    for content_type in ("application/json", "application/json; charset=nonsense"):
        answer = await browser.post(URL, data=body, headers={"Content-Type": content_type})
        assert answer.status == 417


# --- changes --------------------------------------------------------------------------------------


async def test_an_airport_lives_from_post_to_delete(sign_in: SignIn) -> None:
    browser = await sign_in("editor@example.com")
    answer = await browser.post(URL, json=GOOD)
    made = (await answer.json())["data"]
    assert (made["name"], made["latitude"], made["longitude"]) == ("EDDB", 52.3, 13.5)
    assert made["modified_by"] == "editor@example.com" and made["elevation"] is None
    assert total_told() == 1
    answer = await browser.put(f"{URL}/EDDB", json={"city": "Berlin", "elevation": "1,000"})
    changed = (await answer.json())["data"]
    assert (changed["city"], changed["elevation"]) == ("Berlin", 1000)
    assert changed["airport_name"] == "Berlin" and changed["modified"] > made["modified"]
    answer = await browser.get(f"{URL}/EDDB")
    assert (await answer.json())["data"] == changed
    assert (await browser.delete(f"{URL}/EDDB")).status == 200
    assert total_told() == 0
    for gone in (browser.get, browser.put, browser.delete):
        answer = await gone(f"{URL}/EDDB")
        assert answer.status == 404 and (await answer.json())["exc_type"] == "DoesNotExistError"


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"latitude": 91}, "latitude 91 is outside ±90"),
        ({"latitude": "nan"}, "latitude 'nan' is not a number"),
        ({"longitude": "-181"}, "longitude -181 is outside ±180"),
        ({"longitude": ""}, "longitude is missing"),
        ({"airport_name": "  "}, "Name is missing"),
        ({"airport_name": "x" * 141}, "Name is 141 characters long"),
        ({"airport_name": "a\u0000b"}, "control characters"),
        ({"airport_name": "\ud800"}, "invalid Unicode"),
        ({"city": ["x"]}, "neither text nor number"),
        ({"icao": ""}, "Code is missing"),
        ({"icao": "ED/B"}, "no airport code"),
        ({"elevation": 10**40}, "cannot be stored"),
    ],
)
async def test_a_wrong_value_is_named(
    sign_in: SignIn, wrong: dict[str, object], reason: str
) -> None:
    browser = await sign_in("editor@example.com")
    answer = await browser.post(URL, json={**GOOD, **wrong})
    said = await answer.json()
    assert answer.status == 417 and said["exc_type"] == "ValidationError"
    assert reason.lower() in said["message"].lower()


async def test_a_code_is_given_once_and_kept(sign_in: SignIn, store: Any) -> None:
    store("EDDB")
    browser = await sign_in("editor@example.com")
    answer = await browser.post(URL, data=GOOD)
    assert answer.status == 409 and (await answer.json())["exc_type"] == "DuplicateEntryError"
    assert (await browser.put(f"{URL}/EDDB", json={"icao": "EDDF"})).status == 417


async def test_two_people_do_not_overwrite_each_other(sign_in: SignIn, store: Any) -> None:
    store("EDDB")
    browser = await sign_in("editor@example.com")
    seen = (await (await browser.get(f"{URL}/EDDB")).json())["data"]["modified"]
    assert (await browser.put(f"{URL}/EDDB", json={"city": "A", "modified": seen})).status == 200
    answer = await browser.put(f"{URL}/EDDB", json={"city": "B", "modified": seen})
    said = await answer.json()
    assert answer.status == 417 and said["exc_type"] == "TimestampMismatchError"
    assert (await (await browser.get(f"{URL}/EDDB")).json())["data"]["city"] == "A"


@pytest.mark.parametrize(
    ("user", "reads", "writes"),
    [
        ("Administrator", True, True),
        ("editor@example.com", True, True),
        ("viewer@example.com", True, False),
        ("no-access@example.com", False, False),
        ("", False, False),
    ],
)
async def test_rights_hold_for_every_way_in(
    sign_in: SignIn, store: Any, user: str, reads: bool, writes: bool
) -> None:
    store("EDDB", "EDDF")
    browser = await sign_in(user)
    demo = "/api/method/presence_progress.demo."
    reading = [
        await browser.get(URL),
        await browser.get(f"{URL}/EDDB"),
        await browser.get(COUNT, params={"doctype": "Airport"}),
    ]
    writing = [
        await browser.put(f"{URL}/EDDB", json={"city": "x"}),
        await browser.post(URL, json={**GOOD, "icao": "NEW1"}),
        await browser.delete(f"{URL}/EDDF"),
        await browser.post(demo + "import_csv"),
        await browser.post(demo + "delete_airports"),
    ]
    assert {answer.status for answer in reading} == {200 if reads else 403}
    assert {answer.status for answer in writing} == {200 if writes else 403}


async def test_a_change_is_published_as_frappe_does(
    sign_in: SignIn, store: Any, events: Any, site: str
) -> None:
    store("EDDB")
    browser = await sign_in("editor@example.com")
    answer = await browser.put(f"{URL}/EDDB", json={"city": "Berlin"})
    modified = (await answer.json())["data"]["modified"]
    assert [event for event in events.drain() if event["event"] != "room_change"] == [
        {
            "event": "doc_update",
            "message": {"modified": modified, "doctype": "Airport", "name": "EDDB"},
            "room": "doc:Airport/EDDB",
            "namespace": site,
        },
        {
            "event": "list_update",
            "message": {"doctype": "Airport", "name": "EDDB", "user": "editor@example.com"},
            "room": "doctype:Airport",
            "namespace": site,
        },
    ]


async def test_a_redis_that_is_away_undoes_no_change(
    sign_in: SignIn, store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    store("EDDB")
    browser = await sign_in("editor@example.com")
    nowhere = redis.Redis(port=1, retry=Retry(NoBackoff(), 0))
    monkeypatch.setattr(context, "redis", lambda: nowhere)
    assert (await browser.put(f"{URL}/EDDB", json={"city": "Berlin"})).status == 200
    answer = await browser.post("/api/method/presence_progress.demo.import_csv")
    assert answer.status == 503 and "Redis" in (await answer.json())["message"]
