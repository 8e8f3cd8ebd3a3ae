"""What feedback messages say: generic NACK (RFC 4585 section 6.2.1), PLI (section 6.3.1), FIR (RFC 5104 section 4.3.1).

:mod:`rtcsplit.wire.rtcp` frames a message and keeps its control information as octets; here those are read and made.
Transport-wide feedback is in :mod:`rtcsplit.wire.transport_feedback`. REMB is known by its number alone.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from enum import IntEnum
from typing import NamedTuple

__all__ = ["FirEntry", "PayloadFeedback", "TransportLayerFeedback", "build_nack", "parse_fir", "parse_nack"]

_NACK_ITEM = struct.Struct(">HH")
_FIR_ENTRY = struct.Struct(">IB3x")
_MASK_BITS = 16


class TransportLayerFeedback(IntEnum):
    """Formats of RTPFB."""

    NACK = 1
    TRANSPORT_WIDE = 15


class PayloadFeedback(IntEnum):
    """Formats of PSFB."""

    PLI = 1
    FIR = 4
    APPLICATION = 15  # REMB among others


class FirEntry(NamedTuple):
    """One request of a FIR.

    Attributes:
        ssrc: of the source that shall send a key frame.
        number: 0..255, one more for each new request.
    """

    ssrc: int
    number: int


def build_nack(sequence_numbers: Iterable[int]) -> bytes:
    """Return the control information that asks for these packets: an item for up to 17 of them.

    Args:
        sequence_numbers: 0..65535, each after the one before it by less than 32,768, modulo 2^16.
    """
    items: list[tuple[int, int]] = []
    for number in sequence_numbers:
        distance = (number - items[-1][0]) & 0xFFFF if items else 0
        if items and distance == 0:
            continue
        if items and distance <= _MASK_BITS:
            items[-1] = (items[-1][0], items[-1][1] | 1 << distance - 1)
        else:
            items.append((number, 0))
    return b"".join(_NACK_ITEM.pack(*item) for item in items)


def parse_nack(control_information: bytes) -> tuple[int, ...] | None:
    """Return the sequence numbers asked for, as often and in the order that they are; None where it is no NACK."""
    if not control_information or len(control_information) % _NACK_ITEM.size:
        return None
    numbers = []
    for first, mask in _NACK_ITEM.iter_unpack(control_information):
        numbers.append(first)
        numbers += [(first + 1 + bit) & 0xFFFF for bit in range(_MASK_BITS) if mask >> bit & 1]
    return tuple(numbers)


def parse_fir(control_information: bytes) -> tuple[FirEntry, ...] | None:
    """Return the requests of a FIR; None where it has none or ends inside of one."""
    if not control_information or len(control_information) % _FIR_ENTRY.size:
        return None
    return tuple(FirEntry(*entry) for entry in _FIR_ENTRY.iter_unpack(control_information))
