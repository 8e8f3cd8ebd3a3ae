"""The alphabet of ICE credentials (RFC 8839 section 5.4): ``ice-char`` is a letter, a digit, ``+`` or ``/``."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable

__all__ = ["is_pwd", "is_ufrag", "random_pwd"]

_UFRAG = re.compile(r"[A-Za-z0-9+/]{4,256}")
_PWD = re.compile(r"[A-Za-z0-9+/]{22,256}")
_PWD_OCTETS = 18  # 144 bits; RFC 8445 section 5.3 wants 128


def is_ufrag(text: str) -> bool:
    """Whether a peer's username fragment has 4..256 ice-chars."""
    return _UFRAG.fullmatch(text) is not None


def is_pwd(text: str) -> bool:
    """Whether a peer's password has 22..256 ice-chars."""
    return _PWD.fullmatch(text) is not None


def random_pwd(random: Callable[[int], bytes]) -> str:
    """Return a password of our own: 24 ice-chars.

    Args:
        random: returns that many unpredictable octets; production passes ``secrets.token_bytes``.
    """
    return base64.b64encode(random(_PWD_OCTETS)).decode("ascii")
