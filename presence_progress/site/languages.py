"""What web pages say in other languages: Frappe gives an app's translations to Desk alone."""

from __future__ import annotations

import frappe

from presence_progress import languages


@frappe.whitelist(allow_guest=True, methods=["GET"])  # type: ignore[untyped-decorator]
def messages(language: str) -> dict[str, str]:
    """Return this app's strings in a language, as ``frappe._messages`` has them; nothing in one
    that is not shipped."""
    return languages.messages(language)
