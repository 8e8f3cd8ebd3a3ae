"""Opus encoder and decoder: libopus by way of opuslib (RFC 6716, RFC 7587).

The only module that names opuslib, through its low-level calls: its classes cannot decode the redundancy of the next
packet, cannot conceal a loss, and allocate twice what they need for each packet. Its import raises a bare
``Exception`` without libopus; here that is a :class:`~rtcsplit.errors.MissingLibraryError`.

Audio is 16-bit signed, native byte order, channels interleaved, in ``bytes``.
"""

from __future__ import annotations

import ctypes
import warnings
import weakref
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from .._native.encode_batch import EncodeSlot, encode_batch
from ..errors import MissingLibraryError, NativeError, UsageError
from .opus_packet import CLOCK_RATE, MAX_DURATION, opus_duration

__all__ = ["SAMPLE_RATES", "OpusDecoder", "OpusEncoder", "encode_frames", "require_opus"]

SAMPLE_RATES = (8_000, 12_000, 16_000, 24_000, 48_000)
MAX_PAYLOAD = 1172  # what a datagram of 1,200 octets leaves, see RtpSession.send

_FRAME_DURATIONS = (120, 240, 480, 960, 1920, 2880)  # what an encoder takes at 48 kHz


class _Opuslib(NamedTuple):
    decoder: Any
    encoder: Any
    ctl: Any
    constants: Any
    error: type[Exception]


@lru_cache(maxsize=1)
def _opuslib() -> _Opuslib:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)  # it compares numbers with "is not"
            import opuslib
            import opuslib.api.ctl
            import opuslib.api.decoder
            import opuslib.api.encoder
    except ImportError:
        raise MissingLibraryError("opuslib", "pip install 'rtcsplit[opus]'") from None
    except Exception:
        raise MissingLibraryError(
            "libopus", "apt-get install libopus0 (Debian, Ubuntu), dnf install opus (Fedora), brew install opus (macOS)"
        ) from None
    api = opuslib.api
    return _Opuslib(api.decoder, api.encoder, api.ctl, opuslib.constants, opuslib.OpusError)


def require_opus() -> None:
    """Load libopus, so that a program which needs it fails at its start.

    Raises:
        MissingLibraryError: opuslib or libopus is not installed; says what to install.
    """
    _opuslib()


class OpusEncoder:
    """Encodes the audio of one stream.

    Args:
        sample_rate: of the audio, one of ``SAMPLE_RATES``.
        channels: 1 or 2.
        bitrate: in bits per second, 500..512,000; None leaves the choice to libopus.
        has_fec: add redundancy for the packet before (RFC 6716 section 2.1.7), as much as ``expected_loss`` warrants.
        expected_loss: in percent, 0..100.
        has_dtx: encode silence as packets of 1 or 2 octets, which need not be sent.
        is_speech: tune for speech rather than for music.
        complexity: 0..10, processor time against quality; None leaves it to libopus, which takes 9.
        is_constant_bitrate: do not spend fewer bits on what needs fewer.
        max_playback_rate: Hz, the highest rate that the receiver makes use of.

    Raises:
        MissingLibraryError: see :func:`require_opus`.
        UsageError: an argument is out of range.
    """

    def __init__(
        self,
        *,
        sample_rate: int = 48_000,
        channels: int = 1,
        bitrate: int | None = None,
        has_fec: bool = True,
        expected_loss: int = 5,
        has_dtx: bool = False,
        is_speech: bool = True,
        complexity: int | None = None,
        is_constant_bitrate: bool = False,
        max_playback_rate: int = CLOCK_RATE,
    ) -> None:
        opus = _opuslib()
        _check_format(sample_rate, channels)
        if not 0 <= expected_loss <= 100 or (bitrate is not None and not 500 <= bitrate <= 512_000):
            raise UsageError("expected_loss is within 0..100 and bitrate within 500..512,000")
        if complexity is not None and not 0 <= complexity <= 10:
            raise UsageError("complexity is within 0..10")
        self.sample_rate = sample_rate
        self.channels = channels
        constants = opus.constants
        application = constants.APPLICATION_VOIP if is_speech else constants.APPLICATION_AUDIO
        self._state = opus.encoder.create_state(sample_rate, channels, application)
        weakref.finalize(self, opus.encoder.destroy, self._state)
        self._encode = opus.encoder.libopus_encode
        self._state_size = opus.encoder.get_size(channels)
        self._payload = (ctypes.c_char * MAX_PAYLOAD)()
        self._samples = frozenset(duration * sample_rate // CLOCK_RATE for duration in _FRAME_DURATIONS)
        self._set(opus.ctl.set_packet_loss_perc, expected_loss)
        self._set(opus.ctl.set_dtx, int(has_dtx))
        if complexity is not None:
            self._set(opus.ctl.set_complexity, complexity)
        self.adapt(
            bitrate=bitrate,
            has_fec=has_fec,
            is_constant_bitrate=is_constant_bitrate,
            max_playback_rate=max_playback_rate,
        )

    def adapt(self, *, bitrate: int | None, has_fec: bool, is_constant_bitrate: bool, max_playback_rate: int) -> None:
        """Change what a peer may wish differently while the stream goes on, from the next frame on.

        Args:
            bitrate: as at the beginning; None leaves it what it is.
            has_fec: as at the beginning, like the others.
            is_constant_bitrate: likewise.
            max_playback_rate: likewise.
        """
        ctl = _opuslib().ctl
        self._set(ctl.set_inband_fec, int(has_fec))
        self._set(ctl.set_vbr, int(not is_constant_bitrate))
        self._set(ctl.set_max_bandwidth, _bandwidth(_opuslib().constants, max_playback_rate))
        if bitrate is not None:
            self._set(ctl.set_bitrate, bitrate)

    def _set(self, setting: Any, value: int) -> None:
        _opuslib().encoder.encoder_ctl(self._state, setting, value)

    def encode(self, audio: bytes) -> bytes:
        """Return the packet of one frame, at most 1,172 octets.

        Args:
            audio: 2.5, 5, 10, 20, 40 or 60 ms.

        Raises:
            UsageError: another duration; the encoder is unchanged.
        """
        samples, rest = divmod(len(audio), 2 * self.channels)
        if rest or samples not in self._samples:
            raise UsageError(f"{len(audio)} octets are no frame of 2.5, 5, 10, 20, 40 or 60 ms")
        pointer = ctypes.cast(ctypes.c_char_p(audio), ctypes.POINTER(ctypes.c_int16))
        length = self._encode(self._state, pointer, samples, self._payload, MAX_PAYLOAD)
        if length < 0:
            raise NativeError(f"opus_encode returned {length}")
        return ctypes.string_at(self._payload, length)

    def slot(self, samples: int) -> EncodeSlot:
        """Return what has frames of this mono encoder encoded beside those of others.

        Args:
            samples: of the longest frame.
        """
        state = ctypes.cast(self._state, ctypes.c_void_p).value
        assert state is not None
        return EncodeSlot(self, state, self._state_size, samples, MAX_PAYLOAD)


def encode_frames(slots: Sequence[EncodeSlot]) -> None:
    """Encode the frames that are loaded in the slots of some encoders, each once, without Python's lock."""
    encode_batch(_encode_function(), slots)


@lru_cache(maxsize=1)
def _encode_function() -> int:
    address = ctypes.cast(_opuslib().encoder.libopus_encode, ctypes.c_void_p).value
    assert address is not None
    return address


class OpusDecoder:
    """Decodes the audio of one stream.

    Args:
        sample_rate: of the audio wanted, one of ``SAMPLE_RATES``, whatever the sender's.
        channels: wanted, 1 or 2, whatever the sender's.

    Raises:
        MissingLibraryError: see :func:`require_opus`.
        UsageError: an argument is out of range.
    """

    def __init__(self, *, sample_rate: int = 48_000, channels: int = 1) -> None:
        opus = _opuslib()
        _check_format(sample_rate, channels)
        self.sample_rate = sample_rate
        self.channels = channels
        self._state = opus.decoder.create_state(sample_rate, channels)
        weakref.finalize(self, opus.decoder.destroy, self._state)
        self._decode = opus.decoder.libopus_decode
        self._max_samples = MAX_DURATION * sample_rate // CLOCK_RATE
        self._audio = (ctypes.c_int16 * (self._max_samples * channels))()

    def decode(self, payload: bytes) -> bytes | None:
        """Return the audio of a packet; None where it does not decode, and then :meth:`conceal` fits."""
        if opus_duration(payload) is None:
            return None
        return self._run(payload, self._max_samples, use_redundancy=False)

    def recover(self, next_payload: bytes, duration: int) -> bytes | None:
        """Return the audio of a lost packet from the redundancy in the one after it, which is decoded afterwards.

        Where that holds none, what it returns is concealment.

        Args:
            next_payload: the packet that followed the lost one.
            duration: of the lost packet, in samples at 48 kHz; a multiple of 120, at most 5,760.

        Returns:
            The audio; None where ``next_payload`` does not decode.

        Raises:
            UsageError: the duration is out of range; the decoder is unchanged.
        """
        samples = self._samples_of(duration)
        if opus_duration(next_payload) is None:
            return None
        return self._run(next_payload, samples, use_redundancy=True)

    def conceal(self, duration: int) -> bytes:
        """Return audio that covers a lost packet, made from what came before it.

        Args:
            duration: in samples at 48 kHz; a multiple of 120, at most 5,760.

        Raises:
            UsageError: the duration is out of range; the decoder is unchanged.
        """
        audio = self._run(None, self._samples_of(duration), use_redundancy=False)
        assert audio is not None
        return audio

    def _samples_of(self, duration: int) -> int:
        if duration % 120 or not 0 < duration <= MAX_DURATION:
            raise UsageError(f"{duration} is not a multiple of 120 within 120..{MAX_DURATION}")
        return duration * self.sample_rate // CLOCK_RATE

    def _run(self, payload: bytes | None, samples: int, *, use_redundancy: bool) -> bytes | None:
        length = 0 if payload is None else len(payload)
        decoded = self._decode(self._state, payload, length, self._audio, samples, int(use_redundancy))
        if decoded < 0:
            if payload is None:
                raise NativeError(f"opus_decode returned {decoded}")
            return None  # OPUS_INVALID_PACKET or, from the depths of CELT, OPUS_INTERNAL_ERROR
        return ctypes.string_at(self._audio, 2 * self.channels * decoded)


def _bandwidth(constants: Any, playback_rate: int) -> int:
    """Return the narrowest audio bandwidth that has all of a playback rate (RFC 7587 section 3.1.1)."""
    by_rate = (
        (8_000, constants.BANDWIDTH_NARROWBAND),
        (12_000, constants.BANDWIDTH_MEDIUMBAND),
        (16_000, constants.BANDWIDTH_WIDEBAND),
        (24_000, constants.BANDWIDTH_SUPERWIDEBAND),
    )
    found = next((bandwidth for rate, bandwidth in by_rate if playback_rate <= rate), constants.BANDWIDTH_FULLBAND)
    return int(found)


def _check_format(sample_rate: int, channels: int) -> None:
    if sample_rate not in SAMPLE_RATES or channels not in (1, 2):
        raise UsageError(f"sample_rate is one of {SAMPLE_RATES} and channels 1 or 2")
