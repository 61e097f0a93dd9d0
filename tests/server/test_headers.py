"""Headers that are sent more than once; what Node makes of them was seen of Node 20."""

from __future__ import annotations

from presence_progress.server.headers import read_headers


def test_repeated_headers_are_read_as_node_reads_them() -> None:
    names = ("Cookie", "Host", "Authorization", "Origin", "x-frappe-site-name", "X-Forwarded-For")
    sent = [
        (name.upper() if second else name, second or "1") for second in ("", "2") for name in names
    ]
    assert read_headers(sent) == {
        "HTTP_COOKIE": "1; 2",
        "HTTP_HOST": "1",
        "HTTP_AUTHORIZATION": "1",
        "HTTP_ORIGIN": "1, 2",
        "HTTP_X_FRAPPE_SITE_NAME": "1, 2",
        "HTTP_X_FORWARDED_FOR": "1, 2",
    }


def test_a_name_with_an_underscore_is_not_taken_for_one_with_a_hyphen() -> None:
    sent = [("X_Forwarded_For", "6.6.6.6"), ("X-Forwarded-For", "1.2.3.4")]
    assert read_headers(sent) == {"HTTP_X_FORWARDED_FOR": "1.2.3.4"}
