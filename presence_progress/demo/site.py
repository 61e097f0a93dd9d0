"""The demo site: puts its parts together, turns refusals into Frappe's answers, and is a process of
its own.

``python -m presence_progress.demo.site --help`` says what it is told at its start.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import sqlite3
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path

import redis
from aiohttp import web
from aiohttp.typedefs import Handler

from presence_progress import context
from presence_progress.demo import (
    accounts,
    actions,
    airports,
    database,
    methods,
    pages,
    presence_methods,
    realtime_methods,
    resource,
    task_methods,
)
from presence_progress.demo.config import DEFAULT_PACE, FRAPPES, SITE, Config
from presence_progress.demo.errors import ApiError, Invalid
from presence_progress.demo.request import CONFIG, in_thread
from presence_progress.settings import TASK_TTL

_HEARTBEAT = 5.0
"""Seconds between two tellings of the total; one that says nothing new is not published."""
_UPLOAD_KEPT = TASK_TTL
"""Seconds: for as long as an import that was not finished can be started again."""

log = logging.getLogger(__name__)


def make_app(config: Config) -> web.Application:
    """Build the site; the data folder must exist."""
    app = web.Application(middlewares=[_answer_refusals])
    app[CONFIG] = config
    for part in (
        accounts,
        methods,
        realtime_methods,
        presence_methods,
        task_methods,
        resource,
        actions,
        pages,
    ):
        app.add_routes(part.ROUTES)
    app.cleanup_ctx.append(_keep_total)
    return app


@web.middleware
async def _answer_refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except ApiError as error:
        return _refusal(error.status, error.exc_type, str(error))
    except web.HTTPException as error:
        if error.status < 400 or not request.path.startswith("/api/"):
            raise
        names = {404: "DoesNotExistError", 413: "RequestEntityTooLarge"}
        return _refusal(
            error.status, names.get(error.status, "ValidationError"), f"{error.reason}."
        )
    except (UnicodeEncodeError, OverflowError):
        # Half a surrogate pair or a number beyond 64 bits: valid JSON, but nothing that can be
        # stored.
        return _refusal(
            Invalid.status, Invalid.exc_type, "A value in the request cannot be stored."
        )
    except redis.RedisError as error:
        log.warning("%s %s: Redis does not answer: %s", request.method, request.path, error)
        return _refusal(503, "ServiceUnavailable", "Redis does not answer. Try again in a moment.")
    except sqlite3.OperationalError as error:
        log.warning("%s %s: the database does not answer: %s", request.method, request.path, error)
        return _refusal(503, "ServiceUnavailable", "The database is busy. Try again in a moment.")
    except Exception:
        log.exception("%s %s", request.method, request.path)
        return _refusal(
            500, "InternalServerError", "The demo site made a mistake; its log has more."
        )


def _refusal(status: int, exc_type: str, message: str) -> web.Response:
    return web.json_response({"exc_type": exc_type, "message": message}, status=status)


async def _keep_total(app: web.Application) -> AsyncIterator[None]:
    """Say the total now and again: after a start, after a Redis that came back empty, after a
    worker killed in between."""
    config = app[CONFIG]

    def prepare() -> None:
        config.uploads.mkdir(parents=True, exist_ok=True)
        for left in config.uploads.iterdir():
            if left.stat().st_mtime < time.time() - _UPLOAD_KEPT:
                left.unlink()
        database.create(config.database)

    def tell() -> None:
        with database.connect(config.database) as db:
            airports.publish_total(db)

    async def beat() -> None:
        while True:
            try:
                await in_thread(tell)
            except sqlite3.Error as error:
                log.warning("the number of airports could not be read: %s", error)
            await asyncio.sleep(_HEARTBEAT)

    await in_thread(prepare)
    beating = asyncio.create_task(beat())
    yield
    beating.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await beating


def main() -> None:
    parser = argparse.ArgumentParser(description="The demo site, without the rest of the demo.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--realtime-port", type=int, default=9000)
    parser.add_argument("--redis", required=True, metavar="URL")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--pace", type=float, default=DEFAULT_PACE)
    parser.add_argument("--frappe", choices=FRAPPES, default=Config.frappe)
    parser.add_argument(
        "--hook",
        action="append",
        default=[],
        metavar="NAME=PATH",
        help="a function that a worker runs, as an app's hooks.py names it",
    )
    options = parser.parse_args()
    logging.basicConfig(
        level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    context.configure(site=SITE, redis_url=options.redis)
    hooks: defaultdict[str, list[str]] = defaultdict(list)
    for name, _, path in (hook.partition("=") for hook in options.hook):
        hooks[name].append(path)
    config = Config(options.data, options.realtime_port, options.pace, options.frappe, hooks)
    web.run_app(
        make_app(config),
        host=options.host,
        port=options.port,
        access_log=None,
        print=lambda *_: None,
        shutdown_timeout=1,
    )


if __name__ == "__main__":
    main()
