"""aioice as the independent judge of STUN messages, by what all its versions since 0.10 have."""

from __future__ import annotations

import hmac

from aioice import stun


def is_authentic(datagram: bytes, key: bytes) -> bool:
    """Whether MESSAGE-INTEGRITY is there and ``key`` made it; FINGERPRINT is checked by parsing."""
    value = stun.parse_message(datagram).attributes.get("MESSAGE-INTEGRITY")
    if value is None:
        return False
    covered = datagram[: datagram.rindex(b"\x00\x08\x00\x14" + value)]
    return hmac.compare_digest(value, stun.message_integrity(covered, key))


def with_fingerprint(message: stun.Message) -> bytes:
    """The message with FINGERPRINT as its last attribute."""
    message.attributes["FINGERPRINT"] = stun.message_fingerprint(bytes(message))
    return bytes(message)
