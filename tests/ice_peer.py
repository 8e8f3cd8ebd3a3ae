"""A full ICE agent's side in memory: STUN messages written octet by octet, and a made-up clock.

Nothing of ``rtcsplit.wire.stun`` is used, so that a mistake there cannot hide itself; answers are read by aioice.
"""

from __future__ import annotations

import hashlib
import hmac
import random
import struct
import zlib
from collections.abc import Iterable

from aioice import stun as oracle

from rtcsplit.drops import DropReason
from rtcsplit.session.events import IceEvent, PathChanged
from rtcsplit.session.ice import IceLite
from rtcsplit.session.negotiation import IceCredentials
from rtcsplit.session.stun_refusals import StunRefusals
from rtcsplit.wire.address import Address, Path, Via
from tests.stun_oracle import is_authentic

SERVER = IceCredentials("EceMMyQBAgMEBQhiKJ1mhcEw", "serverPasswordOf30Characters/+")
CLIENT = IceCredentials("cLnT", "clientPasswordOf24Chars+")

HOME = Path(Address.of("198.51.100.7", 50000))
AWAY = Path(Address.of("198.51.100.8", 60000))
THIRD = Path(Address.of("2001:db8::9", 7))
NORTH = Via(Address.of("10.0.0.1", 4000), Address.of("203.0.113.10", 3478))
SOUTH = Via(Address.of("10.0.0.2", 4000), Address.of("203.0.113.10", 3478))

REQUEST, INDICATION, SUCCESS, ERROR = 0x0001, 0x0011, 0x0101, 0x0111
USERNAME, INTEGRITY, PRIORITY, USE_CANDIDATE = 0x0006, 0x0008, 0x0024, 0x0025
FINGERPRINT, CONTROLLED, CONTROLLING, NOMINATION = 0x8028, 0x8029, 0x802A, 0xC001
NAMES = b"%s:%s" % (SERVER.ufrag.encode(), CLIENT.ufrag.encode())

Attributes = Iterable[tuple[int, bytes]]


def attribute(kind: int, value: bytes, pad: bytes = b"\0") -> bytes:
    return struct.pack("!HH", kind, len(value)) + value + pad * (-len(value) % 4)


def message(
    kind: int,
    transaction_id: bytes,
    attributes: Attributes = (),
    *,
    key: bytes | None = None,
    after_integrity: Attributes = (),
    fingerprint: bool = True,
    pad: bytes = b"\0",
) -> bytes:
    """One STUN message, RFC 8489 sections 5, 14.5 and 14.7."""
    body = b"".join(attribute(*item, pad) for item in attributes)

    def head(extra: int) -> bytes:
        return struct.pack("!HHI", kind, len(body) + extra, 0x2112A442) + transaction_id

    if key is not None:
        body += attribute(INTEGRITY, hmac.digest(key, head(24) + body, hashlib.sha1))
    body += b"".join(attribute(*item, pad) for item in after_integrity)
    if fingerprint:
        body += attribute(FINGERPRINT, struct.pack("!I", zlib.crc32(head(8) + body) ^ 0x5354554E))
    return head(0) + body


def read(datagram: bytes, key: str | None) -> oracle.Message:
    """What aioice makes of an answer: its fingerprint comes last and holds, its integrity holds if there is a key."""
    assert datagram[-8:-4] == b"\x80\x28\x00\x04"
    response = oracle.parse_message(datagram)
    if key is not None:
        assert is_authentic(datagram, key.encode())
    return response


class Peer:
    """An :class:`IceLite` under test, the client that talks to it, and the time.

    Attributes:
        now: monotonic seconds, moved by :meth:`at` alone.
        sent: what the agent sent, with the time.
        events: what it reported, with the time.
    """

    def __init__(self, *, remote: IceCredentials | None = CLIENT, refusals: StunRefusals | None = None) -> None:
        self.random = random.Random(8445)
        self.now = 1000.0
        self.start = self.now
        self.sent: list[tuple[float, bytes, Path]] = []
        self.events: list[tuple[float, IceEvent]] = []
        self.ice = IceLite(SERVER, remote, refusals or StunRefusals(), self.random.randbytes, self.now)

    def check(self, *, extra: Attributes = (), **changes: object) -> bytes:
        """A check as Chromium sends it; ``nominate``, ``priority``, ``key``, ``names``, ``role``, ... vary it."""
        nominate = changes.pop("nominate", False)
        role = changes.pop("role", CONTROLLING)
        names = changes.pop("names", NAMES)
        priority = changes.pop("priority", 0x6E7F1EFF)
        transaction_id = changes.pop("transaction_id", None) or self.random.randbytes(12)
        attributes: list[tuple[int, bytes]] = []
        if names is not None:
            attributes.append((USERNAME, names))
        attributes.append((0xC057, b"\0\1\0\n"))
        if role is not None:
            attributes.append((role, self.random.randbytes(8)))
        if nominate:
            attributes.append((USE_CANDIDATE, b""))
        attributes.append((PRIORITY, struct.pack("!I", priority)))
        return message(REQUEST, transaction_id, [*attributes, *extra], **{"key": SERVER.pwd.encode(), **changes})

    def send(self, datagram: bytes, path: Path = HOME) -> DropReason | None:
        """Deliver a datagram now."""
        verdict = self.ice.receive(datagram, path, self.now)
        self.drain()
        return verdict

    def checks(self, path: Path = HOME, **changes: object) -> bytes:
        """Send a fresh check that has to be accepted; returns its datagram."""
        datagram = self.check(**changes)
        assert self.send(datagram, path) is None
        return datagram

    def media(self, path: Path = HOME) -> None:
        """Deliver SRTP that authenticates."""
        self.ice.note_authenticated_media(path, self.now)
        self.drain()

    def handshake_ends(self) -> None:
        self.ice.handshake_ended(self.now)
        self.drain()

    def at(self, offset: float) -> None:
        """Move the clock to ``offset`` seconds after the start, with every timer on its way in its turn."""
        until = self.start + offset
        assert until >= self.now
        while (timer := self.ice.next_timer()) is not None and timer <= until:
            self.now = max(self.now, timer)
            self.ice.handle_timer(self.now)
            self.drain()
            following = self.ice.next_timer()
            assert following is None or following > timer, "a timer that was handled must not stay due"
        self.now = until

    def drain(self) -> None:
        offset = round(self.now - self.start, 6)
        self.sent += [(offset, *item) for item in self.ice.datagrams_to_send(self.now)]
        while (event := self.ice.next_event()) is not None:
            self.events.append((offset, event))

    @property
    def moves(self) -> list[tuple[float, Path]]:
        """When the path changed, and to what."""
        return [(at, event.path) for at, event in self.events if isinstance(event, PathChanged)]

    def answer(self, *, key: str | None = SERVER.pwd) -> oracle.Message:
        """The last thing sent, as aioice reads it."""
        return read(self.sent[-1][1], key)

    def snapshot(self) -> tuple[object, ...]:
        """All that an outsider may not change."""
        ice = self.ice
        return ice.state, ice.path, ice.clients, ice.next_timer(), tuple(self.events)


def connected(path: Path = HOME, *, nominate: bool = True) -> Peer:
    """A peer whose handshake has ended on ``path`` at offset 0."""
    peer = Peer()
    peer.checks(path, nominate=nominate)
    peer.handshake_ends()
    return peer
