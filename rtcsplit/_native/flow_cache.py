"""``csrc/flow_cache_value.h``: what the flow cache stores under a client's address."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import UsageError
from ._rtcsplit import ffi, lib
from .hint import MAX_KEYS, SIZE, HintKeys, NativeHint, hint_of
from .siphash import KEY_SIZE

__all__ = ["VALUE_SIZE", "CacheKeys"]

VALUE_SIZE: int = lib.RS_FLOW_CACHE_VALUE_SIZE

_HINT = ffi.typeof("struct rs_hint *")
_ADDRESS = ffi.typeof("struct rs_address *")
_VALUE = ffi.typeof(f"uint8_t[{VALUE_SIZE}]")

AddressTuple = tuple[bytes, int]  # 16 octets and a port


class CacheKeys:
    """The keys K_cache of a key ring, by key id; immutable."""

    def __init__(self, keys: Mapping[int, bytes]) -> None:
        """Take ``{key id: K_cache}``.

        Raises:
            UsageError: an id above 15, or a key that has not 16 octets.
        """
        self._keys: Any = ffi.new("struct rs_flow_cache_keys *")
        for key_id, key in keys.items():
            if not 0 <= key_id < MAX_KEYS or len(key) != KEY_SIZE:
                raise UsageError("a key ring takes ids 0..15 and keys of 16 octets")
            self._keys.mac[key_id] = list(key)

    def build(self, client: AddressTuple, hint: bytes, expiry: int) -> bytes:
        """Return the value that stores ``hint`` for a client.

        Args:
            client: whose flow it is.
            hint: the 18 octets of one that opens with this ring.
            expiry: seconds since 1970, 0..2^32 - 1.

        Raises:
            UsageError: the hint has another length, or the expiry is out of range.
        """
        if len(hint) != SIZE or not 0 <= expiry <= 0xFFFFFFFF:
            raise UsageError(f"a hint has {SIZE} octets and an expiry 32 bits")
        value = ffi.new(_VALUE)
        lib.rs_flow_cache_value_build(self._keys, ffi.new(_ADDRESS, client), hint, expiry, value)
        return bytes(ffi.buffer(value))

    def open(self, hints: HintKeys, client: AddressTuple, value: bytes, now: int) -> NativeHint | None:
        """Return the hint that was stored for a client, None where the value is not one of ours or has expired."""
        hint = ffi.new(_HINT)
        address = ffi.new(_ADDRESS, client)
        status = lib.rs_flow_cache_value_open(
            self._keys, hints.pointer, address, value, len(value), now & 0xFFFFFFFF, hint
        )
        return hint_of(hint) if status == lib.RS_OK else None
