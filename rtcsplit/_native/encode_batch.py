"""``csrc/encode_batch.h``: frames of many encoders in one crossing."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import UsageError
from ._rtcsplit import ffi, lib

__all__ = ["EncodeSlot", "encode_batch"]


class EncodeSlot:
    """One encoder and the memory of one frame.

    Args:
        owner: of the encoder's state, which lives as long as this does.
        encoder: address of the state.
        state_size: octets of the state.
        samples: of the longest frame.
        capacity: octets of the longest payload.
    """

    def __init__(self, owner: object, encoder: int, state_size: int, samples: int, capacity: int) -> None:
        self._owner = owner
        self._saved = ffi.new("uint8_t[]", state_size)
        self._audio = ffi.new("int16_t[]", samples)
        self._payload = ffi.new("uint8_t[]", capacity)
        self._octets = 2 * samples
        self.job = ffi.new("struct rs_encode_job *")
        self.job.encoder = ffi.cast("void *", encoder)
        self.job.state_size = state_size
        self.job.saved = self._saved
        self.job.audio = self._audio
        self.job.payload = self._payload
        self.job.capacity = capacity

    def load(self, audio: bytes) -> None:
        """Put a frame of 16-bit mono audio in.

        Raises:
            UsageError: it is longer than the longest frame, or no whole number of samples.
        """
        if len(audio) > self._octets or len(audio) % 2:
            raise UsageError(f"a frame has at most {self._octets} octets, an even number")
        ffi.memmove(self._audio, audio, len(audio))
        self.job.samples = len(audio) // 2
        self.job.length = -1

    def payload(self) -> bytes | None:
        """Return what the frame was encoded to; None where that failed."""
        length: int = self.job.length
        return bytes(ffi.buffer(self._payload, length)) if length >= 0 else None

    def undo(self) -> None:
        """Set the encoder back to before the frame."""
        lib.rs_encode_undo(self.job)


def encode_batch(function: int, slots: Sequence[EncodeSlot]) -> None:
    """Encode the frames that are loaded, without the GIL.

    Args:
        function: address of a function with the signature of ``opus_encode``.
        slots: none twice.
    """
    jobs = ffi.new("struct rs_encode_job *[]", [slot.job for slot in slots])
    lib.rs_encode_batch(ffi.cast("rs_encode_function", function), jobs, len(slots))
