"""The data channel section (RFC 8841 sections 4 to 6, RFC 9429 section 5.3.1; SNAP: draft-hancke-tsvwg-snap-00).

The older form (``DTLS/SCTP 5000`` with ``a=sctpmap``) is not taken, nor is a section whose port or message size makes
no sense: it is refused like any other section that we have no use for, and the audio goes on.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterator
from dataclasses import dataclass

from ..sctp_association import MAX_MESSAGE_SIZE
from ..sctp_chunks import Init
from ..sctp_packet import ChunkType
from .grammar import Level
from .media_line import MediaLine

__all__ = ["SCTP_PORT", "DataFormat", "data_lines", "parse_data_format"]

SCTP_PORT = 5000  # ours; the number means nothing inside of DTLS
PROTOCOL = "UDP/DTLS/SCTP"
_FORMAT = "webrtc-datachannel"
_LONGEST_NUMBER = 10
_LONGEST_INIT = 1_024
_DEFAULT_MESSAGE_SIZE = 65_536


@dataclass(frozen=True, slots=True)
class DataFormat:
    """What a data channel section offers.

    Attributes:
        port: ``a=sctp-port``.
        max_message_size: octets of the longest message that the peer takes, 0 for any.
        init: the peer's INIT (SNAP), None where there is none that can be used.
    """

    port: int
    max_message_size: int
    init: Init | None = None


def parse_data_format(level: Level, media: MediaLine) -> DataFormat | None:
    """Return what the section offers, None for any other section, and for one that cannot be taken."""
    if media.kind != "application" or media.protocol != PROTOCOL or _FORMAT not in media.formats:
        return None
    port = _number(level, "sctp-port")
    size = _number(level, "max-message-size") if level.has("max-message-size") else _DEFAULT_MESSAGE_SIZE
    if port is None or size is None or not 0 < port <= 65_535:
        return None
    return DataFormat(port, size, _init(level))


def data_lines(mid: str | None, address_line: str, port: int, init: Init | None) -> Iterator[str]:
    """Yield our answer to a section that is taken, without its transport; with our INIT where there is to be one."""
    yield f"m=application {port} {PROTOCOL} {_FORMAT}"
    yield address_line
    if mid is not None:
        yield f"a=mid:{mid}"
    yield f"a=sctp-port:{SCTP_PORT}"
    yield f"a=max-message-size:{MAX_MESSAGE_SIZE}"
    if init is not None:
        yield f"a=sctp-init:{b64encode(init.build(ChunkType.INIT)).decode()}"


def _init(level: Level) -> Init | None:
    """An INIT that cannot be used is none: the association is then made in its own way."""
    lines = level.all("sctp-init")
    if len(lines) != 1 or len(lines[0].value) > _LONGEST_INIT:
        return None
    text = lines[0].value
    try:
        octets = b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError:
        return None
    return Init.parse_octets(octets)


def _number(level: Level, name: str) -> int | None:
    lines = level.all(name)
    if len(lines) != 1:
        return None
    text = lines[0].value
    is_number = 0 < len(text) <= _LONGEST_NUMBER and text.isascii() and text.isdigit()
    return int(text) if is_number else None
