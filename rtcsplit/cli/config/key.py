"""What a key of the configuration takes: the numbers' limits, and the words and parser of everything else.

A key's ``Meta`` says what the key takes (``description``, which ends up in the error message), how its text becomes a
value (``parse``), and whether it is a secret that is never printed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from msgspec import Meta

from ...wire.address import Address
from .. import values

__all__ = [
    "LISTEN",
    "MAX_WORKERS",
    "NETWORKS",
    "U16",
    "BufferBytes",
    "DrainSeconds",
    "Port",
    "Positive",
    "Workers",
    "takes",
]

MAX_WORKERS = 256

U16 = Annotated[int, Meta(ge=0, le=65535)]
Workers = Annotated[int, Meta(ge=1, le=MAX_WORKERS)]
BufferBytes = Annotated[int, Meta(ge=65536, le=1 << 30)]
Positive = Annotated[int, Meta(ge=1, le=1 << 24)]
Port = Annotated[int, Meta(ge=1, le=65535)]
DrainSeconds = Annotated[int, Meta(ge=0, le=604800)]


def takes(expected: str, parse: Callable[[str], object] | None = None, *, is_secret: bool = False) -> Meta:
    """Return what a key takes.

    Args:
        expected: in words, for the error.
        parse: makes the value of its text; raises ``ValueError``.
        is_secret: it is never printed.
    """
    return Meta(description=expected, extra={"parse": parse, "is_secret": is_secret})


LISTEN = takes('a literal address to bind, "HOST:PORT" or "[HOST]:PORT"', Address.parse)
NETWORKS = takes('a list of networks like "10.0.0.0/8", host bits zero', values.network)
