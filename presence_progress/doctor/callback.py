"""Does Frappe answer when it is asked who somebody is, for every site, and in which dialect?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from redis.exceptions import RedisError

from presence_progress.bench import read_settings
from presence_progress.doctor import web
from presence_progress.doctor.finding import Finding, fine, problem, skipped, warning
from presence_progress.doctor.redis_server import connect
from presence_progress.doctor.sites import sites_of
from presence_progress.settings import Settings

SECRET_KEY = "socketio_auth_secret"
"""Where Frappe v16 keeps the secret that its realtime server must show (frappe#36778)."""

_PATH = "/api/method/frappe.realtime.get_user_info"
_TIMEOUT = 6
"""Seconds: the first question to a worker that has just started takes some."""
_MOST_SITES = 20


def check_callback(bench: Path) -> Iterator[Finding]:
    """Ask Frappe as the server will, as a guest of each site."""
    settings = read_settings(bench)
    sites, secret = sites_of(bench), _secret(settings)
    if not sites:
        yield skipped("There is no site to ask for.")
    for site in sites[:_MOST_SITES]:
        try:
            answer = _ask(settings, site, secret)
        except OSError as error:
            yield problem(
                f"Frappe at {settings.site_url} does not answer ({error.strerror or error}).",
                "Start the bench, or say in presence_progress_site_url of "
                "sites/common_site_config.json where Frappe answers.",
            )
            return
        yield _judge(answer, site, settings)
    if len(sites) > _MOST_SITES:
        yield skipped(f"{len(sites) - _MOST_SITES} more sites were not asked for.")


def check_secret(bench: Path) -> Iterator[Finding]:
    """Compare what Redis has with what this Frappe wants."""
    secret = _secret(read_settings(bench))
    if secret is None:
        yield skipped("Not looked at, since Redis does not answer.")
    elif secret:
        yield fine(f"{SECRET_KEY} is in Redis, and is shown to Frappe.")
    elif not _wants_secret(bench):
        yield fine("None is needed: this Frappe asks for none.")
    else:
        yield warning(
            f"{SECRET_KEY} is not in Redis: Frappe makes it when it is first asked, and has not "
            "been, or has another redis_queue.",
            "Look again when Frappe answers; if it is still missing, give Frappe and this server "
            "the same redis_queue.",
        )


def _judge(answer: web.Answer, site: str, settings: Settings) -> Finding:
    if answer.status == 404 and "does not exist" in answer.body:
        return problem(
            f"{site}: the web server at {settings.site_url} does not know this site.",
            "It serves another bench, or other sites: correct webserver_port, or "
            "presence_progress_site_url, in sites/common_site_config.json.",
        )
    if 300 <= answer.status < 400:
        return problem(
            f"{site}: {settings.site_url} sends elsewhere ({answer.status} to {answer.location}).",
            "Give the address of Frappe itself, behind nginx, as presence_progress_site_url in "
            "sites/common_site_config.json.",
        )
    if answer.status == 503:
        return warning(
            f"{site}: Frappe says 503: it is in maintenance, or overloaded.",
            f"bench --site {site} set-maintenance-mode off, when it shall not be.",
        )
    if answer.status == 403:
        return problem(
            f"{site}: {settings.site_url} refuses to be asked (403).",
            "Let the machine of this server in, where a proxy or a firewall guards it.",
        )
    if answer.status != 200:
        return problem(
            f"{site}: Frappe answers {answer.status} when it is asked who a guest is.",
            f"See the error in logs/web.error.log and in sites/{site}/logs.",
        )
    info = _message(answer)
    if info == {}:
        return problem(
            f"{site}: Frappe does not take this server for its own: it keeps its secret "
            f"({SECRET_KEY}) in another Redis.",
            "Give Frappe and this server the same redis_queue.",
        )
    if not isinstance(info, dict) or "user" not in info:
        return problem(
            f"{site}: what answers at {settings.site_url} is no Frappe.",
            "Correct webserver_port, or presence_progress_site_url, in "
            "sites/common_site_config.json.",
        )
    dialect = "v16 (has_permission)" if "installed_apps" in info else "v15 (can_subscribe_doc)"
    return fine(f"{site} answers as a Frappe {dialect} does.")


def _ask(settings: Settings, site: str, secret: str | None) -> web.Answer:
    headers = {
        "Host": site,
        "X-Frappe-Site-Name": site,
        "Accept": "application/json",
        "Cookie": "sid=Guest",
    }
    if secret:
        headers["X-Frappe-Socket-Secret"] = secret
    answer = web.get(settings.site_url, _PATH, headers, _TIMEOUT)
    if answer.status == 200 and _message(answer) == {}:
        # Frappe makes its secret when it is first asked: the second question carries it.
        made = _secret(settings)
        if made and made != secret:
            return _ask(settings, site, made)
    return answer


def _message(answer: web.Answer) -> Any:
    try:
        return json.loads(answer.body)["message"]
    except (ValueError, KeyError, TypeError):
        return None


def _secret(settings: Settings) -> str | None:
    """Return the secret, ``""`` when there is none, None when Redis does not say."""
    try:
        with connect(settings) as client:
            return str(client.get(SECRET_KEY) or "")
    except (RedisError, OSError):
        return None


def _wants_secret(bench: Path) -> bool:
    """Return whether the bench's Frappe has such a secret at all."""
    frappe = bench / "apps/frappe/frappe"
    for path in (frappe / "realtime.py", *sorted(frappe.glob("realtime/*.py"))):
        try:
            if SECRET_KEY in path.read_text("utf-8"):
                return True
        except OSError:
            continue
    return False
