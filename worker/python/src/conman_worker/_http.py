"""From the server: a stream of hints, and plain requests for the rest."""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from ._errors import NotLetIn, SetupError, TransportError, Unusable
from ._inbox import Inbox
from ._options import HttpSource, Options
from ._sse import Parser
from ._transport import Nothing, Unchanged
from ._view import Snapshot, loads, snapshot_of

# How many contents are fetched side by side.
_CONTENTS_AT_ONCE = 8


class Http:
    """One stream and a pool of connections to the server."""

    def __init__(self, source: HttpSource, options: Options, library: str) -> None:
        try:
            url = httpx.URL(source.server_url)
        except httpx.InvalidURL as error:
            raise SetupError(f"the server's URL: {error}") from None
        if url.scheme not in ("http", "https") or not url.host:
            raise SetupError("the server's URL is not http or https")
        if url.port is not None and not 0 < url.port <= 65_535:
            raise SetupError("the server's URL has a port that there is not")
        if not source.token.isprintable() or not source.token.isascii():
            raise SetupError("the token has characters that no token has")
        self._silence = options.silence
        tls = httpx.create_ssl_context()

        def client() -> httpx.AsyncClient:
            return httpx.AsyncClient(
                base_url=url,
                headers={"authorization": f"Bearer {source.token}", "user-agent": library},
                timeout=options.answer_within,
                # A token is for this server alone.
                follow_redirects=False,
                verify=tls,
            )

        self._fresh_client, self._client = client, client()
        self._reader: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._inbox = Inbox(None)
        self._ended: str | None = None

    async def connect(self, received: int | None) -> None:
        """Open the stream; what is read from then on is either the newest, or a hint of a newer one follows."""
        await self._stop_reading()
        # What else was open to the server may be as dead as the stream.
        used, self._client = self._client, self._fresh_client()
        await used.aclose()
        self._inbox, self._ended = Inbox(received), None
        timeout = httpx.Timeout(self._client.timeout.connect, read=self._silence)
        request = self._client.build_request(
            "GET",
            "/v1/worker/stream",
            headers={"accept": "text/event-stream", "accept-encoding": "identity"},
            timeout=timeout,
        )
        with _told():
            response = await self._client.send(request, stream=True)
        try:
            _welcome(response)
            if response.status_code != httpx.codes.OK:
                raise TransportError(f"the server answered {response.status_code} instead of a stream")
        except TransportError:
            await response.aclose()
            raise
        self._reader = asyncio.create_task(self._read(response))

    async def _read(self, response: httpx.Response) -> None:
        parser = Parser()
        try:
            async for piece in response.aiter_bytes():
                for name, data in parser.push(piece):
                    if name == "config_changed":
                        self._hear(data)
            self._ended = "the server closed the stream"
        except httpx.ReadTimeout:
            self._ended = "the server's stream is silent"
        except Exception:
            self._ended = "the server broke off the stream"
        finally:
            self._ended = self._ended or "the stream was dropped"
            self._wake.set()
            with contextlib.suppress(Exception):
                await response.aclose()

    def _hear(self, data: str) -> None:
        try:
            self._inbox.hint(loads(data)["version"])
        except (Unusable, LookupError, TypeError):
            # Not understood, so perhaps news.
            self._inbox.hint(None)
        self._wake.set()

    def hinted(self) -> int:
        """Give the greatest version hinted at over this stream."""
        return self._inbox.newest

    def received(self, version: int) -> None:
        """Hear that hints of this version are no news."""
        self._inbox.received(version)

    async def hint(self) -> None:
        """Wait for an event of the stream."""
        while True:
            if self._ended is not None:
                raise TransportError(self._ended)
            if self._inbox.take():
                return
            self._wake.clear()
            await self._wake.wait()

    async def fetch(self, received: int | None) -> Snapshot | Nothing | Unchanged:
        """Ask for the snapshot, unless it is the one at hand."""
        headers = {} if received is None else {"if-none-match": f'"{received}"'}
        with _told():
            response = await self._client.get("/v1/worker/snapshot", headers=headers)
        _welcome(response)
        match response.status_code:
            case httpx.codes.OK:
                return snapshot_of(loads(response.content))
            case httpx.codes.NOT_MODIFIED if received is not None:
                return Unchanged()
            case httpx.codes.NO_CONTENT:
                return Nothing()
            case status:
                raise _unexpected(status, "for the snapshot")

    async def contents(self, digests: Sequence[str]) -> Mapping[str, bytes]:
        """Read contents by hash."""
        found: dict[str, bytes] = {}
        waiting = iter(digests)

        async def fetch() -> None:
            for digest in waiting:
                with _told():
                    response = await self._client.get(f"/v1/worker/files/{digest}")
                _welcome(response)
                if response.status_code == httpx.codes.OK:
                    found[digest] = response.content
                elif response.status_code != httpx.codes.NOT_FOUND:
                    raise _unexpected(response.status_code, "for a file")

        tasks = [asyncio.create_task(fetch()) for _ in range(min(_CONTENTS_AT_ONCE, len(digests)))]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return found

    async def report(self, report: Mapping[str, Any]) -> None:
        """Post the report."""
        with _told():
            response = await self._client.post("/v1/worker/report", json=report)
        _welcome(response)
        if not response.is_success:
            raise _unexpected(response.status_code, "to the report")

    async def _stop_reading(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.cancel()
            # Whoever is cancelled while waiting is cancelled, and not the reader alone.
            await asyncio.wait([reader])

    async def close(self) -> None:
        """Drop the stream and all connections."""
        try:
            await self._stop_reading()
        finally:
            await self._client.aclose()


def _welcome(response: httpx.Response) -> None:
    if response.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        raise NotLetIn(f"the server does not take this token ({response.status_code})")


def _unexpected(status: int, to_what: str) -> TransportError:
    """Server errors pass; what the server does not understand stays until someone changes something."""
    reason = f"the server answered {status} {to_what}"
    passes = status >= 500 or status == httpx.codes.TOO_MANY_REQUESTS
    return TransportError(reason) if passes else Unusable(reason)


@contextlib.contextmanager
def _told() -> Any:
    try:
        yield
    except httpx.TimeoutException:
        raise TransportError("the server did not answer in time") from None
    except httpx.ConnectError:
        raise TransportError("the server is not reachable") from None
    except httpx.HTTPError:
        raise TransportError("the server broke off the answer") from None
