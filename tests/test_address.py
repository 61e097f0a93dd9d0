"""Where a Redis is, said in one URL."""

from __future__ import annotations

import re

import pytest

from presence_progress.address import (
    ClusterAddress,
    read_address,
    without_password,
    without_passwords,
)
from presence_progress.settings import Sentinel


@pytest.mark.parametrize(
    "url", ["redis://h", "redis://u:p%40s@h:7/2", "rediss://h:7?ssl_cert_reqs=none", "unix:///s"]
)
def test_a_single_redis_is_as_redis_py_has_it(url: str) -> None:
    assert read_address(url) == url


def test_a_cluster_is_some_of_its_nodes_and_what_is_alike_for_all() -> None:
    address = read_address("rediss+cluster://u:p%40s@one:7,[::1]:8?ssl_cert_reqs=none")
    assert isinstance(address, ClusterAddress)
    assert address.nodes == (("one", 7), ("::1", 8))
    assert address.url(("::1", 8)) == "rediss://u:p%40s@[::1]:8?ssl_cert_reqs=none"
    assert read_address("redis+cluster://one:7").url(("two", 8)) == "redis://two:8"  # type: ignore[union-attr]


def test_sentinels_have_passwords_of_their_own() -> None:
    url = "redis+sentinel://u:p%40s@one:7,two:8/main?sentinel_username=a&sentinel_password=b%40"
    assert read_address(url) == Sentinel((("one", 7), ("two", 8)), "main", "a", "b@", "u", "p@s")
    assert read_address("redis+sentinel://one:7/main") == Sentinel((("one", 7),), "main")


@pytest.mark.parametrize(
    "url",
    [
        *("", "h:7", "http://h", "redis://", "unix://", "redis://h:seven", None, 7),
        *(
            "redis+cluster://",
            "redis+cluster://one",
            "redis+cluster://one:7,",
            "redis+cluster://:7",
        ),
        *("redis+sentinel://one:7", "redis+sentinel:///main", "redis+unix:///s"),
    ],
)
def test_what_is_no_address_is_told_what_one_is(url: object) -> None:
    with pytest.raises(ValueError, match="redis://HOST:PORT"):
        read_address(url)


def test_nobody_sees_a_password() -> None:
    shown = without_password("redis+sentinel://u:secret@h:7/main?sentinel_password=secret&a=b")
    assert shown == "redis+sentinel://…@h:7/main?sentinel_password=…&a=b"
    assert without_password("redis://h:7/0") == "redis://h:7/0"


URLS = [
    *("redis://:{}@h:7", "rediss://u:{}@h", "redis://{}@h:7/0", "unix://u:{}@/socket?db=1"),
    *("redis+sentinel://u:{}@h:7,i:8/main", "redis+cluster://:{}@h:7", "http://u:{}@h"),
]
OPTIONS = ["redis://h?password={}", "redis+sentinel://h:7/main?sentinel_password={}&db=1"]
NONE = ["{}@h:7", "u:{}@h:7", "redis:{}@h", "redis//:{}@h"]
PASSWORDS = ["secret", "secret@secret", "secret%secret", "secret[", "[secret", "sécret'secret"]
# They should be written as %2F and so on; who has not done so must not see them either.
UNQUOTED = ["secret/secret", "secret?secret#secret", "secret: secret"]


@pytest.mark.parametrize("password", [*PASSWORDS, *UNQUOTED])
def test_a_password_is_in_nothing_that_is_shown(password: str) -> None:
    options = OPTIONS if password in PASSWORDS else []
    for address in (form.format(password) for form in [*URLS, *options, *NONE]):
        shown = [without_password(address)]
        if "://" in address:
            shown.append(without_passwords(f"Redis at {address} is away."))
        try:
            told = read_address(address)
        except ValueError as error:
            shown.append(str(error))
        else:
            # A text is redis-py's own URL.
            shown += [] if isinstance(told, str) else [repr(told)]
        assert not [text for text in shown if re.search("s.cret", text)]


def test_a_password_with_a_slash_is_not_taken_for_a_host() -> None:
    # It would be tried, and the error would name it.
    with pytest.raises(ValueError, match="%2F"):
        read_address("redis://user:12/secret@h:7")
    assert read_address("redis://user:12%2Fsecret@h:7") == "redis://user:12%2Fsecret@h:7"
