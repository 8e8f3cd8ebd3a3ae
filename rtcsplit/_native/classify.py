"""``csrc/classify.h``: what a datagram is, by its first octets."""

from __future__ import annotations

from ._rtcsplit import lib

__all__ = ["KIND_DTLS", "KIND_RTCP", "KIND_RTP", "KIND_STUN", "classify"]

KIND_STUN: int = lib.RS_KIND_STUN
KIND_DTLS: int = lib.RS_KIND_DTLS
KIND_RTP: int = lib.RS_KIND_RTP
KIND_RTCP: int = lib.RS_KIND_RTCP


def classify(datagram: bytes) -> int:
    """Return the number of the datagram's kind, or of why it has none, negated."""
    code: int = lib.rs_classify_code(datagram, len(datagram))
    return code
