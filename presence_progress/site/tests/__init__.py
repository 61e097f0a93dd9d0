"""Tests that need a real site: ``bench --site … run-tests --app presence_progress``."""
