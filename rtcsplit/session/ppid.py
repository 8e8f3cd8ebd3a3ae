"""Payload protocol identifiers of data channels: text, octets, and what stands for nothing (RFC 8831 section 6.6)."""

from __future__ import annotations

from enum import IntEnum

from ..errors import UsageError

__all__ = ["Ppid", "decode", "encode"]

_NOTHING = b"\x00"  # SCTP has no empty messages; the octet is ignored


class Ppid(IntEnum):
    """What a message is. 52 and 54, parts of messages, are deprecated and ignored."""

    DCEP = 50
    TEXT = 51
    OCTETS = 53
    EMPTY_TEXT = 56
    EMPTY_OCTETS = 57


def encode(data: bytes | str) -> tuple[Ppid, bytes]:
    """Return identifier and octets of a message.

    Raises:
        UsageError: a text that UTF-8 cannot carry.
    """
    if isinstance(data, str):
        try:
            return (Ppid.TEXT, data.encode()) if data else (Ppid.EMPTY_TEXT, _NOTHING)
        except UnicodeEncodeError:
            raise UsageError("a text message has to be encodable as UTF-8") from None
    return (Ppid.OCTETS, bytes(data)) if data else (Ppid.EMPTY_OCTETS, _NOTHING)


def decode(ppid: int, octets: bytes) -> bytes | str | None:
    """Return the message, None for identifiers that are not of data channels; broken UTF-8 is read as browsers do."""
    match ppid:
        case Ppid.TEXT:
            return octets.decode(errors="replace")
        case Ppid.OCTETS:
            return octets
        case Ppid.EMPTY_TEXT:
            return ""
        case Ppid.EMPTY_OCTETS:
            return b""
        case _:
            return None
