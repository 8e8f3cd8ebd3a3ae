"""What reaches OpenSSL of a handshake, and in which order (rows D10, D16, D18, D19, D24)."""

from __future__ import annotations

import pytest

from rtcsplit.drops import DropReason
from rtcsplit.session.dtls_intake import HandshakeIntake
from rtcsplit.session.dtls_records import Record, parse_records
from rtcsplit.session.negotiation import DtlsRole
from tests.dtls_peers import fragment, record


def parsed(octets: bytes) -> Record:
    records = parse_records(octets)
    assert isinstance(records, list)
    return records[0]


def handshake(*fragments: bytes, number: int = 0) -> Record:
    return parsed(record(b"".join(fragments), number=number))


def intake(role: DtlsRole = DtlsRole.SERVER, *, awaits_hello: bool = False) -> HandshakeIntake:
    made = HandshakeIntake(role)
    made.awaits_hello = awaits_hello
    return made


def drained(made: HandshakeIntake, *, is_due: bool = False) -> list[Record]:
    return list(iter(lambda: made.next_record(lambda _: is_due), None))


CIPHER_CHANGE = parsed(record(b"\x01", content_type=20))
FINISHED = parsed(record(bytes(48), epoch=1))


def test_fragments_go_straight_on_and_their_message_is_known() -> None:
    """D10: any order, duplicates, overlaps."""
    made = intake(awaits_hello=True)
    parts = [
        handshake(fragment(b"c" * 50, total=100, offset=50), number=1),
        handshake(fragment(b"a" * 60, total=100), number=0),
        handshake(fragment(b"a" * 60, total=100), number=2),
    ]
    assert [made.admit(part) for part in parts] == [None] * 3
    assert drained(made) == parts
    assert made.highest_message_seq == 0


def test_message_may_declare_16_kib_and_no_more() -> None:
    """D18."""
    made = intake()
    assert made.admit(handshake(fragment(b"x", message_type=11, total=16384, seq=1))) is None
    assert made.admit(handshake(fragment(b"x", message_type=11, total=16385, seq=2))) is DropReason.DTLS_BUDGET
    assert intake().admit(handshake(fragment(b"x", message_type=11, total=16385))) is DropReason.DTLS_BUDGET
    assert made.admit(handshake(fragment(b"x", message_type=11, total=100_000, seq=3))) is DropReason.DTLS_BUDGET
    assert made.highest_message_seq == 1


def test_all_messages_may_declare_32_kib_and_no_more() -> None:
    """D18: 11 partial messages."""
    made = intake()
    results = [made.admit(handshake(fragment(b"x", message_type=11, total=16000, seq=n))) for n in range(11)]
    assert results == [None] * 2 + [DropReason.DTLS_BUDGET] * 9
    assert made.admit(handshake(fragment(b"x", message_type=11, total=16000, seq=1, offset=9))) is None


def test_message_numbers_beyond_any_handshake_are_refused() -> None:
    """D18."""
    made = intake()
    assert made.admit(handshake(fragment(b"x", message_type=11, seq=23))) is None
    for seq in (24, 65535):
        assert made.admit(handshake(fragment(b"x", message_type=11, seq=seq))) is DropReason.DTLS_BUDGET


@pytest.mark.parametrize(
    "changed",
    [fragment(b"x", total=101, offset=9), fragment(b"x", total=99), fragment(b"x", total=100, message_type=11)],
    ids=["longer", "shorter", "another type"],
)
def test_message_cannot_change_between_fragments(changed: bytes) -> None:
    """D19."""
    made = intake()
    made.admit(handshake(fragment(b"x" * 9, total=100)))
    assert made.admit(handshake(changed)) is DropReason.DTLS_MALFORMED
    assert len(drained(made)) == 1


def test_record_with_one_bad_fragment_is_gone_as_a_whole() -> None:
    """D19."""
    made = intake()
    bad = handshake(fragment(b"x" * 9, total=100), fragment(b"x", total=9, offset=9, seq=1, message_type=11))
    assert made.admit(bad) is DropReason.DTLS_MALFORMED
    assert drained(made) == []


@pytest.mark.parametrize("role", DtlsRole)
def test_messages_that_the_other_side_never_sends_are_refused(role: DtlsRole) -> None:
    """D16: OpenSSL would end the association with unexpected_message."""
    allowed = {DtlsRole.SERVER: {1, 11, 15, 16}, DtlsRole.CLIENT: {2, 3, 11, 12, 13, 14}}[role]
    taken = {
        kind
        for kind in range(256)
        if intake(role).admit(handshake(fragment(b"x", message_type=kind))) is not DropReason.DTLS_REFUSED
    }
    assert taken == allowed


def test_server_takes_nothing_but_a_hello_at_first() -> None:
    """T1."""
    made = HandshakeIntake(DtlsRole.SERVER)
    alert = parsed(record(b"\x02\x28", content_type=21))
    certificate = handshake(fragment(b"x", message_type=11, seq=1))
    for refused in (alert, certificate, CIPHER_CHANGE, FINISHED):
        assert made.admit(refused) is DropReason.DTLS_REFUSED
    assert made.admit(handshake(fragment(b"x"))) is None


def test_cipher_change_and_finished_wait_until_they_are_due() -> None:
    """D10: a reordered flight."""
    made = intake()
    assert made.admit(FINISHED) is None
    assert made.admit(CIPHER_CHANGE) is None
    assert drained(made) == []
    assert made.next_record(lambda r: r.content_type == 20) == CIPHER_CHANGE
    assert made.next_record(lambda r: r.epoch == 1) == FINISHED
    assert drained(made, is_due=True) == []


def test_waiting_records_are_few_and_the_newest() -> None:
    """D18: OpenSSL alone would buffer a hundred, 16 kB each."""
    made = intake()
    records = [parsed(record(bytes([n]) * 48, content_type=21, epoch=1, number=n)) for n in range(200)]
    assert {made.admit(r) for r in records} == {None}
    assert made.admit(parsed(record(bytes(49), content_type=21, epoch=1))) is DropReason.DTLS_BUDGET
    assert drained(made, is_due=True) == records[:-9:-1]


@pytest.mark.parametrize("length", [1, 39, 41, 47, 49, 243])
def test_nothing_but_a_finished_is_admitted_encrypted(length: int) -> None:
    """D18: 48 octets with an explicit nonce, 40 without."""
    made = intake()
    assert made.admit(parsed(record(bytes(length), epoch=1))) is DropReason.DTLS_REFUSED
    assert drained(made, is_due=True) == []


def test_newest_finished_is_handed_on_and_no_other() -> None:
    """D18: the records before it may be forged, and it ends the handshake."""
    made = intake()
    for number in range(3):
        assert made.admit(parsed(record(bytes([number]) * 40, epoch=1, number=number))) is None
    assert made.admit(FINISHED) is None
    assert made.admit(CIPHER_CHANGE) is None
    assert drained(made, is_due=True) == [CIPHER_CHANGE, FINISHED]
    assert made.admit(parsed(record(bytes(40), epoch=1, number=9))) is DropReason.DTLS_BUDGET


def test_waiting_record_is_kept_once() -> None:
    made = intake()
    assert [made.admit(FINISHED) for _ in range(3)] == [None] * 3
    assert drained(made, is_due=True) == [FINISHED]


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        pytest.param(record(b"\x02\x28", content_type=21), None, id="fatal"),
        pytest.param(record(b"\x01\x00", content_type=21), None, id="close_notify"),
        pytest.param(record(b"\x01\x64", content_type=21), DropReason.DTLS_REFUSED, id="warning"),
        pytest.param(record(b"\x02", content_type=21), DropReason.DTLS_MALFORMED, id="short alert"),
        pytest.param(record(b"\x02\x28\x02", content_type=21), DropReason.DTLS_MALFORMED, id="long alert"),
        pytest.param(record(b"\x02", content_type=20), DropReason.DTLS_MALFORMED, id="odd cipher change"),
        pytest.param(record(b"\x01\x01", content_type=20), DropReason.DTLS_MALFORMED, id="long cipher change"),
        pytest.param(record(b"\x01", content_type=20, epoch=1), DropReason.DTLS_MALFORMED, id="cipher change later"),
        pytest.param(record(b"data", content_type=23), DropReason.DTLS_REFUSED, id="data in the clear"),
        pytest.param(record(b"data", content_type=23, epoch=1), DropReason.DTLS_REFUSED, id="early data"),
        pytest.param(record(b"x", epoch=2), DropReason.DTLS_REFUSED, id="epoch 2"),
    ],
)
def test_other_records_are_judged_by_their_kind(octets: bytes, expected: DropReason | None) -> None:
    """D16, D24."""
    assert intake().admit(parsed(octets)) is expected
