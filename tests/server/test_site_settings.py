"""What a site has set holds within seconds; what cannot be used is named and changes nothing."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from presence_progress.keys import parse_room
from presence_progress.room_rights import is_off, may_enter, right_to_watch
from presence_progress.server import site_settings
from presence_progress.server.access import Identity
from presence_progress.server.site_settings import SiteSettings
from presence_progress.site_rules import SETTINGS_FILE, PresenceRules

SITE = "one.localhost"


class Bench:
    """A bench's files, as an administrator writes them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "sites" / SITE).mkdir(parents=True)

    def path(self, site: str = "") -> Path:
        sites = self.folder / "sites"
        return sites / site / "site_config.json" if site else sites / "common_site_config.json"

    def write(self, site: str = "", **settings: Any) -> None:
        named = {f"presence_progress_{key}": value for key, value in settings.items()}
        self.write_text(json.dumps(named), site)

    def write_text(self, text: str, site: str = "") -> None:
        # A new file in the place of the old one: no reader sees half of it.
        new = self.path(site).with_suffix(".new")
        new.write_text(text)
        new.replace(self.path(site))


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr(site_settings, "SITE_SETTINGS_INTERVAL", 0)
    return Bench(tmp_path)


def test_without_files_the_defaults_hold(bench: Bench) -> None:
    assert SiteSettings(bench.folder).of(SITE) == PresenceRules(
        presence=True, guests=False, online="system", online_count="system", move=True
    )


def test_what_is_set_in_desk_holds_where_no_file_of_the_bench_says_otherwise(
    bench: Bench,
) -> None:
    told = {"presence_progress_guests": 1, "presence_progress_online": "all"}
    (bench.path(SITE).parent / SETTINGS_FILE).write_text(json.dumps(told))
    settings = SiteSettings(bench.folder)
    assert settings.of(SITE) == PresenceRules(guests=True, online="all")
    bench.write(guests=False)
    assert settings.of(SITE) == PresenceRules(online="all")


def test_a_site_is_asked_before_its_bench(bench: Bench) -> None:
    bench.write(presence=False, guests=True, online="off", online_count="all")
    bench.write(SITE, presence=True, move=0, online_count="website")
    settings = SiteSettings(bench.folder)
    assert settings.of(SITE) == PresenceRules(True, True, "off", "website", False)
    assert settings.of("two.localhost") == PresenceRules(False, True, "off", "all", True)


def test_a_change_holds_without_a_restart(bench: Bench) -> None:
    settings = SiteSettings(bench.folder)
    for told in ({"presence": False}, {"presence": "1", "guests": "true"}, {"guests": 0}):
        bench.write(SITE, **told)
        rules = settings.of(SITE)
        assert rules.presence is (told != {"presence": False})
        assert rules.guests is ("guests" in told and told["guests"] != 0)
    bench.write(SITE, presence=False)
    assert not settings.of(SITE).presence
    bench.path(SITE).unlink()
    assert settings.of(SITE) == PresenceRules()


def test_files_are_looked_at_every_two_seconds_only(bench: Bench, monkeypatch: Any) -> None:
    monkeypatch.setattr(site_settings, "SITE_SETTINGS_INTERVAL", 2)
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    settings = SiteSettings(bench.folder)
    assert settings.of(SITE).presence
    bench.write(SITE, presence=False)
    now += 1.9
    assert settings.of(SITE).presence
    now += 0.1
    assert not settings.of(SITE).presence


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("presence", "maybe", "true or false"),
        ("guests", 2, "true or false"),
        ("online", "everybody", "one of system, all, off"),
        ("online", "website", "one of system, all, off"),
        ("online_count", ["all"], "one of system, all, website, off"),
        ("move", {}, "true or false"),
    ],
)
def test_a_bad_value_is_named_and_the_last_good_one_stays(
    bench: Bench, key: str, value: Any, expected: str
) -> None:
    settings = SiteSettings(bench.folder)
    good = {"presence": False, "guests": True, "online": "all", "online_count": "off", "move": 0}
    bench.write(SITE, **good)
    before = settings.of(SITE)
    bench.write(SITE, **{**good, key: value})
    with capture_logs() as logs:
        assert settings.of(SITE) == before
        assert settings.of(SITE) == before
    [line] = logs
    assert line["key"] == f"presence_progress_{key}" and line["file"] == str(bench.path(SITE))
    assert expected in line["expected"]
    assert getattr(SiteSettings(bench.folder).of(SITE), key) == getattr(PresenceRules(), key)


@pytest.mark.parametrize("text", ["{", "[1]", "", "\xff"])
def test_a_broken_file_changes_nothing_and_is_named_once(bench: Bench, text: str) -> None:
    settings = SiteSettings(bench.folder)
    bench.write(presence=False)
    bench.write(SITE, online="off")
    before = settings.of(SITE)
    bench.write_text(text)
    with capture_logs() as logs:
        assert settings.of(SITE) == before
        assert settings.of(SITE) == before
    [line] = logs
    assert line["file"] == str(bench.path())
    bench.write(presence=True)
    assert settings.of(SITE).presence


def test_without_a_bench_the_environment_tells() -> None:
    environ = {"PRESENCE_PROGRESS_PRESENCE": "0", "PRESENCE_PROGRESS_ONLINE_COUNT": "website"}
    environ["PRESENCE_PROGRESS_ONLINE"] = "nobody"
    with capture_logs() as logs:
        rules = SiteSettings(None, environ).of(SITE)
    assert rules == PresenceRules(presence=False, online_count="website")
    assert [line["key"] for line in logs] == ["presence_progress_online"]


def test_in_a_bench_the_environment_tells_nothing(bench: Bench) -> None:
    environ = {"PRESENCE_PROGRESS_PRESENCE": "0"}
    assert SiteSettings(bench.folder, environ).of(SITE).presence


# --- what follows from it -------------------------------------------------------------------------


def who(user: str, user_type: str = "Website User") -> Identity:
    return Identity(SITE, user, user_type, {}, ())


GUEST, CUSTOMER, CLERK = who("Guest"), who("customer"), who("clerk", "System User")


@pytest.mark.parametrize(
    ("room", "setting", "watchers"),
    [
        ("online", {}, [CLERK]),
        ("online", {"online": "all"}, [CUSTOMER, CLERK]),
        ("online", {"online": "off"}, []),
        ("online:count", {}, [CLERK]),
        ("online:count", {"online_count": "all"}, [CUSTOMER, CLERK]),
        ("online:count", {"online_count": "website"}, [GUEST, CUSTOMER, CLERK]),
        ("online:count", {"online_count": "off", "online": "all"}, []),
        ("presence:ToDo/1", {}, [CUSTOMER, CLERK]),
        ("presence:ToDo/1", {"guests": True}, [GUEST, CUSTOMER, CLERK]),
    ],
)
def test_who_may_watch(room: str, setting: dict[str, Any], watchers: list[Identity]) -> None:
    parsed, rules = parse_room(room), PresenceRules(**setting)
    assert not is_off(parsed, rules)
    for user in (GUEST, CUSTOMER, CLERK):
        right = right_to_watch(user, parsed, {}, rules)
        document = ("ToDo", "1") if parsed.kind == "presence" else True
        assert right == (document if user in watchers else False)
        off = PresenceRules(**{**setting, "presence": False})
        assert right_to_watch(user, parsed, {}, off) is False and is_off(parsed, off)


def test_the_switch_is_about_presence_alone() -> None:
    rules = PresenceRules(presence=False)
    assert right_to_watch(GUEST, parse_room("count:website/x"), {}, rules) is True
    assert not is_off(parse_room("count:website/x"), rules)


def test_who_may_be_seen() -> None:
    assert may_enter(CUSTOMER, PresenceRules()) and not may_enter(GUEST, PresenceRules())
    assert may_enter(GUEST, PresenceRules(guests=True))
    assert not may_enter(CLERK, PresenceRules(presence=False, guests=True))
