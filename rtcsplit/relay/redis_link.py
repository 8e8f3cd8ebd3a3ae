"""A connection to Redis (or Valkey) that may be lost at any time: batches of commands in, results or one error out.

Needs redis (``pip install 'rtcsplit[redis]'``). Every wait is bounded, nothing is retried here, and whoever calls goes
on without Redis when told that it is not there.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, NoPermissionError

from ..errors import ConfigurationError

__all__ = ["Backoff", "RedisLink", "RedisSettings", "RedisUnavailable", "is_refusal"]

_log = logging.getLogger(__name__)

_TIMEOUT_SECONDS = 0.5  # for a connection, and for each answer
_CONNECTIONS = 8


@dataclass(frozen=True, slots=True)
class RedisSettings:
    """Where Redis is.

    Attributes:
        url: ``redis://``, ``rediss://`` or ``unix://``, with user and password if needed; never shown.
        key_prefix: what all our keys begin with.
    """

    url: str = field(repr=False)
    key_prefix: str = "rtcsplit:"


class RedisUnavailable(Exception):  # noqa: N818  # a state of the world, not a mistake of anybody
    """There is no answer from Redis now. Never leaves this package's tasks."""


class RedisLink:
    """One Redis, used by several tasks of one event loop.

    Args:
        settings: where it is.

    Attributes:
        is_up: whether the last batch was answered; None before the first.

    Raises:
        ConfigurationError: the URL is none.
    """

    def __init__(self, settings: RedisSettings) -> None:
        self.settings = settings
        self.is_up: bool | None = None
        try:
            self._redis = Redis.from_url(
                settings.url,
                socket_timeout=_TIMEOUT_SECONDS,
                socket_connect_timeout=_TIMEOUT_SECONDS,
                retry=Retry(NoBackoff(), 0),
                max_connections=_CONNECTIONS,
                protocol=2,
            )
        except ValueError:
            expected = 'a URL like "redis://:PASSWORD@10.0.0.2:6379/0"'
            raise ConfigurationError("redis.url", "(hidden)", expected) from None

    def key(self, name: str) -> str:
        """Return ``name`` with our prefix."""
        return self.settings.key_prefix + name

    async def run(self, commands: Sequence[tuple[Any, ...]], *, is_atomic: bool = False) -> list[Any]:
        """Run the commands in one round trip.

        Args:
            commands: name and arguments of each.
            is_atomic: all or nothing, with nobody's commands in between.

        Returns:
            What each command answered; an exception where one was refused, see :func:`is_refusal`.

        Raises:
            RedisUnavailable: no connection, no answer in time, or an answer that is none.
        """
        try:
            pipeline = self._redis.pipeline(transaction=is_atomic)
            for command in commands:
                pipeline.execute_command(*command)
            results: list[Any] = await pipeline.execute(raise_on_error=False)
        except Exception as error:  # whatever a broken server makes the library raise
            self._note(error)
            raise RedisUnavailable(_reason(error)) from None
        self._note(None)
        return results

    async def check_access(self) -> None:
        """Ask once whether it lets us in. One that is not there yet is no mistake.

        Raises:
            ConfigurationError: it refuses our user or password.
        """
        try:
            await self._redis.ping()
        except (AuthenticationError, NoPermissionError) as error:
            expected = f"a user and password that Redis admits ({_reason(error)})"
            raise ConfigurationError("redis.url", "(hidden)", expected) from None
        except Exception as error:  # as above
            self._note(error)

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()
        # The library closes broken connections without waiting; asyncio needs two turns of the loop for the rest.
        for _ in range(2):
            await asyncio.sleep(0)

    def _note(self, error: Exception | None) -> None:
        """Say once when Redis goes, and once when it comes back."""
        was_up, self.is_up = self.is_up, error is None
        if error is not None and was_up is not False:
            _log.warning("redis_unavailable", extra={"reason": _reason(error)})
        elif error is None and was_up is False:
            _log.info("redis_available")


class Backoff:
    """How long to wait before asking again: twice as long each time, up to a second, and never two relays alike."""

    _FIRST, _LONGEST = 0.05, 1.0

    def __init__(self) -> None:
        self._next = self._FIRST

    def reset(self) -> None:
        """It worked."""
        self._next = self._FIRST

    def next(self) -> float:
        """It did not; wait this long."""
        seconds = self._next
        self._next = min(2 * seconds, self._LONGEST)
        return seconds * random.uniform(0.75, 1.0)


def is_refusal(result: object) -> bool:
    """Whether a command was refused: a value of another type, no permission, no memory."""
    return isinstance(result, Exception)


def _reason(error: Exception) -> str:
    """What happened, in words that hold no password: the library's messages name hosts and ports at most."""
    return f"{type(error).__name__}: {str(error)[:200]}"
