"""Says what it hears, by way of PCM: decoded, handed to you, encoded again. Run: python -m examples.echo"""

from __future__ import annotations

from examples.serving import serve
from rtcsplit import VoiceApplication, VoiceSession, VoiceSettings

RATE = 24_000
HEAD_START = bytes(2 * RATE * 60 // 1000)  # 60 ms of silence: what the network delays now and then is not missed


async def echo(session: VoiceSession) -> None:
    """Write every stretch of audio as it comes."""
    await session.audio_out.write(HEAD_START)
    async for frame in session.audio_in:
        await session.audio_out.write(frame.pcm)


APPLICATION = VoiceApplication(echo, VoiceSettings(input_rate=RATE, output_rate=RATE, has_transcript=False))

if __name__ == "__main__":
    serve(APPLICATION)
