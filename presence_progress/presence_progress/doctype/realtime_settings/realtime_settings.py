"""The site's settings as an administrator sees them; :mod:`presence_progress.site.settings` says
which of them hold."""

from __future__ import annotations

import frappe
from frappe import _
from frappe.model.document import Document

from presence_progress.site import settings


class RealtimeSettings(Document):  # type: ignore[misc]
    """One document; whatever it says, a key in the site's or the bench's configuration wins."""

    @property
    def overridden(self) -> str:
        """What those say, for the person who looks at this form."""
        return "\n".join(f"{key} = {value}" for key, value in settings.overrides().items())

    def onload(self) -> None:
        """Show the number of days that holds: Log Settings has it, and may have been changed."""
        self.history_days = settings.history_days()

    def validate(self) -> None:
        """Refuse a history that is deleted before anybody has seen it."""
        if not self.history_days or self.history_days < 1:
            frappe.throw(_("A task is remembered for a day at least."))

    def on_update(self) -> None:
        """Tell it to those whom it is about: the realtime server, and Log Settings."""
        settings.keep_history_for(self.history_days)
        settings.tell_server()
