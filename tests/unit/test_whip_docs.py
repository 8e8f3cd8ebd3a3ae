"""The pages about signaling: their code runs, their lists are complete."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from rtcsplit import Transceiver
from rtcsplit.gateway.echo import Echo
from tests.offers import LOCAL, stored

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


async def test_how_to_mount_runs_as_written() -> None:
    """docs/how-to/mount-whip.md: POST below the mount point, DELETE at Location."""
    code, container = re.findall(r"```python\n(.*?)```", (DOCS / "how-to" / "mount-whip.md").read_text(), re.DOTALL)
    names: dict[str, Any] = {"__name__": "mounted"}
    exec(compile(code, "mount-whip.md", "exec"), names)
    app = names["app"]
    headers = {"Authorization": "Bearer a-token-of-your-own", "Content-Type": "application/sdp"}
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://calls.test") as http,
    ):
        response = await http.post("/voice/whip", content=stored("chromium_audio"), headers=headers)
        assert response.status_code == 201
        assert response.headers["location"].startswith("/voice/whip/")
        assert (await http.delete(response.headers["location"], headers=headers)).status_code == 200
    exec(compile(container, "mount-whip.md", "exec"), names)
    async with Transceiver(names["settings"], application=Echo()) as transceiver:
        accepted = await transceiver.accept(stored("chromium_audio"), lambda: None)
        assert " 203.0.113.20 5000 typ host" in accepted.answer


def test_the_names_of_the_sdp_page_do_what_it_says() -> None:
    """docs/reference/sdp.md: an offer in, an answer and what a session is made of out."""
    (code,) = re.findall(r"```python\n(.*?)```", (DOCS / "reference" / "sdp.md").read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(code, "sdp.md", "exec"), names)
    assert isinstance(LOCAL, names["LocalDescription"])
    answer = names["build_answer"](names["parse_offer"](stored("chromium_audio")), LOCAL)
    assert answer.text.startswith("v=0")
    assert answer.negotiation.audio.codecs[0].name == "opus"


SIGNALING = ROOT / "rtcsplit" / "signaling"
PROBLEM = r'(?:Problem|_unauthorized|_unprocessable)\(\s*(?:HTTPStatus\.\w+,\s*)?"(\w+)"'
SMALL = sorted(SIGNALING.glob("small_webrtc*.py"))
CODES = {
    "sdp.md": (
        sorted((ROOT / "rtcsplit" / "session" / "sdp").glob("*.py")),
        r'(?:malformed|unsupported|SdpError)\(\s*"(\w+)"',
    ),
    "whip.md": (sorted(set(SIGNALING.glob("*.py")) - set(SMALL)), PROBLEM),
}


def codes_in(files: list[Path], pattern: str) -> set[str]:
    return {code for path in files for code in re.findall(pattern, path.read_text())}


def codes_of(page: str, heading: str, column: int) -> set[str]:
    table = (DOCS / "reference" / page).read_text().split(f"## {heading}")[1].split("\n## ")[0]
    rows = [line.split("|") for line in table.splitlines() if line.startswith("|")]
    return {code for row in rows[2:] for code in re.findall(r"`(\w+)`", row[column])}


@pytest.mark.parametrize("page", CODES)
def test_every_refusal_code_is_documented(page: str) -> None:
    """docs/reference: the code's row is there, and no row is of a code that no longer exists."""
    assert codes_of(page, "Refusals", 1 if page == "sdp.md" else 2) == codes_in(*CODES[page])


def test_every_code_of_pipecats_protocol_is_documented() -> None:
    """Its page lists those of its own beside those that it shares."""
    assert codes_in(SMALL, PROBLEM) <= codes_of("small-webrtc.md", "Errors", 2)
