"""Who calls: the bench's realtime server, which shows a secret; and in whose name work is done."""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from contextlib import contextmanager

import frappe

from presence_progress import context, keys


def require_server() -> None:
    """Raise ``PermissionError`` for whoever does not show the bench's secret."""
    shown = frappe.get_request_header(keys.SECRET_HEADER) or ""
    secret = context.redis().get(keys.SECRET) or b""
    if not secret or not hmac.compare_digest(shown.encode(), secret):
        raise frappe.PermissionError


@contextmanager
def as_user(user: str) -> Iterator[None]:
    """Run the body as a user: rules and functions of apps ask who is signed in."""
    before = frappe.session.user
    frappe.set_user(user)
    try:
        yield
    finally:
        frappe.set_user(before)
