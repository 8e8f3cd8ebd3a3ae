"""SrtpSession under hypothesis: any octets are refused with a reason, and libsrtp and its twin agree on any packet."""

from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st

from rtcsplit.drops import DropReason
from rtcsplit.session.keying import SrtpKeys, SrtpProfile
from rtcsplit.session.srtp import SrtpSession
from tests import twins_srtp as twin

profiles = st.sampled_from(SrtpProfile)
REFUSALS = {
    DropReason.SRTP_MALFORMED,
    DropReason.SRTP_AUTH_FAILED,
    DropReason.SRTCP_UNENCRYPTED,
    DropReason.OVERSIZE,
}


def keys(profile: SrtpProfile, master: int) -> SrtpKeys:
    size = profile.key_length + profile.salt_length
    octets = (master * 0x9E3779B97F4A7C15 % 2**64).to_bytes(8, "big") * 8
    return SrtpKeys(profile, octets[:size], octets[:size])


@given(profiles, st.binary(max_size=1600))
def test_any_octets_are_refused_with_a_reason(profile: SrtpProfile, datagram: bytes) -> None:
    """E2, E3, E9."""
    session = SrtpSession(keys(profile, 1))
    assert session.unprotect(datagram) in REFUSALS
    assert session.unprotect_rtcp(datagram) in REFUSALS


@st.composite
def packets(draw: st.DrawFn) -> bytes:
    csrcs = draw(st.lists(st.binary(min_size=4, max_size=4), max_size=15))
    extension = draw(
        st.none() | st.integers(0, 40).map(lambda words: struct.pack("!HH", 0xBEDE, words) + bytes(4 * words))
    )
    first = 0x80 | len(csrcs) | (0x10 if extension is not None else 0)
    header = struct.pack(
        "!BBHII",
        first,
        *draw(
            st.tuples(st.integers(0, 255), st.integers(0, 0xFFFF), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
        ),
    )
    return header + b"".join(csrcs) + (extension or b"") + draw(st.binary(max_size=800))


@given(profiles, st.integers(0, 2**64 - 1), packets())
def test_any_packet_equals_the_reference(profile: SrtpProfile, master: int, packet: bytes) -> None:
    """E1: both ways, at rollover count zero."""
    material = keys(profile, master)
    is_aead = profile is not SrtpProfile.AES128_CM_HMAC_SHA1_80
    reference = twin.SessionKeys.derive(material.local, profile.key_length, is_aead=is_aead, is_rtcp=False)
    session = SrtpSession(material)
    protected = session.protect(packet)
    assert protected == twin.protect(reference, packet)
    assert twin.unprotect(reference, protected) == packet
    assert session.unprotect(protected) == packet


@given(profiles, st.integers(0, 2**64 - 1), st.integers(0, 2**32 - 1), st.binary(max_size=1000))
def test_any_rtcp_equals_the_reference(profile: SrtpProfile, master: int, ssrc: int, body: bytes) -> None:
    """E1: both ways."""
    body = body[: len(body) & ~3]
    packet = struct.pack("!BBHI", 0x80, 200, 1 + len(body) // 4, ssrc) + body
    material = keys(profile, master)
    is_aead = profile is not SrtpProfile.AES128_CM_HMAC_SHA1_80
    reference = twin.SessionKeys.derive(material.local, profile.key_length, is_aead=is_aead, is_rtcp=True)
    session = SrtpSession(material)
    protected = session.protect_rtcp(packet)
    assert protected == twin.protect_rtcp(reference, packet, 1)
    assert session.unprotect_rtcp(protected) == packet
