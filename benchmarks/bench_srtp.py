"""SRTP to RTP, with the key of one session and its replay list, one new packet after the other.

rtcsplit and aiortc both call libsrtp through pylibsrtp. aiortc's side is what ``RTCDtlsTransport`` does: the same
policy, ``is_rtcp``, and the exception caught; rtcsplit also bounds header and SSRCs. The pure-Python twin keeps no
replay list and is told the rollover count.
"""

from __future__ import annotations

from collections.abc import Callable

import pylibsrtp
import pytest
from aiortc.rtp import is_rtcp

from rtcsplit.session.keying import SrtpKeys, SrtpProfile
from rtcsplit.session.srtp import SrtpSession
from tests.twins_srtp import SessionKeys, unprotect

from . import packets
from .race import Race, Timed, fresh, task

PROFILES = {
    SrtpProfile.AEAD_AES_128_GCM: pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    SrtpProfile.AES128_CM_HMAC_SHA1_80: pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
}

Unprotect = Callable[[bytes], "bytes | None"]


def master_key(profile: SrtpProfile) -> bytes:
    return bytes(range(profile.key_length + profile.salt_length))


def rtcsplit(profile: SrtpProfile) -> Unprotect:
    key = master_key(profile)
    return SrtpSession(SrtpKeys(profile, local=key, remote=key)).unprotect


def aiortc(profile: SrtpProfile) -> Unprotect:
    policy = pylibsrtp.Policy(
        key=master_key(profile), ssrc_type=pylibsrtp.Policy.SSRC_ANY_INBOUND, srtp_profile=PROFILES[profile]
    )
    policy.allow_repeat_tx = True
    policy.window_size = 1024
    session = pylibsrtp.Session(policy)

    def unprotect_datagram(data: bytes) -> bytes | None:
        try:
            return session.unprotect_rtcp(data) if is_rtcp(data) else session.unprotect(data)
        except pylibsrtp.Error:
            return None

    return unprotect_datagram


def pure_python(profile: SrtpProfile) -> Unprotect:
    is_aead = profile is not SrtpProfile.AES128_CM_HMAC_SHA1_80
    keys = SessionKeys.derive(master_key(profile), profile.key_length, is_aead=is_aead, is_rtcp=False)
    return lambda packet: unprotect(keys, packet)


def contenders(profile: SrtpProfile) -> dict[str, Timed]:
    key = master_key(profile)
    peer = SrtpSession(SrtpKeys(profile, local=key, remote=key))
    protected = [peer.protect(packet) for packet in packets.AUDIO]
    return {
        name: fresh(lambda make=make: make(profile), protected, packets.AUDIO)
        for name, make in (
            ("rtcsplit", rtcsplit),
            ("aiortc", aiortc),
            ("pure Python on OpenSSL's ciphers", pure_python),
        )
    }


GCM = contenders(SrtpProfile.AEAD_AES_128_GCM)
COUNTER_MODE = contenders(SrtpProfile.AES128_CM_HMAC_SHA1_80)


@task("SRTP unprotect, AES-128-GCM")
@pytest.mark.parametrize("contender", GCM)
def test_unprotect_gcm(race: Race, contender: str) -> None:
    race(GCM, contender)


@task("SRTP unprotect, AES-128-CM and HMAC-SHA1")
@pytest.mark.parametrize("contender", COUNTER_MODE)
def test_unprotect_counter_mode(race: Race, contender: str) -> None:
    race(COUNTER_MODE, contender)
