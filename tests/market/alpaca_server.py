"""A real HTTP server on 127.0.0.1 that answers as Alpaca does, or as it should not."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import polars as pl

Answer = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """Gives the next scripted answer, or else the next page."""

    venue: "Venue"

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = {key: value[0] for key, value in parse_qs(url.query).items()}
        self.venue.requests.append({"path": url.path, "headers": dict(self.headers), **query})
        script = self.venue.script
        (script.pop(0) if script else page)(self)

    def send(self, body: bytes, status: int = 200, length: int | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@dataclass
class Venue:
    """What the server holds and what it was asked.

    `script` holds answers to give before (in place of) pages, in turn.
    """

    frame: pl.DataFrame
    page_size: int = 1000
    script: list[Answer] = field(default_factory=list)
    requests: list[dict] = field(default_factory=list)
    url: str = ""

    def page(self, query: dict) -> dict:
        """Bars of one page as Alpaca sends them, sorted by symbol and time."""
        start, end = (datetime.fromisoformat(query[key]) for key in ("start", "end"))
        asked = pl.col("symbol").is_in(query["symbols"].split(","))
        rows = self.frame.filter(asked & pl.col("timestamp").is_between(start, end)).sort(
            "symbol", "timestamp"
        )
        first = int(query.get("page_token", 0))
        bars: dict[str, list[dict]] = {}
        for row in rows[first : first + self.page_size].iter_rows(named=True):
            bars.setdefault(row["symbol"], []).append(_raw(row))
        following = first + self.page_size
        token = str(following) if following < rows.height else None
        return {"bars": bars, "next_page_token": token}


@contextmanager
def serve(
    frame: pl.DataFrame, *, page_size: int = 1000, script: Sequence[Answer] = ()
) -> Iterator[Venue]:
    """Run a venue until the block ends."""
    venue = Venue(frame, page_size=page_size, script=list(script))
    handler = type("VenueHandler", (Handler,), {"venue": venue})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        venue.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield venue
        finally:
            server.shutdown()
            thread.join()


def page(handler: Handler) -> None:
    handler.send(json.dumps(handler.venue.page(handler.venue.requests[-1])).encode())


def status(code: int) -> Answer:
    return lambda handler: handler.send(b'{"code": 1, "message": "no"}', status=code)


def cut_body(handler: Handler) -> None:
    """Announce a whole page, send half of it and hang up."""
    body = json.dumps(handler.venue.page(handler.venue.requests[-1])).encode()
    handler.send(body[: len(body) // 2], length=len(body))


def cut_json(handler: Handler) -> None:
    """Send half a page as if it were whole."""
    body = json.dumps(handler.venue.page(handler.venue.requests[-1])).encode()
    handler.send(body[: len(body) // 2])


def hang_up(handler: Handler) -> None:
    """Close the connection without an answer."""
    handler.close_connection = True


def no_token(handler: Handler) -> None:
    """Leave out the token, so that a page looks like the last one."""
    body = handler.venue.page(handler.venue.requests[-1])
    handler.send(json.dumps({"bars": body["bars"]}).encode())


def same_token(handler: Handler) -> None:
    """Name the page itself as the next one."""
    token = handler.venue.requests[-1].get("page_token")
    handler.send(json.dumps({"bars": {}, "next_page_token": token}).encode())


def last_page(handler: Handler) -> None:
    """Say that this page is the last one, though it is not."""
    body = handler.venue.page(handler.venue.requests[-1])
    handler.send(json.dumps({**body, "next_page_token": None}).encode())


def slow(seconds: float) -> Answer:
    def answer(handler: Handler) -> None:
        time.sleep(seconds)
        handler.close_connection = True

    return answer


def _raw(row: dict) -> dict:
    names = {"o": "open", "h": "high", "l": "low", "c": "close", "v": "volume"}
    stamp = row["timestamp"].astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"t": stamp, "n": 3, "vw": row["close"], **{k: row[v] for k, v in names.items()}}
