"""The explorer's web application: pages that are sent as their answers come."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs

import anyio
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from explorer import saved
from explorer.definitions import POLICY, definitions
from explorer.downloads import FILES, written
from explorer.pages import PAGES
from explorer.pages.page import Context, Page
from explorer.panels import Panel
from explorer.parameters import Values, read
from explorer.published import CANCELLED, Answer, Edge, NoAnswer, Published
from explorer.rendering import drawn, render

logger = logging.getLogger(__name__)

FOLDER: Final = Path(__file__).parent
#: Statements that run at once; others wait. Each takes the threads that it may have.
AT_ONCE: Final = 2
#: Seconds between two words that a question is still being answered.
WORD_SECONDS: Final = 1.0
#: Seconds between two looks for a new published file.
LOOK_SECONDS: Final = 5.0
#: Bytes of a form: its title has 80 characters.
FORM_BYTES: Final = 4_096
#: The token of what no reader asked.
_READY: Final = "ready"
EMPTY: Final = "The published file has no events yet. Send one and run `make nightly`."
HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self' 'unsafe-inline'; "
    "script-src 'self'; frame-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    # A proxy must not hold back a page until its last answer.
    "X-Accel-Buffering": "no",
    "Cache-Control": "no-store",
}


class Explorer:
    """The pages over one published file, and the questions that run now."""

    def __init__(self, published: Published, *, home: Path, time_zone: str, manifest: Path) -> None:
        self._published = published
        self._home = home
        self._manifest = manifest
        self._places = asyncio.Semaphore(AT_ONCE)
        #: Whether somebody asked for a page since the first page was last made ready.
        self._is_read = True
        self._is_over = asyncio.Event()
        #: Of each question that is asked now, what ends it.
        self._ends: dict[str, Callable[[], object]] = {}
        self._time_zone = time_zone

    async def page(self, request: Request) -> Response:
        """One page. Its head comes at once, and each answer as soon as it is there."""
        page = PAGES.get(request.path_params["page"])
        if page is None:
            return self._not_found()
        values = read(page.parameters, request.query_params.multi_items())
        self._is_read = True
        return StreamingResponse(
            self._parts(page, values), media_type="text/html; charset=utf-8", headers=HEADERS
        )

    async def _parts(self, page: Page, values: Values) -> AsyncIterator[str]:
        try:
            edge, suggestions = await asyncio.to_thread(self._beginning)
        except NoAnswer as reason:
            yield self._render("begin.html", page=page, values=values, edge=None, suggestions={})
            yield self._render("problem.html", reason=str(reason))
            yield self._render("end.html", page=page, values=values)
            return
        notes, problems = saved.notes(self._home)
        values.problems += problems
        yield self._render(
            "begin.html", page=page, values=values, edge=edge, suggestions=suggestions
        )
        if edge.first_day is None or edge.last_day is None:
            yield self._render("problem.html", reason=EMPTY)
        else:
            asked = page.panels(values, Context(edge.first_day, edge.last_day, notes))
            if not asked:
                yield self._render("problem.html", reason=page.incomplete)
            async for part in self._answers(page, values, asked):
                yield part
        yield self._render("end.html", page=page, values=values)

    async def _answers(self, page: Page, values: Values, asked: list[Panel]) -> AsyncIterator[str]:
        """The panels in their order. What is awaited says so, again and again, until it is there.

        The style sheet shows only the last word of a panel.
        """
        tokens = [secrets.token_urlsafe(12) for _ in asked]
        answering: list[asyncio.Task[tuple[Answer, str]]] = []
        for panel, token in zip(asked, tokens, strict=True):
            answering.append(asyncio.create_task(self._answered(panel, token)))
            self._ends[token] = answering[-1].cancel
        began = time.monotonic()
        try:
            for panel, token, task in zip(asked, tokens, answering, strict=True):
                yield f'<section class="panel {panel.layout}" id="{panel.key}">'
                while not (await asyncio.wait([task], timeout=WORD_SECONDS))[0]:
                    seconds = round(time.monotonic() - began)
                    yield self._render("asking.html", panel=panel, seconds=seconds, token=token)
                try:
                    if task.cancelled():
                        raise NoAnswer(CANCELLED)
                    answer, drawing = task.result()
                except NoAnswer as problem:
                    yield self._render("problem.html", reason=str(problem), panel=panel)
                # One panel that fails must not cost the others.
                except Exception:
                    logger.exception("the panel %s of %s cannot be shown", panel.key, page.name)
                    reason = "This answer cannot be shown. The explorer's log says why."
                    yield self._render("problem.html", reason=reason, panel=panel)
                else:
                    yield self._render(
                        "panel.html",
                        page=page,
                        values=values,
                        panel=panel,
                        answer=answer,
                        drawing=drawing,
                    )
                yield "</section>"
        finally:
            # Where the browser has left, nobody waits for the other answers.
            for token, task in zip(tokens, answering, strict=True):
                if not task.done():
                    self._ends[token]()
            with anyio.CancelScope(shield=True):
                await asyncio.gather(*answering, return_exceptions=True)
            for token in tokens:
                del self._ends[token]

    async def _answered(self, panel: Panel, token: str) -> tuple[Answer, str]:
        if not (answer := self._published.kept(panel.statement)):
            async with self._places:
                answer = self._published.kept(panel.statement) or await self._asked(panel, token)
        return answer, await asyncio.to_thread(drawn, panel, answer)

    async def _asked(self, panel: Panel, token: str) -> Answer:
        with self._published.query() as query:
            # A thread that works with the connection is never left alone with it.
            self._ends[token] = query.cancel
            return await asyncio.to_thread(query.rows, panel.statement)

    async def keep_ready(self) -> None:
        """Ask the first page of each new file before a reader does, as long as there are readers.

        It returns after ``end``.
        """
        version = None
        while not self._is_over.is_set():
            try:
                edge = await asyncio.to_thread(self._published.edge)
                if edge.version != version and self._is_read:
                    version, self._is_read = edge.version, False
                    await self._make_ready(edge)
            except NoAnswer:
                pass
            # What cannot be made ready is asked, and told, when somebody opens the page.
            except Exception:
                logger.exception("the first page cannot be made ready")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._is_over.wait(), LOOK_SECONDS)

    async def _make_ready(self, edge: Edge) -> None:
        page = next(iter(PAGES.values()))
        if edge.first_day is None or edge.last_day is None:
            return
        for panel in page.panels(read(page.parameters, []), Context(edge.first_day, edge.last_day)):
            if self._is_over.is_set():
                return
            with suppress(NoAnswer):
                await self._answered(panel, _READY)

    async def cancel(self, request: Request) -> Response:
        """End a question. The page that asked it stays and says so."""
        if end := self._ends.get(request.path_params["token"]):
            end()
        return Response(status_code=204)

    async def download(self, request: Request) -> Response:
        """The answer of a panel as CSV or Parquet, or its chart as SVG or PNG."""
        page = PAGES.get(request.path_params["page"])
        kind = request.path_params["kind"]
        if page is None or kind not in FILES:
            return self._not_found()
        values = read(page.parameters, request.query_params.multi_items())
        try:
            edge = await asyncio.to_thread(self._published.edge)
            if edge.first_day is None or edge.last_day is None:
                raise NoAnswer(EMPTY)
            notes, _ = saved.notes(self._home)
            asked = page.panels(values, Context(edge.first_day, edge.last_day, notes))
            panel = next((each for each in asked if each.key == request.path_params["key"]), None)
            if panel is None:
                return self._not_found()
            async with self._places:
                content = await asyncio.to_thread(written, self._published, panel, kind)
        except NoAnswer as reason:
            return self._problem(str(reason), 422)
        name = f"footfall-{page.name}-{panel.key}-{edge.last_day}.{kind}"
        return Response(
            content,
            media_type=FILES[kind],
            headers=HEADERS | {"Content-Disposition": f'attachment; filename="{name}"'},
        )

    async def saved(self, request: Request) -> Response:
        """The questions that the team saved, by title."""
        parameters = {page.name: page.parameters for page in PAGES.values()}
        questions, problems = await asyncio.to_thread(saved.questions, self._home, parameters)
        return HTMLResponse(
            self._alone("saved.html", questions=questions, problems=problems), headers=HEADERS
        )

    async def save(self, request: Request) -> Response:
        """Save the question of a page. Only a form of these pages may do so."""
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > FORM_BYTES:
                return self._problem("The title is too long.", 413)
        form = parse_qs(body.decode(errors="replace"))
        page = PAGES.get(request.path_params["page"])
        # Every browser says where a form was. What is no browser may write the file itself.
        if page is None or request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
            return self._not_found()
        values = read(page.parameters, request.query_params.multi_items())
        try:
            title = form.get("title", [""])[0]
            await asyncio.to_thread(saved.save, self._home, title, page.name, values)
        except ValueError as problem:
            return self._problem(str(problem), 422)
        return RedirectResponse("/saved", status_code=303)

    async def definitions(self, request: Request) -> Response:
        """dbt's documentation: what each table, column and metric is, and what it is made of."""
        try:
            page = await asyncio.to_thread(definitions, self._manifest)
        except NoAnswer as reason:
            return self._problem(str(reason), 404)
        return HTMLResponse(page, headers=HEADERS | {"Content-Security-Policy": POLICY})

    async def home(self, request: Request) -> Response:
        """The first page."""
        return RedirectResponse(f"/{next(iter(PAGES))}")

    async def health(self, request: Request) -> Response:
        """Whether it serves; it does without a published file too."""
        return Response("ok\n", media_type="text/plain")

    async def missing(self, request: Request, error: Exception) -> Response:
        """An address that there is not."""
        return self._not_found()

    def end(self) -> None:
        """End what ``keep_ready`` does."""
        self._is_over.set()
        if asks := self._ends.get(_READY):
            asks()

    def close(self) -> None:
        """Let go of the published file."""
        self._published.close()

    def _not_found(self) -> Response:
        pages = ", ".join(page.title for page in PAGES.values())
        return self._problem(f"There is no such page. The pages are: {pages}.", 404)

    def _problem(self, reason: str, status: int) -> Response:
        return HTMLResponse(
            self._alone("problem.html", reason=reason), status_code=status, headers=HEADERS
        )

    def _alone(self, template: str, **values: Any) -> str:
        return "".join(
            [
                self._render("begin.html", page=None, values=None, edge=None, suggestions={}),
                self._render(template, **values),
                self._render("end.html", page=None, values=None),
            ]
        )

    def _beginning(self) -> tuple[Edge, dict[str, list[str]]]:
        return self._published.edge(), self._published.suggestions()

    def _render(self, template: str, **values: Any) -> str:
        return render(template, pages=PAGES, time_zone=self._time_zone, **values)


def application(explorer: Explorer, hosts: list[str], *, keeps_ready: bool = False) -> Starlette:
    """The application. It answers only requests for these hosts, so that no other site's name
    leads a browser to it."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        ready = asyncio.create_task(explorer.keep_ready()) if keeps_ready else None
        yield
        explorer.end()
        if ready:
            await ready
        explorer.close()

    return Starlette(
        lifespan=lifespan,
        routes=[
            Route("/", explorer.home),
            Route("/healthz", explorer.health),
            Mount("/static", StaticFiles(directory=FOLDER / "static")),
            Route("/saved", explorer.saved),
            Route("/definitions", explorer.definitions),
            Route("/saved/{page}", explorer.save, methods=["POST"]),
            Route("/cancel/{token}", explorer.cancel, methods=["POST"]),
            Route("/{page}/{key}.{kind}", explorer.download),
            Route("/{page}", explorer.page),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=hosts)],
        exception_handlers={404: explorer.missing},
    )
