"""Where a connection comes from: the address that its client is counted by.

Only a proxy that is trusted may say so of its clients; what others say is their own invention.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
IPV6_PREFIX = 64
"""Bits of an IPv6 address that count: its owner has all addresses that begin so."""


class ClientAddress:
    """Reads the address of a request; ``trusted_proxies`` are networks of proxies."""

    def __init__(self, trusted_proxies: Iterable[str] = ()) -> None:
        self._trusted = [ipaddress.ip_network(network) for network in trusted_proxies]

    def of(self, environ: Mapping[str, str]) -> str | None:
        """Return the client's address, an IPv6 one as its /64; None when it is not known.

        ``environ`` has the headers in the names of WSGI, and as ``REMOTE_ADDR`` the peer's address,
        which is empty for a Unix socket: what connects there is a proxy.
        """
        peer = environ.get("REMOTE_ADDR", "")
        address = _parse(peer)
        if peer and not self._is_proxy(address):
            # A private address may be a proxy's that nobody has named, a container's for instance:
            # all its clients would be taken for one.
            return _text(address) if address and address.is_global else None
        forwarded = environ.get("HTTP_X_FORWARDED_FOR") or environ.get("HTTP_X_REAL_IP") or ""
        # Each proxy appends whom it has heard: from the right, those are true up to the first that
        # is no proxy.
        for text in reversed(forwarded.split(",")):
            address = _parse(text)
            if not self._is_proxy(address):
                break
        return _text(address) if address else None

    def _is_proxy(self, address: _Address | None) -> bool:
        return address is not None and any(address in network for network in self._trusted)


def _parse(text: str) -> _Address | None:
    """Return an address that may have a port; None when it is none."""
    text = text.strip()
    host = text[1:].partition("]")[0] if text.startswith("[") else text
    if host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    # A server that listens on both families sees IPv4 so.
    return getattr(address, "ipv4_mapped", None) or address


def _text(address: _Address) -> str:
    if address.version == 4:
        return str(address)
    return str(ipaddress.ip_network((address, IPV6_PREFIX), strict=False))
