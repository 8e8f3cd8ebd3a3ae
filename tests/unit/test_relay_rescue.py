"""Uplink rescue in the relay: RTP of a source that was heard, from an address that nobody knows; on virtual time."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from rtcsplit.drops import DropReason
from rtcsplit.wire.address import Address
from tests.relay_bench import DTLS, FIRST, INTERNAL, RTCP, SECOND, Decisions, check, decisions

AWAY = Address.of("198.51.100.200", 9)
SSRC = 0x12345678


def rtp(ssrc: int = SSRC) -> bytes:
    return b"\x80\x6f" + bytes(6) + ssrc.to_bytes(4, "big") + bytes(50)


@pytest.fixture
def relay() -> Iterator[Decisions]:
    with decisions(workers=3, rescues=True) as made:
        yield made


def call(relay: Decisions) -> None:
    """A confirmed flow of the first transceiver, on which a source has been heard."""
    relay.up(check(FIRST))
    relay.down(DTLS)
    assert relay.up(rtp()) == [(rtp(), INTERNAL[FIRST])]


def test_audio_from_a_new_address_is_routed_like_that_from_the_old_one(relay: Decisions) -> None:
    """C25: by any worker, for a rebound client may reach another one; it makes no flow."""
    call(relay)
    flows = relay.flows()
    for worker in range(3):
        assert relay.up(rtp(), client=AWAY, worker=worker) == [(rtp(), INTERNAL[FIRST])]
    assert relay.flows() == flows
    assert relay.events()["rescued"] == 3
    assert relay.up(RTCP, DTLS, rtp(SSRC + 1), client=AWAY) == [DropReason.NO_FLOW] * 3
    stun_answer = b"\x01\x11\x00\x00\x21\x12\xa4\x42" + bytes(12)
    assert relay.down(stun_answer, client=AWAY) == [DropReason.STUN_UNSOLICITED]  # nothing goes back there


def test_without_the_switch_nothing_is_rescued() -> None:
    with decisions(workers=3) as relay:
        call(relay)
        assert relay.up(rtp(), client=AWAY) == [DropReason.NO_FLOW]


def test_a_source_on_an_unconfirmed_flow_is_not_remembered(relay: Decisions) -> None:
    relay.up(check(FIRST))
    relay.up(rtp())
    assert relay.up(rtp(), client=AWAY) == [DropReason.NO_FLOW]


def test_a_source_is_forgotten_ten_seconds_after_its_last_packet(relay: Decisions) -> None:
    call(relay)
    relay.now_ms += 9_999
    assert relay.up(rtp(), client=AWAY) == [(rtp(), INTERNAL[FIRST])]
    relay.now_ms += 1
    assert relay.up(rtp(), client=AWAY) == [DropReason.NO_FLOW]


def test_who_copies_an_ssrc_does_not_divert_it(relay: Decisions) -> None:
    """C25: a client of another transceiver, with a flow of its own."""
    call(relay)
    attacker = Address.of("203.0.113.66", 6666)
    relay.up(check(SECOND), client=attacker)
    relay.down(DTLS, route=SECOND, client=attacker)
    assert relay.up(rtp(), client=attacker) == [(rtp(), INTERNAL[SECOND])]
    assert relay.up(rtp(), client=AWAY) == [(rtp(), INTERNAL[FIRST])]


def test_spoofed_audio_from_ten_thousand_addresses_is_bounded(relay: Decisions) -> None:
    """C25: 0 flows; of a known source at most 100 packets a second and worker, of unknown ones none."""
    call(relay)
    flows = relay.flows()
    outcomes = [relay.up(rtp(), client=Address.of("203.0.113.66", port + 1))[0] for port in range(10_000)]
    assert len([outcome for outcome in outcomes if not isinstance(outcome, DropReason)]) == 100
    guessed = [relay.up(rtp(random.Random(port).getrandbits(32)), client=AWAY)[0] for port in range(10_000)]
    assert set(guessed) == {DropReason.NO_FLOW}
    assert relay.flows() == flows
    assert relay.up(rtp()) == [(rtp(), INTERNAL[FIRST])]  # the client itself is not held up


def test_a_transceiver_that_is_gone_gets_nothing(relay: Decisions) -> None:
    call(relay)
    relay.route_to({SECOND: INTERNAL[SECOND]})
    assert relay.up(rtp(), client=AWAY) == [DropReason.NO_FLOW]
