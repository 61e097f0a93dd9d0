"""Which site a connection means, and when it is refused: Frappe's rules, case by case."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import pytest

from presence_progress.server.access import Access
from presence_progress.server.handshake import Handshake, Refused, read_handshake
from presence_progress.server.questions import Questions
from presence_progress.settings import Settings

SITE = "site.example"
COOKIE = {"HTTP_COOKIE": "sid=abc"}


def site_of(namespace: str = f"/{SITE}", settings: Any = None, **headers: Any) -> str:
    environ = {**COOKIE, **{f"HTTP_{name}": value for name, value in headers.items()}}
    return read_handshake(environ, namespace, settings or Settings()).site


@pytest.mark.parametrize(
    "headers",
    [
        {"HOST": SITE},
        {"HOST": f"{SITE}:9000"},
        {"HOST": SITE, "ORIGIN": f"https://{SITE}"},
        {"HOST": f"{SITE}:9000", "ORIGIN": f"http://{SITE}:8000/any/path"},
        {"HOST": SITE, "ORIGIN": f"https://user:password@{SITE}:443"},
        {"HOST": SITE.upper(), "ORIGIN": f"https://{SITE}"},
        {"HOST": "proxy.example", "ORIGIN": "https://proxy.example", "X_FRAPPE_SITE_NAME": SITE},
        {"HOST": "proxy.example", "X_FRAPPE_SITE_NAME": f"{SITE}:80"},
        {"HOST": "[::1]:9000", "ORIGIN": "http://[::1]:8000", "X_FRAPPE_SITE_NAME": SITE},
    ],
)
def test_the_site_is_named_by_header_origin_or_host(headers: dict[str, str]) -> None:
    assert site_of(**headers) == SITE


@pytest.mark.parametrize(
    "host", ["localhost:9000", "127.0.0.1", "127.0.0.1:9000", "[::1]:9000", "10.1.2.3:80"]
)
def test_a_host_that_names_no_site_means_the_default_site(host: str) -> None:
    settings = Settings(default_site=SITE)
    assert site_of(settings=settings, HOST=host, ORIGIN=f"http://{host}") == SITE
    with pytest.raises(Refused, match="Invalid namespace"):
        site_of(HOST=host)


def test_the_default_site_is_not_meant_where_a_host_names_another() -> None:
    with pytest.raises(Refused, match="Invalid namespace"):
        site_of(settings=Settings(default_site=SITE), HOST="other.example")


@pytest.mark.parametrize("namespace", ["/", "/other.example", "/site.exampl", f"/{SITE}/"])
def test_another_namespace_than_the_site_is_refused(namespace: str) -> None:
    with pytest.raises(Refused, match="Invalid namespace"):
        site_of(namespace, HOST=SITE)


def test_a_site_may_be_named_in_capitals() -> None:
    headers = {"HOST": "proxy.example", "X_FRAPPE_SITE_NAME": "Shop.Example"}
    assert site_of("/Shop.Example", **headers) == "Shop.Example"


@pytest.mark.parametrize(
    "headers",
    [
        {"HOST": SITE, "ORIGIN": "https://evil.example"},
        {"HOST": SITE, "ORIGIN": f"https://{SITE}.evil.example"},
        {"HOST": SITE, "ORIGIN": f"https://{SITE}@evil.example"},
        *(
            # As Node does: no host is none of ours. Of pages in an app, and of files.
            {"HOST": SITE, "ORIGIN": origin}
            for origin in (
                "null",
                "file://",
                "file:///android_asset",
                "http://",
                "://",
                "[",
                "\x00",
            )
        ),
        {"HOST": "alias.example", "ORIGIN": "https://evil.example"},
        {"ORIGIN": f"https://{SITE}"},
    ],
)
def test_an_origin_other_than_the_host_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(Refused, match="Invalid origin"):
        site_of(X_FRAPPE_SITE_NAME=SITE, **headers)


@pytest.mark.parametrize("origin", [f"https://{SITE}", f"http://{SITE.upper()}:8080"])
def test_a_page_of_the_site_that_the_proxy_names_is_let_in(origin: str) -> None:
    # frappe_docker's proxy names one site whatever the Host, and makes its Origin of that name.
    headers = {"HOST": "erp.alias.example", "ORIGIN": origin}
    assert site_of(X_FRAPPE_SITE_NAME=SITE, **headers) == SITE
    with pytest.raises(Refused):
        site_of(**headers)


def test_a_page_that_names_itself_gets_into_no_other_site() -> None:
    headers = {"HOST": SITE, "ORIGIN": "https://evil.example", "X_FRAPPE_SITE_NAME": "evil.example"}
    with pytest.raises(Refused, match="Invalid namespace"):
        site_of(f"/{SITE}", **headers)


def test_an_origin_is_let_in_that_the_configuration_names() -> None:
    settings = Settings(origins=frozenset({"portal.example"}))
    headers = {"HOST": SITE, "X_FRAPPE_SITE_NAME": SITE}
    assert site_of(settings=settings, ORIGIN="https://portal.example:8443", **headers) == SITE


@pytest.mark.parametrize(
    ("origin", "is_let_in"),
    [
        (f"https://{SITE}", True),
        ("https://portal.example", True),
        ("https://evil.example", False),
        ("null", False),
        ("", True),
    ],
)
def test_the_browsers_true_origin_decides_where_a_proxy_forwards_it(
    origin: str, is_let_in: bool
) -> None:
    settings = Settings(origins=frozenset({"portal.example"}))
    # As Frappe's nginx sends it: an Origin of its own making, which is always right.
    headers = {"HOST": SITE, "ORIGIN": f"https://{SITE}", "X_BROWSER_ORIGIN": origin}
    if is_let_in:
        assert site_of(settings=settings, **headers) == SITE
    else:
        with pytest.raises(Refused, match="Invalid origin"):
            site_of(settings=settings, **headers)


@pytest.mark.parametrize("host", ["[", "[::1", "::::", "http://[x", "\x00", "a" * 5000])
def test_a_host_that_makes_no_sense_is_refused(host: str) -> None:
    with pytest.raises(Refused):
        site_of(HOST=host)


def test_authorization_goes_before_a_cookie() -> None:
    environ = {"HTTP_HOST": SITE, "HTTP_COOKIE": "sid=Guest", "HTTP_AUTHORIZATION": "token a:b"}
    handshake = read_handshake(environ, f"/{SITE}", Settings())
    assert handshake.credentials == {"Authorization": "token a:b"}


def test_only_the_session_of_the_cookies_goes_on_to_frappe() -> None:
    environ = {"HTTP_HOST": SITE, "HTTP_COOKIE": "full_name=A; sid=abc=; user_id=b"}
    handshake = read_handshake(environ, f"/{SITE}", Settings())
    assert handshake.credentials == {"Cookie": "sid=abc="}


@pytest.mark.parametrize("shown", [{"HTTP_COOKIE": "sid="}, {"HTTP_AUTHORIZATION": "token "}])
def test_credentials_that_are_too_long_are_asked_of_nobody(shown: dict[str, str]) -> None:
    [(header, value)] = shown.items()
    with pytest.raises(Refused, match="Invalid credentials"):
        read_handshake({"HTTP_HOST": SITE, header: value + "x" * 4_001}, f"/{SITE}", Settings())


@pytest.mark.parametrize(
    ("cookie", "message"),
    [
        ("", "No cookie transmitted."),
        ("a=b", "No authentication method used. Use cookie or authorization header."),
        ("sid=", "No authentication method used. Use cookie or authorization header."),
    ],
)
def test_whoever_shows_nothing_is_told_so_in_frappes_words(cookie: str, message: str) -> None:
    with pytest.raises(Refused) as refused:
        read_handshake({"HTTP_HOST": SITE, "HTTP_COOKIE": cookie}, f"/{SITE}", Settings())
    assert str(refused.value) == message


@pytest.mark.parametrize(
    "name", ["a b", "a\tb", "ä.example", "a\x7fb", "a" * 254, "..", ".hidden", "a%0d%0ab", "a\xa0b"]
)
def test_a_site_that_could_be_in_no_url_is_asked_nothing(name: str) -> None:
    for headers in ({"HOST": name}, {"HOST": "proxy.example", "X_FRAPPE_SITE_NAME": name}):
        with pytest.raises(Refused, match="Invalid namespace"):
            site_of(f"/{name}", **headers)


@pytest.mark.parametrize(
    "credential",
    [
        "a\r\nX-Frappe-Socket-Secret: b",
        "a\nb",
        "a\x00b",
        "a\x7fb",
        "a\tb",
        "\xe9",
        "\ud83d",
        "a" * 9000,
    ],
)
def test_credentials_that_can_be_in_no_header_are_refused(credential: str) -> None:
    for headers in ({"COOKIE": f"sid={credential}"}, {"AUTHORIZATION": credential}):
        with pytest.raises(Refused) as refused:
            site_of(HOST=SITE, **headers)
        assert str(refused.value) == "Invalid credentials"


@pytest.mark.parametrize(
    ("cookies", "sid"),
    [
        ("sid=a; sid=b", "a"),
        ("sid = a ;sid=b", "a"),
        ("Sid=b; sid=a", "a"),
        ("sid; sid=a", "a"),
        ("sid=; sid=a", ""),
    ],
)
def test_of_two_cookies_of_one_name_the_first_counts_as_in_node(cookies: str, sid: str) -> None:
    environ = {"HTTP_HOST": SITE, "HTTP_COOKIE": cookies}
    if sid:
        handshake = read_handshake(environ, f"/{SITE}", Settings())
        assert handshake.credentials == {"Cookie": f"sid={sid}"}
    else:
        with pytest.raises(Refused, match="No authentication method"):
            read_handshake(environ, f"/{SITE}", Settings())


async def test_a_token_that_reads_like_a_cookie_is_somebody_else() -> None:
    class Frappe:
        async def ask(self, _: str, credentials: Mapping[str, str], *__: Any, **___: Any) -> Any:
            return {"user": "a@example.com" if "Cookie" in credentials else "Guest"}

    access = Access(cast(Questions, Frappe()), None)
    users = [
        (await access.identify(Handshake(SITE, {header: "sid=abc"}))).user
        for header in ("Cookie", "Authorization")
    ]
    assert users == ["a@example.com", "Guest"]
