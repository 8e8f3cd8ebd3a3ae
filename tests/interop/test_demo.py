"""`make demo`: what it prints and returns, and the page that it serves, used as a person uses it."""

from __future__ import annotations

import asyncio
import contextlib
import re
import signal
import socket
import sys
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from click.testing import CliRunner
from playwright.async_api import Browser, Page, expect

from rtcsplit.cli.main import main

from .browser import chromium

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial" / "first-call.md"
DEMO = (sys.executable, "-m", "rtcsplit", "demo")
IS_DRAWN = """
() => [...document.querySelectorAll("figure path:first-of-type")]
    .every((path) => (path.getAttribute("d") ?? "").includes("L"))
"""
NO_MICROPHONE = """
navigator.mediaDevices.getUserMedia = async () => { throw new DOMException("none found", "NotFoundError"); };
"""


@contextlib.asynccontextmanager
async def served() -> AsyncIterator[str]:
    """The demo serving its page on a port of the kernel's choice; the value is the page's URL."""
    process = await asyncio.create_subprocess_exec(*DEMO, "--serve", "--port", "0", stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        text = ""
        while not (found := re.search(r"http://localhost:\d+/", text)):
            line = await process.stdout.readline()
            assert line, f"ended with status {await process.wait()}"
            text = line.decode()
        yield found[0]
    finally:
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0


def summary_of_the_tutorial() -> list[str]:
    """The lines that it shows, as patterns: any figures."""
    [block] = re.findall(r"^```\n(Summary\n.*?)```", TUTORIAL.read_text(), re.DOTALL | re.MULTILINE)
    lines = [line for line in block.splitlines() if line]
    figures = [re.sub(r"\\?[+-]?\d+", r"[-+\\d]+", re.escape(line)) for line in lines]
    return [re.sub(r"(\\\.){2,3}", ".*", line) for line in figures]


async def test_call_works_and_the_summary_says_how(tmp_path: Path) -> None:
    recording = tmp_path / "returned.wav"
    process = await asyncio.create_subprocess_exec(
        *DEMO, "--recording", str(recording), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    output, errors = await asyncio.wait_for(process.communicate(), 60.0)
    text = output.decode()
    assert process.returncode == 0, text + errors.decode()
    for expected in (
        r"HTTP: the offer is answered",
        r"round trip    p50 [\d.]+ ms, p99 [\d.]+ ms",
        r"packets       \d+ sent, \d+ back; lost [01] of",
        r"similarity 0\.9",
        r"relay flows   confirmed 1",
        r"relay drops ",
        r"The call worked\.",
    ):
        assert re.search(expected, text), f"{expected!r} is not in:\n{text}"
    for line in summary_of_the_tutorial():
        assert re.search(f"^{line}$", text, re.MULTILINE), f"{line!r} is not in:\n{text}"
    with wave.open(str(recording)) as file:
        assert file.getnframes() / file.getframerate() > 7.0


async def test_port_in_use_is_one_line_and_a_status() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        process = await asyncio.create_subprocess_exec(
            *DEMO, "--serve", "--port", str(listener.getsockname()[1]), stderr=asyncio.subprocess.PIPE
        )
        _, errors = await process.communicate()
    assert process.returncode == 2
    assert len(errors.decode().splitlines()) == 1
    assert "--port" in errors.decode()


@pytest.mark.parametrize("name", ["nowhere/returned.wav", "."])
def test_recording_that_cannot_be_written_is_said_before_the_call(name: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["demo", "--recording", str(tmp_path / name)])
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert result.stderr.startswith("rtcsplit: --recording = ")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def page_url() -> AsyncIterator[str]:
    async with served() as url:
        yield url


@contextlib.asynccontextmanager
async def opened(browser: Browser, url: str, script: str = "") -> AsyncIterator[Page]:
    """The demo's page; fails at the end if the page logged an error."""
    context = await browser.new_context(permissions=["microphone"])
    page = await context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    if script:
        await page.add_init_script(script)
    await page.goto(url)
    yield page
    await context.close()
    assert problems == []


@pytest.mark.browser
@pytest.mark.asyncio(loop_scope="module")
async def test_page_calls_plots_and_hangs_up(browser: Browser, page_url: str) -> None:
    async with opened(browser, page_url) as page, httpx.AsyncClient(trust_env=False) as http:
        await page.get_by_text("Test tone, 440 Hz").click()
        async with page.expect_response(lambda response: response.request.method == "POST") as posted:
            await page.get_by_role("button", name="Call").click()
        session = await (await posted.value).header_value("location")
        await expect(page.locator("#state-text")).to_have_text("Connected")
        await page.wait_for_function(IS_DRAWN, timeout=30_000)
        relay = (await http.get(page_url + "relay")).json()
        await expect(page.locator("#relay-address")).to_have_text(relay["relay"])
        await expect(page.locator("#transceiver-address")).to_have_text(relay["transceiver"])
        await expect(page.locator("#path")).to_have_class(re.compile("is-relayed"))
        await expect(page.locator("#setup li[data-phase=audio] b")).to_have_text(re.compile(r"\d+ ms"))
        await expect(page.locator("#round-trip svg")).to_have_attribute(
            "aria-label", re.compile(r"echo \d"), timeout=30_000
        )
        await page.get_by_role("button", name="Hang up").click()
        await expect(page.locator("#state-text")).to_have_text("The call has ended")
        assert session is not None
        assert (await http.delete(page_url.rstrip("/") + session)).status_code == 404


@pytest.mark.browser
@pytest.mark.asyncio(loop_scope="module")
async def test_page_talks_with_the_assistant_and_interrupts_it(browser: Browser, page_url: str) -> None:
    """Its words light up as they are heard; cut off, by the button and by speaking, it shows how far it was heard."""
    async with opened(browser, page_url) as page:
        await page.get_by_text("An assistant", exact=True).click()
        await page.get_by_text("Nothing", exact=True).click()
        await page.get_by_role("button", name="Call").click()
        await expect(page.locator("#state-text")).to_have_text("Connected")
        await expect(page.locator("#transceiver-title")).to_have_text("Gateway")
        first = page.locator(".turns .assistant").first
        await expect(first.locator(".heard").first).to_have_text("Hello. ", timeout=30_000)
        await page.get_by_role("button", name="Interrupt").click()
        await expect(first.locator(".fine")).to_have_text(
            re.compile(r"cut off: [0-6]\.\d\d s of 7\.50 s heard, as the model is told")
        )
        await page.get_by_text("Sample sentence", exact=True).click()
        await expect(page.locator(".turns .caller p")).to_have_text("speaking …")
        await page.get_by_text("Nothing", exact=True).click()
        await expect(page.locator(".turns .caller p")).to_have_text(re.compile(r"\(\d\.\d s of speech\)"))
        second = page.locator(".turns .assistant").nth(1)
        await expect(second.locator(".heard").first).to_have_text("Hello. ", timeout=30_000)
        await page.get_by_text("Sample sentence", exact=True).click()
        await expect(second.locator(".fine")).to_contain_text("as the model is told")
        await expect(page.locator(".events")).to_contain_text("conversation.item.truncated")
        await page.get_by_role("button", name="Hang up").click()
        await expect(page.locator("#state-text")).to_have_text("The call has ended")


@pytest.mark.browser
@pytest.mark.asyncio(loop_scope="module")
async def test_page_says_the_sample_sentence_where_there_is_no_microphone(browser: Browser, page_url: str) -> None:
    async with opened(browser, page_url, NO_MICROPHONE) as page:
        await page.get_by_role("button", name="Call").click()
        await expect(page.locator("#state-text")).to_have_text("Connected")
        await expect(page.get_by_role("radio", name="Sample sentence")).to_be_checked()
        await expect(page.get_by_role("alert")).to_contain_text("No microphone")


@pytest.mark.asyncio(loop_scope="module")
async def test_page_loads_nothing_from_elsewhere(page_url: str) -> None:
    async with httpx.AsyncClient(base_url=page_url, trust_env=False) as http:
        reply = await http.get("/")
        assert "default-src 'self'" in reply.headers["Content-Security-Policy"]
        for name in re.findall(r'(?:src|href)="([^"#]+)"', reply.text):
            assert (await http.get(name)).status_code == 200


@pytest.mark.asyncio(loop_scope="module")
async def test_offer_of_more_than_64_kib_is_refused(page_url: str) -> None:
    async with httpx.AsyncClient(base_url=page_url, trust_env=False) as http:
        headers = {"Content-Type": "application/sdp"}
        assert (await http.post("whip", content=b"v=0\r\n" * 20_000, headers=headers)).status_code == 413
        assert (await http.post("whip", content=b"v=1\r\n", headers=headers)).status_code == 400
