"""Frappe's contract over HTTP: signing in, what the realtime server asks, what the pages need."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from yarl import URL

from presence_progress.demo import pages
from presence_progress.demo.config import Config
from presence_progress.demo.site import make_app
from presence_progress.demo.users import USERS

from .conftest import SignIn, total_told

API = "/api/method/"
REALTIME = API + "frappe.realtime."


async def test_signing_in_gives_the_cookies_of_frappe(sign_in: SignIn) -> None:
    guest = await sign_in("")
    answer = await guest.post(API + "login", json={"usr": "EDITOR@example.com", "pwd": ""})
    assert await answer.json() == {
        "message": "Logged In",
        "home_page": "/",
        "full_name": "Elif Editor",
    }
    sid = answer.cookies["sid"]
    assert sid["httponly"] and sid["samesite"] == "Lax" and len(sid.value) > 40
    assert answer.cookies["user_id"].value == "editor@example.com"
    answer = await guest.get(API + "frappe.auth.get_logged_user")
    assert await answer.json() == {"message": "editor@example.com"}


@pytest.mark.parametrize("body", [{"usr": "nobody@example.com"}, {}, {"usr": ["Administrator"]}])
async def test_an_unknown_user_is_told_who_there_is(sign_in: SignIn, body: Any) -> None:
    answer = await (await sign_in("")).post(API + "login", json=body)
    said = await answer.json()
    assert answer.status == 401 and said["exc_type"] == "AuthenticationError"
    assert "viewer@example.com" in said["message"]


async def test_signing_out_ends_the_session_itself(sign_in: SignIn) -> None:
    browser = await sign_in("Administrator")
    answer = await browser.get(API + "frappe.auth.get_logged_user")
    sid = browser.session.cookie_jar.filter_cookies(answer.url)["sid"].value
    await browser.post(API + "logout")
    headers = {"Cookie": f"sid={sid}"}
    answer = await browser.get(API + "frappe.auth.get_logged_user", headers=headers)
    assert answer.status == 403


async def test_a_restart_of_the_site_signs_nobody_out(sign_in: SignIn, config: Config) -> None:
    browser = await sign_in("viewer@example.com")
    answer = await browser.get(API + "frappe.auth.get_logged_user")
    sid = browser.session.cookie_jar.filter_cookies(answer.url)["sid"].value
    async with TestClient(TestServer(make_app(config))) as restarted:
        headers = {"Cookie": f"sid={sid}"}
        answer = await restarted.get(API + "frappe.auth.get_logged_user", headers=headers)
        assert (await answer.json())["message"] == "viewer@example.com"


async def info(browser: Any, client: Any, **headers: str) -> Any:
    """Ask as a realtime server does: with the secret, which the first question has made."""
    await browser.get(REALTIME + "get_user_info")
    secret = client.get("socketio_auth_secret") or b""
    headers["X-Frappe-Socket-Secret"] = secret.decode()
    return await (await browser.get(REALTIME + "get_user_info", headers=headers)).json()


V16 = {"installed_apps": ["frappe", "presence_progress"]}
with_each_frappe = pytest.mark.parametrize(
    ("frappe", "more", "guest"),
    [("v15", {}, None), ("v16", V16, "Website User"), ("develop", V16, "Website User")],
)


@with_each_frappe
async def test_user_info_is_what_a_realtime_server_expects(
    sign_in: SignIn, client: Any, more: Any, guest: str | None
) -> None:
    said = await info(await sign_in("editor@example.com"), client)
    assert said == {"message": {"user": "editor@example.com", "user_type": "System User", **more}}
    browser = await sign_in("")
    for cookie in ("sid=Guest", "sid=", "sid=%00'--", "no cookie"):
        said = await info(browser, client, Cookie=cookie)
        assert said["message"] == {"user": "Guest", "user_type": guest, **more}
        assert said.get("session_expired") == (1 if "%00" in cookie else None)


@pytest.mark.parametrize("frappe", ["v16", "develop"])
async def test_user_info_is_kept_to_who_shows_the_secret(sign_in: SignIn, client: Any) -> None:
    client.delete("socketio_auth_secret")
    browser = await sign_in("editor@example.com")
    for headers in ({}, {"X-Frappe-Socket-Secret": ""}, {"X-Frappe-Socket-Secret": "wrong"}):
        answer = await browser.get(REALTIME + "get_user_info", headers=headers)
        assert answer.status == 200 and await answer.json() == {"message": {}}
        assert len(client.get("socketio_auth_secret")) == 32
    assert (await info(browser, client))["message"]["user"] == "editor@example.com"


@with_each_frappe
async def test_a_token_counts_for_who_has_no_session(
    sign_in: SignIn, client: Any, frappe: str, more: Any, guest: str | None
) -> None:
    browser = await sign_in("")
    for scheme in ("token", "Bearer"):
        authorization = f"{scheme} {USERS['viewer@example.com'].token}"
        said = await info(browser, client, Authorization=authorization, Cookie="sid=Guest")
        of_type = None if frappe == "v15" else "System User"
        assert said["message"] == {"user": "viewer@example.com", "user_type": of_type, **more}
    headers = {"Authorization": "token no:such", "X-Frappe-Socket-Secret": "any"}
    headers["X-Frappe-Socket-Secret"] = (client.get("socketio_auth_secret") or b"").decode()
    answer = await browser.get(REALTIME + "get_user_info", headers=headers)
    assert answer.status == 401 and (await answer.json())["exc_type"] == "AuthenticationError"


OLD = ["can_subscribe_doc?doctype=Airport&docname=EDDB", "can_subscribe_doctype?doctype=Airport"]
NEW = ["has_permission?doctype=Airport&name=EDDB", "has_permission?doctype=Airport&name="]


@pytest.mark.parametrize(
    ("user", "status"),
    [
        ("Administrator", 200),
        ("editor@example.com", 200),
        ("viewer@example.com", 200),
        ("customer@example.com", 200),
        ("no-access@example.com", 403),
        ("", 403),
    ],
)
@pytest.mark.parametrize(
    ("frappe", "questions"),
    [
        ("v15", OLD),
        ("v16", NEW),
        ("develop", [*NEW, "has_permission?doctype=Airport&name=&ptype=read"]),
    ],
)
async def test_who_may_read_airports(
    sign_in: SignIn, store: Any, user: str, status: int, questions: list[str]
) -> None:
    store("EDDB")
    browser = await sign_in(user)
    for question in questions:
        answer = await browser.get(REALTIME + question)
        said = await answer.json()
        assert answer.status == status, question
        if status == 200:
            assert said == {"message": True}
        else:
            assert said["exc_type"] == "PermissionError" and "message" not in said


@pytest.mark.parametrize(("frappe", "questions"), [("v15", NEW), ("v16", OLD), ("develop", OLD)])
async def test_a_frappe_does_not_know_the_methods_of_another(
    sign_in: SignIn, questions: list[str]
) -> None:
    browser = await sign_in("Administrator")
    for question in questions:
        answer = await browser.get(REALTIME + question)
        assert answer.status == 417 and (await answer.json())["exc_type"] == "ValidationError"


@pytest.mark.parametrize("frappe", ["develop"])
async def test_develop_asks_which_right_is_meant(sign_in: SignIn, store: Any) -> None:
    store("EDDB")
    question = "has_permission?doctype=Airport&name=EDDB&ptype=write"
    for user, status in (("editor@example.com", 200), ("viewer@example.com", 403)):
        assert (await (await sign_in(user)).get(REALTIME + question)).status == status


@pytest.mark.parametrize(
    ("frappe", "question"),
    [
        ("v15", "can_subscribe_doc?doctype=Airport"),
        ("v15", "can_subscribe_doctype"),
        ("v16", "has_permission?doctype=Airport"),
    ],
)
async def test_a_question_that_lacks_an_argument_is_an_error(
    sign_in: SignIn, question: str
) -> None:
    answer = await (await sign_in("Administrator")).get(REALTIME + question)
    assert answer.status == 500 and (await answer.json())["exc_type"] == "TypeError"


async def test_who_may_not_read_does_not_learn_what_there_is(sign_in: SignIn, store: Any) -> None:
    store("EDDB")
    browser = await sign_in("no-access@example.com")
    for name in ("EDDB", "NOPE"):
        answer = await browser.get(REALTIME + f"has_permission?doctype=Airport&name={name}")
        assert answer.status == 403
        assert (await browser.get(f"/api/resource/Airport/{name}")).status == 403


@pytest.mark.parametrize(
    "doctype", ["", "User", "airport", "Air/port", "Airport'; DROP TABLE airport", "x" * 5000, "\0"]
)
async def test_an_odd_doctype_is_one_that_does_not_exist(sign_in: SignIn, doctype: str) -> None:
    browser = await sign_in("Administrator")
    for method in ("frappe.realtime.has_permission", "frappe.client.get_count"):
        answer = await browser.get(API + method, params={"doctype": doctype, "name": "EDDB"})
        assert answer.status == 404
        assert (await answer.json())["exc_type"] == "DoesNotExistError"


@pytest.mark.parametrize("name", ["NOPE", "ED/DB", "'\"", "y" * 5000, "\0", "٣", "%", "_" * 4])
async def test_an_odd_name_is_one_that_does_not_exist(
    sign_in: SignIn, store: Any, name: str
) -> None:
    store("EDDB")
    browser = await sign_in("Administrator")
    params = {"doctype": "Airport", "name": name}
    assert (await browser.get(REALTIME + "has_permission", params=params)).status == 404


async def test_an_unknown_method_is_answered_in_json(sign_in: SignIn) -> None:
    answer = await (await sign_in("Administrator")).get(API + "frappe.nope")
    assert answer.status == 404 and (await answer.json())["exc_type"] == "DoesNotExistError"


async def test_viewers_have_names_and_pictures(sign_in: SignIn) -> None:
    browser = await sign_in("viewer@example.com")
    method = API + "frappe.desk.form.load.get_user_info_for_viewers"
    asked = json.dumps(["editor@example.com", "nobody@example.com", 7, None, ["x"]])
    answer = await browser.get(method, params={"users": asked})
    assert (await answer.json())["message"] == {
        "editor@example.com": {
            "fullname": "Elif Editor",
            "image": "/files/editor.svg",
            "name": "editor@example.com",
            "email": "editor@example.com",
        }
    }
    for odd in ("", "{}", "[", '"x"', "[" * 100_000):
        assert (await browser.post(method, data={"users": odd})).status == 417
    assert (await browser.get(method)).status == 417
    assert (await (await sign_in("")).get(method, params={"users": "[]"})).status == 403


async def test_everybody_has_a_picture(sign_in: SignIn) -> None:
    guest = await sign_in("")
    seen = set()
    for user in USERS.values():
        answer = await guest.get(user.image or "")
        assert answer.content_type == "image/svg+xml"
        seen.add(await answer.text())
    assert len(seen) == len(USERS)
    assert (await guest.get("/files/nobody.svg")).status == 404


# --- pages ----------------------------------------------------------------------------------------


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in for what the front end's build makes."""
    for name in ("app", "login", "count"):
        page = f"<title>{name}</title><script>boot = __BOOT__; again = '__BOOT__'</script>"
        (tmp_path / f"{name}.html").write_text(page)
    static = tmp_path / "static"
    static.mkdir()
    (static / "app.js").write_text("1")
    (static / "presence_progress_web.js").write_text("2")
    (tmp_path / "secret").write_text("s")
    monkeypatch.setattr(pages, "PAGES", tmp_path)
    monkeypatch.setattr(pages, "STATIC", static)
    return tmp_path


async def test_a_page_knows_who_looks_at_it(sign_in: SignIn, built: Path) -> None:
    browser = await sign_in("no-access@example.com")
    for path, title in (("/", "app"), ("/airport/EDDB", "app"), ("/count", "count")):
        answer = await browser.get(path)
        page = await answer.text()
        assert f"<title>{title}</title>" in page and answer.headers["Cache-Control"] == "no-cache"
        boot = json.loads(re.search("boot = (.*); again", page).group(1))  # type: ignore[union-attr]
        assets = boot["boot"].pop("assets_json")
        assert boot["boot"] == {"sitename": "demo.localhost", "socketio_port": 9123}
        assert assets == {"presence_progress_web.bundle.js": "/static/presence_progress_web.js"}
        assert boot["session"]["user"] == "no-access@example.com"
        assert boot["session"]["user_image"] == "/files/no-access.svg"
        assert "again = '__BOOT__'" in page


def test_a_boot_cannot_end_its_script() -> None:
    text = pages._script_safe({"x": "</script><!-- &\u2028"})
    assert not set("<>&\u2028") & set(text)
    assert json.loads(text) == {"x": "</script><!-- &\u2028"}


async def test_who_is_not_signed_in_comes_back_after_it(sign_in: SignIn, built: Path) -> None:
    guest = await sign_in("")
    for path in ("/", "/count", "/airport/EDDB?tab=2"):
        answer = await guest.get(path, allow_redirects=False)
        assert answer.status == 302
        target = URL(answer.headers["Location"])
        assert target.path == "/login" and dict(target.query) == {"redirect-to": path}
    assert "<title>login" in await (await guest.get("/login")).text()


async def test_a_missing_page_says_how_to_build_it(
    sign_in: SignIn, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(pages, "PAGES", tmp_path / "none")
    answer = await (await sign_in("Administrator")).get("/")
    assert answer.status == 503 and "make build" in await answer.text()


async def test_static_files_stay_in_their_folder(sign_in: SignIn, built: Path) -> None:
    guest = await sign_in("")
    answer = await guest.get("/static/app.js")
    assert await answer.text() == "1" and answer.headers["Cache-Control"] == "no-cache"
    for odd in (
        "/static/..%2fsecret",
        "/static/%2e%2e/secret",
        "/static/none",
        "/static//etc/hosts",
        "/static/%00",
    ):
        assert (await guest.get(odd)).status == 404, odd


async def test_the_total_is_told_when_the_site_starts(
    store: Any, config: Config, site: str
) -> None:
    store("EDDB", "EDDF")
    async with TestClient(TestServer(make_app(config))) as browser:
        while total_told() is None:
            await browser.get("/healthz")
    assert total_told() == 2


async def test_a_web_page_is_given_our_strings_in_its_language(sign_in: SignIn) -> None:
    guest = await sign_in("")
    messages = API + "presence_progress.site.languages.messages?language="
    german = (await (await guest.get(messages + "de")).json())["message"]
    assert german["Done:presence_progress"] == "Fertig"
    for unknown in ("fr", "../de", ""):
        assert (await (await guest.get(messages + unknown)).json())["message"] == {}


async def test_a_page_that_doubts_the_server_is_told_that_it_is_there(sign_in: SignIn) -> None:
    answer = await (await sign_in("")).get(API + "presence_progress.site.rooms.snapshot?rooms=[]")
    assert await answer.json() == {"message": {"server": True, "rooms": []}}
