"""Stored offers of real clients, each with the answer it must get. Origins: tests/data/README.md."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from rtcsplit.session.negotiation import Direction
from rtcsplit.session.sdp import build_answer, parse_offer
from tests.offers import DATA, LOCAL, STORED, sections, stored

OPUS = {
    "aiortc": 96, "chromium": 111, "firefox": 109, "gstreamer": 96, "libdatachannel": 111, "libwebrtc": 111,
    "pion": 111,
}  # fmt: skip


@pytest.mark.parametrize("name", STORED)
def test_stored_offer_is_answered(name: str) -> None:
    """Row G28: what browsers offer and we do not use is tolerated; row G18: Opus on the client's own number."""
    offer = parse_offer(stored(name))
    answer = build_answer(offer, LOCAL)
    audio = answer.negotiation.audio
    assert audio is not None
    assert (audio.codecs[0].name, audio.codecs[0].payload_type) == ("opus", OPUS[name.split("_")[0]])
    assert audio.direction is {"chromium_recvonly": Direction.SENDONLY, "gstreamer_unbundled": Direction.RECVONLY}.get(
        name, Direction.SENDRECV
    )
    assert answer.negotiation.remote_ice is not None
    assert answer.negotiation.remote_fingerprints
    ports = [lines[0].split(" ")[1] for lines in sections(answer.text)[1:]]
    assert ports == ["3478" if section.kind == "audio" else "0" for section in offer.sections]


@pytest.mark.parametrize("name", STORED)
def test_stored_offer_is_answered_alike_with_bare_line_feeds(name: str) -> None:
    """Row G3."""
    body = stored(name)
    assert b"\r\n" in body
    assert parse_offer(body.replace(b"\r\n", b"\n")) == parse_offer(body)


def test_nothing_unused_is_echoed() -> None:
    """Row G28: cryptex, rrtr, rtcp-xr, comfort noise, telephone events, transport-cc."""
    answer = build_answer(parse_offer(stored("libwebrtc_m152_audio")), LOCAL).text
    for word in ("cryptex", "rrtr", "rtcp-xr", "CN", "telephone", "transport", "rtcp-fb"):
        assert word not in answer.replace("sendrecv", "")


def test_red_is_asked_for_where_it_is_offered_for_opus() -> None:
    """F36: listed before the codec, so that libwebrtc sends it; RFC 2198 section 5 for the parameters."""
    answered = {name: build_answer(parse_offer(stored(name)), LOCAL) for name in STORED}
    asked = {name for name, answer in answered.items() if answer.negotiation.audio.red is not None}  # type: ignore[union-attr]
    assert asked == {name for name in STORED if b"red/48000/2" in stored(name)}
    assert "chromium_audio" in asked
    text = answered["chromium_audio"].text
    assert re.search(r"^m=audio \d+ UDP/TLS/RTP/SAVPF 63 111 0 8\r$", text, re.MULTILINE)
    assert "a=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\n" in text


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"a=fmtp:63 111/111", b"a=fmtp:63 111/9"),
        (b"a=fmtp:63 111/111", b"a=fmtp:64 111/111"),
        (b"a=rtpmap:63 red/48000/2", b"a=rtpmap:63 red/8000"),
    ],
    ids=["other codec", "no parameters", "other clock"],
)
def test_red_of_anything_but_our_opus_is_left_out(old: bytes, new: bytes) -> None:
    answer = build_answer(parse_offer(stored("chromium_audio").replace(old, new)), LOCAL)
    assert answer.negotiation.audio is not None
    assert answer.negotiation.audio.red is None
    assert " red/" not in answer.text


def test_red_is_left_out_where_we_do_not_want_it_or_prefer_another_codec() -> None:
    offer = parse_offer(stored("chromium_audio"))
    for local in (replace(LOCAL, wants_red=False), replace(LOCAL, codecs=("pcmu", "opus"))):
        assert " red/" not in build_answer(offer, local).text


def test_every_stored_offer_has_its_origin() -> None:
    text = (DATA / "README.md").read_text()
    assert [name for name in STORED if f"`{name}.sdp`" not in text] == []
