"""Which worker a request is for: signaling's ids and secrets begin with an octet that names it.

The head is looked at just enough for that; whoever serves the request parses it. An id that is made up leads to any
worker, which does not know it.
"""

from __future__ import annotations

import re
import secrets
from base64 import urlsafe_b64decode
from collections.abc import Callable

__all__ = ["ids_of_worker", "worker_of"]

# What signaling makes of random octets: ids of calls (17 octets in base64url), client secrets (24), session ids (UUID).
_CALL_ID = re.compile(rb"(?:rtc_)?([A-Za-z0-9_-]{23})")
_SECRET = re.compile(rb"authorization:[ \t]*bearer[ \t]+ek_([A-Za-z0-9_-]{32})[ \t]*", re.IGNORECASE)
_UUID = re.compile(rb"([0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_SEPARATORS = re.compile(rb"[/?&=]")


def ids_of_worker(index: int) -> Callable[[int], bytes]:
    """Return what makes octets for signaling's ids: the first one says which worker, the others are random."""
    return lambda count: bytes([index]) + secrets.token_bytes(count - 1)


def worker_of(head: bytes) -> int | None:
    """Return the index of the worker that a request names, None where it may go to any."""
    line, _, fields = head.partition(b"\r\n")
    words = line.split(b" ")
    target = words[1] if len(words) == 3 else b""
    for part in _SEPARATORS.split(target):
        if (match := _CALL_ID.fullmatch(part)) is not None:
            return urlsafe_b64decode(match[1] + b"=")[0]
        if (match := _UUID.fullmatch(part)) is not None:
            return bytes.fromhex(match[1].decode())[0]
    for field in fields.split(b"\r\n"):
        if (match := _SECRET.fullmatch(field)) is not None:
            return urlsafe_b64decode(match[1])[0]
    return None
