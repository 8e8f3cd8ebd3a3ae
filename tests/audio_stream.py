"""A sender of audio and a network in front of ``InboundAudio``, on virtual time: what comes out, and when."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from rtcsplit.media.frame import Fate, Step
from rtcsplit.media.inbound_audio import InboundAudio
from rtcsplit.media.jitter import JitterBuffer
from rtcsplit.media.transcript import TranscriptBuffer
from rtcsplit.session.negotiation import AudioCodec, AudioNegotiation, Direction
from rtcsplit.wire.red import RedBlock, build
from rtcsplit.wire.rtp import RtpPacket

OPUS = AudioCodec("opus", 111, 48_000, 2)
PCMU = AudioCodec("pcmu", 0, 8_000, 1)
RED = AudioCodec("red", 63, 48_000, 2)
NEGOTIATION = AudioNegotiation("0", Direction.SENDRECV, (OPUS, PCMU), red=RED)

CELT_20_MS = b"\xf8"  # TOC: 20 ms, mono, one frame, no in-band redundancy
SILK_20_MS = b"\x48"  # TOC: wideband SILK, 20 ms, mono, one frame
STEP = 960
START = 100.0

Sent = tuple[float, RtpPacket]


def opus_payload(number: int, toc: bytes = CELT_20_MS) -> bytes:
    return toc + number.to_bytes(4, "big") + bytes(30)


def number_of(step: Step) -> int:
    """The frame that a step hands out, by the number in its payload."""
    assert step.frame is not None
    return int.from_bytes(step.frame.payload[1:5], "big")


def packet(
    number: int, payload: bytes, *, timestamp: int | None = None, payload_type: int = 111, ssrc: int = 7
) -> RtpPacket:
    timestamp = number * STEP if timestamp is None else timestamp
    return RtpPacket(payload_type, number & 0xFFFF, timestamp & 0xFFFF_FFFF, ssrc, payload)


def plain_packets(numbers: Iterable[int], toc: bytes = CELT_20_MS) -> list[Sent]:
    """One packet per 20 ms."""
    return [(START + 0.02 * number, packet(number, opus_payload(number, toc))) for number in numbers]


def red_packets(numbers: Iterable[int]) -> list[Sent]:
    """As Chromium sends them: each frame twice."""
    sent = []
    for number in numbers:
        copies = [RedBlock(111, STEP, opus_payload(number - 1))] if number else []
        sent.append((START + 0.02 * number, packet(number, build(copies, 111, opus_payload(number)), payload_type=63)))
    return sent


@dataclass
class Weather:
    """What the network does to packets."""

    delay: float = 0.05
    jitter: float = 0.0
    loss: float = 0.0
    seed: int = 1

    def carry(self, sent: Iterable[Sent]) -> list[Sent]:
        source = random.Random(self.seed)
        arrived = [
            (at + self.delay + source.random() * self.jitter, rtp) for at, rtp in sent if source.random() >= self.loss
        ]
        return sorted(arrived, key=lambda pair: pair[0])


@dataclass
class Outcome:
    """What both outlets had, each step with its time."""

    live: list[tuple[float, Step]] = field(default_factory=list)
    transcript: list[tuple[float, Step]] = field(default_factory=list)

    def fates(self, outlet: str = "live") -> Counter[Fate]:
        return Counter(step.fate for _, step in getattr(self, outlet))

    def numbers(self, outlet: str = "live") -> list[int]:
        """Of the frames handed out, in order."""
        return [number_of(step) for _, step in getattr(self, outlet) if step.frame and step.fate is not Fate.RECOVERED]


def play(
    arrivals: Iterable[Sent],
    *,
    is_even: bool = False,
    until: float | None = None,
    check: Callable[[InboundAudio], object] | None = None,
) -> Outcome:
    """Feed packets at their times and wake the outlets at theirs."""
    inbound = InboundAudio(NEGOTIATION, JitterBuffer(is_even=is_even), TranscriptBuffer())
    outcome = Outcome()

    def drain(now: float) -> None:
        outcome.live += [(now, step) for step in inbound.live_steps(now)]
        outcome.transcript += [(now, step) for step in inbound.transcript_steps(now)]
        if check is not None:
            check(inbound)

    def wake_until(limit: float) -> None:
        for _ in range(100_000):
            timer = inbound.next_timer()
            if timer is None or timer > limit:
                return
            drain(timer)
        raise AssertionError("a timer that never comes to rest")

    for at, rtp in arrivals:
        wake_until(at)
        inbound.receive(rtp, at)
        drain(at)
    wake_until(float("inf") if until is None else until)
    return outcome
