"""What loss and jitter leave of a call's audio: frames at the transcript outlet, delay and intelligibility live.

On virtual time with a fixed seed, so the same everywhere. Speech is that of the demo, ten times over; packets go
through a network that delays and loses each by chance, and through ``InboundAudio`` and a decoder.

Usage: python -m benchmarks.voice.loss
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rtcsplit.media.decoding import FrameDecoder
from rtcsplit.media.opus import OpusEncoder
from rtcsplit.wire.red import RedBlock, build
from rtcsplit.wire.rtp import RtpPacket
from tests.audio_stream import START, STEP, Outcome, Sent, Weather, packet, play, red_packets
from tests.voice_calls import speech

from .stoi import aligned, stoi

__all__ = ["Heard", "frames_at_transcript", "live_delays", "speech_through"]

RATE = 16_000
REPEATED = 10
FRAMES = 10_000
LOSSES = (0.05, 0.10, 0.20)
_LONGEST_DELAY = 400  # samples, of the codec


@dataclass(frozen=True, slots=True)
class Heard:
    """What the live outlet made of speech.

    Attributes:
        intelligibility: short-time objective, 0..1.
        concealed: share of the frames.
    """

    intelligibility: float
    concealed: float


def frames_at_transcript(loss: float) -> float:
    """Return the share of frames with redundancy that reach the transcript outlet as they were encoded."""
    outcome = play(Weather(loss=loss, seed=2).carry(red_packets(range(FRAMES))))
    return len(outcome.numbers("transcript")) / FRAMES


def live_delays(weather: Weather, *, is_even: bool) -> NDArray[np.float64]:
    """Return how many seconds each frame waited in the live outlet."""
    sent = weather.carry(red_packets(range(1_000)))
    outcome = play(sent, is_even=is_even, until=sent[-1][0])
    waited = [at - step.frame.arrived_at for at, step in outcome.live if step.frame is not None]
    return np.array(waited)


def speech_through(weather: Weather, protection: str, repeated: int = REPEATED) -> Heard:
    """Send speech through a network and say how intelligible the live outlet leaves it.

    Args:
        weather: of the network.
        protection: ``red``, ``fec`` (in-band) or ``none``.
        repeated: how often the 7.5 s of speech are said.
    """
    pcm = speech() * repeated
    sent = weather.carry(_packets(pcm, protection))
    outcome = play(sent, until=sent[-1][0] + 0.1)
    original = np.frombuffer(pcm, np.int16).astype(float)
    score = stoi(*aligned(original, _decoded(outcome), _LONGEST_DELAY), RATE)
    fates = [step.fate.value for _, step in outcome.live]
    return Heard(score, fates.count("concealed") / len(fates))


def _packets(pcm: bytes, protection: str) -> list[Sent]:
    encoder = OpusEncoder(sample_rate=RATE, has_fec=protection == "fec", expected_loss=10)
    size = RATE // 50 * 2
    payloads = [encoder.encode(pcm[at : at + size]) for at in range(0, len(pcm) - size + 1, size)]
    return [(START + 0.02 * number, _packet(number, payloads, protection)) for number in range(len(payloads))]


def _packet(number: int, payloads: list[bytes], protection: str) -> RtpPacket:
    if protection != "red":
        return packet(number, payloads[number])
    copies = [RedBlock(111, STEP, payloads[number - 1])] if number else []
    return packet(number, build(copies, 111, payloads[number]), payload_type=63)


def _decoded(outcome: Outcome) -> NDArray[np.float64]:
    decoder = FrameDecoder(RATE)
    return np.frombuffer(b"".join(decoder.decode(step) for _, step in outcome.live), np.int16).astype(float)


def main() -> None:
    """Print the three tables."""
    print("frames with redundancy that reach the transcript outlet, 10,000 frames")
    for loss in LOSSES:
        print(f"  {loss:4.0%} random loss  {frames_at_transcript(loss):7.2%}")
    print("delay that the live outlet adds, ms: p50, p99")
    for name, weather in (("clean network", Weather()), ("30 ms of jitter", Weather(jitter=0.03))):
        for is_even in (False, True):
            p50, p99 = 1000 * np.percentile(live_delays(weather, is_even=is_even), (50, 99))
            print(f"  {name:15}  {'even flow' if is_even else 'as they come':12}  {p50:5.1f} {p99:5.1f}")
    print("intelligibility of 75 s of speech (STOI against the original), and share of frames concealed")
    for loss, jitter in ((0.0, 0.0), (0.05, 0.03), (0.10, 0.03), (0.20, 0.03)):
        for protection in ("red", "fec", "none"):
            heard = speech_through(Weather(loss=loss, jitter=jitter, seed=5), protection)
            print(f"  {loss:4.0%} loss, {1000 * jitter:2.0f} ms jitter, {protection:4}  "
                  f"{heard.intelligibility:.3f}  {heard.concealed:6.2%}")  # fmt: skip


if __name__ == "__main__":
    main()
