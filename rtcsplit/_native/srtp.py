"""``csrc/srtp.h``: SRTP through the libsrtp that pylibsrtp carries, whose functions and contexts go to C as addresses.

Two extensions cannot share their types, so pointers cross as integers, and what they are is checked once, at import:
a libsrtp whose functions take something else would write where it likes. This is the one place that knows pylibsrtp's
private names for them. Its ``Session`` is not used: each has a buffer of 1,500 octets that nothing here needs.
"""

from __future__ import annotations

from typing import Any

import pylibsrtp
from pylibsrtp import _binding as _libsrtp

from ..drops import DropReason
from ..errors import NativeError
from ._rtcsplit import ffi, lib
from .reasons import drop_reason

__all__ = [
    "MAX_RECEIVED",
    "MAX_RTCP_PACKETS",
    "MAX_RTP_PACKETS",
    "MAX_SOURCES",
    "MAX_TRAILER",
    "SrtpContexts",
    "function_address",
]

MAX_SOURCES: int = lib.RS_SRTP_MAX_SOURCES
MAX_RECEIVED: int = lib.RS_SRTP_MAX_RECEIVED
MAX_TRAILER: int = lib.RS_SRTP_MAX_TRAILER
MAX_RTP_PACKETS: int = lib.RS_SRTP_MAX_RTP_PACKETS
MAX_RTCP_PACKETS: int = lib.RS_SRTP_MAX_RTCP_PACKETS

_LENGTH = ffi.typeof("size_t *")
_OCTETS = ffi.typeof("uint8_t[]")
_ARGUMENTS = ["void *", "int *"]  # after the context: packet and length, as ``csrc/srtp.h`` calls it


def function_address(name: str) -> int:
    """Return the address of a function of libsrtp's that protects or unprotects a packet in place.

    Raises:
        NativeError: it takes something else, as those of libsrtp 3 do.
    """
    function = _libsrtp.ffi.addressof(_libsrtp.lib, name)
    arguments = _libsrtp.ffi.typeof(function).args
    if [each.cname for each in arguments[1:]] != _ARGUMENTS or arguments[0].kind != "pointer":
        raise NativeError(
            f"pylibsrtp {pylibsrtp.__version__} has another {name} than this version of rtcsplit can call"
        )
    return int(_libsrtp.ffi.cast("uintptr_t", function))


_LIBRARY = ffi.new(
    "struct rs_srtp_library *",
    {
        "protect": function_address("srtp_protect"),
        "protect_rtcp": function_address("srtp_protect_rtcp"),
        "unprotect": function_address("srtp_unprotect"),
        "unprotect_rtcp": function_address("srtp_unprotect_rtcp"),
    },
)


class SrtpContexts:
    """``struct rs_srtp``: both directions of a session, and the SSRCs that the peer has shown.

    Args:
        outbound: for what we send.
        inbound: for what the peer sends.
        tag_length: octets of the profile's tag.
        is_index_last: whether the index of SRTCP is behind the tag.

    Attributes:
        cdata: for the other wrappers; valid while this object lives.
        address: of ``cdata``.
        outbound_address, inbound_address: of the libsrtp contexts.
        sent_to: the path of the latest packet sent with these keys, and its octets; whoever sends may keep them here,
            where they are found without a search.
    """

    __slots__ = ("_owners", "address", "cdata", "inbound_address", "outbound_address", "sent_to")

    def __init__(
        self, outbound: pylibsrtp.Policy, inbound: pylibsrtp.Policy, *, tag_length: int, is_index_last: bool
    ) -> None:
        self._owners = (_new_context(outbound), _new_context(inbound))
        self.sent_to: tuple[object, bytes] = (None, b"")
        self.outbound_address, self.inbound_address = map(_address, self._owners)
        self.cdata = ffi.new(
            "struct rs_srtp *",
            {
                "library": _LIBRARY,
                "outbound": ffi.cast("void *", self.outbound_address),
                "inbound": ffi.cast("void *", self.inbound_address),
                "tag_length": tag_length,
                "is_index_last": is_index_last,
            },
        )
        self.address = int(ffi.cast("uintptr_t", self.cdata))

    def unprotect(self, packet: bytes, *, is_rtcp: bool) -> bytes | DropReason:
        """Return the plain packet, or why there is none; then nothing has changed."""
        octets = ffi.new(_OCTETS, packet)
        length = ffi.new(_LENGTH, len(packet))
        drop = lib.rs_srtp_unprotect(self.cdata, is_rtcp, octets, length)
        return drop_reason(drop) if drop else ffi.buffer(octets, length[0])[:]

    def protect(self, packet: bytes, *, is_rtcp: bool) -> bytes | DropReason:
        """Return the protected packet, or why there is none."""
        room = len(packet) + MAX_TRAILER
        octets = ffi.new(_OCTETS, room)
        ffi.memmove(octets, packet, len(packet))
        length = ffi.new(_LENGTH, len(packet))
        drop = lib.rs_srtp_protect(self.cdata, is_rtcp, octets, length, room)
        return drop_reason(drop) if drop else ffi.buffer(octets, length[0])[:]


def _new_context(policy: pylibsrtp.Policy) -> Any:
    created = _libsrtp.ffi.new("srtp_t *")
    status = _libsrtp.lib.srtp_create(created, policy._policy)
    if status:
        raise RuntimeError(f"libsrtp made no context: {pylibsrtp.ERRORS[status]}")
    return _libsrtp.ffi.gc(created[0], _libsrtp.lib.srtp_dealloc)


def _address(context: Any) -> int:
    return int(_libsrtp.ffi.cast("uintptr_t", context))
