"""What a call costs whose audio is decoded and encoded: an application's calls, beside aiortc's and bare libopus.

Usage: python -m benchmarks.codec [--rounds 5] [--seconds 6] [rtcsplit-voice=40 aiortc-tracks=4 ...]

Contenders take turns; the figure is CPU time of the server's process, all threads, per second of speech that came back.
Calls send 50 packets a second each and should get as many: the share that did tells whether the server kept up.
"""

from __future__ import annotations

import argparse
import os
import platform
import select
import statistics
import time
from collections.abc import Sequence

from benchmarks.transceiver.callers import Callers
from benchmarks.transceiver.servers import Server
from rtcsplit.wire.rtp import RtpPacket, build

from .speech import bare_libopus_seconds, speech_frames

_PERIOD = 0.02
_STEP = 960
_WARM_UP = 2.0
_DEFAULT = ("rtcsplit-voice=40", "rtcsplit-voice-echo=40", "aiortc-tracks=4")


class SpeakingCalls:
    """Calls that send speech and count what comes back."""

    def __init__(self, server: Server, count: int, frames: list[bytes]) -> None:
        self._callers = Callers(server.accept, count, lambda: None)
        self._frames = frames
        self._poll = select.epoll()
        self._by_fd = {caller.sock.fileno(): index for index, caller in enumerate(self._callers.callers)}
        for fd in self._by_fd:
            self._poll.register(fd, select.EPOLLIN)
        self._number = 0
        self.received = 0

    def run(self, seconds: float) -> None:
        """Speak for so long, calls at even phases, and listen."""
        count = len(self._callers.callers)
        begun = time.monotonic()
        for spoken in range(int(seconds / _PERIOD) * count):
            while (left := begun + spoken * _PERIOD / count - time.monotonic()) > 0:
                self._listen(left)
            index = spoken % count
            self._speak(index)
            if index == count - 1:
                self._number += 1
                self._callers.handle_timers()

    def close(self) -> None:
        """Hang up without a word."""
        self._poll.close()
        self._callers.close()

    def _speak(self, index: int) -> None:
        caller = self._callers.callers[index]
        assert caller.srtp is not None
        number = self._number
        payload = self._frames[(number + 37 * index) % len(self._frames)]  # not all say the same at once
        packet = RtpPacket(111, number & 0xFFFF, number * _STEP & 0xFFFFFFFF, 1000 + index, payload)
        caller.sock.send(caller.srtp.protect(build(packet)))

    def _listen(self, seconds: float) -> None:
        for fd, _ in self._poll.poll(seconds):
            index = self._by_fd[fd]
            sock = self._callers.callers[index].sock
            while True:
                try:
                    datagram = sock.recv(2048)
                except BlockingIOError:
                    break
                if 128 <= datagram[0] < 192 and not 192 <= datagram[1] < 224:
                    self.received += 1
                else:
                    self._callers.receive(index, datagram)


def measure(contender: str, calls: int, seconds: float, frames: list[bytes]) -> tuple[float, float]:
    """Return CPU seconds per second of speech that came back, and the share of packets that did."""
    server = Server(contender)
    try:
        load = SpeakingCalls(server, calls, frames)
        load.run(_WARM_UP)
        load.received, before = 0, server.cpu_seconds()
        load.run(seconds)
        spent = server.cpu_seconds() - before
        load.close()
        return spent / (load.received * _PERIOD), load.received * _PERIOD / (calls * seconds)
    finally:
        server.stop()


def report(figures: dict[str, list[tuple[float, float, float]]]) -> None:
    """Print the medians."""
    print(f"\n{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(f"{'':20} {'ms per call-second':>19} {'calls per core':>15} {'of bare libopus':>16} {'came back':>10}")
    for name, rounds in figures.items():
        cost, share, bare = (statistics.median(column) for column in zip(*rounds, strict=True))
        print(f"{name:20} {1000 * cost:19.2f} {1 / cost:15.0f} {bare / cost:16.0%} {share:10.1%}")
    names = list(figures)
    for name in names[1:]:
        ratios = [other[0] / own[0] for own, other in zip(figures[names[0]], figures[name], strict=True)]
        print(f"{names[0]} holds {statistics.median(ratios):.1f} times the calls of {name}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the arguments and measure."""
    parser = argparse.ArgumentParser(prog="benchmarks.codec", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("runs", nargs="*", default=_DEFAULT, metavar="CONTENDER=CALLS")
    options = parser.parse_args(arguments)
    runs = {name: int(calls) for name, _, calls in (run.partition("=") for run in options.runs)}
    frames = speech_frames()
    figures: dict[str, list[tuple[float, float, float]]] = {name: [] for name in runs}
    for _ in range(options.rounds):
        for name, calls in runs.items():
            cost, share = measure(name, calls, options.seconds, frames)
            bare = bare_libopus_seconds(frames)
            figures[name].append((cost, share, bare))
            print(f"{name} with {calls} calls: {1000 * cost:.2f} ms per call-second, {share:.1%} came back; bare "
                  f"libopus {1000 * bare:.2f} ms", flush=True)  # fmt: skip
    report(figures)


if __name__ == "__main__":
    main()
