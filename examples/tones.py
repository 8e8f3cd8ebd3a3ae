"""Listens for keys of a telephone (DTMF) and answers each with a beep. Run: python -m examples.tones"""

from __future__ import annotations

import math
from array import array

from examples.serving import serve
from rtcsplit import VoiceApplication, VoiceHandler, VoiceSession, VoiceSettings
from rtcsplit.gateway.audio_in import AudioFrame

RATE = 8_000
ROWS, COLUMNS = (697, 770, 852, 941), (1209, 1336, 1477)
KEYS = ("123", "456", "789", "*0#")
THRESHOLD = 200.0  # amplitude of each of the two tones
PURITY = 0.7  # share of the power that is in the two tones
FRAMES = 2  # in a row that have to agree


def amplitude(samples: array[int], hertz: float) -> float:
    """Return how much of one frequency is in the samples (Goertzel)."""
    factor = 2 * math.cos(2 * math.pi * hertz / RATE)
    before, last = 0.0, 0.0
    for sample in samples:
        before, last = last, sample + factor * last - before
    power = before * before + last * last - factor * before * last
    return 2 * math.sqrt(max(power, 0.0)) / max(1, len(samples))


def key_in(pcm: bytes) -> str | None:
    """Return the key whose two tones are in the audio, None where there are none."""
    samples = array("h", pcm)
    row = max(range(len(ROWS)), key=lambda n: amplitude(samples, ROWS[n]))
    column = max(range(len(COLUMNS)), key=lambda n: amplitude(samples, COLUMNS[n]))
    found = amplitude(samples, ROWS[row]), amplitude(samples, COLUMNS[column])
    power = sum(sample * sample for sample in samples) / max(1, len(samples))
    is_pure = sum(one * one for one in found) / 2 > PURITY * power  # speech has other frequencies too
    return KEYS[row][column] if is_pure and min(found) > THRESHOLD else None


def beep(hertz: float = 440.0, seconds: float = 0.1) -> bytes:
    """Return a tone."""
    step = 2 * math.pi * hertz / RATE
    return array("h", (int(8000 * math.sin(step * n)) for n in range(int(RATE * seconds)))).tobytes()


class Keypad(VoiceHandler):
    """Collects the keys of one call."""

    def __init__(self, session: VoiceSession) -> None:
        super().__init__(session)
        self.keys = ""
        self._pressed: str | None = None
        self._count = 0

    async def audio_received(self, frame: AudioFrame) -> None:
        """Look for a key in each frame; it counts once, when it has lasted for two."""
        key = key_in(frame.pcm)
        self._count = self._count + 1 if key == self._pressed else 1
        self._pressed = key
        if key is not None and self._count == FRAMES:
            self.keys += key
            print(f"key {key}", flush=True)
            await self.session.audio_out.write(beep())
            await self.session.audio_out.end_segment()


APPLICATION = VoiceApplication(Keypad.serve, VoiceSettings(input_rate=RATE, output_rate=RATE, has_transcript=False))

if __name__ == "__main__":
    serve(APPLICATION)
