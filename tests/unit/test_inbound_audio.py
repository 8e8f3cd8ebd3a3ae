"""Speech through loss and jitter, by ear: how much of it is as it was."""

from __future__ import annotations

import math
from array import array

import pytest

from rtcsplit.media.decoding import FrameDecoder
from rtcsplit.media.encoding import OpusFrameEncoder
from rtcsplit.media.frame import Fate
from rtcsplit.session.negotiation import AudioCodec
from rtcsplit.wire.red import RedBlock, build

from ..audio_stream import START, STEP, Outcome, Sent, Weather, packet, play
from ..voice_calls import speech

RATE = 16_000
OPUS_WITH_FEC = AudioCodec("opus", 111, 48_000, 2, {"useinbandfec": "1"})


def spoken(*, has_red: bool) -> list[Sent]:
    encoder = OpusFrameEncoder(OPUS_WITH_FEC, RATE)
    audio = speech()
    payloads = [encoder.encode(audio[at : at + 640]) for at in range(0, len(audio) - 639, 640)]
    sent = []
    for n, payload in enumerate(payloads):
        if has_red:
            copies = [RedBlock(111, STEP, payloads[n - 1])] if n else []
            sent.append((START + 0.02 * n, packet(n, build(copies, 111, payload), payload_type=63)))
        else:
            sent.append((START + 0.02 * n, packet(n, payload)))
    return sent


def intact(outcome: Outcome, reference: list[bytes]) -> float:
    """The share of 20 ms stretches with speech whose segmental signal-to-noise ratio is 10 dB or more."""
    decoder = FrameDecoder(RATE)
    good = total = 0
    for _, step in outcome.live:
        audio = array("h", decoder.decode(step))
        index = round(step.media_time * 50)
        if step.is_gap or index >= len(reference):
            continue
        original = array("h", reference[index])
        power = sum(s * s for s in original) / len(original)
        if power < 200**2:
            continue
        noise = sum((a - b) ** 2 for a, b in zip(audio, original, strict=True)) / len(original)
        total += 1
        good += noise == 0 or 10 * math.log10(power / noise) >= 10
    return good / total


@pytest.mark.parametrize(("has_red", "wanted"), [(True, 0.97), (False, 0.85)], ids=["with copies", "without"])
def test_speech_survives_five_percent_loss_and_thirty_milliseconds_of_jitter(has_red: bool, wanted: float) -> None:
    """Live audio against the same speech decoded without a network; without copies in-band redundancy has to do."""
    sent = spoken(has_red=has_red)
    clean = play(sent, until=START + len(sent) * 0.02)
    decoder = FrameDecoder(RATE)
    reference = [decoder.decode(step) for _, step in clean.live]
    assert {step.fate for _, step in clean.live} <= {Fate.RECEIVED, Fate.CONCEALED}
    shares = []
    for seed in range(4):
        rough = Weather(jitter=0.03, loss=0.05, seed=seed).carry(sent)
        if rough[0][1].sequence_number == 0:
            shares.append(intact(play(rough, until=START + len(sent) * 0.02), reference))
    assert shares
    assert sum(shares) / len(shares) >= wanted, shares
