"""SrtpSession against its twin and against what a peer or the path may do to packets (rows E1 to E12, E14, E16)."""

from __future__ import annotations

import random
import struct
import sys

import pylibsrtp
import pytest

from rtcsplit._native.srtp import function_address
from rtcsplit.drops import DropReason
from rtcsplit.errors import NativeError, UsageError
from rtcsplit.session.keying import SrtpKeys, SrtpProfile
from rtcsplit.session.srtp import MAX_RTCP_PACKETS, MAX_RTP_PACKETS, SrtpSession
from tests import twins_srtp as twin
from tests.batched import BatchedSrtp

each_profile = pytest.mark.parametrize("profile", SrtpProfile, ids=lambda p: p.name)


@pytest.fixture(autouse=True, params=[BatchedSrtp, SrtpSession], ids=["batched", "one by one"])
def _way_of_packets(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways have the same rows to hold."""
    monkeypatch.setattr(sys.modules[__name__], "SrtpSession", request.param)


def rtp(sequence_number: int, ssrc: int = 0x1234, payload: bytes = b"\x78" * 40) -> bytes:
    return struct.pack("!BBHII", 0x80, 111, sequence_number & 0xFFFF, 960 * sequence_number, ssrc) + payload


def rtcp(ssrc: int = 0x1234, blocks: int = 1) -> bytes:
    return struct.pack("!BBHI", 0x80 | blocks, 201, 1 + 6 * blocks, ssrc) + bytes(24 * blocks)


def masters(profile: SrtpProfile) -> tuple[bytes, bytes]:
    source = random.Random(profile)
    size = profile.key_length + profile.salt_length
    return source.randbytes(size), source.randbytes(size)


def pair(profile: SrtpProfile) -> tuple[SrtpSession, SrtpSession]:
    left, right = masters(profile)
    return SrtpSession(SrtpKeys(profile, left, right)), SrtpSession(SrtpKeys(profile, right, left))


def twin_keys(profile: SrtpProfile, *, is_rtcp: bool) -> twin.SessionKeys:
    """Session keys of the direction from the first of :func:`pair` to the second."""
    is_aead = profile is not SrtpProfile.AES128_CM_HMAC_SHA1_80
    return twin.SessionKeys.derive(masters(profile)[0], profile.key_length, is_aead=is_aead, is_rtcp=is_rtcp)


@each_profile
def test_srtp_equals_the_reference_in_both_directions(profile: SrtpProfile) -> None:
    """E1, E16."""
    sender, receiver = pair(profile)
    keys = twin_keys(profile, is_rtcp=False)
    for sequence_number, payload in enumerate([b"", b"a", bytes(160), bytes(1000)], start=7):
        packet = rtp(sequence_number, payload=payload)
        assert sender.protect(packet) == twin.protect(keys, packet)
        assert len(twin.protect(keys, packet)) == len(packet) + profile.tag_length
        assert receiver.unprotect(twin.protect(keys, packet)) == packet


@each_profile
def test_srtcp_equals_the_reference_in_both_directions(profile: SrtpProfile) -> None:
    """E1, E8: the index starts at 1 and the E flag is set."""
    sender, receiver = pair(profile)
    keys = twin_keys(profile, is_rtcp=True)
    for index, packet in enumerate([rtcp(), rtcp(blocks=4), rtcp(blocks=0)], start=1):
        protected = sender.protect_rtcp(packet)
        assert protected == twin.protect_rtcp(keys, packet, index)
        assert twin.unprotect_rtcp(keys, protected) == (packet, index)
        assert receiver.unprotect_rtcp(twin.protect_rtcp(keys, packet, index)) == packet


@each_profile
def test_packets_with_csrcs_and_extension_equal_the_reference(profile: SrtpProfile) -> None:
    """E1: the header that stays in the clear ends where CSRC list and extension end."""
    sender, receiver = pair(profile)
    packet = struct.pack("!BBHIIII", 0x92, 0xEF, 5, 6, 7, 8, 9) + bytes.fromhex("bede000110ff0000") + b"payload"
    protected = sender.protect(packet)
    assert protected == twin.protect(twin_keys(profile, is_rtcp=False), packet)
    assert receiver.unprotect(protected) == packet


@each_profile
def test_forged_packet_far_ahead_has_no_effect(profile: SrtpProfile) -> None:
    """E2, E3: the next good packet is accepted as if nothing had come."""
    sender, receiver = pair(profile)
    assert receiver.unprotect(sender.protect(rtp(1))) == rtp(1)
    forged = bytearray(sender.protect(rtp(2)))
    struct.pack_into("!H", forged, 2, 40000)
    assert receiver.unprotect(bytes(forged)) is DropReason.SRTP_AUTH_FAILED
    assert receiver.unprotect(sender.protect(rtp(3))) == rtp(3)


@each_profile
def test_every_flipped_bit_is_dropped(profile: SrtpProfile) -> None:
    """E2, E3: over the first octets after the version, the payload and the tag, in SRTP and SRTCP."""
    sender, receiver = pair(profile)
    failures = []
    for protected, unprotect in (
        (sender.protect(rtp(1)), receiver.unprotect),
        (sender.protect_rtcp(rtcp()), receiver.unprotect_rtcp),
    ):
        for position in range(len(protected)):
            for bit in range(8):
                changed = bytearray(protected)
                changed[position] ^= 1 << bit
                if not isinstance(unprotect(bytes(changed)), DropReason):
                    failures.append((unprotect.__name__, position, bit))
        assert isinstance(unprotect(protected), bytes)
    assert not failures


@each_profile
@pytest.mark.parametrize("later", [0, 1, 63, 64, 1023, 1024, 10_000])
def test_repeated_packet_is_dropped_however_late(profile: SrtpProfile, later: int) -> None:
    """E4."""
    sender, receiver = pair(profile)
    repeated = sender.protect(rtp(100))
    assert receiver.unprotect(repeated) == rtp(100)
    for sequence_number in range(101, 101 + later):
        assert isinstance(receiver.unprotect(sender.protect(rtp(sequence_number))), bytes)
    assert receiver.unprotect(repeated) is DropReason.SRTP_REPLAYED


@each_profile
def test_rollover_is_counted_per_source_and_survives_reordering(profile: SrtpProfile) -> None:
    """E5: 65,400..65,535 and 0..99 shuffled by up to 8, while a second source does not wrap."""
    sender, receiver = pair(profile)
    numbers = [*range(65384, 65400), *range(65400, 65536 + 100)]
    protected = [(n, sender.protect(rtp(n))) for n in numbers]
    other = [(n, sender.protect(rtp(n, ssrc=9))) for n in range(1000, 1000 + len(numbers))]
    shuffle = random.Random(5)
    order = sorted(range(len(numbers)), key=lambda i: i if i < 16 else i + shuffle.uniform(0, 8))
    failures = [
        (position, number)
        for position in order
        for (number, packet), ssrc in ((protected[position], 0x1234), (other[position], 9))
        if receiver.unprotect(packet) != rtp(number, ssrc=ssrc)
    ]
    assert not failures


@each_profile
def test_late_packet_from_before_the_wrap_is_accepted(profile: SrtpProfile) -> None:
    """E6."""
    sender, receiver = pair(profile)
    protected = {n: sender.protect(rtp(n)) for n in (65533, 65534, 65535, 65536, 65537)}
    for number in (65534, 65535, 65536, 65537, 65533):
        assert receiver.unprotect(protected[number]) == rtp(number), number


@each_profile
def test_stream_that_starts_near_the_limit_decrypts_after_early_loss(profile: SrtpProfile) -> None:
    """E7: the first sequence number is below 32,768; the first 10 packets are lost."""
    sender, receiver = pair(profile)
    protected = [sender.protect(rtp(number)) for number in range(32767, 32767 + 20)]
    assert all(isinstance(receiver.unprotect(packet), bytes) for packet in protected[10:])


@each_profile
def test_srtcp_without_e_flag_is_refused_before_the_library(profile: SrtpProfile) -> None:
    """E8: even where the tag would hold (RFC 7714 section 17.3, RFC 3711 section 3.4 allow it, we do not)."""
    sender, receiver = pair(profile)
    keys = twin_keys(profile, is_rtcp=True)
    packet, word = rtcp(), bytes([0, 0, 0, 9])
    if keys.authentication:
        unencrypted = packet + word
        unencrypted += keys.tag(unencrypted)
    else:
        cipher = twin.AESGCM(keys.encryption)
        unencrypted = packet + cipher.encrypt(keys.nonce(packet[4:8], 9), b"", packet + word) + word
    assert receiver.unprotect_rtcp(unencrypted) is DropReason.SRTCP_UNENCRYPTED
    assert receiver.unprotect_rtcp(sender.protect_rtcp(packet)) == packet


@each_profile
def test_repeated_srtcp_index_is_dropped(profile: SrtpProfile) -> None:
    """E8."""
    sender, receiver = pair(profile)
    protected = sender.protect_rtcp(rtcp())
    assert receiver.unprotect_rtcp(protected) == rtcp()
    assert receiver.unprotect_rtcp(protected) is DropReason.SRTP_REPLAYED


@each_profile
def test_srtp_shorter_than_its_headers_and_tag_is_malformed(profile: SrtpProfile) -> None:
    """E9: the exact boundary of each header form, and lengths 0..64 with all of them claimed at once."""
    _, receiver = pair(profile)
    forms = {  # first octet, extension length in words: octets of header
        (0x80, 0): 12,
        (0x8F, 0): 72,
        (0x90, 0): 16,
        (0x90, 2): 24,
        (0x9F, 1): 80,
    }
    wrong = []
    for (first, words), header_length in forms.items():
        packet = bytearray(header_length + profile.tag_length)
        packet[0] = first
        if first & 0x10:
            struct.pack_into("!HH", packet, 12 + 4 * (first & 15), 0xBEDE, words)
        for length, expected in (
            (len(packet) - 1, DropReason.SRTP_MALFORMED),
            (len(packet), DropReason.SRTP_AUTH_FAILED),
        ):
            if receiver.unprotect(bytes(packet[:length])) is not expected:
                wrong.append((hex(first), words, length))
    claims_all = bytes([0x9F, 111]) + bytes(10) + bytes(60) + b"\xbe\xde\xff\xff" + bytes(1400)
    wrong += [n for n in [*range(65), 1400] if receiver.unprotect(claims_all[:n]) is not DropReason.SRTP_MALFORMED]
    assert not wrong


@each_profile
def test_srtcp_shorter_than_header_index_and_tag_is_malformed(profile: SrtpProfile) -> None:
    """E9."""
    _, receiver = pair(profile)
    minimum = 8 + 4 + profile.tag_length
    packet = b"\x80\xc9" + b"\xff" * 100
    for length in range(minimum):
        assert receiver.unprotect_rtcp(packet[:length]) is DropReason.SRTP_MALFORMED, length
    assert receiver.unprotect_rtcp(packet[:minimum]) is DropReason.SRTP_AUTH_FAILED


@each_profile
@pytest.mark.parametrize("length", [1471, 1472, 1500, 1501, 65507])
def test_datagrams_up_to_the_largest_are_taken_without_harm(profile: SrtpProfile, length: int) -> None:
    """E10: what pylibsrtp's buffer holds is tried, what it does not hold is counted, nothing is raised."""
    _, receiver = pair(profile)
    packet = twin.protect(twin_keys(profile, is_rtcp=False), rtp(1, payload=bytes(length - 12 - profile.tag_length)))
    expected = packet[:12] if length <= 1500 else DropReason.OVERSIZE
    plain = receiver.unprotect(packet)
    assert (plain[:12] if isinstance(plain, bytes) else plain) == expected
    oversize = receiver.unprotect_rtcp(b"\x80\xc9" + b"\xff" * (length - 2))
    assert oversize is (DropReason.SRTP_AUTH_FAILED if length <= 1500 else DropReason.OVERSIZE)


@each_profile
def test_outgoing_packets_stop_at_1200_octets(profile: SrtpProfile) -> None:
    """E10, D27: trailer room is counted before the library is called."""
    sender, _ = pair(profile)
    largest = 1200 - 12 - profile.tag_length
    assert len(sender.protect(rtp(1, payload=bytes(largest)))) == 1200
    with pytest.raises(UsageError):
        sender.protect(rtp(2, payload=bytes(largest + 1)))
    with pytest.raises(UsageError):
        sender.protect(rtp(3, payload=bytes(1472)))
    with pytest.raises(UsageError):
        sender.protect_rtcp(rtcp() + bytes(1200 - 32 - 4 - profile.tag_length + 4))
    assert (sender.rtp_count, sender.rtcp_count) == (1, 0)


@each_profile
def test_sending_stops_before_the_key_wears_out(profile: SrtpProfile) -> None:
    """E11: counters preset near the limits of RFC 3711 section 9.2."""
    sender, _ = pair(profile)
    sender.rtp_count = MAX_RTP_PACKETS - 1
    sender.protect(rtp(1))
    assert sender.is_exhausted
    with pytest.raises(UsageError):
        sender.protect(rtp(2))
    sender, _ = pair(profile)
    sender.rtcp_count = MAX_RTCP_PACKETS - 1
    assert not sender.is_exhausted
    sender.protect_rtcp(rtcp())
    with pytest.raises(UsageError):
        sender.protect_rtcp(rtcp())


@each_profile
def test_second_packet_with_one_index_is_never_protected(profile: SrtpProfile) -> None:
    """E12: the same sequence number of the same SSRC is refused, so that no AEAD nonce repeats."""
    sender, _ = pair(profile)
    sender.protect(rtp(1, payload=b"first"))
    with pytest.raises(UsageError):
        sender.protect(rtp(1, payload=b"second"))
    sender.protect(rtp(1, ssrc=77, payload=b"second"))


@each_profile
def test_sources_beyond_64_are_dropped_and_cost_nothing(profile: SrtpProfile) -> None:
    """E13: RTP and RTCP together; known sources go on."""
    sender, receiver = pair(profile)
    results = [receiver.unprotect(sender.protect(rtp(1, ssrc=ssrc))) for ssrc in range(60)]
    results += [receiver.unprotect_rtcp(sender.protect_rtcp(rtcp(ssrc=ssrc))) for ssrc in range(56, 70)]
    assert sum(isinstance(result, bytes) for result in results) == 60 + 8
    assert results[-6:] == [DropReason.RTP_SOURCE_LIMIT] * 6
    assert receiver.unprotect(sender.protect(rtp(1, ssrc=1000))) is DropReason.RTP_SOURCE_LIMIT
    assert receiver.unprotect(sender.protect(rtp(2, ssrc=0))) == rtp(2, ssrc=0)


@each_profile
def test_forged_sources_do_not_use_up_the_limit(profile: SrtpProfile) -> None:
    """E13, E2: only authenticated sources count."""
    sender, receiver = pair(profile)
    for ssrc in range(200):
        assert receiver.unprotect(rtp(1, ssrc=ssrc) + bytes(16)) is DropReason.SRTP_AUTH_FAILED
    assert receiver.unprotect(sender.protect(rtp(1, ssrc=500))) == rtp(1, ssrc=500)


@each_profile
def test_plain_packets_are_never_accepted(profile: SrtpProfile) -> None:
    """E14."""
    _, receiver = pair(profile)
    assert receiver.unprotect(rtp(1)) is DropReason.SRTP_AUTH_FAILED
    assert receiver.unprotect_rtcp(rtcp()) in {DropReason.SRTCP_UNENCRYPTED, DropReason.SRTP_AUTH_FAILED}


@pytest.mark.parametrize("theirs", SrtpProfile, ids=lambda p: p.name)
@each_profile
def test_packets_of_another_profile_are_dropped(profile: SrtpProfile, theirs: SrtpProfile) -> None:
    """E16: with the same octets as keys, as far as they reach."""
    if profile is theirs:
        return
    size = theirs.key_length + theirs.salt_length
    sender = SrtpSession(SrtpKeys(theirs, bytes(range(size)), bytes(size)))
    size = profile.key_length + profile.salt_length
    receiver = SrtpSession(SrtpKeys(profile, bytes(size), bytes(range(size))))
    assert receiver.unprotect(sender.protect(rtp(1))) is DropReason.SRTP_AUTH_FAILED
    assert receiver.unprotect_rtcp(sender.protect_rtcp(rtcp())) in {
        DropReason.SRTP_AUTH_FAILED,
        DropReason.SRTCP_UNENCRYPTED,
    }


@each_profile
@pytest.mark.parametrize("packet", [b"", b"\x80" * 11, b"\x00" * 40, bytes([0x9F]) + bytes(40)], ids=repr)
def test_protecting_what_is_no_packet_is_the_callers_fault(profile: SrtpProfile, packet: bytes) -> None:
    sender, _ = pair(profile)
    with pytest.raises(UsageError):
        sender.protect(packet)
    with pytest.raises(UsageError):
        sender.protect_rtcp(packet[:7])


def test_keys_stay_out_of_repr() -> None:
    """T30."""
    keys = SrtpKeys(SrtpProfile.AEAD_AES_128_GCM, b"k" * 28, b"r" * 28)
    assert "kkk" not in repr(keys)
    assert "rrr" not in repr(keys)


def test_a_function_of_the_library_that_takes_something_else_is_not_called() -> None:
    """A later libsrtp has other arguments, and C would write where they say."""
    assert function_address("srtp_unprotect") != 0
    with pytest.raises(NativeError, match="srtp_create"):
        function_address("srtp_create")


def test_library_statuses_are_where_the_mapping_expects_them() -> None:
    """E3: the indices of pylibsrtp.ERRORS follow libsrtp's srtp_err_status_t."""
    assert pylibsrtp.ERRORS[7] == "authentication failure"
    assert pylibsrtp.ERRORS[9].startswith("replay check failed")
    assert pylibsrtp.ERRORS[10].startswith("replay check failed")
    assert pylibsrtp.ERRORS[26] == "packet index is too old to consider"
