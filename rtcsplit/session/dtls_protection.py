"""The records of an association after its handshake (RFC 6347 section 4.1, RFC 5288 section 3, RFC 7905 section 2).

OpenSSL's connection takes 70 kB, nearly all of it buffers of a handshake, and over DTLS it keeps them for good. What is
needed of it afterwards is an AEAD, two counters and a replay window. So keys and numbers are taken over from it once
the handshake is complete, and it is freed.

::

    nonce, AES-GCM:            salt (4) | explicit nonce (8), which goes in front of the ciphertext
    nonce, ChaCha20-Poly1305:  IV (12) xor (epoch (2) | sequence number (6)), padded on the left
    associated data:           epoch (2) | sequence number (6) | type (1) | version (2) | octets of plaintext (2)
"""

from __future__ import annotations

import hmac
import struct
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

from .dtls_records import Record
from .negotiation import DtlsRole

__all__ = ["SUITES", "RecordProtection", "Secrets"]

_EPOCH = 1  # there is no other: nothing is renegotiated
_VERSION = 0xFEFD
_HEADER = struct.Struct("!BHQH")
_ASSOCIATED = struct.Struct("!QBHH")
_TAG_LENGTH = 16
_WINDOW = 64  # records (RFC 6347 section 4.1.2.6)
_KEY_EXPANSION = b"key expansion"  # RFC 5246 section 6.3


@dataclass(frozen=True, slots=True)
class Suite:
    """What a cipher suite settles.

    Attributes:
        aead: the cipher.
        key_length: octets of a key.
        iv_length: octets of the part of a nonce that is never sent.
        hash_name: of the pseudorandom function (RFC 5246 section 5).
    """

    aead: type[AESGCM] | type[ChaCha20Poly1305]
    key_length: int
    iv_length: int
    hash_name: str

    @property
    def explicit_length(self) -> int:
        """Octets of the part of a nonce that each record carries."""
        return 12 - self.iv_length


_AES_128, _AES_256 = Suite(AESGCM, 16, 4, "sha256"), Suite(AESGCM, 32, 4, "sha384")
_CHACHA = Suite(ChaCha20Poly1305, 32, 12, "sha256")
SUITES = {  # RFC 8827 section 6.5; in our order of preference
    "ECDHE-ECDSA-AES128-GCM-SHA256": _AES_128,
    "ECDHE-RSA-AES128-GCM-SHA256": _AES_128,
    "ECDHE-ECDSA-AES256-GCM-SHA384": _AES_256,
    "ECDHE-RSA-AES256-GCM-SHA384": _AES_256,
    "ECDHE-ECDSA-CHACHA20-POLY1305": _CHACHA,
    "ECDHE-RSA-CHACHA20-POLY1305": _CHACHA,
}


@dataclass(frozen=True, slots=True, repr=False)
class Secrets:
    """What the handshake settled; never logged.

    Attributes:
        suite: a key of :data:`SUITES`.
        master: the master secret.
        client_random, server_random: of the hellos.
    """

    suite: str
    master: bytes
    client_random: bytes
    server_random: bytes


class RecordProtection:
    """Both directions of one association, in epoch 1.

    Args:
        secrets: what it was keyed with.
        role: ours.
        sent: the last record of epoch 1 that OpenSSL has sent; ours count on from its numbers.
        received: the last one that OpenSSL has taken, the peer's Finished.
    """

    __slots__ = ("_explicit", "_highest", "_number", "_ours", "_seen", "_suite", "_theirs")

    def __init__(self, secrets: Secrets, role: DtlsRole, sent: Record, received: Record) -> None:
        suite = self._suite = SUITES[secrets.suite]
        keys = _expand(secrets, suite)
        self._ours, self._theirs = keys if role is DtlsRole.CLIENT else keys[::-1]
        self._number = sent.sequence_number
        self._explicit = int.from_bytes(sent.body[: suite.explicit_length], "big")
        self._highest = received.sequence_number
        self._seen = (1 << _WINDOW) - 1  # bit n: the record n before the highest; nothing before Finished is wanted

    def seal(self, content_type: int, plaintext: bytes) -> bytes:
        """Return the next record."""
        suite = self._suite
        key, iv = self._ours
        self._number += 1
        self._explicit = (self._explicit + 1) % (1 << 64)  # OpenSSL began at random: its nonces and ours never meet
        number = _EPOCH << 48 | self._number
        explicit = self._explicit.to_bytes(8, "big")[: suite.explicit_length]
        associated = _ASSOCIATED.pack(number, content_type, _VERSION, len(plaintext))
        body = explicit + suite.aead(key).encrypt(_nonce(iv, explicit, number), plaintext, associated)
        return _HEADER.pack(content_type, _VERSION, number, len(body)) + body

    def open(self, record: Record) -> bytes | None:
        """Return the plaintext of a record; None where it is no authentic one of epoch 1, or came before."""
        suite = self._suite
        key, iv = self._theirs
        body = record.body
        length = len(body) - suite.explicit_length - _TAG_LENGTH
        if record.epoch != _EPOCH or length < 0 or self._has_come(record.sequence_number):
            return None
        number = _EPOCH << 48 | record.sequence_number
        explicit = body[: suite.explicit_length]
        associated = _ASSOCIATED.pack(number, record.content_type, _VERSION, length)
        try:
            plaintext = suite.aead(key).decrypt(_nonce(iv, explicit, number), body[suite.explicit_length :], associated)
        except InvalidTag:
            return None
        self._note(record.sequence_number)
        return plaintext

    def _has_come(self, number: int) -> bool:
        behind = self._highest - number
        return behind >= _WINDOW or (behind >= 0 and self._seen >> behind & 1 == 1)

    def _note(self, number: int) -> None:
        ahead = number - self._highest
        if ahead > 0:
            self._seen = (self._seen << min(ahead, _WINDOW) | 1) & ((1 << _WINDOW) - 1)
            self._highest = number
        else:
            self._seen |= 1 << -ahead


def _nonce(iv: bytes, explicit: bytes, number: int) -> bytes:
    if explicit:
        return iv + explicit
    return (int.from_bytes(iv, "big") ^ number).to_bytes(len(iv), "big")


def _expand(secrets: Secrets, suite: Suite) -> tuple[tuple[bytes, bytes], tuple[bytes, bytes]]:
    """Return key and IV of the client, and of the server (RFC 5246 section 6.3; an AEAD has no MAC keys)."""
    seed = _KEY_EXPANSION + secrets.server_random + secrets.client_random
    key, iv = suite.key_length, suite.iv_length
    block = _prf(secrets.master, seed, 2 * (key + iv), suite.hash_name)
    ivs = 2 * key
    return (block[:key], block[ivs : ivs + iv]), (block[key:ivs], block[ivs + iv :])


def _prf(secret: bytes, seed: bytes, length: int, hash_name: str) -> bytes:
    """RFC 5246 section 5."""
    output, chained = b"", seed
    while len(output) < length:
        chained = hmac.digest(secret, chained, hash_name)
        output += hmac.digest(secret, chained + seed, hash_name)
    return output[:length]
