"""The headers of a request, in the names of WSGI; repeated ones are joined as Node joins them."""

from __future__ import annotations

from collections.abc import Iterable

_ONLY_ONCE = {
    *("age", "authorization", "content-length", "content-type", "etag", "expires", "from"),
    *("host", "if-modified-since", "if-unmodified-since", "last-modified", "location"),
    *("max-forwards", "proxy-authorization", "referer", "retry-after", "server"),
    "user-agent",
}
"""Headers of which Node takes the first one, and ignores others."""


def read_headers(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return headers by their names in WSGI. A name with an underscore is left out: in WSGI it
    could not be told from the one with a hyphen, which a proxy may have set."""
    environ: dict[str, str] = {}
    for name, value in headers:
        if "_" in name:
            continue
        key = f"HTTP_{name.upper().replace('-', '_')}"
        if key not in environ:
            environ[key] = value
        elif name.lower() not in _ONLY_ONCE:
            # HTTP/2 lets clients send their cookies one by one (RFC 9113, section 8.2.3).
            environ[key] += f"{'; ' if name.lower() == 'cookie' else ', '}{value}"
    return environ
