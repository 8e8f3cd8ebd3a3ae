"""``benchmarks/native/speak.c``: speaks on many connected calls at once, and checks every echo."""

from __future__ import annotations

import ctypes
import operator
import socket
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from pylibsrtp import _binding as libsrtp

from rtcsplit.session.srtp import SrtpSession

_LIBRARY = Path(__file__).parents[2] / "build" / "bench" / "speak.so"
_LATENCIES = 4096
_LATENCY_UNIT_MS = 0.05
_CONTROL = 512
_DATAGRAM = 1500


class _Call(ctypes.Structure):
    _fields_ = (
        ("fd", ctypes.c_int),
        ("ssrc", ctypes.c_uint32),
        ("outbound", ctypes.c_void_p),
        ("inbound", ctypes.c_void_p),
        ("due", ctypes.c_uint64),
        ("sent", ctypes.c_uint64),
        ("received", ctypes.c_uint64),
        ("wrong", ctypes.c_uint64),
        ("skipped", ctypes.c_uint64),
        ("next_number", ctypes.c_uint64),
        ("sequence_number", ctypes.c_uint16),
    )


class _Datagram(ctypes.Structure):
    _fields_ = (("call", ctypes.c_uint32), ("len", ctypes.c_uint32), ("octets", ctypes.c_uint8 * _DATAGRAM))


class _Load(ctypes.Structure):
    _fields_ = (
        ("protect", ctypes.c_void_p),
        ("unprotect", ctypes.c_void_p),
        ("calls", ctypes.POINTER(_Call)),
        ("count", ctypes.c_uint32),
        ("turn", ctypes.c_uint32),
        ("epoll", ctypes.c_int),
        ("control_count", ctypes.c_uint32),
        ("has_extensions", ctypes.c_uint32),
        ("control", _Datagram * _CONTROL),
        ("latencies", ctypes.c_uint64 * _LATENCIES),
        ("send_failures", ctypes.c_uint64),
        ("late", ctypes.c_uint64),
    )


class Totals(NamedTuple):
    """What happened so far, over all calls.

    Attributes:
        sent, received: packets.
        wrong: datagrams that are no echo of what their call said.
        skipped: packets that no echo came of, though one came of a later one.
        late: packets that the load itself could not send in time.
        latencies: echoes by time, in steps of 50 us.
    """

    sent: int
    received: int
    wrong: int
    skipped: int
    late: int
    latencies: tuple[int, ...]

    def __sub__(self, before: Totals) -> Totals:
        return self._combined(before, operator.sub)

    def __add__(self, other: Totals) -> Totals:  # type: ignore[override]
        return self._combined(other, operator.add)

    def _combined(self, other: Totals, operation: Callable[[int, int], int]) -> Totals:
        numbers = map(operation, self[:5], other[:5])
        return Totals(*numbers, tuple(map(operation, self.latencies, other.latencies)))

    def latency_ms(self, share: float) -> float:
        """Return the time within which ``share`` of the echoes came."""
        wanted, seen = share * sum(self.latencies), 0
        for slot, count in enumerate(self.latencies):
            seen += count
            if seen >= wanted:
                return (slot + 1) * _LATENCY_UNIT_MS
        return float("inf")


class Load:
    """Calls that speak; their sockets and keys stay the caller's, and have to outlive this.

    Args:
        calls: socket and keys of each.
        has_extensions: each packet has an audio level and a transport-wide number, as browsers' do.
    """

    def __init__(self, calls: Sequence[tuple[socket.socket, SrtpSession]], *, has_extensions: bool = False) -> None:
        self._library = ctypes.CDLL(str(_LIBRARY))
        self._library.load_size.restype = ctypes.c_size_t
        self._library.load_now.restype = ctypes.c_uint64
        self._library.load_run.argtypes = (ctypes.c_void_p, ctypes.c_uint64)
        assert self._library.load_size() == ctypes.sizeof(_Load)
        self._load = _Load()
        self._calls = (_Call * len(calls))(
            *(
                _Call(sock.fileno(), 1000 + index, srtp.contexts.outbound_address, srtp.contexts.inbound_address)
                for index, (sock, srtp) in enumerate(calls)
            )
        )
        protect, unprotect = (ctypes.c_void_p(cipher(name)) for name in ("srtp_protect", "srtp_unprotect"))
        if self._library.load_init(ctypes.byref(self._load), protect, unprotect, self._calls, len(calls)) != 0:
            raise OSError("the sockets cannot be watched")
        self._load.has_extensions = has_extensions

    def resume(self) -> None:
        """Let the calls speak from now on, at the beginning and after a pause."""
        self._library.load_resume(ctypes.byref(self._load))

    def run(self, seconds: float) -> Iterator[tuple[int, bytes]]:
        """Speak and listen for so long, then yield what came that is not RTP, with the index of its call."""
        self._load.control_count = 0
        self._library.load_run(ctypes.byref(self._load), self._library.load_now() + int(seconds * 1e9))
        yield from self._control()

    def listen(self) -> Iterator[tuple[int, bytes]]:
        """Take what has come so far, and yield what is not RTP of it."""
        self._load.control_count = 0
        self._library.load_listen(ctypes.byref(self._load))
        yield from self._control()

    def totals(self) -> Totals:
        """Return the counts so far."""
        calls = list(self._calls)
        return Totals(
            sum(call.sent for call in calls),
            sum(call.received for call in calls),
            sum(call.wrong for call in calls),
            sum(call.skipped for call in calls),
            self._load.late + self._load.send_failures,
            tuple(self._load.latencies),
        )

    def close(self) -> None:
        """Stop watching the sockets."""
        self._library.load_dispose(ctypes.byref(self._load))

    def _control(self) -> Iterator[tuple[int, bytes]]:
        for datagram in self._load.control[: self._load.control_count]:
            yield datagram.call, ctypes.string_at(datagram.octets, datagram.len)


def cipher(function: str) -> int:
    """Return the address of a function of the libsrtp that everybody here uses."""
    pointer = libsrtp.ffi.addressof(libsrtp.lib, function)
    return int(libsrtp.ffi.cast("uintptr_t", pointer))
