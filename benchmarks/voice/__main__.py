"""How evenly the packets of many talking calls leave, and how fast they fall silent.

Times are those of the kernel when it took the packet from us, so they hold whatever the receiving side does.

Usage: python -m benchmarks.voice [--calls 200] [--seconds 10] [--complexity 5] [--no-codec-thread] [--precedence]
"""

from __future__ import annotations

import argparse
import itertools
import os
import platform
import select
import socket
import struct
import time
from collections.abc import Sequence

from benchmarks.transceiver.callers import Callers

from .server import Options, TalkingServer

_SO_TIMESTAMPNS = 35  # Linux
_TIMESPEC = struct.Struct("ll")
_FRAME_MS = 20.0
_WARM_UP = 2.0
_HANGOVER = 5  # frames of silence after speech


class Ears:
    """The sockets of the calls, and when each call's RTP came."""

    def __init__(self, callers: Callers) -> None:
        self._callers = callers
        self._poll = select.epoll()
        self._by_fd = {caller.sock.fileno(): index for index, caller in enumerate(callers.callers)}
        for caller in callers.callers:
            caller.sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
            self._poll.register(caller.sock.fileno(), select.EPOLLIN)
        self.arrivals: list[list[int]] = [[] for _ in callers.callers]

    def listen(self, seconds: float) -> None:
        """Take what comes for so long."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._callers.handle_timers()
            for fd, _ in self._poll.poll(0.05):
                self._drain(self._by_fd[fd])
            time.sleep(0.02)  # the kernel keeps the times, so there is no hurry

    def forget(self) -> None:
        """Begin to count anew."""
        self.arrivals = [[] for _ in self.arrivals]

    def _drain(self, index: int) -> None:
        sock = self._callers.callers[index].sock
        while True:
            try:
                datagram, ancillary, _, _ = sock.recvmsg(2048, 64)
            except BlockingIOError:
                return
            if 128 <= datagram[0] < 192 and not 192 <= datagram[1] < 224:
                seconds, nanoseconds = _TIMESPEC.unpack(ancillary[0][2][: _TIMESPEC.size])
                self.arrivals[index].append(seconds * 1_000_000_000 + nanoseconds)
            else:
                self._callers.receive(index, datagram)


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that ``share`` of them do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def measure(calls: int, seconds: float, options: Options) -> None:
    """Run once and print what came out."""
    server = TalkingServer(options)
    callers = Callers(server.ask, calls, lambda: None)
    ears = Ears(callers)
    assert server.ask("talk") == calls
    ears.listen(_WARM_UP)
    ears.forget()
    before = server.ask("cpu")
    ears.listen(seconds)
    spent = (server.ask("cpu") - before) / seconds
    spacing = [(b - a) / 1e6 for times in ears.arrivals for a, b in itertools.pairwise(times)]
    errors = [abs(one - _FRAME_MS) for one in spacing]
    packets = len(spacing) / calls / seconds
    print(f"{calls} calls, {packets:.1f} packets/s each, {spent:.0%} of a core, {server.ask('underruns')} underruns")
    print(f"distance from 20 ms: p50 {percentile(errors, 0.5):.2f}, p99 {percentile(errors, 0.99):.2f}, "
          f"p99.9 {percentile(errors, 0.999):.2f}, worst {max(errors):.2f} ms")  # fmt: skip
    ears.forget()
    server.begin("flush")
    ears.listen(3.0)
    flushed_at = sorted(server.answer())
    faded_at = sorted(times[-1 - _HANGOVER] for times in ears.arrivals)  # then some silence, then nothing
    fades = [(faded - flushed) / 1e6 for flushed, faded in zip(flushed_at, faded_at, strict=True)]
    print(f"flush to the fade on the wire: p50 {percentile(fades, 0.5):.1f}, p99 {percentile(fades, 0.99):.1f} ms")
    server.stop()
    callers.close()


def main() -> None:
    """Parse the arguments and measure."""
    parser = argparse.ArgumentParser(prog="benchmarks.voice", description=__doc__)
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--complexity", type=int, default=5)
    parser.add_argument("--no-codec-thread", action="store_true")
    parser.add_argument("--precedence", action="store_true", help="the server goes before others (SCHED_RR)")
    arguments = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, Opus complexity "
          f"{arguments.complexity}, {'one thread' if arguments.no_codec_thread else 'with codec thread'}")  # fmt: skip
    options = Options(arguments.complexity, not arguments.no_codec_thread, arguments.precedence)
    measure(arguments.calls, arguments.seconds, options)


if __name__ == "__main__":
    main()
