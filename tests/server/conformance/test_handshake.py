"""Who gets in, as whom, and what a refused one is told: §2.3 and §2.4 of Frappe's contract."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from presence_progress.demo.users import USERS
from presence_progress.keys import SECRET_HEADER
from tests.server.clients import Frames, Kind, Socket
from tests.server.conformance.conftest import (
    CUSTOMER,
    EDITOR,
    NOBODY,
    PYTHON_WEBSOCKET,
    SECRET_KEY,
    SITES,
    V15,
    V16,
    VIEWER,
    Bench,
    Doc,
    Open,
    StartServer,
    room_of,
)
from tests.server.conftest import SITE, Process
from tests.server.faults import PERMISSION, Faults, Question, answer

pytestmark = pytest.mark.asyncio(loop_scope="session")

with_each_frappe = pytest.mark.parametrize("frappe", SITES)


async def rooms_of(bench: Bench, socket: Socket) -> set[str]:
    """Return those of the rooms that a socket may be in from the start which it is in."""
    users = (EDITOR, VIEWER, CUSTOMER, NOBODY, "Administrator", "Guest")
    rooms = ["all", "website", *(f"user:{user}" for user in users)]
    return {room for room in rooms if await bench.reaches(room, socket)}


def asked_in_his_name(faults: Faults) -> list[Question]:
    """Return the questions as a user: what the server asks in its own name, as how that user is
    shown when it has not been told within the last minute, has its secret instead."""
    return [question for question in faults.asked() if SECRET_HEADER not in question.headers]


# --- credentials --------------------------------------------------------------------------------


async def test_a_cookie_says_who_connects(bench: Bench, faults: Faults, connect: Open) -> None:
    """§2.3 identity call: ``Cookie: sid=…``, which every version takes."""
    sid = await bench.session_of(EDITOR)
    editor = await connect(EDITOR, headers={"Cookie": f"full_name=Elif; sid={sid}; user_id=x"})
    assert await rooms_of(bench, editor) == {"all", "website", f"user:{EDITOR}"}
    question = faults.asked("get_user_info")[-1]
    assert f"sid={sid}" in question.headers["Cookie"]
    assert "Authorization" not in question.headers


@pytest.mark.parametrize("scheme", ["token", "Bearer"])
async def test_an_authorization_needs_no_cookie(
    bench: Bench, faults: Faults, connect: Open, scheme: str, doc: Doc
) -> None:
    """§2.3 credentials: cookie or Authorization (frappe#34199)."""
    authorization = f"{scheme} {USERS[VIEWER].token}"
    viewer = await connect(VIEWER, headers={"Authorization": authorization})
    assert await rooms_of(bench, viewer) == {"all", "website", f"user:{VIEWER}"}
    await viewer.say("doc_subscribe", *doc)
    await viewer.settle()
    assert await bench.reaches(room_of(doc), viewer)
    [question] = faults.asked(*PERMISSION)
    assert question.headers["Authorization"] == authorization
    assert "sid=" not in question.headers.get("Cookie", "")


@with_each_frappe
async def test_an_authorization_wins_over_the_cookie_of_a_guest(
    bench: Bench, faults: Faults, open_socket: Open, frappe: str, doc: Doc
) -> None:
    """§2.3 precedence: Authorization first, since mobile apps send sid=Guest too (frappe#26766)."""
    headers = {"Authorization": f"token {USERS[VIEWER].token}", "Cookie": "sid=Guest"}
    viewer = await open_socket(PYTHON_WEBSOCKET, VIEWER, SITES[frappe], headers=headers)
    await viewer.say("doc_subscribe", *doc)
    await viewer.settle()
    rooms = await rooms_of(bench, viewer)
    # v15 notes a user's type in the session alone, and a token has none.
    assert rooms == {"website", f"user:{VIEWER}", *(() if frappe == "v15" else ("all",))}
    assert await bench.reaches(room_of(doc), viewer)
    in_his_name = asked_in_his_name(faults)
    assert in_his_name
    for question in in_his_name:
        assert question.headers["Authorization"] == headers["Authorization"]


async def test_an_authorization_wins_over_the_cookie_of_a_guest_for_every_client(
    bench: Bench, connect: Open
) -> None:
    """§2.3 precedence: Authorization first."""
    headers = {"Authorization": f"token {USERS[VIEWER].token}", "Cookie": "sid=Guest"}
    viewer = await connect(VIEWER, headers=headers)
    assert await bench.reaches(f"user:{VIEWER}", viewer)
    assert not await bench.reaches("user:Guest", viewer)


# --- who is in which room ------------------------------------------------------------------------


@with_each_frappe
async def test_system_users_are_in_all(bench: Bench, open_socket: Open, frappe: str) -> None:
    """§2.4: user room, website room, and the site room for System Users."""
    nobody = await open_socket(PYTHON_WEBSOCKET, NOBODY, SITES[frappe])
    assert await rooms_of(bench, nobody) == {"all", "website", f"user:{NOBODY}"}


@with_each_frappe
async def test_website_users_are_not_in_all(bench: Bench, open_socket: Open, frappe: str) -> None:
    """§2.4: Website Users never get what goes to the whole site."""
    customer = await open_socket(PYTHON_WEBSOCKET, CUSTOMER, SITES[frappe])
    assert await rooms_of(bench, customer) == {"website", f"user:{CUSTOMER}"}


async def test_guests_connect_and_are_in_user_guest_and_website(
    bench: Bench, connect: Open
) -> None:
    """§2.4: Guests do connect, and are never in ``all``."""
    guest = await connect("Guest")
    assert await rooms_of(bench, guest) == {"website", "user:Guest"}


@with_each_frappe
async def test_a_session_that_has_ended_is_a_guest(
    bench: Bench, open_socket: Open, frappe: str
) -> None:
    """§1.5: get_user_info answers Guest to a sid that it does not know."""
    late = await open_socket(PYTHON_WEBSOCKET, "Guest", SITES[frappe], sid="0123456789abcdef")
    assert await rooms_of(bench, late) == {"website", "user:Guest"}


# --- the shared secret ---------------------------------------------------------------------------


@pytest.mark.parametrize("frappe", ["v16", "develop"])
async def test_a_secret_that_was_only_just_made_is_shown_at_the_second_question(
    bench: Bench, faults: Faults, open_socket: Open, frappe: str
) -> None:
    """§1.6: the first question may get ``{}``, since it is what makes the secret."""
    bench.redis.delete(SECRET_KEY)
    editor = await open_socket(PYTHON_WEBSOCKET, EDITOR, SITES[frappe])
    assert await bench.reaches("all", editor)
    first, second = faults.asked("get_user_info")
    assert "X-Frappe-Socket-Secret" not in first.headers
    secret = bench.redis.get(SECRET_KEY).decode()
    assert second.headers["X-Frappe-Socket-Secret"] == secret


async def test_a_secret_that_has_changed_is_read_again(
    bench: Bench, faults: Faults, open_socket: Open
) -> None:
    """§1.6: the key is read before each call."""
    await open_socket(PYTHON_WEBSOCKET, EDITOR)
    bench.redis.set(SECRET_KEY, "f" * 32)
    await open_socket(PYTHON_WEBSOCKET, VIEWER)
    assert faults.asked("get_user_info")[-1].headers["X-Frappe-Socket-Secret"] == "f" * 32


async def test_v15_is_not_confused_by_a_secret(
    bench: Bench, faults: Faults, open_socket: Open
) -> None:
    """§1.6: sending the header to v15 is harmless."""
    bench.redis.set(SECRET_KEY, "f" * 32)
    editor = await open_socket(PYTHON_WEBSOCKET, EDITOR, V15)
    assert await bench.reaches("all", editor)


async def test_who_gets_nothing_for_the_secret_twice_is_unauthorized(
    faults: Faults, open_socket: Open
) -> None:
    """§2.3 failure: an empty answer is "Unauthorized"."""
    headers = {"Cookie": "sid=that-nobody-else-has"}
    with faults.during("get_user_info", fault=answer(body='{"message": {}}')):
        told = await refusal(open_socket, PYTHON_WEBSOCKET, headers=headers)
    assert told.startswith("Unauthorized")
    assert len(faults.asked("get_user_info")) == 2


# --- which site ----------------------------------------------------------------------------------


async def test_the_header_of_the_site_wins_over_origin_and_host(
    faults: Faults, open_socket: Open
) -> None:
    """§2.3 site name: 1 X-Frappe-Site-Name."""
    elsewhere = {"Host": "other.localhost", "Origin": "http://other.localhost"}
    sid = {"Cookie": "sid=that-has-ended"}
    await open_socket(PYTHON_WEBSOCKET, "Guest", SITE, headers={**elsewhere, **sid})
    question = faults.asked("get_user_info")[-1]
    assert question.headers["Host"] == SITE
    assert question.headers["X-Frappe-Site-Name"] == SITE
    headers = {**elsewhere, **sid, "X-Frappe-Site-Name": SITE}
    told = await refusal(open_socket, PYTHON_WEBSOCKET, "other.localhost", headers=headers)
    assert told == "Invalid namespace"


LOCAL = ["localhost", "localhost:9000", "127.0.0.1", "127.0.0.1:9000"]


@pytest.mark.parametrize("host", [*LOCAL, "[::1]", "[::1]:9000"])
async def test_the_default_site_is_meant_by_a_host_that_names_none(
    server: Process, host: str
) -> None:
    """§2.3 site name: 2 default_site if Host is localhost or an IP address."""
    assert await handshake(server.url, SITE, host, f"http://{host}") == "connected"
    assert await handshake(server.url, "localhost", host, None) == "Invalid namespace"


async def test_the_default_site_is_that_of_the_bench(start_server: StartServer) -> None:
    """§2.1 keys used: default_site."""
    server = start_server(default_site=V15)
    for host in LOCAL:
        assert await handshake(server.url, V15, host, None) == "connected"
    assert await handshake(server.url, SITE, "localhost", None) == "Invalid namespace"


async def test_the_default_site_is_not_meant_by_another_host(server: Process) -> None:
    """§2.3 site name: 3 Origin, 4 Host."""
    assert await handshake(server.url, SITE, "other.localhost", None) == "Invalid namespace"


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        (SITE, f"http://{SITE}"),
        (SITE, f"https://{SITE}"),
        (f"{SITE}:9000", f"http://{SITE}:8000"),
        (SITE, f"http://{SITE}:8080/"),
        (f"{SITE}:80", f"http://somebody:secret@{SITE}:8000"),
        (f"{SITE}:9000", None),
        (SITE, None),
    ],
)
async def test_origin_and_host_are_compared_by_their_names_alone(
    server: Process, host: str, origin: str | None
) -> None:
    """§2.3 Host vs Origin: scheme, port, path and user do not count; a missing Origin is fine."""
    assert await handshake(server.url, SITE, host, origin) == "connected"


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        (SITE, "http://evil.example"),
        (SITE, f"http://{SITE}.evil.example"),
        (SITE, f"http://{SITE}@evil.example"),
        (SITE, f"http://evil.example/{SITE}"),
        ("127.0.0.1:9000", "http://localhost:8000"),
        ("[::1]:9000", "http://[::2]:8000"),
        (SITE, "null"),
    ],
)
async def test_another_origin_than_the_host_is_refused(
    server: Process, host: str, origin: str
) -> None:
    """§2.3 Host vs Origin: hostnames equal, else "Invalid origin"."""
    told = await handshake(server.url, SITE, host, origin, **{"X-Frappe-Site-Name": SITE})
    assert told == "Invalid origin"


async def test_a_request_without_a_host_gets_nowhere(server: Process) -> None:
    """§2.3 Host vs Origin: not a missing Host."""
    path = "/socket.io/?EIO=4&transport=polling"
    status, body = await without_host(server, "GET", path)
    if status == 200:
        path += "&sid=" + json.loads(body[1:])["sid"]
        await without_host(server, "POST", path, f"40/{SITE},")
        assert "Invalid origin" in (await without_host(server, "GET", path))[1]


async def without_host(server: Process, verb: str, path: str, body: str = "") -> tuple[int, str]:
    """Send an HTTP/1.0 request, which may lack a Host; return the status and the body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(server.url.rpartition(":")[2]))
    head = (
        f"{verb} {path} HTTP/1.0",
        *("Cookie: sid=Guest", f"X-Frappe-Site-Name: {SITE}", f"Content-Length: {len(body)}"),
    )
    writer.write("\r\n".join((*head, "", body)).encode())
    reply = (await asyncio.wait_for(reader.read(), 10)).decode()
    writer.close()
    await writer.wait_closed()
    return int(reply.split()[1]), reply.partition("\r\n\r\n")[2]


# --- refusals ------------------------------------------------------------------------------------


async def refusal(open_socket: Open, kind: Kind, site: str = SITE, **options: Any) -> str:
    """Return what a client is told that is refused."""
    options.setdefault("headers", {"Cookie": "sid=Guest"})
    socket = await open_socket(kind, "Guest", site, wait=False, **options)
    told: str = await socket.wait_until("connect_error")
    assert not socket.lived("connect")
    return told


async def test_a_namespace_that_is_not_the_sites_is_refused(open_socket: Open, kind: Kind) -> None:
    """§2.3 namespace: must equal the site's name, else "Invalid namespace"."""
    headers = {"Cookie": "sid=Guest", "X-Frappe-Site-Name": SITE}
    told = await refusal(open_socket, kind, "other.localhost", headers=headers)
    assert told == "Invalid namespace"


async def test_another_origin_is_refused_by_name(open_socket: Open, kind: Kind) -> None:
    """§2.3 Host vs Origin: "Invalid origin"."""
    headers = {"Cookie": "sid=Guest", "Origin": "http://evil.example"}
    assert await refusal(open_socket, kind, headers=headers) == "Invalid origin"


async def test_neither_cookie_nor_authorization_is_refused(open_socket: Open, kind: Kind) -> None:
    """§2.3 credentials: "No cookie transmitted." """
    assert await refusal(open_socket, kind, headers={}) == "No cookie transmitted."


async def test_a_cookie_without_a_sid_is_refused(open_socket: Open, kind: Kind) -> None:
    """§2.3 credentials: "No authentication method used. Use cookie or authorization header." """
    told = await refusal(open_socket, kind, headers={"Cookie": "full_name=Elif; system_user=yes"})
    assert told == "No authentication method used. Use cookie or authorization header."


async def test_a_token_that_frappe_does_not_know_is_unauthorized(
    open_socket: Open, kind: Kind
) -> None:
    """§2.3 failure: "Unauthorized: …", when Frappe answers 401."""
    told = await refusal(open_socket, kind, headers={"Authorization": "token no:such"})
    assert told.startswith("Unauthorized")


async def test_a_site_that_frappe_does_not_know_is_unauthorized(open_socket: Open) -> None:
    """§2.3 failure: Frappe answers 404 and HTML for a site that it does not have."""
    told = await refusal(open_socket, PYTHON_WEBSOCKET, "nowhere.localhost")
    assert told.startswith("Unauthorized")


async def test_a_refused_socket_may_ask_for_another_namespace(server: Process) -> None:
    """§2.3: an error refuses a namespace, not the connection that it came by."""
    headers = {"Cookie": "sid=Guest", "X-Frappe-Site-Name": SITE}
    async with Frames(server.url, headers) as frames:
        await frames.send("40/other.localhost,")
        assert await frames.receive() == '44/other.localhost,{"message":"Invalid namespace"}'
        await frames.send(f"40/{SITE},")
        assert (await frames.receive()).startswith(f'40/{SITE},{{"sid":')


# --- several sites, several Frappes --------------------------------------------------------------


async def test_several_sites_share_a_server_and_nothing_else(bench: Bench, connect: Open) -> None:
    """§2.2: an event goes to its room in the namespace of its site alone."""
    here, there = await connect(EDITOR, V16), await connect(EDITOR, V15)
    for room in ("all", "website", f"user:{EDITOR}"):
        here.forget()
        bench.publish("where", "here", room, V16)
        bench.publish("where", "there", room, V15)
        assert await here.wait_for("where") == "here"
        assert await bench.reaches("website", there)
        assert there.messages("where")[-1] == "there"
    assert "here" not in there.messages("where") and "there" not in here.messages("where")


async def test_a_session_counts_at_its_own_site_alone(bench: Bench, open_socket: Open) -> None:
    """§2.3 identity call: it is that site which is asked."""
    sid = await bench.session_of(EDITOR, V16)
    stranger = await open_socket(PYTHON_WEBSOCKET, "Guest", V15, sid=sid)
    assert await rooms_of(bench, stranger) == {"website", "user:Guest"}


ENDPOINTS = {
    "v15": {"can_subscribe_doc", "can_subscribe_doctype"},
    "v16": {"has_permission"},
    "develop": {"has_permission"},
}


@with_each_frappe
async def test_each_frappe_is_asked_in_its_own_words(
    bench: Bench,
    faults: Faults,
    open_socket: Open,
    start_server: StartServer,
    frappe: str,
    doc: Doc,
) -> None:
    """§1.5: v15 has two endpoints for permissions, v16 one; which it is, is found out, not said."""
    # A server of its own: the shared one knows already who may read the DocType.
    server = start_server(default_site=SITE)
    viewer = await open_socket(PYTHON_WEBSOCKET, VIEWER, SITES[frappe], to=server)
    nobody = await open_socket(PYTHON_WEBSOCKET, NOBODY, SITES[frappe], to=server)
    for socket in (viewer, nobody):
        await socket.say("doc_subscribe", *doc)
        await socket.say("doctype_subscribe", "Airport")
        await socket.settle()
        for room in (room_of(doc), "doctype:Airport"):
            assert await bench.reaches(room, socket) == (socket is viewer)
    asked = [question for question in faults.asked() if question.is_permission]
    assert {question.method for question in asked} == ENDPOINTS[frappe]
    assert {question.status for question in asked} == {200, 403}


@with_each_frappe
async def test_each_question_names_its_site_and_who_asks(
    bench: Bench, faults: Faults, open_socket: Open, frappe: str, doc: Doc
) -> None:
    """§2.3 callback: ``Host`` and ``X-Frappe-Site-Name`` are the site, as that user."""
    sid = await bench.session_of(VIEWER, SITES[frappe])
    viewer = await open_socket(PYTHON_WEBSOCKET, VIEWER, SITES[frappe], sid=sid)
    await viewer.say("doc_subscribe", *doc)
    await viewer.settle()
    for question in faults.asked():
        assert question.headers["Host"] == SITES[frappe]
        assert question.headers["X-Frappe-Site-Name"] == SITES[frappe]
    in_his_name = asked_in_his_name(faults)
    assert len(in_his_name) >= 2
    for question in in_his_name:
        assert question.headers["Cookie"] == f"sid={sid}"


# --- the engine ----------------------------------------------------------------------------------


async def handshake(url: str, site: str, host: str, origin: str | None, **headers: str) -> str:
    """Connect a guest with these headers; return "connected" or what is told instead."""
    headers |= {"Host": host, "Cookie": "sid=Guest", **({"Origin": origin} if origin else {})}
    async with Frames(url, headers) as frames:
        await frames.send(f"40/{site},")
        frame = await frames.receive()
    if frame.startswith(f'40/{site},{{"sid":'):
        return "connected"
    told: str = json.loads(frame.partition(",")[2])["message"]
    return told


async def get(server: Process, query: str, **headers: str) -> tuple[int, str, Any]:
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"{server.url}/socket.io/?{query}", headers=headers) as reply,
    ):
        return reply.status, await reply.text(), reply.headers


async def test_polling_opens_with_a_packet_that_names_the_session(server: Process) -> None:
    """§6.3: ``GET /socket.io/?EIO=4&transport=polling`` answers 200 with ``0{"sid":…}``."""
    status, body, _ = await get(server, "EIO=4&transport=polling")
    opened = json.loads(body[1:])
    assert status == 200 and body[0] == "0" and opened["sid"] and "websocket" in opened["upgrades"]
    assert opened["pingInterval"] > 0 and opened["pingTimeout"] > 0 and opened["maxPayload"] > 0


async def test_a_client_of_socket_io_2_is_turned_away(server: Process) -> None:
    """§9d: EIO=3 gets HTTP 400."""
    status, _, _ = await get(server, "EIO=3&transport=polling")
    assert status == 400


async def test_another_port_may_read_the_answers(server: Process) -> None:
    """§9e: the Origin is echoed, with credentials: a page of port 8000 polls port 9000."""
    origin = "http://127.0.0.1:8000"
    _, _, headers = await get(server, "EIO=4&transport=polling", Origin=origin)
    assert headers["Access-Control-Allow-Origin"] == origin
    assert headers["Access-Control-Allow-Credentials"] == "true"


async def test_a_second_connect_is_acknowledged_again(bench: Bench, server: Process) -> None:
    """§9f: a second CONNECT for a namespace already joined is answered with the same sid."""
    headers = {"Cookie": "sid=Guest", "X-Frappe-Site-Name": SITE}
    async with Frames(server.url, headers) as frames:
        await frames.send(f"40/{SITE},")
        first = await frames.receive()
        assert first.startswith(f'40/{SITE},{{"sid":')
        await frames.send(f"40/{SITE},")
        assert await frames.receive() == first
        bench.publish("still", 1, "user:Guest")
        assert await frames.receive() == f'42/{SITE},["still",1]'
        await frames.send(f'42/{SITE},["ping"]')
        assert await frames.receive() == f'42/{SITE},["pong"]'
