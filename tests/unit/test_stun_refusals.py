"""The process's answers to strangers: small, few, and only to requests (RFC 8489 section 9.1.3)."""

from __future__ import annotations

import pytest
from aioice import stun as oracle

from rtcsplit.drops import DropReason
from rtcsplit.errors import UsageError
from rtcsplit.session.ice_check import ufrag_of
from rtcsplit.session.stun_refusals import StunRefusals
from rtcsplit.wire import stun
from tests.ice_peer import HOME, INDICATION, NAMES, REQUEST, SUCCESS, USERNAME, message

TRANSACTION_ID = bytes(range(12))


def padded_request(octets: int) -> bytes:
    """A request of that many octets, a multiple of four from 20 on, that proves nothing."""
    room = octets - 20
    return message(REQUEST, TRANSACTION_ID, [(0x8000, bytes(room - 4))] if room else [], fingerprint=False)


def test_a_refusal_is_never_longer_than_its_request() -> None:
    """B12, T5: for all sizes from 20 to 200; what would be longer is not sent."""
    refusals = StunRefusals(rate=1e6, burst=1000)
    answered = []
    for octets in range(20, 201, 4):
        datagram = padded_request(octets)
        assert len(datagram) == octets
        reason, answer = refusals.refuse_stranger(datagram, HOME, 0.0)
        assert reason is DropReason.STUN_BAD_REQUEST
        if answer is not None:
            assert len(answer[0]) <= octets
            assert answer[1] == HOME
            answered.append(octets)
    assert answered == list(range(36, 201, 4))


def test_a_refusal_says_the_code_and_nothing_else() -> None:
    """B12: no SOFTWARE, no integrity, an empty reason phrase."""
    answer = StunRefusals().refuse(padded_request(100), 401, HOME, 5.0)
    assert answer is not None
    response = oracle.parse_message(answer[0])
    assert response.message_class is oracle.Class.ERROR
    assert response.transaction_id == TRANSACTION_ID
    assert response.attributes.keys() == {"ERROR-CODE", "FINGERPRINT"}
    assert response.attributes["ERROR-CODE"] == (401, "")


@pytest.mark.parametrize(
    ("datagram", "reason", "code"),
    [
        (message(REQUEST, TRANSACTION_ID, [(USERNAME, NAMES)], key=b"k"), DropReason.STUN_UNAUTHORIZED, 401),
        (message(REQUEST, TRANSACTION_ID, [(USERNAME, NAMES)]), DropReason.STUN_BAD_REQUEST, 400),
        (message(INDICATION, TRANSACTION_ID), DropReason.STUN_INDICATION, None),
        (message(SUCCESS, TRANSACTION_ID), DropReason.STUN_RESPONSE, None),
        (message(0x0003, TRANSACTION_ID), DropReason.STUN_METHOD, None),
        (b"\0\1\0\0", None, None),
    ],
    ids=["unknown ufrag", "no integrity", "indication", "response", "allocate", "short"],
)
def test_a_stranger_gets_at_most_400_or_401(datagram: bytes, reason: DropReason | None, code: int | None) -> None:
    """B10, B11, T4, T6: a datagram of no session, as the transceiver hands it over."""
    counted, answer = StunRefusals().refuse_stranger(datagram, HOME, 0.0)
    assert reason in (counted, None)
    assert (answer is None) is (code is None)
    if answer is not None:
        assert oracle.parse_message(answer[0]).attributes["ERROR-CODE"] == (code, "")


def test_refusals_are_limited_in_time() -> None:
    """B12, T5: a burst, then the rate, over all sessions of the process."""
    refusals = StunRefusals(rate=10, burst=5)
    datagram = padded_request(100)

    def answered(now: float, times: int) -> int:
        return sum(refusals.refuse(datagram, 401, HOME, now) is not None for _ in range(times))

    assert answered(100.0, 50) == 5
    assert answered(100.05, 50) == 0
    assert answered(100.1001, 50) == 1
    assert answered(101.1002, 50) == 5, "a quiet second refills the burst and no more"
    assert sum(answered(200 + tick / 100, 10) for tick in range(1000)) in range(100, 106)


def test_a_process_sends_fifty_in_any_second_at_most() -> None:
    """B12: by default, after whatever quiet; 25 a second in the long run, of 36 octets each."""
    refusals, datagram = StunRefusals(), padded_request(100)
    ticks = range(100_000, 101_000)
    answered = [tick for tick in ticks for _ in range(5) if refusals.refuse(datagram, 401, HOME, tick / 100)]
    assert max(sum(start <= tick < start + 100 for tick in answered) for start in ticks) in range(49, 51)
    assert len(answered) in range(250, 277)
    refused = StunRefusals().refuse(datagram, 401, HOME, 0.0)
    assert refused is not None
    assert len(refused[0]) == 36


@pytest.mark.parametrize("limits", [(0, 1), (-1, 1), (1, 0)])
def test_limits_that_allow_nothing_are_refused(limits: tuple[float, int]) -> None:
    with pytest.raises(UsageError):
        StunRefusals(*limits)


@pytest.mark.parametrize(
    ("username", "ufrag"),
    [
        (b"server:client", "server"),
        (b"server:cli:ent", "server"),
        (b"server", None),
        (b"server:", None),
        (b":client", None),
        (b"", None),
        (b"s\xe9rver:client", None),
        (b"s:" + b"c" * 506, "s"),
        (b"s:" + b"c" * 507, None),
    ],
    ids=lambda value: repr(value)[:24],
)
def test_the_server_ufrag_is_what_username_begins_with(username: bytes, ufrag: str | None) -> None:
    """B20, B21 on the transceiver's side."""
    parsed = stun.parse(message(REQUEST, TRANSACTION_ID, [(USERNAME, username)]))
    assert isinstance(parsed, stun.Message)
    assert ufrag_of(parsed) == ufrag


def test_a_message_without_username_has_no_ufrag() -> None:
    parsed = stun.parse(message(REQUEST, TRANSACTION_ID))
    assert isinstance(parsed, stun.Message)
    assert ufrag_of(parsed) is None
