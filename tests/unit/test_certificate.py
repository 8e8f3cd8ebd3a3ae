"""Certificates and fingerprints (RFC 8122)."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from rtcsplit.errors import UsageError
from rtcsplit.session.certificate import Certificate, Fingerprint

CERTIFICATE = Certificate.generate()


def test_a_generated_certificate_is_p256_and_matches_its_own_fingerprint() -> None:
    assert isinstance(CERTIFICATE.private_key, ec.EllipticCurvePrivateKey)
    assert CERTIFICATE.private_key.curve.name == "secp256r1"
    assert CERTIFICATE.fingerprint.algorithm == "sha-256"
    assert CERTIFICATE.fingerprint.matches(CERTIFICATE.x509)
    assert not CERTIFICATE.fingerprint.matches(Certificate.generate().x509)


@pytest.mark.parametrize("algorithm", [hashes.SHA256(), hashes.SHA384(), hashes.SHA512()], ids=lambda a: a.name)
@pytest.mark.parametrize("case", [str.upper, str.lower], ids=["upper", "lower"])
def test_fingerprints_are_read_in_either_case(algorithm: hashes.HashAlgorithm, case: type[str]) -> None:
    """D6: hex compared without case; SHA-256, 384 and 512."""
    digest = CERTIFICATE.x509.fingerprint(algorithm)
    name = algorithm.name.replace("sha", "sha-")
    fingerprint = Fingerprint.parse(f"{name} {case(digest.hex(':'))}")
    assert fingerprint.matches(CERTIFICATE.x509)
    assert Fingerprint.parse(str(fingerprint)) == fingerprint


@pytest.mark.parametrize(
    "text",
    [
        "sha-1 " + bytes(20).hex(":"),
        "md5 " + bytes(16).hex(":"),
        "sha-256 " + bytes(31).hex(":"),
        "sha-256 " + bytes(32).hex(),
        "sha-256 " + "zz:" * 31 + "zz",
        "sha-256",
        "",
    ],
    ids=["sha-1", "md5", "too short", "no colons", "no hex", "no digits", "empty"],
)
def test_other_fingerprints_are_refused(text: str) -> None:
    """D6: md5 and sha-1 are refused."""
    with pytest.raises(UsageError):
        Fingerprint.parse(text)
