"""``csrc/hint.h``: the key ring that mints and opens routing hints."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any, NamedTuple

from ..errors import NativeError, UsageError
from ._rtcsplit import ffi, lib

__all__ = ["MAX_KEYS", "NONCE_SIZE", "SIZE", "TEXT_SIZE", "HintKeys", "NativeHint", "hint_of"]

SIZE: int = lib.RS_HINT_SIZE
TEXT_SIZE: int = lib.RS_HINT_TEXT_SIZE
NONCE_SIZE: int = lib.RS_HINT_NONCE_SIZE
MAX_KEYS: int = lib.RS_HINT_MAX_KEYS

_HINT = ffi.typeof("struct rs_hint *")
_TEXT = ffi.typeof(f"char[{TEXT_SIZE}]")
_layout = struct.Struct(f"={SIZE}sB{NONCE_SIZE}sHH")


class NativeHint(NamedTuple):
    """What a hint says; ``raw`` is its 18 octets."""

    raw: bytes
    key_id: int
    nonce: bytes
    cluster: int
    transceiver: int


class HintKeys:
    """An immutable ``struct rs_hint_keys``.

    Attributes:
        pointer: the struct, valid as long as this object; C that outlives a call copies it.
    """

    def __init__(self, keys: Mapping[int, tuple[bytes, bytes]]) -> None:
        """Take ``{key id: (K_tag, K_mask)}``.

        Raises:
            UsageError: an id above 15, or a key that has not 16 octets.
        """
        self.pointer: Any = ffi.new("struct rs_hint_keys *")
        lib.rs_hint_keys_init(self.pointer)
        for key_id, (tag, mask) in keys.items():
            if not 0 <= key_id < MAX_KEYS or len(tag) != 16 or len(mask) != 16:
                raise UsageError("a key ring takes ids 0..15 and keys of 16 octets")
            lib.rs_hint_keys_set(self.pointer, key_id, tag, mask)

    def mint(self, key_id: int, cluster: int, transceiver: int, nonce: bytes) -> str:
        """Return a ufrag.

        Raises:
            UsageError: an id or the nonce is out of range, or the ring has no such key.
        """
        if not (0 <= cluster <= 65535 and 0 <= transceiver <= 65535 and len(nonce) == NONCE_SIZE):
            raise UsageError(f"ids are within 0..65535 and a nonce has {NONCE_SIZE} octets")
        if not (0 <= key_id < MAX_KEYS and self.pointer.present >> key_id & 1):
            raise UsageError(f"there is no key {key_id}")
        text = ffi.new(_TEXT)
        if lib.rs_hint_mint(self.pointer, key_id, cluster, transceiver, nonce, text) != lib.RS_OK:
            raise NativeError("rs_hint_mint refused checked arguments")
        return bytes(ffi.buffer(text)).decode("ascii")

    def open(self, ufrag: bytes) -> NativeHint | None:
        """Return what the ufrag says, None where it does not open."""
        hint = ffi.new(_HINT)
        if lib.rs_hint_open(self.pointer, ufrag, len(ufrag), hint) != lib.RS_OK:
            return None
        return hint_of(hint)

    def open_raw(self, raw: bytes) -> NativeHint | None:
        """Return what the 18 octets of a hint say, None where they do not open."""
        hint = ffi.new(_HINT)
        if len(raw) != SIZE or lib.rs_hint_open_raw(self.pointer, raw, hint) != lib.RS_OK:
            return None
        return hint_of(hint)


def hint_of(hint: Any) -> NativeHint:
    """Return a ``struct rs_hint *`` as a value."""
    return NativeHint(*_layout.unpack(ffi.buffer(hint)))
