"""Frappe's own place for the DocTypes of this app."""
