"""Any text is answered or refused with a reason, and an answer can be read again."""

from __future__ import annotations

from collections.abc import Callable

from rtcsplit.errors import SdpError
from rtcsplit.session.sdp import build_answer, parse_fragment, parse_offer
from tests.offers import LOCAL, STORED, stored

__all__ = ["run", "seeds"]


def seeds() -> list[bytes]:
    """What real clients offered, and a fragment of one's ICE restart."""
    fragment = b"a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n"
    return [*(stored(name) for name in STORED), fragment]


def run(octets: bytes) -> None:
    """An offer, and a fragment (RFC 8840)."""
    for read in (_answer, parse_fragment):
        refusal = _refusal(read, octets)
        assert refusal is None or (refusal.code and len(refusal.line) <= 80)


def _refusal(read: Callable[[bytes], object], octets: bytes) -> SdpError | None:
    try:
        read(octets)
    except SdpError as error:
        return error
    return None


def _answer(octets: bytes) -> None:
    answer = build_answer(parse_offer(octets), LOCAL)
    lines = answer.text.removesuffix("\r\n").split("\r\n")
    assert all(line.isascii() and line.isprintable() and line[1] == "=" for line in lines)
