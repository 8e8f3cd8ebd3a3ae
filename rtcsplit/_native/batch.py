"""``csrc/srtp_batch.h`` on ``csrc/fact.h``: a received batch as facts, and a batch of ours that leaves protected.

Paths and facts cross the boundary as packed octets, unpacked by :mod:`struct` in one sweep, because an attribute
access on a cffi struct costs as much as the rest of the work per datagram.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterator, Sequence
from typing import Any

from ._rtcsplit import ffi, lib
from .session_table import NativeSessionTable
from .srtp import SrtpContexts

__all__ = [
    "BATCH",
    "FORM_NEWS",
    "FORM_PLAIN",
    "FORM_RECEIVED",
    "FORM_RTP",
    "FORM_TAKEN",
    "NO_AUDIO_LEVEL",
    "PATH",
    "InboundBatch",
    "OutboundBatch",
    "new_batch",
    "packed_paths",
    "slots",
]

BATCH: int = lib.RS_UDP_BATCH
"""Most datagrams of one batch."""

PATH = struct.Struct("=16sH16sH16sH")
"""``struct rs_path``: client, relay and proxy, each as 16 octets and a port; the latter two are zero in direct mode."""

FORM_RECEIVED: int = lib.RS_FORM_RECEIVED
FORM_PLAIN: int = lib.RS_FORM_PLAIN
FORM_RTP: int = lib.RS_FORM_RTP
FORM_TAKEN: int = lib.RS_FORM_TAKEN
FORM_NEWS: int = lib.RS_FORM_NEWS

NO_AUDIO_LEVEL: int = lib.RS_NO_AUDIO_LEVEL
"""Of a fact whose packet has none; above every octet."""

_FACT = struct.Struct("=54sBBIIQIIHHHHHBBBBBBH6x")

assert ffi.sizeof("struct rs_path") == PATH.size
assert ffi.sizeof("struct rs_fact") == _FACT.size


class InboundBatch:
    """Memory of a batch to receive.

    Args:
        table: whose SRTP is opened; None opens none.

    Attributes:
        batch, facts, echoes: for the other wrappers.
        octets: what the facts' offsets point into; overwritten by the next batch.
    """

    def __init__(self, table: NativeSessionTable | None = None) -> None:
        self._table = table
        self.batch = new_batch()
        self._echo_batch = new_batch()
        self.echoes = ffi.new("struct rs_echoes *", {"batch": self._echo_batch})
        self.facts = ffi.new("struct rs_fact[]", BATCH)
        self.octets = ffi.buffer(self.batch)
        self._packed_facts = memoryview(ffi.buffer(self.facts))

    def open(self, count: int, now: float) -> Iterator[tuple[Any, ...]]:
        """Open what can be opened of the first ``count`` datagrams, and return the facts that are left; see `read`."""
        self.echoes.count = 0
        if self._table is not None:
            count = lib.rs_srtp_batch_open(self._table.cdata, self.batch, self.facts, count, now, self.echoes)
        return self.read(count)

    def read(self, count: int) -> Iterator[tuple[Any, ...]]:
        """Return the first ``count`` facts.

        Each fact is a tuple of the fields of ``struct rs_fact``, in their order, with the path as octets of ``PATH``.
        """
        return _FACT.iter_unpack(self._packed_facts[: count * _FACT.size])

    def returned(self) -> list[tuple[bytes | None, bytes]]:
        """Return what goes back of the batch that was opened, protected, each with its path; None cannot be sent."""
        return [
            (_filled(self._echo_batch, place), ffi.buffer(self.echoes.paths[place])[:])
            for place in range(self.echoes.count)
        ]

    def load(self, datagrams: Sequence[bytes], paths: Sequence[bytes]) -> int:
        """Take datagrams that were received elsewhere, each from its path as ``PATH`` packs it, and count them."""
        lib.rs_srtp_batch_load(self.batch, *slots(datagrams, [None] * len(datagrams)), len(datagrams))
        lib.rs_srtp_batch_describe(self.batch, packed_paths(paths, len(datagrams)), len(datagrams), self.facts)
        return len(datagrams)


class OutboundBatch:
    """Memory of a batch to send.

    Attributes:
        batch: for the other wrappers.
    """

    def __init__(self) -> None:
        self.batch = new_batch()

    def seal(self, packets: Sequence[bytes], keys: Sequence[SrtpContexts | None]) -> list[bytes | None]:
        """Return each packet protected, where it has keys; None for what cannot be sent. At most ``BATCH``."""
        lib.rs_srtp_batch_load(self.batch, *slots(packets, keys), len(packets))
        return [_filled(self.batch, index) for index in range(len(packets))]


def _filled(batch: Any, index: int) -> bytes | None:
    slot = batch.datagrams[index]
    return None if slot.drop else ffi.buffer(slot.data, slot.len)[:]


def new_batch() -> Any:
    """Return memory for one batch."""
    batch = ffi.new("struct rs_udp_batch *")
    lib.rs_udp_batch_init(batch)
    return batch


def slots(datagrams: Sequence[bytes], keys: Sequence[SrtpContexts | None]) -> tuple[object, ...]:
    """Return the arguments of ``rs_srtp_batch_load`` that describe datagrams and what protects each."""
    if len(datagrams) > BATCH or len(keys) != len(datagrams):
        raise ValueError(f"{len(datagrams)} datagrams with {len(keys)} keys, at most {BATCH}")
    octets = b"".join(datagrams)
    lengths = array("I", map(len, datagrams))
    addresses = array("Q", [0 if contexts is None else contexts.address for contexts in keys])
    return (
        ffi.from_buffer(octets),
        len(octets),
        ffi.from_buffer("uint32_t[]", lengths),
        ffi.from_buffer("struct rs_srtp *[]", addresses),
    )


def packed_paths(paths: Sequence[bytes], count: int) -> object:
    """Return an array of ``struct rs_path``."""
    packed = b"".join(paths)
    if len(paths) != count or len(packed) != count * PATH.size:
        raise ValueError("a path is missing, or not packed")
    return ffi.from_buffer("struct rs_path[]", packed)
