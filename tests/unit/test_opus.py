"""libopus through opuslib: encode, decode, redundancy, concealment, and its absence."""

from __future__ import annotations

import array
import math
import re
import subprocess
import sys
from pathlib import Path

import pytest

from rtcsplit.errors import UsageError
from rtcsplit.media.opus import SAMPLE_RATES, OpusDecoder, OpusEncoder
from rtcsplit.media.opus_packet import opus_duration

ROOT = Path(__file__).parents[2]


def tone(frames: int, *, sample_rate: int = 48_000, channels: int = 1, hertz: float = 440.0) -> list[bytes]:
    """A sine of frames of 20 ms."""
    size = sample_rate // 50
    samples = [int(9000 * math.sin(2 * math.pi * hertz * n / sample_rate)) for n in range(frames * size)]
    chunks = [samples[start : start + size] for start in range(0, len(samples), size)]
    return [array.array("h", [s for s in chunk for _ in range(channels)]).tobytes() for chunk in chunks]


def energy(audio: bytes) -> float:
    samples = array.array("h", audio)
    return math.sqrt(sum(s * s for s in samples) / len(samples))


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("sample_rate", SAMPLE_RATES)
def test_tone_survives_encode_and_decode(sample_rate: int, channels: int) -> None:
    """F18: whatever the rate of the audio, the packet's duration is 960 at the RTP clock."""
    encoder = OpusEncoder(sample_rate=sample_rate, channels=channels)
    decoder = OpusDecoder(sample_rate=sample_rate, channels=channels)
    decoded = b""
    for frame in tone(25, sample_rate=sample_rate, channels=channels):
        payload = encoder.encode(frame)
        assert opus_duration(payload) == 960
        audio = decoder.decode(payload)
        assert audio is not None
        assert len(audio) == len(frame)
        decoded += audio
    assert energy(decoded[len(decoded) // 2 :]) == pytest.approx(9000 / math.sqrt(2), rel=0.1)


@pytest.mark.parametrize("milliseconds", [2.5, 5, 10, 20, 40, 60])
def test_every_frame_duration_is_encoded_as_such(milliseconds: float) -> None:
    """F18."""
    encoder = OpusEncoder()
    assert opus_duration(encoder.encode(bytes(int(milliseconds * 96)))) == milliseconds * 48


def test_lost_packet_is_recovered_from_the_redundancy_of_the_next() -> None:
    """With FEC the lost frame comes back close to what it was; concealment alone does not know a new tone."""
    encoder = OpusEncoder(bitrate=32_000, expected_loss=30)
    frames = tone(20) + tone(6, hertz=1500.0)
    payloads = [encoder.encode(frame) for frame in frames]
    errors = {}
    for name in ("recovered", "concealed"):
        decoder, whole = OpusDecoder(), OpusDecoder()
        for payload in payloads[:22]:
            decoder.decode(payload)
            whole.decode(payload)
        expected = whole.decode(payloads[22])
        audio = decoder.recover(payloads[23], 960) if name == "recovered" else decoder.conceal(960)
        assert expected is not None
        assert audio is not None
        assert len(audio) == len(expected)
        pairs = zip(array.array("h", audio), array.array("h", expected), strict=True)
        errors[name] = math.sqrt(sum((a - b) ** 2 for a, b in pairs) / 960)
    assert errors["recovered"] < 0.8 * errors["concealed"]


@pytest.mark.parametrize("duration", [120, 960, 2880, 5760])
def test_concealment_has_the_length_asked_for(duration: int) -> None:
    decoder = OpusDecoder(sample_rate=16_000, channels=2)
    assert len(decoder.conceal(duration)) == duration // 3 * 4
    assert decoder.recover(OpusEncoder().encode(bytes(1920)), duration) is not None


@pytest.mark.parametrize("payload", [b"", b"\x9b", b"\x9b\x07", bytes((19 << 3 | 1, 1))], ids=lambda p: p.hex())
def test_octets_that_are_no_packet_are_refused_and_harm_nothing(payload: bytes) -> None:
    decoder = OpusDecoder()
    assert decoder.decode(payload) is None
    assert decoder.recover(payload, 960) is None
    assert decoder.decode(OpusEncoder().encode(bytes(1920))) is not None


@pytest.mark.parametrize("size", [0, 2, 1919, 1921, 960 * 2 * 6, 480 * 2 * 3])
def test_audio_that_is_no_frame_is_a_usage_error(size: int) -> None:
    with pytest.raises(UsageError):
        OpusEncoder().encode(bytes(size))


@pytest.mark.parametrize("duration", [0, -960, 100, 5880])
def test_impossible_duration_is_a_usage_error(duration: int) -> None:
    with pytest.raises(UsageError):
        OpusDecoder().conceal(duration)
    with pytest.raises(UsageError):
        OpusDecoder().recover(b"\x98", duration)


@pytest.mark.parametrize(
    "arguments", [{"sample_rate": 44_100}, {"channels": 3}, {"bitrate": 499}, {"expected_loss": 101}], ids=str
)
def test_impossible_setting_is_a_usage_error(arguments: dict[str, int]) -> None:
    with pytest.raises(UsageError):
        OpusEncoder(**arguments)  # type: ignore[arg-type]


def test_silence_shrinks_to_single_octets_with_dtx() -> None:
    """F19: what discontinuous transmission makes decodes as well."""
    encoder, decoder = OpusEncoder(has_dtx=True), OpusDecoder()
    payloads = [encoder.encode(bytes(1920)) for _ in range(50)]
    assert min(map(len, payloads)) <= 2
    for payload in payloads:
        audio = decoder.decode(payload)
        assert audio is not None
        assert len(audio) == 1920


WITHOUT_LIBOPUS = "import ctypes.util; ctypes.util.find_library = lambda name: None"
WITHOUT_OPUSLIB = "import sys; sys.modules['opuslib'] = None"


@pytest.mark.parametrize(
    ("absence", "library", "remedy"),
    [(WITHOUT_LIBOPUS, "libopus", "apt-get install libopus0"), (WITHOUT_OPUSLIB, "opuslib", "rtcsplit[opus]")],
    ids=["libopus", "opuslib"],
)
def test_absent_library_is_named_with_its_remedy(absence: str, library: str, remedy: str) -> None:
    """One line of the error says what to install, at the second attempt too; importing the module needs neither."""
    program = f"""{absence}
from rtcsplit.errors import MissingLibraryError
from rtcsplit.media.opus import OpusDecoder, OpusEncoder, require_opus
for attempt in (require_opus, OpusEncoder, OpusDecoder):
    try:
        attempt()
    except MissingLibraryError as error:
        assert error.library == {library!r} and error.__suppress_context__, error
        assert str(error) == f"{{error.library}} is not installed: {{error.remedy}}"
        print(error.remedy)
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert len(lines) == 3
    assert all(remedy in line for line in lines)


def test_installed_library_is_loaded_once_without_a_warning() -> None:
    """Python warns of code in opuslib; a program that turns warnings into errors goes on, and nothing is printed."""
    program = """
import sys
from rtcsplit.media.opus import require_opus
require_opus()
loaded = sys.modules.pop("opuslib")
require_opus()
assert "opuslib" not in sys.modules, "it was imported again"
"""
    command = [sys.executable, "-W", "error", "-B", "-c", program]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


def test_code_of_the_guide_runs() -> None:
    """docs/how-to/use-opus.md: each Python block continues the one before."""
    page = (ROOT / "docs" / "how-to" / "use-opus.md").read_text()
    blocks = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert blocks
    exec(compile("\n".join(blocks), "use-opus.md", "exec"), {})
