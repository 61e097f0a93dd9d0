"""The command ``presence-progress``: reads options, checks what can be checked beforehand, and
starts one of the hosts.

It is the only place that starts them, and imports each only when it is asked for. A person's
mistake gets one line on stderr that names the thing and the way out, and an exit code that is not
0.
"""

from __future__ import annotations

import errno
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from presence_progress import __version__, bench
from presence_progress.address import read_address, without_password, without_passwords
from presence_progress.bench_commands import doctor, switch
from presence_progress.demo.config import DEFAULT_DATA, DEFAULT_PACE
from presence_progress.settings import Settings

_PORT = click.IntRange(1, 65535)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.version_option(__version__, prog_name="presence-progress")
def main() -> None:
    """Live presence, progress and counts for Frappe."""


main.add_command(switch)
main.add_command(doctor)


@main.command()
@click.option("--host", help="Address to listen on.  [a bench: all; else 127.0.0.1]")
@click.option("--port", type=_PORT, help="Port to listen on.  [socketio_port; 9000]")
@click.option(
    "--redis",
    "redis_url",
    metavar="URL",
    envvar="PRESENCE_PROGRESS_REDIS",
    help="The Redis that carries Frappe's events.  [redis_queue]",
)
@click.option(
    "--store",
    "store_url",
    metavar="URL",
    envvar="PRESENCE_PROGRESS_STORE",
    help="The Redis that rooms live in.  [presence_progress_store; as --redis]",
)
@click.option("--site-url", metavar="URL", help="Where Frappe answers.  [127.0.0.1:webserver_port]")
@click.option(
    "--site",
    metavar="NAME",
    envvar="PRESENCE_PROGRESS_SITE",
    help="The site meant when a browser names none (localhost, an IP address).  [default_site]",
)
@click.option(
    "--workers", type=click.IntRange(1, 64), default=1, help="Processes behind the one port."
)
def serve(
    host: str | None,
    port: int | None,
    redis_url: str | None,
    store_url: str | None,
    site_url: str | None,
    site: str | None,
    workers: int,
) -> None:
    """Run the realtime server: in a bench, in the place of Frappe's own and with its settings."""
    given = {
        "host": host,
        "port": port,
        "redis_url": redis_url,
        "store_url": store_url,
        "site_url": site_url,
        "default_site": site,
    }
    settings = _settings(**{name: value for name, value in given.items() if value is not None})
    _warn_of_redis(settings)
    _warn_of_events(settings)
    from presence_progress.server import process

    try:
        listening = process.listen(settings)
    except OSError as error:
        raise _cannot_listen(settings, error) from None
    place = settings.uds or f"port {settings.port} of {settings.host or 'every interface'}"
    click.echo(
        f"Realtime server on {place}, for the sites at {without_password(settings.site_url)}"
    )
    if workers == 1:
        process.run(settings, listening)
    else:
        from presence_progress.server import workers as several

        several.run(settings, listening, workers)


def _settings(**given: Any) -> Settings:
    """Return what the bench says, with what was given on the command line over it."""
    try:
        settings = bench.read_settings(bench.find_bench())
    except bench.BadSetting as error:
        raise click.ClickException(str(error)) from None
    if "redis_url" in given:
        _require_redis_url(given["redis_url"])
        given["sentinel"] = None
    if "store_url" in given:
        _require_store_url(given["store_url"])
    if "site_url" in given:
        _require_http(given["site_url"])
    if "port" in given or "host" in given:
        given["uds"] = None
    return replace(settings, **given)


def _warn_of_events(settings: Settings) -> None:
    """Name the apps whose own events are not there with this server."""
    others = bench.events_of_other_servers(settings.bench) if settings.bench else {}
    for app, file in others.items():
        click.echo(
            f"Warning: {app} has events of its own in {file}, for Frappe's own server: they do "
            "nothing here.",
            err=True,
        )


def _warn_of_redis(settings: Settings) -> None:
    """Say that Redis does not answer: the server waits for it, but a person may have mistyped."""
    import redis

    if settings.sentinel is not None:
        return
    try:
        with redis.Redis.from_url(settings.redis_url, socket_timeout=1) as client:
            client.ping()
    except (redis.RedisError, OSError) as error:
        click.echo(
            f"Warning: Redis at {without_password(settings.redis_url)} does not answer "
            f"({without_passwords(str(error))}). "
            "Waiting for it; --redis or redis_queue says where it is.",
            err=True,
        )


def _cannot_listen(settings: Settings, error: OSError) -> click.ClickException:
    if settings.uds:
        return click.ClickException(
            f"Cannot listen on {settings.uds}: {error.strerror}. "
            "Stop what listens there, or change socketio_uds."
        )
    return _no_port(settings.host, settings.port, "--port (in a bench: socketio_port)", error)


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
        raise _no_port(host, port, option, error) from None


def _no_port(host: str, port: int, option: str, error: OSError) -> click.ClickException:
    if error.errno == errno.EADDRINUSE:
        return click.ClickException(
            f"Port {port} on {host or 'every interface'} is taken. "
            f"Stop what listens there, or give another with {option}."
        )
    if error.errno == errno.EACCES:
        return click.ClickException(
            f"Port {port} needs rights that you do not have. Give one above 1023 with {option}."
        )
    reason = error.strerror or error
    return click.ClickException(f"Cannot listen on {host}: {reason}. Give another --host.")


def _require_redis(url: str) -> None:
    """Fail with one sentence when the URL is none, or no Redis answers there."""
    import redis

    _require_redis_url(url)

    try:
        with redis.Redis.from_url(url, socket_timeout=3) as client:
            client.ping()
    except (redis.RedisError, OSError) as error:
        raise click.ClickException(
            f"Redis at {without_password(url)} does not answer ({without_passwords(str(error))}). "
            "Start it, or give another with --redis."
        ) from None


def _require_redis_url(url: str) -> None:
    import redis

    try:
        read_address(url)
        redis.Redis.from_url(url).close()
    except ValueError:
        raise click.ClickException(
            f"--redis {without_password(url)} is no Redis URL: "
            "expected is redis://HOST:PORT, rediss://… or unix://PATH."
        ) from None


def _require_store_url(url: str) -> None:
    try:
        read_address(url)
    except ValueError as error:
        raise click.ClickException(
            f"--store {without_password(url)} is no address of a Redis: expected is {error}."
        ) from None


def _require_http(url: str) -> None:
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise click.ClickException(
            f"--site-url {without_password(url)} is no address of a site: "
            "expected is http://HOST:PORT."
        )


if __name__ == "__main__":
    main()
