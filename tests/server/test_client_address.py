"""Whose connection it is: the peer's own, or the one that a trusted proxy names."""

from __future__ import annotations

import pytest

from presence_progress.server.client_address import ClientAddress
from presence_progress.settings import Settings

TRUSTED = [*Settings.trusted_proxies, "10.1.0.0/16"]
PROXY = "127.0.0.1"


def address_of(peer: str, forwarded: str | None = None, real: str | None = None) -> str | None:
    headers = {"HTTP_X_FORWARDED_FOR": forwarded, "HTTP_X_REAL_IP": real}
    sent = {name: value for name, value in headers.items() if value is not None}
    return ClientAddress(TRUSTED).of({"REMOTE_ADDR": peer, **sent})


@pytest.mark.parametrize(
    ("peer", "forwarded", "real", "address"),
    [
        ("8.8.4.4", None, None, "8.8.4.4"),
        ("8.8.4.4", "1.1.1.1", "1.1.1.1", "8.8.4.4"),
        ("::ffff:8.8.4.4", None, None, "8.8.4.4"),
        (PROXY, "1.1.1.1", None, "1.1.1.1"),
        (PROXY, None, "1.1.1.1", "1.1.1.1"),
        (PROXY, "1.1.1.1", "9.9.9.9", "1.1.1.1"),
        ("::ffff:127.0.0.1", "1.1.1.1", None, "1.1.1.1"),
        ("", "1.1.1.1", None, "1.1.1.1"),
        # What stands left of the first address that is no proxy's, its client has made up.
        (PROXY, "9.9.9.9, 1.1.1.1", None, "1.1.1.1"),
        (PROXY, "9.9.9.9,1.1.1.1, 10.1.2.3,127.0.0.1", None, "1.1.1.1"),
        (PROXY, "made up, 192.168.1.7", None, "192.168.1.7"),
        (PROXY, "10.1.2.3, 127.0.0.1", None, "10.1.2.3"),
        (PROXY, "1.1.1.1:4711", None, "1.1.1.1"),
        (PROXY, "[2a00:1450:4001:81b::200e]:4711", None, "2a00:1450:4001:81b::/64"),
        (PROXY, "2a00:1450:4001:81b:ffff::1", None, "2a00:1450:4001:81b::/64"),
        ("2a00:1450:4001:81b::200e", None, None, "2a00:1450:4001:81b::/64"),
    ],
)
def test_a_client_is_its_peer_or_whom_a_trusted_proxy_has_heard(
    peer: str, forwarded: str | None, real: str | None, address: str
) -> None:
    assert address_of(peer, forwarded, real) == address


@pytest.mark.parametrize(
    ("peer", "forwarded"),
    [
        (PROXY, None),
        ("", None),
        (PROXY, "unknown"),
        (PROXY, "1.1.1.1, not an address"),
        # Perhaps a proxy that nobody has named.
        ("172.18.0.5", None),
        ("172.18.0.5", "1.1.1.1"),
        ("fd00::5", "1.1.1.1"),
        ("nonsense", "1.1.1.1"),
    ],
)
def test_an_address_that_nobody_knows_is_none(peer: str, forwarded: str | None) -> None:
    assert address_of(peer, forwarded) is None
