"""Short pure-Python twins of the C parsers: written from the RFCs, slow, and the oracle of the property tests."""

from __future__ import annotations

import base64
import ipaddress
import struct

from rtcsplit.drops import DropReason

KINDS = {"stun": (range(4), 20), "dtls": (range(20, 64), 13), "media": (range(128, 192), 8)}


def classify(data: bytes) -> str | DropReason:
    if not data:
        return DropReason.TOO_SHORT
    for kind, (first_octets, least) in KINDS.items():
        if data[0] not in first_octets:
            continue
        if len(data) < least:
            return DropReason.TOO_SHORT
        if kind == "stun":
            return kind if stun_header_holds(data) else DropReason.STUN_MALFORMED
        if kind == "media":
            if 192 <= data[1] <= 223:
                return "rtcp"
            return "rtp" if len(data) >= 12 else DropReason.TOO_SHORT
        return kind
    return DropReason.FIRST_OCTET


def stun_header_holds(data: bytes) -> bool:
    message_type, length, cookie = struct.unpack_from("!HHI", data)
    return message_type < 0x0400 and cookie == 0x2112A442 and length == len(data) - 20 and length % 4 == 0


def stun_attributes(data: bytes) -> list[tuple[int, int, int]] | DropReason:
    """(type, length, offset) of what counts."""
    if len(data) < 20:
        return DropReason.TOO_SHORT
    if not stun_header_holds(data):
        return DropReason.STUN_MALFORMED
    walked: list[tuple[int, int, int]] = []
    at = 20
    while at < len(data):
        this_type, length = struct.unpack_from("!HH", data, at)
        following = at + 4 + -(-length // 4) * 4
        if following > len(data) or len(walked) == 64:
            return DropReason.STUN_MALFORMED
        if this_type == 0x8028 and (length != 4 or following != len(data)):
            return DropReason.STUN_FINGERPRINT
        if this_type == 0x0008 and length != 20 and not {0x0008, 0x001C} & {seen[0] for seen in walked}:
            return DropReason.STUN_MALFORMED
        walked.append((this_type, length, at + 4))
        at = following
    return _sealed(walked)


def _sealed(walked: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    counting: list[tuple[int, int, int]] = []
    may_follow: set[int] | None = None
    for attribute in walked:
        if may_follow is not None and attribute[0] not in may_follow:
            continue
        counting.append(attribute)
        if attribute[0] == 0x0008:
            may_follow = {0x001C, 0x8028}
        elif attribute[0] == 0x001C:
            may_follow = {0x8028}
    return counting


def stun_server_ufrag(data: bytes) -> bytes | DropReason:
    if len(data) < 20:
        return DropReason.TOO_SHORT
    if not stun_header_holds(data):
        return DropReason.STUN_MALFORMED
    if data[:2] != b"\x00\x01":
        return DropReason.STUN_METHOD
    attributes = stun_attributes(data)
    if isinstance(attributes, DropReason):
        return attributes
    for this_type, length, at in attributes:
        if this_type == 0x0006:
            ours, colon, theirs = data[at : at + length].partition(b":")
            good = len(ours) == 24 and colon and 1 <= len(theirs) <= 483 and b":" not in theirs
            return ours if good and b"\0" not in ours + theirs else DropReason.USERNAME_INVALID
    return DropReason.USERNAME_INVALID


def siphash24(key: bytes, data: bytes) -> bytes:
    mask = 2**64 - 1
    k0, k1 = struct.unpack("<QQ", key)
    constants = struct.unpack(">QQQQ", b"somepseudorandomlygeneratedbytes")
    v = [k ^ c for k, c in zip((k0, k1, k0, k1), constants, strict=True)]

    def rotl(x: int, n: int) -> int:
        return (x << n | x >> 64 - n) & mask

    def rounds(n: int) -> None:
        for _ in range(n):
            v[0], v[2] = (v[0] + v[1]) & mask, (v[2] + v[3]) & mask
            v[1], v[3] = rotl(v[1], 13) ^ v[0], rotl(v[3], 16) ^ v[2]
            v[0] = rotl(v[0], 32)
            v[2], v[0] = (v[2] + v[1]) & mask, (v[0] + v[3]) & mask
            v[1], v[3] = rotl(v[1], 17) ^ v[2], rotl(v[3], 21) ^ v[0]
            v[2] = rotl(v[2], 32)

    padded = data + bytes(7 - len(data) % 8) + bytes([len(data) & 255])
    for (word,) in struct.iter_unpack("<Q", padded):
        v[3] ^= word
        rounds(2)
        v[0] ^= word
    v[2] ^= 0xFF
    rounds(4)
    return struct.pack("<Q", v[0] ^ v[1] ^ v[2] ^ v[3])


def mint_hint(
    tag_key: bytes, mask_key: bytes, key_id: int, cluster: int, transceiver: int, nonce: bytes, version: int = 1
) -> str:
    first, ids = bytes([version << 4 | key_id]), struct.pack("!HH", cluster, transceiver)
    tag = siphash24(tag_key, first + ids + nonce)
    mask = siphash24(mask_key, nonce + tag)[:4]
    masked = bytes(a ^ b for a, b in zip(ids, mask, strict=True))
    return base64.b64encode(first + masked + nonce + tag).decode()


def open_hint(keys: dict[int, tuple[bytes, bytes]], text: bytes) -> tuple[int, int, int, bytes] | None:
    """(key id, cluster, transceiver, nonce)."""
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError:
        return None
    if len(text) != 24 or len(raw) != 18 or raw[0] >> 4 != 1 or raw[0] & 15 not in keys:
        return None
    tag_key, mask_key = keys[raw[0] & 15]
    nonce, tag = raw[5:10], raw[10:]
    mask = siphash24(mask_key, nonce + tag)
    ids = bytes(a ^ b for a, b in zip(raw[1:5], mask, strict=False))
    if siphash24(tag_key, raw[:1] + ids + nonce) != tag:
        return None
    return (raw[0] & 15, *struct.unpack("!HH", ids), nonce)


def rtp_header(data: bytes) -> tuple[int, int, int] | DropReason:
    """(header length, CSRC count, extension length)."""
    if len(data) < 12:
        return DropReason.TOO_SHORT
    if data[0] & 0xC0 != 0x80:
        return DropReason.RTP_MALFORMED
    csrc_count = data[0] & 15
    end, extension_length = 12 + 4 * csrc_count, 0
    if data[0] & 0x10:
        if end + 4 > len(data):
            return DropReason.RTP_MALFORMED
        extension_length = 4 * int.from_bytes(data[end + 2 : end + 4], "big")
        end += 4 + extension_length
    return (end, csrc_count, extension_length) if end <= len(data) else DropReason.RTP_MALFORMED


def rtp_payload(data: bytes) -> bytes | DropReason:
    header = rtp_header(data)
    if isinstance(header, DropReason):
        return header
    rest = data[header[0] :]
    if not data[0] & 0x20:
        return rest
    return rest[: len(rest) - rest[-1]] if rest and 1 <= rest[-1] <= len(rest) else DropReason.RTP_MALFORMED


def rtcp_members(data: bytes) -> list[tuple[int, int, int, int]] | DropReason:
    """(offset, length without padding, packet type, count)."""
    if len(data) < 4:
        return DropReason.TOO_SHORT
    members: list[tuple[int, int, int, int]] = []
    at = 0
    while at < len(data):
        if len(data) - at < 4 or data[at] >> 6 != 2 or len(members) == 64:
            return DropReason.RTCP_MALFORMED
        length = 4 + 4 * int.from_bytes(data[at + 2 : at + 4], "big")
        padding = 0
        if at + length > len(data):
            return DropReason.RTCP_MALFORMED
        if data[at] & 0x20:
            padding = data[at + length - 1]
            if at + length != len(data) or padding % 4 or not 4 <= padding <= length - 4:
                return DropReason.RTCP_MALFORMED
        members.append((at, length - padding, data[at + 1], data[at] & 31))
        at += length
    return members


DENIED = [
    ipaddress.ip_network(network)
    for network in (
        *("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3"),
        *("::/96", "fe80::/10", "ff00::/8", "64:ff9b::/96", "2002::/16"),
    )
]


def is_denied(ip: bytes, port: int) -> bool:
    address = ipaddress.IPv6Address(ip)
    mapped = address.ipv4_mapped
    return port == 0 or any((mapped or address) in network for network in DENIED)
