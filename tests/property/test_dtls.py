"""DTLS under hypothesis: parsers agree with themselves, any octets are taken or refused with a reason."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rtcsplit.drops import DropReason
from rtcsplit.session.dtls import DtlsEndpoint
from rtcsplit.session.dtls_intake import HandshakeIntake
from rtcsplit.session.dtls_records import cut, parse_fragments, parse_records
from rtcsplit.session.negotiation import DtlsRole
from tests import dtls_peers as peers
from tests.dtls_peers import fragment, record

numbers = st.integers(0, 2**48 - 1)
records = st.builds(
    record,
    st.binary(min_size=1, max_size=300),
    content_type=st.integers(20, 23),
    epoch=st.integers(0, 3),
    number=numbers,
)
small = st.integers(0, 70_000)
handshakes = st.builds(
    lambda parts, number: record(b"".join(parts), number=number),
    st.lists(
        st.builds(
            fragment,
            st.binary(max_size=40),
            message_type=st.sampled_from([0, 1, 2, 3, 11, 12, 13, 14, 15, 16, 20]),
            total=st.none() | small,
            seq=st.integers(0, 30),
            offset=small,
            length=st.none() | st.integers(0, 50),
        ),
        min_size=1,
        max_size=3,
    ),
    numbers,
)
REFUSALS = {None, DropReason.DTLS_MALFORMED, DropReason.DTLS_REFUSED, DropReason.DTLS_BUDGET}


@given(st.lists(records, min_size=1, max_size=12), st.integers(100, 1500))
def test_cut_datagrams_parse_into_the_same_records(stream: list[bytes], limit: int) -> None:
    """D14: whole = in pieces."""
    datagrams = cut(b"".join(stream), limit)
    parsed = [parse_records(datagram) for datagram in datagrams]
    assert [r.octets for found in parsed if isinstance(found, list) for r in found] == stream
    assert all(len(d) <= limit or len(found) == 1 for d, found in zip(datagrams, parsed, strict=True) if found)


@given(st.binary(max_size=1500))
def test_any_octets_parse_into_their_own_records_or_not_at_all(datagram: bytes) -> None:
    """D15, D19."""
    parsed = parse_records(datagram)
    if isinstance(parsed, list):
        assert datagram.startswith(b"".join(r.octets for r in parsed))


@given(handshakes)
def test_accepted_fragments_lie_within_record_and_message(octets: bytes) -> None:
    """D19."""
    fragments = parse_fragments(octets[13:])
    if isinstance(fragments, list):
        assert sum(12 + f.length for f in fragments) == len(octets) - 13
        assert all(f.offset + f.length <= f.message_length for f in fragments)


@given(st.sampled_from(DtlsRole), st.lists(handshakes | records, max_size=60))
def test_admitted_messages_never_exceed_the_budget(role: DtlsRole, octets: list[bytes]) -> None:
    """D18: against a naive count of what OpenSSL would have to hold."""
    intake = HandshakeIntake(role)
    intake.awaits_hello = False
    declared: dict[int, int] = {}
    for one in octets:
        (parsed, *_) = parse_records(one)  # type: ignore[misc]
        if intake.admit(parsed) is None and parsed.epoch == 0 and parsed.content_type == 22:
            fragments = parse_fragments(parsed.body)
            assert isinstance(fragments, list)
            declared.update({f.message_seq: f.message_length for f in fragments})
    assert max(declared.values(), default=0) <= 16 * 1024
    assert sum(declared.values()) <= 32 * 1024


@given(
    st.sampled_from(DtlsRole),
    st.lists(st.binary(max_size=200) | records | handshakes, min_size=1, max_size=8),
    st.booleans(),
)
def test_any_datagrams_are_taken_or_refused_with_a_reason(
    role: DtlsRole, datagrams: list[bytes], is_past_hello: bool
) -> None:
    """D16, D19: nothing raises, and every datagram sent fits."""
    ours = DtlsEndpoint(peers.our_context(), role, [peers.peer_certificate().fingerprint])
    ours.start(0.0)
    if is_past_hello and role is DtlsRole.SERVER:
        for hello in peers.Peer(DtlsRole.CLIENT).start():
            ours.receive(hello, 0.0)
    for datagram in datagrams:
        assert ours.receive(datagram, 0.0) in REFUSALS | {DropReason.SESSION_CLOSED}
    ours.handle_timer(0.05)
    assert all(len(datagram) <= 1200 for datagram in ours.datagrams_to_send(0.05))
