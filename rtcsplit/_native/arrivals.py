"""``csrc/arrivals.h``: when which packet of a transport came, shared with the batch path."""

from __future__ import annotations

from ._rtcsplit import ffi, lib

__all__ = ["NativeArrivals"]

_ARRIVALS = ffi.typeof("struct rs_arrivals *")
_MESSAGE = ffi.typeof(f"uint8_t[{lib.RS_ARRIVALS_MESSAGE}]")


class NativeArrivals:
    """``struct rs_arrivals``.

    Attributes:
        cdata: for the other wrappers; valid while this object lives.
    """

    __slots__ = ("cdata",)

    def __init__(self) -> None:
        self.cdata = ffi.new(_ARRIVALS)
        lib.rs_arrivals_init(self.cdata)

    @property
    def due(self) -> float | None:
        """When :meth:`take` has something to say; None for never."""
        due = float(self.cdata.due)
        return None if due == lib.RS_ARRIVALS_NEVER else due

    @property
    def ssrc(self) -> int:
        """Of the latest packet."""
        return int(self.cdata.ssrc)

    @property
    def messages(self) -> int:
        """How many were made so far, here or in a batch."""
        return int(self.cdata.messages)

    def note(self, sequence_number: int, ssrc: int, now: float) -> None:
        """Take note of a packet's transport-wide sequence number, 0..65535."""
        lib.rs_arrivals_note(self.cdata, sequence_number, ssrc, now)

    def take(self, now: float) -> list[bytes]:
        """Return what is to be said now, control information: one message, or more where one does not hold it."""
        room = ffi.new(_MESSAGE)
        messages = []
        while length := lib.rs_arrivals_take(self.cdata, now, room):
            messages.append(ffi.buffer(room, length)[:])
        return messages
