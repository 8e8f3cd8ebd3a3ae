"""Origins of pages, as a browser writes them in ``Origin`` (RFC 6454 section 6.2, Fetch standard): compared as text.

What differs from that in a letter never matches, so it is refused where it is configured.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from ..errors import ConfigurationError

__all__ = ["EXPECTED", "check_origins", "parse_origin"]

EXPECTED = 'a list of origins like "https://example.org", without a path and in lower case, or "*"'

_OPAQUE = ("*", "null")
_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


def parse_origin(text: str) -> str:
    """Return the text if it is an origin, ``*``, or the ``null`` of pages that have none.

    Raises:
        ValueError: no browser sends this.
    """
    url = urlsplit(text)
    has_more = text != f"{url.scheme}://{url.netloc}" or not url.hostname or "@" in url.netloc or "*" in url.netloc
    has_own_port = url.port is None or url.port != _PORTS.get(url.scheme)
    if text not in _OPAQUE and (has_more or not has_own_port or text != text.lower() or not text.isascii()):
        raise ValueError("not an origin")
    return text


def check_origins(origins: Iterable[str]) -> None:
    """Refuse settings with an origin that no page has.

    Raises:
        ConfigurationError: names it.
    """
    if isinstance(origins, str):
        raise ConfigurationError("cors_origins", origins, EXPECTED)
    for text in origins:
        try:
            parse_origin(text)
        except ValueError:
            raise ConfigurationError("cors_origins", text, EXPECTED) from None
