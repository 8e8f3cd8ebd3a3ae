"""The self-signed certificate of a DTLS endpoint and its fingerprint (RFC 8122, RFC 8827 section 6.5).

A certificate lives as long as its process: one ECDSA P-256 key for all sessions of a transceiver, so that OpenSSL
keeps one context. Users who want unlinkable sessions generate one per session.
"""

from __future__ import annotations

import datetime
import hmac
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from ..errors import UsageError

__all__ = ["Certificate", "Fingerprint"]

_HASHES: dict[str, type[hashes.SHA256] | type[hashes.SHA384] | type[hashes.SHA512]] = {
    "sha-256": hashes.SHA256,
    "sha-384": hashes.SHA384,
    "sha-512": hashes.SHA512,
}
_LIFETIME = datetime.timedelta(days=30)
_CLOCK_SKEW = datetime.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A certificate's hash as signalled by ``a=fingerprint`` (RFC 8122 section 5).

    Attributes:
        algorithm: hash name in lower case, ``sha-256``, ``sha-384`` or ``sha-512``.
        digest: the hash, 32, 48 or 64 octets.
    """

    algorithm: str
    digest: bytes

    def __post_init__(self) -> None:
        known = _HASHES.get(self.algorithm)
        if known is None or known.digest_size != len(self.digest):
            raise UsageError(f"no {self.algorithm} fingerprint of {len(self.digest)} octets")

    @classmethod
    def parse(cls, text: str) -> Fingerprint:
        """Return the fingerprint written as ``sha-256 AB:CD:..``; hex digits of either case.

        Raises:
            UsageError: another hash, or not its number of octets.
        """
        algorithm, _, digits = text.partition(" ")
        try:
            digest = bytes.fromhex(digits.replace(":", ""))
        except ValueError:
            raise UsageError("a fingerprint is pairs of hex digits with colons between") from None
        if digits.upper() != digest.hex(":").upper():
            raise UsageError("a fingerprint is pairs of hex digits with colons between")
        return cls(algorithm.lower(), digest)

    def __str__(self) -> str:
        return f"{self.algorithm} {self.digest.hex(':').upper()}"

    def matches(self, certificate: x509.Certificate) -> bool:
        """Whether this is the hash of ``certificate``; compared in constant time."""
        return hmac.compare_digest(certificate.fingerprint(_HASHES[self.algorithm]()), self.digest)


class Certificate:
    """An X.509 certificate with its private key.

    Attributes:
        x509: the certificate.
        private_key: its key.
        fingerprint: the ``sha-256`` fingerprint that our descriptions carry.
    """

    def __init__(self, certificate: x509.Certificate, private_key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        self.x509 = certificate
        self.private_key = private_key
        self.fingerprint = Fingerprint("sha-256", certificate.fingerprint(hashes.SHA256()))

    @classmethod
    def generate(cls) -> Certificate:
        """Return a new self-signed certificate on P-256, valid from yesterday for 30 days.

        The subject is a constant: a peer checks the fingerprint alone, and a name would only identify us.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "rtcsplit")])
        start = datetime.datetime.now(datetime.timezone.utc) - _CLOCK_SKEW
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + _LIFETIME)
            .sign(key, hashes.SHA256())
        )
        return cls(certificate, key)

    @property
    def der(self) -> bytes:
        """The certificate in DER."""
        return self.x509.public_bytes(Encoding.DER)
