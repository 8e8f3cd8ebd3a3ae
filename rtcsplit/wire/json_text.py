"""JSON that somebody else wrote: decoded within a bound of depth, with one kind of error.

A decoder that nested brackets lead too deep stops with ``RecursionError``, which could be caught. But a garbage
collection that begins down there runs finalizers with no stack left, and what they were to free stays for good. So
depth is judged before anything is decoded.
"""

from __future__ import annotations

import re
from typing import TypeVar

import msgspec

__all__ = ["MAX_DEPTH", "decode_json"]

MAX_DEPTH = 100

_T = TypeVar("_T")
_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|[][{}]', re.DOTALL)


def decode_json(text: str | bytes, decoder: msgspec.json.Decoder[_T]) -> _T:
    """Return what a decoder makes of JSON text.

    Raises:
        msgspec.ValidationError: the text is not what the decoder wants.
        msgspec.DecodeError: it is no JSON, no UTF-8 (RFC 8259 section 8.1), or nested deeper than :data:`MAX_DEPTH`.
    """
    if _is_too_deep(text):
        raise msgspec.DecodeError(f"JSON is nested deeper than {MAX_DEPTH}")
    try:
        return decoder.decode(text)
    except UnicodeError as error:
        raise msgspec.DecodeError(str(error)) from None


def _is_too_deep(text: str | bytes) -> bool:
    """Whether brackets are nested too deep, as far as the text is JSON; what comes after that is not decoded."""
    if _count_brackets(text) <= MAX_DEPTH:
        return False
    depth = 0
    for token in _TOKEN.finditer(text if isinstance(text, str) else text.decode("latin-1")):
        if token[0] in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                return True
        elif token[0] in "]}":
            depth -= 1
    return False


def _count_brackets(text: str | bytes) -> int:
    if isinstance(text, str):
        return text.count("{") + text.count("[")
    return text.count(b"{") + text.count(b"[")
