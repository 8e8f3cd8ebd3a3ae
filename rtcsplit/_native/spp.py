"""``csrc/spp.h``: the relay's reader and writer of the Simple Proxy Protocol header, for tests.

``rtcsplit/wire/spp.py`` does the same in Python: fixed fields and ``struct`` cost a third of a call into C.
"""

from __future__ import annotations

import struct

from ..drops import DropReason
from ..errors import UsageError
from ._rtcsplit import ffi, lib
from .reasons import drop_reason

__all__ = ["SIZE", "build", "parse"]

SIZE: int = lib.RS_SPP_SIZE

_ADDRESSES = ffi.typeof("struct rs_address[2]")
_layout = struct.Struct("=16sH16sH")

NativeAddress = tuple[bytes, int]


def parse(datagram: bytes) -> tuple[NativeAddress, NativeAddress] | DropReason:
    """Return client and proxy as (ip, port), or why there is no header."""
    addresses = ffi.new(_ADDRESSES)
    drop = lib.rs_spp_parse(datagram, len(datagram), addresses, addresses + 1)
    if drop:
        return drop_reason(drop)
    client_ip, client_port, proxy_ip, proxy_port = _layout.unpack(ffi.buffer(addresses))
    return (client_ip, client_port), (proxy_ip, proxy_port)


def build(client: NativeAddress, proxy: NativeAddress) -> bytes:
    """Return the header.

    Raises:
        UsageError: an address that has not 16 octets, or a port out of range.
    """
    for ip, port in (client, proxy):
        if len(ip) != 16 or not 0 <= port <= 65535:
            raise UsageError("an address has 16 octets and a port within 0..65535")
    addresses = ffi.new(_ADDRESSES, (client, proxy))
    out = ffi.new("uint8_t[]", SIZE)
    lib.rs_spp_build(out, addresses, addresses + 1)
    return bytes(ffi.buffer(out))
