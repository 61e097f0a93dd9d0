"""What the site refuses, with Frappe's status codes and names.

ApiError
├── NotSignedIn   401 AuthenticationError
├── Forbidden     403 PermissionError
├── Missing       404 DoesNotExistError
├── Duplicate     409 DuplicateEntryError
├── TooLarge      413 RequestEntityTooLarge
└── Invalid       417 ValidationError
    └── Stale     417 TimestampMismatchError
"""

from __future__ import annotations


class ApiError(Exception):
    """An answer that is a refusal; its text is the sentence that a person reads."""

    status = 500
    exc_type = "InternalServerError"


class NotSignedIn(ApiError):
    status = 401
    exc_type = "AuthenticationError"


class Forbidden(ApiError):
    status = 403
    exc_type = "PermissionError"


class Missing(ApiError):
    status = 404
    exc_type = "DoesNotExistError"


class Duplicate(ApiError):
    status = 409
    exc_type = "DuplicateEntryError"


class TooLarge(ApiError):
    status = 413
    exc_type = "RequestEntityTooLarge"


class Invalid(ApiError):
    # 417 is Frappe's choice for everything that fails validation.
    status = 417
    exc_type = "ValidationError"


class Stale(Invalid):
    exc_type = "TimestampMismatchError"
