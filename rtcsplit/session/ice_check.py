"""What a STUN datagram of a client means to a session: a check to answer, a request to refuse, or nothing.

The order is that of RFC 8489 section 6.3: format, method and class, FINGERPRINT, then credentials (400, 401; section
9.1.3), then unknown comprehension-required attributes (420), and last the role (487, RFC 8445 section 7.3.1.1).
Nothing here has state, so whatever an unauthenticated datagram says, it can change none.

Left out on purpose: MESSAGE-INTEGRITY-SHA256 (clients of WebRTC send MESSAGE-INTEGRITY), long-term credentials.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..drops import DropReason
from ..wire import stun
from ..wire.stun import BINDING, Attribute, Message, MessageClass
from .negotiation import IceCredentials

__all__ = ["Check", "Refusal", "read_check", "ufrag_of"]

_MAX_USERNAME = 508  # octets, RFC 8489 section 14.3
_KNOWN = frozenset(Attribute)


@dataclass(frozen=True, slots=True)
class Check:
    """An authenticated binding request.

    Attributes:
        transaction_id: 12 octets.
        priority: of the peer's candidate (RFC 8445 section 7.1.1), 0 where it named none.
        is_nominating: it carried USE-CANDIDATE.
        nomination: value of NOMINATION (0xC001, draft-thatcher-ice-renomination), None where absent.
        generation: how many times ICE had restarted when its credentials were made.
    """

    transaction_id: bytes
    priority: int
    is_nominating: bool
    nomination: int | None
    generation: int = 0


@dataclass(frozen=True, slots=True)
class Refusal:
    """A binding request to be answered with an error.

    Attributes:
        code: 400, 401, 420 or 487.
        reason: what to count.
        is_authenticated: its integrity holds, so the answer carries MESSAGE-INTEGRITY and no rate limit applies.
        transaction_id: 12 octets.
        unknown: for 420, the attribute types at fault, each once.
    """

    code: int
    reason: DropReason
    is_authenticated: bool
    transaction_id: bytes
    unknown: tuple[int, ...] = ()


def ufrag_of(message: Message) -> str | None:
    """Return the server ufrag that a message's USERNAME begins with, None where it has no usable one."""
    names = _usernames(message)
    return None if names is None else names[0]


def read_check(
    datagram: bytes, local: IceCredentials | None, remote: IceCredentials | None, generation: int = 0
) -> Check | Refusal | DropReason:
    """Judge a datagram in the STUN range.

    Args:
        datagram: as received.
        local: our credentials; None for a datagram of no session, which is then refused with 400 or 401 at best.
        remote: the peer's; None while unknown, then the right part of USERNAME may be anything.
        generation: of these credentials; passed on in the check.

    Returns:
        The check, the refusal, or why the datagram is dropped without an answer.
    """
    message = stun.parse(datagram)
    if isinstance(message, DropReason):
        return message
    if message.method != BINDING:
        return DropReason.STUN_METHOD
    if message.message_class == MessageClass.INDICATION:
        return DropReason.STUN_INDICATION
    if message.message_class != MessageClass.REQUEST:
        return DropReason.STUN_RESPONSE  # RFC 8445 section 2.5: a lite agent asks nothing
    if message.find(Attribute.FINGERPRINT) is not None and not stun.verify_fingerprint(message):
        return DropReason.STUN_FINGERPRINT
    return _authenticate(message, local, remote) or _read(message, generation)


def _authenticate(message: Message, local: IceCredentials | None, remote: IceCredentials | None) -> Refusal | None:
    def refuse(code: int, reason: DropReason) -> Refusal:
        return Refusal(code, reason, is_authenticated=False, transaction_id=message.transaction_id)

    if message.find(Attribute.USERNAME) is None or message.find(Attribute.MESSAGE_INTEGRITY) is None:
        return refuse(400, DropReason.STUN_BAD_REQUEST)
    names = _usernames(message)
    if names is None or local is None or names[0] != local.ufrag or (remote is not None and names[1] != remote.ufrag):
        return refuse(401, DropReason.STUN_UNAUTHORIZED)
    if not stun.verify_integrity(message, local.pwd.encode()):
        return refuse(401, DropReason.STUN_UNAUTHORIZED)
    return None


def _read(message: Message, generation: int) -> Check | Refusal:
    unknown = tuple(dict.fromkeys(type_ for type_, _ in message.attributes if _must_know(type_)))
    if unknown:
        return Refusal(420, DropReason.STUN_UNKNOWN_ATTRIBUTE, True, message.transaction_id, unknown)
    if message.find(Attribute.ICE_CONTROLLED) is not None:
        # We are lite, so the peer controls whatever its tie-breaker says (RFC 8445 section 6.1.1).
        return Refusal(487, DropReason.STUN_ROLE_CONFLICT, True, message.transaction_id)
    return Check(
        transaction_id=message.transaction_id,
        priority=_u32(message.find(Attribute.PRIORITY)) or 0,
        is_nominating=message.find(Attribute.USE_CANDIDATE) is not None,
        nomination=_u32(message.find(Attribute.NOMINATION)),
        generation=generation,
    )


def _must_know(attribute_type: int) -> bool:
    return stun.is_comprehension_required(attribute_type) and attribute_type not in _KNOWN


def _u32(value: bytes | None) -> int | None:
    """Value of a four-octet attribute; one of another length counts as absent."""
    return int.from_bytes(value, "big") if value is not None and len(value) == 4 else None


def _usernames(message: Message) -> tuple[str, str] | None:
    """Both sides of USERNAME as the peer of a check writes it, ours first (RFC 8445 section 7.2.2)."""
    username = message.find(Attribute.USERNAME)
    if username is None or len(username) > _MAX_USERNAME or not username.isascii():
        return None
    left, separator, right = username.decode("ascii").partition(":")
    return (left, right) if separator and left and right else None
