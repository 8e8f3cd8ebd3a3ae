"""DTLS alerts: their names, the one we write ourselves, and what a failed handshake is reported as.

Alerts of epoch 0 are in the clear, so that both sides' reasons can be named without OpenSSL's help, whose errors carry
words only.
"""

from __future__ import annotations

from ..drops import DropReason
from ..errors import DtlsError
from .dtls_records import ContentType, Record, parse_records

__all__ = [
    "ALERT_NAMES",
    "BAD_CERTIFICATE",
    "CLOSE_NOTIFY",
    "FATAL",
    "HANDSHAKE_FAILURE",
    "alert_in_place_of",
    "alert_name",
    "diagnose",
]

FATAL = 2  # alert level
CLOSE_NOTIFY = 0
HANDSHAKE_FAILURE = 40
BAD_CERTIFICATE = 42
ALERT_NAMES = {  # RFC 5246 section 7.2, RFC 6066 section 9
    CLOSE_NOTIFY: "close_notify",
    10: "unexpected_message",
    20: "bad_record_mac",
    21: "decryption_failed",
    22: "record_overflow",
    30: "decompression_failure",
    HANDSHAKE_FAILURE: "handshake_failure",
    BAD_CERTIFICATE: "bad_certificate",
    43: "unsupported_certificate",
    44: "certificate_revoked",
    45: "certificate_expired",
    46: "certificate_unknown",
    47: "illegal_parameter",
    48: "unknown_ca",
    49: "access_denied",
    50: "decode_error",
    51: "decrypt_error",
    70: "protocol_version",
    71: "insufficient_security",
    80: "internal_error",
    90: "user_canceled",
    100: "no_renegotiation",
    110: "unsupported_extension",
}


def alert_in_place_of(output: bytes, description: int) -> bytes:
    """Return a record with a fatal alert, to be sent instead of ``output``, under the first record number in it.

    Args:
        output: unsent records of epoch 0.
        description: a key of :data:`ALERT_NAMES`.
    """
    return bytes([ContentType.ALERT]) + output[1:11] + bytes([0, 2, FATAL, description])


def alert_name(record: Record) -> str | None:
    """Return the name of an alert's description, None where it is encrypted or unknown."""
    body = record.body
    return ALERT_NAMES.get(body[1]) if record.epoch == 0 and len(body) == 2 else None


def diagnose(cause: Record | None, message: str, output: bytes) -> DtlsError:
    """Return the error of a step that failed: theirs if an alert caused it, else ours, named by the alert we send.

    Args:
        cause: the record that was fed, None where none was.
        message: OpenSSL's words.
        output: the records that it wrote.
    """
    if cause is not None and cause.content_type == ContentType.ALERT:
        return DtlsError("alert", message, alert=alert_name(cause), is_remote=True)
    sent = parse_records(output)
    alerts = [] if isinstance(sent, DropReason) else [r for r in sent if r.content_type == ContentType.ALERT]
    return DtlsError("handshake_failed", message, alert=alert_name(alerts[-1]) if alerts else None)
