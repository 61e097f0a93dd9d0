"""Who calls: the bench's realtime server, which shows a secret."""

from __future__ import annotations

import hmac

import frappe

from presence_progress import context, keys


def require_server() -> None:
    """Raise ``PermissionError`` for whoever does not show the bench's secret."""
    shown = frappe.get_request_header(keys.SECRET_HEADER) or ""
    secret = context.redis().get(keys.SECRET) or b""
    if not secret or not hmac.compare_digest(shown.encode(), secret):
        raise frappe.PermissionError
