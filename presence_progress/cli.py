"""The command ``presence-progress``: reads options, checks what can be checked beforehand, and
starts one of the hosts.

It is the only place that starts them, and imports each only when it is asked for. A person's
mistake gets one line on stderr that names the thing and the way out, and an exit code that is not
0.
"""

from __future__ import annotations

import errno
import logging
import socket
from pathlib import Path
from urllib.parse import urlsplit

import click

from presence_progress import __version__
from presence_progress.demo.config import DEFAULT_DATA, DEFAULT_PACE
from presence_progress.settings import Settings

_PORT = click.IntRange(1, 65535)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.version_option(__version__, prog_name="presence-progress")
def main() -> None:
    """Live presence, progress and counts for Frappe."""


@main.command()
@click.option("--host", default=Settings.host, help="Address to listen on.")
@click.option("--port", type=_PORT, default=Settings.port, help="Port to listen on.")
@click.option(
    "--redis",
    "redis_url",
    metavar="URL",
    default=Settings.redis_url,
    envvar="PRESENCE_PROGRESS_REDIS",
    help="The Redis that carries Frappe's events (redis_queue of a bench).",
)
@click.option("--site-url", metavar="URL", default=Settings.site_url, help="Where Frappe answers.")
@click.option(
    "--site",
    metavar="NAME",
    default=None,
    envvar="PRESENCE_PROGRESS_SITE",
    help="The site meant when a browser names none (localhost, an IP address).",
)
def serve(host: str, port: int, redis_url: str, site_url: str, site: str | None) -> None:
    """Run the realtime server."""
    _require_http(site_url)
    _require_free(host, port, "--port")
    _require_redis(redis_url)
    from presence_progress.server import app

    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    click.echo(f"Realtime server on port {port} of {host}, for the sites at {site_url}")
    app.run(Settings(host, port, redis_url, site_url, site))


@main.command()
@click.option("--host", default="127.0.0.1", help="Address to listen on.")
@click.option("--port", type=_PORT, default=8000, help="Port of the site.")
@click.option("--realtime-port", type=_PORT, default=9000, help="Port of the realtime server.")
@click.option(
    "--redis",
    "redis_url",
    metavar="URL",
    default=None,
    help="A Redis for this demo alone; without it, an embedded Valkey is started.",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    default=DEFAULT_DATA,
    help="Folder for airports, sessions and logs.",
)
@click.option(
    "--pace",
    type=click.FloatRange(min=0),
    default=DEFAULT_PACE,
    help="Rows an import takes a second; 0: all it can.",
)
def demo(
    host: str, port: int, realtime_port: int, redis_url: str | None, data: Path, pace: float
) -> None:
    """Run a site to try it all: import airports, watch, be seen. Needs nothing else."""
    if port == realtime_port:
        raise click.ClickException(
            f"--port and --realtime-port are both {port}: give one of them another."
        )
    _require_free(host, port, "--port")
    _require_free(host, realtime_port, "--realtime-port")
    if redis_url is not None:
        _require_redis(redis_url)
    from presence_progress.demo import processes

    try:
        processes.run(processes.Options(host, port, realtime_port, redis_url, data, pace))
    except processes.DemoError as error:
        raise click.ClickException(str(error)) from None


def _require_free(host: str, port: int, option: str) -> None:
    """Fail with one sentence when nothing can listen there."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            # As servers do: a port that only waits for old connections to fade is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise click.ClickException(
                f"Port {port} on {host} is taken. "
                f"Stop what listens there, or give another with {option}."
            ) from None
        if error.errno == errno.EACCES:
            raise click.ClickException(
                f"Port {port} needs rights that you do not have. Give one above 1023 with {option}."
            ) from None
        reason = error.strerror or error
        raise click.ClickException(
            f"Cannot listen on {host}: {reason}. Give another --host."
        ) from None


def _require_redis(url: str) -> None:
    """Fail with one sentence when the URL is none, or no Redis answers there."""
    import redis

    try:
        with redis.Redis.from_url(url, socket_timeout=3) as client:
            client.ping()
    except ValueError:
        raise click.ClickException(
            f"--redis {url} is no Redis URL: expected is redis://HOST:PORT, rediss://… or unix://PATH."
        ) from None
    except (redis.RedisError, OSError) as error:
        raise click.ClickException(
            f"Redis at {_without_password(url)} does not answer ({error}). "
            "Start it, or give another with --redis."
        ) from None


def _require_http(url: str) -> None:
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise click.ClickException(
            f"--site-url {url} is no address of a site: expected is http://HOST:PORT."
        )


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


if __name__ == "__main__":
    main()
