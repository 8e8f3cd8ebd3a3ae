"""``csrc/classify.h``: what a datagram is, by its first octets."""

from __future__ import annotations

from ..drops import DropReason
from ._rtcsplit import ffi, lib
from .reasons import drop_reason

__all__ = ["KIND_DTLS", "KIND_RTCP", "KIND_RTP", "KIND_STUN", "classify"]

KIND_STUN: int = lib.RS_KIND_STUN
KIND_DTLS: int = lib.RS_KIND_DTLS
KIND_RTP: int = lib.RS_KIND_RTP
KIND_RTCP: int = lib.RS_KIND_RTCP

_KIND = ffi.typeof("enum rs_kind *")


def classify(datagram: bytes) -> tuple[int, DropReason | None]:
    """Return the number of the datagram's kind and None, or -1 and why it has none."""
    kind = ffi.new(_KIND)
    drop = lib.rs_classify(datagram, len(datagram), kind)
    if drop:
        return -1, drop_reason(drop)
    return kind[0], None
