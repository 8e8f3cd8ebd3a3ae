"""SNAP: INITs in SDP, and associations that stand without a handshake (draft-hancke-tsvwg-snap-00)."""

from __future__ import annotations

import random
from base64 import b64encode
from dataclasses import replace

import pytest

from rtcsplit.session.sctp_association import SctpAssociation
from rtcsplit.session.sctp_chunks import Init
from rtcsplit.session.sctp_events import AssociationEstablished, SctpMessage
from rtcsplit.session.sctp_handshake import new_init
from rtcsplit.session.sctp_packet import Chunk, ChunkType, parse_chunk
from rtcsplit.session.sctp_send_queue import OutboundMessage
from rtcsplit.session.sctp_state import SctpState
from rtcsplit.session.sdp import Answer, build_answer, parse_offer
from tests.link import Conditions
from tests.offers import LOCAL, sections, stored
from tests.sctp_link import SctpLink, SctpPeer

# From libwebrtc M152 with its trial WebRTC-Sctp-Snap.
LIBWEBRTC = "AQAAHhfw678AUAAA/////5YqK+vAAAAEgAgABoLA"
OURS, THEIRS = new_init(random.Random(1).randbytes), new_init(random.Random(2).randbytes)
OFFER = stored("chromium_audio_datachannel").decode()


def answered(value: str | None, init: Init | None = OURS) -> Answer:
    offer = OFFER if value is None else OFFER + f"a=sctp-init:{value}\r\n"
    return build_answer(parse_offer(offer), replace(LOCAL, has_data=True, sctp_init=init))


def snapped(text: str) -> list[str]:
    return [line for section in sections(text) for line in section if line.startswith("a=sctp-init")]


def test_both_inits_settle_it() -> None:
    text = b64encode(OURS.build(ChunkType.INIT)).decode()
    answer = answered(LIBWEBRTC)
    assert snapped(answer.text) == [f"a=sctp-init:{text}"]
    assert answer.negotiation.data is not None
    assert answer.negotiation.data.inits is not None
    assert answer.negotiation.data.inits[0] == OURS
    padded = answered(text).negotiation.data
    assert text.endswith("=")
    assert padded is not None
    assert padded.inits == (OURS, OURS)


def test_what_libwebrtc_says_is_read() -> None:
    data = answered(LIBWEBRTC).negotiation.data
    assert data is not None
    assert data.inits is not None
    init = data.inits[1]
    assert (init.tag, init.window, init.initial_tsn) == (0x17F0EBBF, 0x500000, 0x962A2BEB)


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "!!!!",
        "AQ",
        LIBWEBRTC[:-4],
        LIBWEBRTC + "AAAAAAAA",
        "Ag" + LIBWEBRTC[2:],
        b64encode(replace(THEIRS, tag=0).build(ChunkType.INIT)).decode(),
        b64encode(replace(THEIRS, window=1499).build(ChunkType.INIT)).decode(),
        b64encode(replace(THEIRS, outbound_streams=0).build(ChunkType.INIT)).decode(),
        "A" * 1_025,
        f"{LIBWEBRTC}\r\na=sctp-init:{LIBWEBRTC}",
    ],
    ids=["none", "empty", "no base64", "one octet", "cut", "too long", "INIT ACK", "tag 0", "window", "streams", "huge",
         "two"],
)  # fmt: skip
def test_an_init_that_cannot_be_used_is_none(value: str | None) -> None:
    """The data channels are answered all the same, with SCTP's own handshake."""
    answer = answered(value)
    assert snapped(answer.text) == []
    assert answer.negotiation.data is not None
    assert answer.negotiation.data.inits is None


def test_without_the_switch_nothing_is_answered() -> None:
    answer = answered(LIBWEBRTC, None)
    assert snapped(answer.text) == []
    assert answer.negotiation.data is not None
    assert answer.negotiation.data.inits is None


@pytest.mark.parametrize("size", range(33))
def test_every_truncation_of_an_init_is_refused(size: int) -> None:
    whole = OURS.build(ChunkType.INIT)
    assert (parse_chunk(whole[:size]) is None) == (size != len(whole))


def test_padding_may_be_there_or_not() -> None:
    octets = bytes([1, 0, 0, 6, 7, 8])
    for sample in (octets, octets + bytes(2)):
        assert parse_chunk(sample) == Chunk(1, 0, b"\7\10")
    assert parse_chunk(octets + bytes(1)) is None


def pair(*, loss: float = 0.0) -> tuple[SctpLink, SctpAssociation, SctpAssociation]:
    left = SctpAssociation(5000, 5000, random=random.Random(3).randbytes, inits=(OURS, THEIRS))
    right = SctpAssociation(5000, 5000, random=random.Random(4).randbytes, inits=(THEIRS, OURS))
    return SctpLink(SctpPeer(left), SctpPeer(right), Conditions(loss=loss, delay=0.05)), left, right


def test_associations_stand_when_they_are_started() -> None:
    """A message needs one way across the link, not three times both."""
    link, left, right = pair()
    left.send(OutboundMessage(1, 51, b"early"))
    start = link.now
    left.start(link.now)
    right.start(link.now)
    right.start(link.now)
    assert left.state is right.state is SctpState.ESTABLISHED
    assert link.network.run_until(lambda: bool(link.right.of_type(SctpMessage)), limit=1.0)
    assert link.now - start == pytest.approx(0.05, abs=0.001)
    assert link.right.events[0] == AssociationEstablished(1024)
    types = {packet[12] for packet in link.left.sent + link.right.sent}
    assert types <= {ChunkType.DATA, ChunkType.SACK}


def test_everything_arrives_under_loss() -> None:
    link, left, right = pair(loss=0.1)
    left.start(link.now)
    right.start(link.now)
    for n in range(50):
        left.send(OutboundMessage(1, 51, bytes([n]) * 3000))
    assert link.network.run_until(lambda: len(link.right.of_type(SctpMessage)) == 50, limit=120.0)
    assert not link.right.drops


def test_a_peer_that_shakes_hands_all_the_same_changes_nothing() -> None:
    link, left, _ = pair()
    left.start(link.now)
    other = SctpAssociation(5000, 5000, random=random.Random(5).randbytes)
    other.start(link.now)
    [init] = other.packets_to_send(link.now)
    assert left.receive(init, link.now) is not None
    assert left.state is SctpState.ESTABLISHED
