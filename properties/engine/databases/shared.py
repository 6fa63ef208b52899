"""Failing examples that many machines have in common, in a Redis server: a law that was refuted on
one of them is tried first where it was, on all.

The URL of the server is in FROSTPROOF_DATABASE, since it may hold a password. A server that goes
away costs no verdict: a run goes on without what others find.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

from hypothesis.database import ExampleDatabase

URL = "FROSTPROOF_DATABASE"
#: Seconds to wait for a server: a call of it stands between two laws.
_PATIENCE = 5.0


def require_server() -> None:
    """Raise a `ValueError` that names the server of FROSTPROOF_DATABASE if it does not answer."""
    url = os.environ.get(URL)
    if not url:
        return
    try:
        from redis.exceptions import RedisError
    except ImportError:
        raise ValueError(f"{URL} needs the package redis: pip install frostproof[redis]") from None
    try:
        _client(url).ping()
    except (RedisError, ValueError, OSError) as error:
        place = urlsplit(url)
        named = f"{place.scheme}://{place.hostname}:{place.port or 6379}"  # and not the password
        raise ValueError(f"{URL}: no Redis server answers at {named}: {error}") from None


class SharedDatabase(ExampleDatabase):
    """The examples of one name in the server of FROSTPROOF_DATABASE, as long as that answers."""

    def __init__(self, url: str, name: str):
        super().__init__()
        from hypothesis.extra.redis import RedisExampleDatabase

        self._server = RedisExampleDatabase(_client(url), key_prefix=f"frostproof/{name}/".encode())
        self._lost = False

    def fetch(self, key: bytes) -> Iterable[bytes]:  # noqa: D102
        return self._ask(lambda: list(self._server.fetch(key))) or ()

    def save(self, key: bytes, value: bytes) -> None:  # noqa: D102
        self._ask(lambda: self._server.save(key, value))

    def delete(self, key: bytes, value: bytes) -> None:  # noqa: D102
        self._ask(lambda: self._server.delete(key, value))

    def move(self, src: bytes, dest: bytes, value: bytes) -> None:  # noqa: D102
        self._ask(lambda: self._server.move(src, dest, value))

    def _ask(self, question: Callable[[], Any]) -> Any:
        from redis.exceptions import RedisError

        if self._lost:  # each further question would wait as long
            return None
        try:
            return question()
        except RedisError:
            self._lost = True
            return None


def _client(url: str) -> Any:
    import redis

    return redis.Redis.from_url(url, socket_timeout=_PATIENCE, socket_connect_timeout=_PATIENCE)
