"""``rtcsplit gateway`` as an operator runs it, with the backends and the configuration that the pages show."""

from __future__ import annotations

import contextlib
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from rtcsplit.cli.main import main
from tests.interop.lean_client import LeanClient
from tests.offers import OFFER
from tests.processes import rtcsplit, running
from tests.voice_calls import encoded, speech

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "how-to" / "connect-a-backend.md").read_text()
(TOML,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
(CODE,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


ADMIN = ("--set", "admin.listen=127.0.0.1:0")


@contextlib.contextmanager
def backend(program: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    command = [sys.executable, str(program), "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield f"ws://127.0.0.1:{process.stdout.readline().split()[-1]}", process
        finally:
            process.kill()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "gateway.toml"
    path.write_text(TOML.replace(":8080", ":0"))
    return path


def page_backend(directory: Path) -> Path:
    """The page's backend, which is made to choose a port and tell it."""
    program = directory / "backend.py"
    serving = "        await server.serve"
    telling = "        print(server.sockets[0].getsockname()[1], flush=True)\n"
    code = CODE.replace("port=9000", "port=0").replace(serving, telling + serving)
    program.write_text(code)
    return program


@pytest.mark.parametrize("name", ["example", "page"])
async def test_call_is_answered_by_the_backend(name: str, config: Path) -> None:
    program = ROOT / "examples" / "echo_backend.py" if name == "example" else page_backend(config.parent)
    with (
        backend(program) as (url, process),
        running("gateway", "--config", config, *ADMIN, RTCSPLIT_BACKEND__URL=url) as gateway,
        LeanClient() as client,
    ):
        async with httpx.AsyncClient(trust_env=False) as http:
            await client.connect(http, f"http://{gateway.address('signaling')}/whip")
            await client.speak(encoded(speech())[:50])
            await client.until_returned(25, 5.0)
            assert len(client.returned) >= 25
            metrics = (await http.get(f"http://{gateway.address('admin')}/metrics")).text
            (played,) = re.findall(r'^rtcsplit_rtp_packets_total\{direction="in",fate="played"\} (\S+)', metrics, re.M)
            assert float(played) >= 25
            await client.hang_up(http)
        assert gateway.stop()[0] == 0
        if name == "example":
            assert process.stdout is not None
            assert process.stdout.readline() == "call.started\n"


BOT = """
from rtcsplit import VoiceApplication, VoiceHandler, VoiceSettings

async def echo(session):
    async for frame in session.audio_in:
        await session.audio_out.write(frame.pcm)

class Bot(VoiceHandler):
    async def audio_received(self, frame):
        await self.session.audio_out.write(frame.pcm)

APPLICATION = VoiceApplication(echo, VoiceSettings(input_rate=24_000))
NOTHING = None
"""


def answered_by(config: Path, handler: str) -> None:
    (config.parent / "bot.py").write_text(BOT)
    config.write_text(re.sub("url = .*", f'handler = "{handler}"', config.read_text()))


@pytest.mark.parametrize(("name", "workers"), [("echo", 1), ("Bot", 1), ("APPLICATION", 1), ("echo", 2)])
async def test_call_is_answered_by_a_handler_in_the_process(name: str, workers: int, config: Path) -> None:
    answered_by(config, f"bot:{name}")
    with running("gateway", "--config", config, "--workers", workers) as gateway, LeanClient() as client:
        async with httpx.AsyncClient(trust_env=False) as http:
            await client.connect(http, f"http://{gateway.address('signaling')}/whip")
            await client.speak(encoded(speech())[:50])
            await client.until_returned(25, 5.0)
            assert len(client.returned) >= 25
            await client.hang_up(http)
        assert gateway.stop()[0] == 0


@pytest.mark.parametrize(
    "handler", ["bot", "bot:", "bot:Other", "bot:NOTHING", "other:echo", "bot.more:echo", "b t:x", ":x"]
)
def test_handler_that_is_none_is_a_mistake_of_the_configuration(handler: str, config: Path) -> None:
    answered_by(config, handler)
    result = rtcsplit("gateway", "--check", "--config", config)
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert result.stderr.startswith(f"rtcsplit: backend.handler = {handler!r}")


@pytest.mark.parametrize("library", ["opuslib", "soxr", "websockets"])
def test_check_asks_for_the_extra_as_a_start_does(library: str, config: Path) -> None:
    result = rtcsplit("gateway", "--check", "--config", config, without=library)
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (1, "", 1)
    assert "rtcsplit[gateway]" in result.stderr


@pytest.mark.parametrize(("audio", "status"), [("pcm16", 1), ("packets", 0)])
def test_check_asks_for_libopus_where_audio_is_decoded(audio: str, status: int, config: Path) -> None:
    absence = "import ctypes.util; ctypes.util.find_library = lambda name: None"
    program = f"{absence}; from rtcsplit.cli.main import main; main()"
    settings = [word for key in ("audio_in", "audio_out") for word in ("--set", f"backend.{key}={audio}")]
    command = [sys.executable, "-c", program, "gateway", "--check", "--config", str(config), *settings]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (result.returncode, "libopus is not installed" in result.stderr) == (status, bool(status))


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("protocol", ["plain", "realtime"])
async def test_realtime_api_is_beside_whip(protocol: str, workers: int, config: Path) -> None:
    headers = {"Content-Type": "application/sdp"}
    flags = ("--workers", workers, "--set", "realtime.path=/v1/realtime", "--set", f"backend.protocol={protocol}")
    with running("gateway", "--config", config, *flags) as gateway:
        url = f"http://{gateway.address('signaling')}"
        async with httpx.AsyncClient(base_url=url, headers=headers, trust_env=False) as http:
            response = await http.post("/v1/realtime/calls", content=OFFER)
            assert response.status_code == 201
            assert (await http.post(f"{response.headers['location']}/hangup")).status_code == 200
            assert (await http.post("/whip", content=OFFER)).status_code == 201
        assert gateway.stop(signal.SIGINT)[0] == 0


def test_example_is_as_short_as_it_says() -> None:
    assert len((ROOT / "examples" / "echo_backend.py").read_text().splitlines()) <= 42


def test_check_hides_the_token(config: Path) -> None:
    config.write_text(TOML + 'token = "very-secret"\n')
    result = CliRunner().invoke(main, ["gateway", "--check", "--config", str(config)])
    assert (result.exit_code, result.stderr) == (0, "")
    assert 'token = "(hidden)"' in result.stdout
    assert "very-secret" not in result.stdout


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("[backend]", "[backends]", "backends"),
        ("ws://", "http://", "backend.url"),
        ("ws://127.0.0.1:9000", "ws://user:word@127.0.0.1", "backend.url"),
        ("[backend]", '[backend]\nprotocol = "realtime"\naudio_in = "packets"', "backend.audio_in"),
        ("[backend]", '[backend]\nprotocol = "realtime"\naudio_out = "packets"', "backend.audio_out"),
        ("[backend]", '[backend]\naudio_in = "mp3"', "backend.audio_in"),
        ("[backend]", '[backend]\nhandler = "bot:echo"', "backend.url"),
        ('url = "ws://127.0.0.1:9000"', "", "backend.url"),
        ("[backend]", "[backend]\naudio_in_rate = 7999", "backend.audio_in_rate"),
        ("[backend]", '[backend]\ntoken = "two words"', "backend.token"),
        ("[backend]", '[backend]\ntoken = "line\\n"', "backend.token"),
        ("[backend]", '[realtime]\npath = "/whip"\n[backend]', "signaling.whip_path"),
        ("[signaling]", '[realtime]\npath = "/v1"\n[signaling]\nwhip_path = "/v1/whip"', "signaling.whip_path"),
    ],
)
def test_mistake_is_one_line_with_its_key(old: str, new: str, key: str, config: Path) -> None:
    config.write_text(TOML.replace(old, new))
    result = CliRunner().invoke(main, ["gateway", "--config", str(config)])
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert result.stderr.startswith(f"rtcsplit: {key} = ")
