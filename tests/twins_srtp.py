"""SRTP and SRTCP in a page (RFC 3711 section 4, RFC 7714), on the ciphers of `cryptography`: the oracle for libsrtp.

Short and slow on purpose. It takes session keys or derives them, works on explicit packet indices, and keeps no state,
so that the RFCs' own vectors, which give session keys, can be run through it.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

E_FLAG = 1 << 31


def xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


def key_stream(key: bytes, initial_counter: bytes, length: int) -> bytes:
    """AES in counter mode (RFC 3711 section 4.1.1)."""
    encryptor = Cipher(algorithms.AES(key), modes.CTR(initial_counter)).encryptor()
    return encryptor.update(bytes(length))


def derive(master_key: bytes, master_salt: bytes, label: int, length: int) -> bytes:
    """Session key of ``label`` at a derivation rate of zero (RFC 3711 section 4.3)."""
    salt = master_salt.ljust(14, b"\0")  # RFC 7714 section 11: 96 bits of salt, padded
    key_id = bytes([0] * 7 + [label] + [0] * 6)
    return key_stream(master_key, xor(salt, key_id) + b"\0\0", length)


@dataclass(frozen=True)
class SessionKeys:
    """Keys of one direction, for RTP or for RTCP; without ``authentication`` the cipher is AEAD."""

    encryption: bytes
    salt: bytes
    authentication: bytes = b""

    @classmethod
    def derive(cls, master: bytes, key_length: int, *, is_aead: bool, is_rtcp: bool) -> SessionKeys:
        key, salt = master[:key_length], master[key_length:]
        base = 3 if is_rtcp else 0
        return cls(
            encryption=derive(key, salt, base, key_length),
            authentication=b"" if is_aead else derive(key, salt, base + 1, 20),
            salt=derive(key, salt, base + 2, 12 if is_aead else 14),
        )

    def cipher(self, ssrc: bytes, index: int, data: bytes) -> bytes:
        """AES-CM of ``data``, both ways (section 4.1.1)."""
        counter = xor(self.salt + b"\0\0", bytes(4) + ssrc + index.to_bytes(6, "big") + b"\0\0")
        return xor(data, key_stream(self.encryption, counter, len(data)))

    def tag(self, authenticated: bytes) -> bytes:
        return hmac.digest(self.authentication, authenticated, "sha1")[:10]

    def nonce(self, ssrc: bytes, index: int) -> bytes:
        """RFC 7714 sections 8.1 and 9.1."""
        return xor(self.salt, b"\0\0" + ssrc + index.to_bytes(6, "big"))


def header_length(packet: bytes) -> int:
    length = 12 + 4 * (packet[0] & 15)
    if packet[0] & 16:
        length += 4 + 4 * int.from_bytes(packet[length + 2 : length + 4], "big")
    return length


def protect(keys: SessionKeys, packet: bytes, rollover_count: int = 0) -> bytes:
    length = header_length(packet)
    header, payload = packet[:length], packet[length:]
    ssrc, index = packet[8:12], rollover_count << 16 | int.from_bytes(packet[2:4], "big")
    if not keys.authentication:
        return header + AESGCM(keys.encryption).encrypt(keys.nonce(ssrc, index), payload, header)
    protected = header + keys.cipher(ssrc, index, payload)
    return protected + keys.tag(protected + rollover_count.to_bytes(4, "big"))


def unprotect(keys: SessionKeys, packet: bytes, rollover_count: int = 0) -> bytes:
    length = header_length(packet)
    ssrc, index = packet[8:12], rollover_count << 16 | int.from_bytes(packet[2:4], "big")
    header, body = packet[:length], packet[length:]
    if not keys.authentication:
        return header + AESGCM(keys.encryption).decrypt(keys.nonce(ssrc, index), body, header)
    assert hmac.compare_digest(packet[-10:], keys.tag(packet[:-10] + rollover_count.to_bytes(4, "big")))
    return header + keys.cipher(ssrc, index, body[:-10])


def protect_rtcp(keys: SessionKeys, packet: bytes, index: int) -> bytes:
    header, body, ssrc = packet[:8], packet[8:], packet[4:8]
    word = (E_FLAG | index).to_bytes(4, "big")
    if not keys.authentication:
        return header + AESGCM(keys.encryption).encrypt(keys.nonce(ssrc, index), body, header + word) + word
    protected = header + keys.cipher(ssrc, index, body) + word
    return protected + keys.tag(protected)


def unprotect_rtcp(keys: SessionKeys, packet: bytes) -> tuple[bytes, int]:
    header, ssrc = packet[:8], packet[4:8]
    if not keys.authentication:
        word, body = packet[-4:], packet[8:-4]
        index = int.from_bytes(word, "big") & ~E_FLAG
        return header + AESGCM(keys.encryption).decrypt(keys.nonce(ssrc, index), body, header + word), index
    assert hmac.compare_digest(packet[-10:], keys.tag(packet[:-10]))
    index = int.from_bytes(packet[-14:-10], "big") & ~E_FLAG
    return header + keys.cipher(ssrc, index, packet[8:-14]), index
