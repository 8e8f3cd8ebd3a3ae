"""``csrc/session_table.h``: the sessions of client addresses, and the keys that open their SRTP."""

from __future__ import annotations

import secrets
from typing import Any

from ._rtcsplit import ffi, lib
from .rtp_session import NativeRtpSession
from .siphash import KEY_SIZE
from .srtp import SrtpContexts

__all__ = ["ADDRESS_SIZE", "NativeSessionTable"]

_SMALLEST = 64

ADDRESS_SIZE: int = ffi.sizeof("struct rs_address")
"""Octets of an address, with which a packed path begins."""


class NativeSessionTable:
    """Maps addresses to session numbers; grows as it fills.

    Attributes:
        cdata: for the other wrappers; valid while this object lives, whatever is put in.
        notes: what whoever reads batches notes of an address of a session, by its octets; gone with the address.
    """

    def __init__(self) -> None:
        self.cdata = ffi.new("struct rs_session_table *", {"secret": secrets.token_bytes(KEY_SIZE)})
        self.notes: dict[bytes, Any] = {}
        # also keeps alive what C has pointers to
        self._known: dict[tuple[bytes, int], tuple[int, SrtpContexts | None, NativeRtpSession | None]] = {}
        self._grow(_SMALLEST)

    def __len__(self) -> int:
        return len(self._known)

    def __contains__(self, address: object) -> bool:
        return address in self._known

    def put(
        self, ip: bytes, port: int, session: int, keys: SrtpContexts | None, rtp: NativeRtpSession | None = None
    ) -> None:
        """Let packets from an address be those of ``session``, 1..2^64-1.

        Args:
            ip, port: the address.
            session: its number.
            keys: what they are opened with, None while there are none.
            rtp: what takes RTP without asking, None where each packet is asked for.
        """
        if session < 1 or len(ip) != 16:
            raise ValueError("a session has a number from 1 on, an address 16 octets")
        self._known[ip, port] = (session, keys, rtp)
        if 2 * len(self._known) > self.cdata.capacity:
            self._grow(2 * self.cdata.capacity)
        else:
            self._put(ip, port, session, keys, rtp)

    def remove(self, ip: bytes, port: int) -> None:
        """Forget an address, known or not."""
        if self._known.pop((ip, port), None) is not None:
            address = _address(ip, port)
            lib.rs_session_table_remove(self.cdata, address)
            self.notes.pop(ffi.buffer(address)[:], None)

    def _grow(self, capacity: int) -> None:
        self._entries = ffi.new("struct rs_session_entry[]", capacity)
        self.cdata.entries = self._entries
        self.cdata.capacity = capacity
        self.cdata.count = 0
        for (ip, port), entry in self._known.items():
            self._put(ip, port, *entry)

    def _put(self, ip: bytes, port: int, session: int, keys: SrtpContexts | None, rtp: NativeRtpSession | None) -> None:
        status = lib.rs_session_table_put(
            self.cdata,
            _address(ip, port),
            session,
            ffi.NULL if keys is None else keys.cdata,
            ffi.NULL if rtp is None else rtp.cdata,
        )
        assert status == lib.RS_OK


def _address(ip: bytes, port: int) -> object:
    return ffi.new("struct rs_address *", {"ip": ip, "port": port})
