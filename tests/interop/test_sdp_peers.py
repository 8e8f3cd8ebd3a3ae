"""Independent clients take our answers: Chromium in every bundle policy, and aiortc."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator

import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack
from playwright.async_api import Page, async_playwright

from rtcsplit.session.sdp import build_answer, parse_offer
from tests.offers import LOCAL

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), ""
)
QUIET = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip

AUDIO = "pc.addTrack(track, stream);"
VIDEO = "pc.addTransceiver('video');"
DATA = "pc.createDataChannel('chat');"
OFFERS = {
    "audio": ("balanced", AUDIO),
    "audio, receiving only": ("balanced", "pc.addTransceiver('audio', {direction: 'recvonly'});"),
    "audio, sending only": ("balanced", "pc.addTransceiver(track, {direction: 'sendonly'});"),
    "audio and data": ("balanced", AUDIO + DATA),
    "audio and video": ("balanced", AUDIO + VIDEO),
    "video first": ("balanced", VIDEO + AUDIO + DATA),
    "max-bundle": ("max-bundle", AUDIO + VIDEO + DATA),
    "max-bundle, data first": ("max-bundle", DATA + AUDIO),
    "max-compat": ("max-compat", VIDEO + AUDIO),
}

# The signaling state after the answer, what ontrack named, and the direction of the audio transceiver.
CALL = """async ([policy, code]) => {
    const stream = new AudioContext().createMediaStreamDestination().stream;
    const track = stream.getAudioTracks()[0];
    const pc = new RTCPeerConnection({bundlePolicy: policy});
    const named = [];
    pc.ontrack = event => named.push(event.track.kind, event.streams[0].id);
    new Function('pc', 'track', 'stream', code)(pc, track, stream);
    await pc.setLocalDescription();
    await pc.setRemoteDescription({type: 'answer', sdp: await answerOf(pc.localDescription.sdp)});
    const audio = pc.getTransceivers().find(t => t.receiver.track.kind === 'audio');
    const found = [pc.signalingState, named, audio.currentDirection];
    pc.close();
    return found;
}"""


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    if not CHROMIUM:
        pytest.skip("there is no Chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        page = await browser.new_page()
        await page.expose_function("answerOf", lambda offer: build_answer(parse_offer(offer), LOCAL).text)
        await page.goto("about:blank")
        yield page
        await browser.close()


@pytest.mark.browser
async def test_chromium_takes_our_answers(page: Page) -> None:
    """Rows G5, G12, G17, G21: whatever is refused beside the audio, and ontrack names our stream."""
    stream = f"{LOCAL.session_id:016x}"
    expected = {name: ["stable", ["audio", stream], "sendrecv"] for name in OFFERS}
    expected["audio, receiving only"] = ["stable", ["audio", stream], "recvonly"]
    expected["audio, sending only"] = ["stable", [], "sendonly"]
    found = {name: await page.evaluate(CALL, list(offer)) for name, offer in OFFERS.items()}
    assert found == expected


@pytest.mark.parametrize("direction", ["sendrecv", "sendonly", "recvonly"])
async def test_aiortc_takes_our_answers(direction: str) -> None:
    """Rows G17, D6: three fingerprints in its offer, one in our answer."""
    peer = RTCPeerConnection()
    try:
        peer.addTransceiver(AudioStreamTrack(), direction)
        await peer.setLocalDescription(await peer.createOffer())
        answer = build_answer(parse_offer(peer.localDescription.sdp), LOCAL)
        await peer.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
        assert peer.signalingState == "stable"
        assert peer.getTransceivers()[0].currentDirection == direction
    finally:
        await peer.close()
