"""A reverse proxy between the realtime server and its sites, which notes each question and spoils
the answers that a test wants spoilt.

It runs in the test's own event loop and speaks real HTTP on both sides, so that what the server
sees is what a Frappe in trouble sends.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from http import HTTPStatus

import aiohttp
from aiohttp import web

from tests.conftest import free_port

PERMISSION = ("has_permission", "can_subscribe_doc", "can_subscribe_doctype")
"""The methods that ask whether a document may be read, in all versions of Frappe."""


@dataclass
class Question:
    """One request of the server's; ``status`` is 0 until it is answered."""

    method: str
    site: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    status: int = 0

    @property
    def is_permission(self) -> bool:
        return self.method in PERMISSION


Forward = Callable[[], Awaitable[web.StreamResponse]]
Fault = Callable[[web.Request, Forward], Awaitable[web.StreamResponse]]
"""What happens instead of an answer: gets the request, and what would have been done with it."""


class Faults:
    """The proxy; ``sites`` are the addresses behind it by the site that a request names."""

    def __init__(self, sites: Mapping[str, str]) -> None:
        self.sites = dict(sites)
        self.questions: list[Question] = []
        self.cut_off = 0
        self._faults: list[tuple[tuple[str, ...], Fault, int | None]] = []
        self._news = asyncio.Condition()
        self._port = free_port()
        self._runner: web.AppRunner | None = None
        self._http: aiohttp.ClientSession | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    async def start(self) -> None:
        """Listen, each time on the same port."""
        self._http = aiohttp.ClientSession(
            cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
        )
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()

    async def stop(self) -> None:
        """Listen no more; what is under way is cut off."""
        if self._runner and self._http:
            await self._runner.cleanup()
            await self._http.close()
            self._runner = None

    def forget(self) -> None:
        """Be a plain proxy again that has been asked nothing."""
        self.questions.clear()
        self.cut_off = 0
        self._faults.clear()

    # --- what tests ask of it ---

    def asked(self, *methods: str) -> list[Question]:
        """Return the questions by these methods so far; by all methods when none is named."""
        return [q for q in self.questions if not methods or q.method in methods]

    async def wait_asked(self, *methods: str, count: int = 1, seconds: float = 10) -> None:
        """Wait until so many questions have come."""
        async with self._news:
            try:
                await asyncio.wait_for(
                    self._news.wait_for(lambda: len(self.asked(*methods)) >= count), seconds
                )
            except asyncio.TimeoutError:
                came = [(q.method, q.status) for q in self.questions]
                raise AssertionError(f"{methods} not asked {count} times, only {came}") from None

    @contextmanager
    def during(self, *methods: str, fault: Fault) -> Iterator[None]:
        """Spoil the answers to these methods for as long as the body runs."""
        entry = (methods, fault, None)
        self._faults.append(entry)
        try:
            yield
        finally:
            self._faults.remove(entry)

    def once(self, *methods: str, fault: Fault) -> None:
        """Spoil the next answer to one of these methods."""
        self._faults.append((methods, fault, 1))

    @asynccontextmanager
    async def held(self, *methods: str) -> AsyncIterator[None]:
        """Hold the answers to these methods back until the body ends; none is lost."""
        gate = asyncio.Event()

        async def wait(request: web.Request, forward: Forward) -> web.StreamResponse:
            await gate.wait()
            return await forward()

        with self.during(*methods, fault=wait):
            try:
                yield
            finally:
                gate.set()

    @asynccontextmanager
    async def late(self, *methods: str) -> AsyncIterator[asyncio.Event]:
        """Have these methods answered now, and the answers come when the body ends; the event is
        set as soon as there is one."""
        is_made, gate = asyncio.Event(), asyncio.Event()

        async def answer_and_wait(_: web.Request, forward: Forward) -> web.StreamResponse:
            response = await forward()
            is_made.set()
            await gate.wait()
            return response

        with self.during(*methods, fault=answer_and_wait):
            try:
                yield is_made
            finally:
                gate.set()

    @asynccontextmanager
    async def away(self) -> AsyncIterator[None]:
        """Cut off each connection as soon as it is made, for as long as the body runs; they count
        in ``cut_off``."""

        async def cut_off(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.transport.abort()
            async with self._news:
                self.cut_off += 1
                self._news.notify_all()

        await self.stop()
        server = await asyncio.start_server(cut_off, "127.0.0.1", self._port)
        try:
            yield
        finally:
            server.close()
            await server.wait_closed()
            await self.start()

    async def wait_cut_off(self, count: int) -> None:
        """Wait until so many connections were tried in vain."""
        async with self._news:
            await asyncio.wait_for(self._news.wait_for(lambda: self.cut_off >= count), 10)

    # --- the proxy ---

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        # As Frappe does: the header of the web server in front of it, and else the host.
        site = request.headers.get("X-Frappe-Site-Name") or request.host.partition(":")[0]
        method = request.path.rpartition("/")[2].rpartition(".")[2]
        question = Question(method, site, dict(request.query), request.headers.copy())
        async with self._news:
            self.questions.append(question)
            self._news.notify_all()

        async def forward() -> web.StreamResponse:
            return await self._forward(request, site)

        fault = self._next_fault(method)
        response = await (fault(request, forward) if fault else forward())
        question.status = response.status
        return response

    def _next_fault(self, method: str) -> Fault | None:
        for index, (methods, fault, times) in enumerate(self._faults):
            if not methods or method in methods:
                if times is not None:
                    del self._faults[index]
                return fault
        return None

    async def _forward(self, request: web.Request, site: str) -> web.StreamResponse:
        assert self._http
        url = self.sites.get(site)
        if url is None:
            page = f"<!doctype html>\n<h1>Not Found</h1>\n<p>{site} does not exist</p>\n"
            return web.Response(status=404, text=page, content_type="text/html")
        async with self._http.request(
            request.method,
            url + str(request.rel_url),
            headers=request.headers,
            data=await request.read(),
            allow_redirects=False,
        ) as answer:
            kind = {"Content-Type": answer.headers.get("Content-Type", "text/plain")}
            return web.Response(status=answer.status, body=await answer.read(), headers=kind)


# --- the faults ---------------------------------------------------------------------------------


def answer(
    status: HTTPStatus = HTTPStatus.OK, body: str = "", content_type: str = "application/json"
) -> Fault:
    """Answer so, without asking the site."""

    async def fault(request: web.Request, forward: Forward) -> web.StreamResponse:
        return web.Response(status=status, text=body, content_type=content_type)

    return fault


async def cut(request: web.Request, forward: Forward) -> web.StreamResponse:
    """Break the connection in the middle of an answer."""
    response = web.StreamResponse(headers={"Content-Length": "60"})
    response.content_type = "application/json"
    await response.prepare(request)
    await response.write(b'{"message": {"user": "edi')
    if request.transport:
        request.transport.abort()
    return response


async def hang(request: web.Request, forward: Forward) -> web.StreamResponse:
    """Never answer."""
    await asyncio.Event().wait()
    raise AssertionError("unreachable")


HTML = "<!doctype html><title>Updating</title><h1>This site is being updated</h1>"

SPOILT: dict[str, Fault] = {
    "500": answer(HTTPStatus.INTERNAL_SERVER_ERROR, '{"exc_type": "OperationalError"}'),
    "502": answer(HTTPStatus.BAD_GATEWAY, "<h1>502 Bad Gateway</h1>", "text/html"),
    "503": answer(HTTPStatus.SERVICE_UNAVAILABLE, '{"exc_type": "SessionBootFailed"}'),
    "429": answer(HTTPStatus.TOO_MANY_REQUESTS, '{"exc_type": "TooManyRequestsError"}'),
    "HTML": answer(body=HTML, content_type="text/html"),
    "half a JSON": answer(body='{"message": {"user": '),
    "another JSON": answer(body='["message"]'),
    "cut off": cut,
}
"""How a Frappe in trouble answers; none of it says anything about the user."""
