"""The data channel section of offer and answer."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from rtcsplit.session.negotiation import DataNegotiation
from rtcsplit.session.sdp import Answer, build_answer, parse_offer
from tests.offers import AUDIO, LOCAL, SESSION, STORED, changed, sections, stored

WITH_DATA = replace(LOCAL, has_data=True)
BUNDLE = changed("BUNDLE 0", "BUNDLE 0 2", SESSION)
DATA = """m=application 9 UDP/DTLS/SCTP webrtc-datachannel
c=IN IP4 0.0.0.0
a=mid:2
a=sctp-port:5001
a=max-message-size:262144
"""
STORED_DATA = {name for name in STORED if b"webrtc-datachannel" in stored(name)}


def answered(body: str | bytes) -> Answer:
    return build_answer(parse_offer(body), WITH_DATA)


def test_the_section_is_answered_in_the_bundle_of_the_audio() -> None:
    """Row G22: our port and message size, one transport, candidates in the first section alone."""
    answer = answered(BUNDLE + AUDIO + DATA)
    session, audio, data = sections(answer.text)
    assert "a=group:BUNDLE 0 2" in session
    assert audio[0].startswith("m=audio 3478 ")
    transport = [line for line in audio if line.startswith(("a=ice-", "a=fingerprint", "a=setup"))]
    assert data == [
        "m=application 3478 UDP/DTLS/SCTP webrtc-datachannel",
        "c=IN IP4 203.0.113.10",
        "a=mid:2",
        "a=sctp-port:5000",
        "a=max-message-size:65536",
        *transport,
    ]
    assert audio[-2:] == ["a=candidate:1 1 udp 2130706431 203.0.113.10 3478 typ host", "a=end-of-candidates"]
    assert answer.negotiation.data == DataNegotiation("2", 5001, 5000, 262_144)
    assert answer.negotiation.audio is not None


def test_the_message_size_defaults_to_65536() -> None:
    """Row G22: RFC 8841 section 6.1."""
    answer = answered(BUNDLE + AUDIO + changed("a=max-message-size:262144\n", "", DATA))
    assert answer.negotiation.data == DataNegotiation("2", 5001, 5000, 65_536)


def test_candidates_are_in_the_tagged_section() -> None:
    """RFC 9143 section 7.3: a bundle that begins with the data section."""
    first = changed("BUNDLE 0", "BUNDLE 2 0", SESSION)
    transport = "a=ice-ufrag:abcd\na=ice-pwd:abcdefghijklmnopqrstuv\na=setup:actpass\n"
    session, data, audio = sections(answered(first + DATA + transport + AUDIO).text)
    assert "a=group:BUNDLE 2 0" in session
    assert data[-1] == "a=end-of-candidates"
    assert not [line for line in audio if "candidate" in line]


def test_a_section_that_waits_for_its_bundle_is_taken() -> None:
    """Row G28: Firefox's port 0 with bundle-only is no refusal."""
    waiting = changed("m=application 9", "m=application 0", DATA) + "a=bundle-only\n"
    assert answered(BUNDLE + AUDIO + waiting).negotiation.data is not None


REFUSED = {
    "port 0": BUNDLE + AUDIO + changed("m=application 9", "m=application 0", DATA),
    "outside of the bundle": SESSION + AUDIO + DATA,
    "no bundle": changed("a=group:BUNDLE 0\n", "", SESSION) + AUDIO + DATA,
    "old form": BUNDLE + AUDIO + "m=application 9 DTLS/SCTP 5000\na=mid:2\na=sctpmap:5000 webrtc-datachannel 1024\n",
    "TCP": BUNDLE + AUDIO + changed("UDP/DTLS", "TCP/DTLS", DATA),
    "other format": BUNDLE + AUDIO + changed("SCTP webrtc-datachannel", "SCTP bfcp", DATA),
    "no port": BUNDLE + AUDIO + changed("a=sctp-port:5001\n", "", DATA),
    "two ports": BUNDLE + AUDIO + DATA + "a=sctp-port:5002\n",
    **{
        f"port {text!r}": BUNDLE + AUDIO + changed("sctp-port:5001", f"sctp-port:{text}", DATA)
        for text in ("0", "65536", "-1", "", "x", "5001 5002", "\u0665\u0660", "9" * 4000)
    },
    **{
        f"size {text!r}": BUNDLE + AUDIO + changed("message-size:262144", f"message-size:{text}", DATA)
        for text in ("", "-1", "x", "9" * 11)
    },
}


@pytest.mark.parametrize("offer", REFUSED.values(), ids=lambda offer: None)
def test_what_cannot_be_taken_is_refused_and_the_audio_goes_on(offer: str) -> None:
    """Row G22: cleanly, with port 0."""
    answer = answered(offer)
    assert answer.negotiation.data is None
    ports = {lines[0].split(" ")[0]: lines[0].split(" ")[1] for lines in sections(answer.text)[1:]}
    assert ports == {"m=audio": "3478", "m=application": "0"}


def test_the_first_of_several_is_taken() -> None:
    second = changed("a=mid:2", "a=mid:3", DATA)
    answer = answered(changed("BUNDLE 0", "BUNDLE 0 2 3", SESSION) + AUDIO + DATA + second)
    assert [lines[0].split(" ")[1] for lines in sections(answer.text)[1:]] == ["3478", "3478", "0"]
    assert "a=group:BUNDLE 0 2" in sections(answer.text)[0]


@pytest.mark.parametrize("name", STORED)
def test_stored_offers_get_their_data_channels(name: str) -> None:
    """Row G28."""
    answer = answered(stored(name))
    assert (answer.negotiation.data is not None) == (name in STORED_DATA)
    if answer.negotiation.data is not None:
        found = re.search(rb"a=max-message-size:(\d+)", stored(name))
        size = int(found.group(1)) if found else 65_536
        assert (answer.negotiation.data.remote_port, answer.negotiation.data.max_message_size) == (5000, size)
    assert len(STORED_DATA) >= 5


def test_nothing_changes_where_no_data_channels_are_wanted() -> None:
    for name in STORED:
        assert build_answer(parse_offer(stored(name)), LOCAL).negotiation.data is None
