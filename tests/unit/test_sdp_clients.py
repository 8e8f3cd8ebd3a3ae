"""Stored offers of real clients, each with the answer it must get. Origins: tests/data/README.md."""

from __future__ import annotations

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
    """Row G28: cryptex, rrtr, rtcp-xr, RED, comfort noise, telephone events, transport-cc."""
    answer = build_answer(parse_offer(stored("libwebrtc_m152_audio")), LOCAL).text
    for word in ("cryptex", "rrtr", "rtcp-xr", "red", "CN", "telephone", "transport", "extmap-allow-mixed", "rtcp-fb"):
        assert word not in answer.replace("sendrecv", "")


def test_every_stored_offer_has_its_origin() -> None:
    text = (DATA / "README.md").read_text()
    assert [name for name in STORED if f"`{name}.sdp`" not in text] == []
