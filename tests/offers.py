"""Session descriptions to test with: a minimal offer, ways to change it, our side, stored offers of real clients."""

from __future__ import annotations

from pathlib import Path as FilePath

from rtcsplit.session.certificate import Fingerprint
from rtcsplit.session.negotiation import IceCredentials
from rtcsplit.session.sdp import LocalDescription
from rtcsplit.wire.address import Address

DATA = FilePath(__file__).parent / "data"
STORED = sorted(path.stem for path in DATA.glob("*.sdp"))

SHA_256 = "sha-256 " + ":".join(f"{octet:02X}" for octet in range(32))
OTHER_SHA_256 = "sha-256 " + ":".join(f"{octet:02X}" for octet in range(1, 33))

SESSION = f"""v=0
o=- 4611731400430051336 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0
a=fingerprint:{SHA_256}
"""
AUDIO = """m=audio 9 UDP/TLS/RTP/SAVPF 111
c=IN IP4 0.0.0.0
a=ice-ufrag:abcd
a=ice-pwd:abcdefghijklmnopqrstuv
a=setup:actpass
a=mid:0
a=sendrecv
a=rtcp-mux
a=rtpmap:111 opus/48000/2
"""
OFFER = SESSION + AUDIO

RELAY = Address.of("203.0.113.10", 3478)
LOCAL = LocalDescription(
    ice=IceCredentials("EIlD5iIAAAAAAO/Rzi8+w8ug", "0123456789abcdefghijklmn"),
    fingerprint=Fingerprint("sha-256", bytes(range(100, 132))),
    candidates=(RELAY,),
    session_id=0x0123456789ABCDEF,
    ssrc=0x89ABCDEF,
    cname="c25pZmYgc25pZmYu",
    tls_id="0123456789abcdef0123456789abcdef",
)


def stored(name: str) -> bytes:
    """The offer in ``tests/data``."""
    return (DATA / f"{name}.sdp").read_bytes()


def changed(old: str, new: str, text: str = OFFER) -> str:
    """``text`` with its one ``old`` replaced."""
    assert text.count(old) == 1, old
    return text.replace(old, new)


def with_lines(*lines: str, text: str = OFFER) -> str:
    """``text`` with ``lines`` added to its last section."""
    return text + "".join(line + "\n" for line in lines)


def line_of(text: str, line: str) -> int:
    """The 1-based number of ``line`` in ``text``."""
    return text.splitlines().index(line) + 1


def sections(answer: str) -> list[list[str]]:
    """The lines of ``answer``, first those of the session level, then a list for each media section."""
    found: list[list[str]] = [[]]
    for line in answer.removesuffix("\r\n").split("\r\n"):
        if line.startswith("m="):
            found.append([])
        found[-1].append(line)
    return found
