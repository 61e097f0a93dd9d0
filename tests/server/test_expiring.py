"""What is known of names that clients may make up is forgotten, by age and by number."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path
from typing import Any, cast

import pytest

from presence_progress.room_rights import Document
from presence_progress.server import answers, expiring
from presence_progress.server.answers import Answers
from presence_progress.server.app_questions import AppQuestions, NoApp
from presence_progress.server.expiring import Expiring
from presence_progress.server.questions import Asker, Denied, Questions, Unavailable
from presence_progress.server.site_settings import SiteSettings
from presence_progress.server.transitions import Transitions
from presence_progress.settings import Settings

ASKER = Asker("user", "a@example.com")


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1_000.0
        for module in (expiring, answers):
            monkeypatch.setattr(module.time, "monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def test_an_entry_is_forgotten_by_age_and_by_number(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Expiring, "MOST", 3)
    known: Expiring[int, str] = Expiring(10)
    known.put(1, "one")
    clock.now += 9
    assert known.get(1) == "one" and known.age(1) == 9
    clock.now += 1
    assert known.get(1) is None
    for number in range(2, 6):
        known.put(number, "")
    known.put(3, "again")
    assert len(known) == 3 and known.get(2) is None
    known.put(6, "")
    assert known.get(3) == "again" and known.get(4) is None
    clock.now += 10
    known.put(7, "")
    assert len(known) == 1, "what is over takes no memory, though nobody asks for it"


async def test_a_site_that_does_not_exist_leaves_nothing_behind() -> None:
    class Away(Questions):
        async def _ask_once(self, site: str, *_: Any) -> Any:
            raise Denied(404) if site.startswith("none") else Unavailable("away")

    questions = Away(Settings(), None)
    for number in range(100):
        with pytest.raises(Denied):
            await questions.ask(f"none{number}.example", {}, "get_user_info", asker=ASKER)
    gc.collect()
    assert not questions._lines and not questions._resting
    asking = asyncio.ensure_future(questions.ask("there.example", {}, "get_user_info", asker=ASKER))
    while not questions._resting:
        await asyncio.sleep(0)
    # It is kept for as long as it rests, though nobody stands in it.
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    gc.collect()
    assert list(questions._lines) == ["there.example"]


async def test_what_is_known_of_sites_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Expiring, "MOST", 100)

    class Frappe:
        async def ask(self, site: str, *_: Any, **__: Any) -> Any:
            raise Denied(404)

    class Redis:
        async def set(self, *_: Any, **__: Any) -> None: ...
        async def expire(self, *_: Any) -> None: ...
        async def get(self, *_: Any) -> bytes:
            return b"secret"

    app = AppQuestions(cast(Questions, Frappe()), Redis())
    transitions, rules = Transitions(app), SiteSettings(tmp_path)
    for number in range(150):
        site = f"a{number}.example"
        rules.of(site)
        with pytest.raises(NoApp):
            await app.ask(site, "rights.look", {})
        await transitions._ask(site)
    for known in (app._without, transitions._kinds, rules._known):
        assert len(known) == 100
    assert not transitions.has_hooks(site), "of the last one it is known"


async def test_denials_do_not_push_out_what_is_allowed(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers._Known, "MOST", 100)
    known: Answers[tuple[str, Document], bool] = Answers(lambda granted: 60 if granted else 5)
    known.put(("a@example.com", ("Airport", "KJFK")), True, clock.now)
    for number in range(150):
        known.put(("b@example.com", ("Airport", str(number))), False, clock.now)
    assert known.peek(("a@example.com", ("Airport", "KJFK"))) is True
    assert len(known._known) == 101
    clock.now += 5
    known.put(("b@example.com", ("Airport", "")), False, clock.now)
    assert len(known._known) == 2, "what is over takes no memory"


async def test_what_was_denied_and_is_allowed_now_is_known_once(clock: Clock) -> None:
    known: Answers[tuple[str], bool] = Answers(lambda granted: 60 if granted else 5)
    for granted in (False, True, False):
        known.put(("a",), granted, clock.now)
        assert known.peek(("a",)) is granted and len(known._known) == 1
