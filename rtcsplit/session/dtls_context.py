"""What all DTLS associations of one certificate share: versions, suites, profiles, and the check of the peer.

RFC 8827 section 6.5: DTLS 1.2, forward-secret AEAD suites, a certificate from both sides. pyOpenSSL names no DTLS
versions; the numbers are those of the wire. Session tickets and the session cache are off: a resumed handshake would
skip the peer's certificate. The ECDHE_RSA suites are there for peers that hold an RSA certificate.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence

from OpenSSL import SSL, crypto

from ..errors import UsageError
from .certificate import Certificate, Fingerprint
from .keying import SrtpProfile
from .negotiation import DtlsRole

__all__ = ["DtlsContext", "PeerCheck"]

_DTLS_1_2 = 0xFEFD
_SUITES = b":".join(
    [
        b"ECDHE-ECDSA-AES128-GCM-SHA256",
        b"ECDHE-RSA-AES128-GCM-SHA256",
        b"ECDHE-ECDSA-AES256-GCM-SHA384",
        b"ECDHE-RSA-AES256-GCM-SHA384",
        b"ECDHE-ECDSA-CHACHA20-POLY1305",
        b"ECDHE-RSA-CHACHA20-POLY1305",
    ]
)
_PROFILE_NAMES = {
    SrtpProfile.AES128_CM_HMAC_SHA1_80: b"SRTP_AES128_CM_SHA1_80",
    SrtpProfile.AEAD_AES_128_GCM: b"SRTP_AEAD_AES_128_GCM",
    SrtpProfile.AEAD_AES_256_GCM: b"SRTP_AEAD_AES_256_GCM",
}
_PROFILES = {name: profile for profile, name in _PROFILE_NAMES.items()}
_OPTIONS = (
    SSL.OP_NO_QUERY_MTU  # without it OpenSSL forgets the MTU and shrinks fragments to 256 octets
    | SSL.OP_NO_TICKET
    | SSL.OP_NO_COMPRESSION
    | SSL.OP_NO_RENEGOTIATION
    | SSL.OP_CIPHER_SERVER_PREFERENCE
)


class PeerCheck:
    """The fingerprints that signalling gave, and whether the peer's certificate was one of them.

    Attributes:
        is_matched: None until a certificate came.
    """

    def __init__(self, fingerprints: Sequence[Fingerprint]) -> None:
        self.is_matched: bool | None = None
        self._fingerprints = tuple(fingerprints)

    def check(self, certificate: crypto.X509) -> bool:
        """Compare a leaf certificate with every fingerprint (RFC 8122 section 5); never raises.

        The hash comes from OpenSSL: it has parsed the certificate already, and another parser could refuse it.
        """
        self.is_matched = any(
            hmac.compare_digest(_digest(certificate, fingerprint.algorithm), fingerprint.digest)
            for fingerprint in self._fingerprints
        )
        return self.is_matched


class DtlsContext:
    """One shared SSL context. Threads may open associations from it at the same time.

    Args:
        certificate: ours, for every association.
        profiles: SRTP protection profiles, most wanted first (RFC 5764 section 4.1.2).

    Raises:
        UsageError: no profile; a DTLS association without media has no keys to give.
    """

    def __init__(self, certificate: Certificate, profiles: Sequence[SrtpProfile] | None = None) -> None:
        wanted = DEFAULT_PROFILES if profiles is None else tuple(profiles)
        if not wanted:
            raise UsageError("at least one SRTP profile is needed")
        self.certificate = certificate
        self.profiles = wanted
        context = SSL.Context(SSL.DTLS_METHOD)
        context.set_min_proto_version(_DTLS_1_2)
        context.set_max_proto_version(_DTLS_1_2)
        context.set_options(_OPTIONS)
        context.set_mode(SSL.MODE_RELEASE_BUFFERS)
        context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        context.set_cipher_list(_SUITES)
        context.use_certificate(certificate.x509)
        context.use_privatekey(certificate.private_key)
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, _verify)
        context.set_tlsext_use_srtp(b":".join(_PROFILE_NAMES[profile] for profile in wanted))
        self._context = context

    def open(self, role: DtlsRole, peer: PeerCheck, mtu: int) -> SSL.Connection:
        """Return a new connection on memory BIOs that checks its peer with ``peer``."""
        connection = SSL.Connection(self._context)
        connection.set_app_data(peer)
        connection.set_ciphertext_mtu(mtu)
        if role is DtlsRole.CLIENT:
            connection.set_connect_state()
        else:
            connection.set_accept_state()
        return connection


DEFAULT_PROFILES = (
    SrtpProfile.AEAD_AES_128_GCM,
    SrtpProfile.AEAD_AES_256_GCM,
    SrtpProfile.AES128_CM_HMAC_SHA1_80,
)


def selected_profile(connection: SSL.Connection) -> SrtpProfile | None:
    """The profile that the handshake settled on, None where none is common or none is known yet."""
    return _PROFILES.get(connection.get_selected_srtp_profile())


def _digest(certificate: crypto.X509, algorithm: str) -> bytes:
    return bytes.fromhex(certificate.digest(algorithm.replace("-", "")).decode().replace(":", ""))


def _verify(connection: SSL.Connection, certificate: crypto.X509, error: int, depth: int, ok: int) -> bool:
    """Judge the leaf by its fingerprint alone: self-signed chains, names and dates mean nothing here (RFC 8122)."""
    peer: PeerCheck = connection.get_app_data()
    return depth > 0 or peer.check(certificate)
