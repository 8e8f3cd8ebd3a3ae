"""The small alphabets of SDP: numbers, tokens (RFC 8866 section 9), ice-chars (RFC 8839 section 5.1).

Each check bounds the length first and looks at every character once.
"""

from __future__ import annotations

from string import ascii_letters, digits

from .grammar import Line

__all__ = ["is_cname", "is_ice_chars", "is_tls_id", "is_token", "number"]

_TOKEN = frozenset(ascii_letters + digits + "!#$%&'*+-.^_`{|}~")
_ICE_CHARS = frozenset(ascii_letters + digits + "+/")
_TLS_ID = frozenset(ascii_letters + digits + "+/-_")
_CNAME = _TLS_ID | frozenset("=.@")  # base64, and what people would write; RFC 5576 section 6.1 would take more
_LONGEST_NUMBER = 10  # 2^32 - 1; also keeps int() linear


def number(line: Line, text: str, lowest: int, highest: int) -> int:
    """Return the number that ``text`` spells, digits alone.

    Raises:
        SdpError: no number, or not within ``lowest`` and ``highest``.
    """
    if 0 < len(text) <= _LONGEST_NUMBER and text.isascii() and text.isdigit():
        value = int(text)
        if lowest <= value <= highest:
            return value
    raise line.malformed("number", f"expected a number within {lowest} and {highest}")


def is_token(text: str, longest: int) -> bool:
    """Whether this is a token of 1 to ``longest`` characters."""
    return 0 < len(text) <= longest and _TOKEN.issuperset(text)


def is_ice_chars(text: str, shortest: int, longest: int) -> bool:
    """Whether this is ``shortest`` to ``longest`` ice-chars."""
    return shortest <= len(text) <= longest and _ICE_CHARS.issuperset(text)


def is_tls_id(text: str) -> bool:
    """Whether this is the value of ``a=tls-id`` (RFC 8842 section 4)."""
    return 20 <= len(text) <= 255 and _TLS_ID.issuperset(text)


def is_cname(text: str) -> bool:
    """Whether this can stand in ``a=ssrc:... cname:`` and in an SDES item as it is (RFC 3550 section 6.5.1)."""
    return 0 < len(text) <= 255 and _CNAME.issuperset(text)
