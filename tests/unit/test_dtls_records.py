"""DTLS records and fragments: bounds, truncation, cutting (rows D14, D15, D19, D27)."""

from __future__ import annotations

import pytest

from rtcsplit.drops import DropReason
from rtcsplit.session.dtls_alerts import alert_in_place_of, alert_name, diagnose
from rtcsplit.session.dtls_records import Fragment, Record, cut, parse_fragments, parse_records
from tests.dtls_peers import fragment, record


def test_all_records_of_a_datagram_are_found() -> None:
    """D15."""
    first, second = record(b"abc", number=2**40 + 5), record(b"d", content_type=20, epoch=1)
    assert parse_records(first + second) == [Record(22, 0, 2**40 + 5, first), Record(20, 1, 0, second)]
    assert Record(22, 0, 0, first).body == b"abc"


def test_every_truncation_keeps_only_whole_records() -> None:
    """D15, D19: nothing of a cut record is kept, and a whole one before it is."""
    first, second = record(b"abc"), record(b"defg")
    datagram = first + second
    wrong = []
    for length in range(len(datagram)):
        expected = [Record(22, 0, 0, first)] if length >= len(first) else DropReason.DTLS_MALFORMED
        if parse_records(datagram[:length]) != expected:
            wrong.append(length)
    assert not wrong


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(record(b""), id="empty record"),
        pytest.param(record(content_type=19), id="type 19"),
        pytest.param(record(content_type=24), id="heartbeat"),
        pytest.param(record(content_type=25), id="connection id"),
        pytest.param(record(version=0x0303), id="TLS version"),
        pytest.param(record(version=0xFEFE), id="no such version"),
        pytest.param(record()[:11] + b"\xff\xff" + b"x" * 1400, id="length past the end"),
    ],
)
def test_impossible_record_is_malformed_and_hides_what_follows(bad: bytes) -> None:
    """D19: a good record behind it is dropped with the datagram, one before it counts."""
    assert parse_records(bad + record() if bad else bad) is DropReason.DTLS_MALFORMED
    records = parse_records(record() + bad)
    assert isinstance(records, list)
    assert len(records) == 1


@pytest.mark.parametrize("length", [1471, 1472, 1500])
def test_records_of_the_largest_datagrams_are_found(length: int) -> None:
    """D27: browsers' hellos reach 1,408 octets."""
    assert isinstance(parse_records(record(bytes(length - 13))), list)


def test_fragments_are_found() -> None:
    body = fragment(b"abc", total=9, seq=3, offset=6) + fragment(message_type=14, seq=4)
    assert parse_fragments(body) == [Fragment(1, 9, 3, 6, 3), Fragment(14, 0, 4, 0, 0)]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(fragment(b"abc")[:11], id="half a header"),
        pytest.param(fragment(b"abc")[:-1], id="octets missing"),
        pytest.param(fragment(b"abc") + b"x", id="an octet left over"),
        pytest.param(fragment(total=9), id="no octets of a message that has some"),
        pytest.param(fragment(total=9, offset=9), id="no octets at the end"),
        pytest.param(fragment(b"abc", total=9, offset=7), id="end past the message"),
        pytest.param(fragment(b"abc", total=2), id="longer than the message"),
        pytest.param(fragment(b"abc", total=0xFFFFFF, offset=0xFFFFFE), id="sum past 24 bits"),
        pytest.param(fragment(b"abc", length=0xFFFFFF, total=0xFFFFFF), id="length past the record"),
    ],
)
def test_impossible_fragment_is_malformed(body: bytes) -> None:
    """D19."""
    assert parse_fragments(body) is DropReason.DTLS_MALFORMED


@pytest.mark.parametrize("limit", [100, 113, 114, 226, 1200])
def test_cut_fills_datagrams_with_whole_records(limit: int) -> None:
    """D14."""
    records = [record(bytes([n]) * 100) for n in range(20)]
    datagrams = cut(b"".join(records), limit)
    assert b"".join(datagrams) == b"".join(records)
    per_datagram = max(1, limit // 113)
    assert [len(d) // 113 for d in datagrams[:-1]] == [per_datagram] * (len(datagrams) - 1)
    assert all(isinstance(parse_records(d), list) for d in datagrams)


def test_cut_of_nothing_is_nothing() -> None:
    assert cut(b"", 1200) == []


def test_alert_takes_the_place_and_number_of_unsent_records() -> None:
    """D14: one whole record of epoch 0."""
    unsent = record(b"flight", number=2**40 + 1) + record(b"flight", number=2**40 + 2)
    assert alert_in_place_of(unsent, 40) == record(b"\x02\x28", content_type=21, number=2**40 + 1)


@pytest.mark.parametrize(
    ("body", "epoch", "expected"),
    [(b"\x02\x28", 0, "handshake_failure"), (b"\x02\xfe", 0, None), (b"\x02", 0, None), (b"\x02\x28", 1, None)],
)
def test_alert_is_named_where_it_is_in_the_clear(body: bytes, epoch: int, expected: str | None) -> None:
    assert alert_name(Record(21, epoch, 0, record(body, content_type=21, epoch=epoch))) == expected


def test_failure_is_blamed_on_who_sent_the_alert() -> None:
    theirs = Record(21, 0, 0, record(b"\x02\x46", content_type=21))
    error = diagnose(theirs, "words", b"")
    assert (error.code, error.alert, error.is_remote) == ("alert", "protocol_version", True)
    error = diagnose(Record(22, 0, 0, record()), "words", alert_in_place_of(record(), 42))
    assert (error.code, error.alert, error.is_remote) == ("handshake_failed", "bad_certificate", False)
    assert diagnose(None, "words", b"").alert is None
