"""What a description says about ICE and DTLS: credentials, fingerprints, setup, tls-id.

RFC 8839 section 5.4, RFC 8122 section 5, RFC 4145 section 4, RFC 8842 sections 4 and 5. Each of them may stand at
the session level, where it holds for all sections that have none of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import islice

from ...errors import UsageError
from ..certificate import Fingerprint
from ..negotiation import IceCredentials
from .grammar import Level, Line
from .tokens import is_ice_chars, is_tls_id

__all__ = [
    "MAX_FINGERPRINTS",
    "RemoteTransport",
    "Setup",
    "answered_ice_options",
    "parse_ice_credentials",
    "parse_ice_options",
    "parse_transport",
]

MAX_FINGERPRINTS = 16
_MAX_OPTIONS = 16
_LONGEST_OPTION = 32
_HASHES = frozenset({"sha-256", "sha-384", "sha-512"})


class Setup(Enum):
    """``a=setup`` of an offer (RFC 4145 section 4)."""

    ACTPASS = "actpass"
    ACTIVE = "active"
    PASSIVE = "passive"
    HOLDCONN = "holdconn"


@dataclass(frozen=True, slots=True)
class RemoteTransport:
    """The transport of one section, session-level defaults included.

    Attributes:
        ice: None where the section has none, as bundled sections may.
        ice_options: tags of ``a=ice-options`` at both levels.
        fingerprints: of the hashes that we accept, empty where there is none.
        setup: None where absent.
        tls_id: names the association (RFC 8842 section 4), None where absent.
    """

    ice: IceCredentials | None
    ice_options: frozenset[str]
    fingerprints: tuple[Fingerprint, ...]
    setup: Setup | None
    tls_id: str | None


def parse_transport(section: Level, session: Level) -> RemoteTransport:
    """Return the transport of ``section``.

    Raises:
        SdpError: a value that breaks its grammar, half of the ICE credentials, or fingerprints without one of a
            hash that we accept.
    """
    setup = section.only("setup") or session.only("setup")
    tls_id = section.only("tls-id") or session.only("tls-id")
    if tls_id is not None and not is_tls_id(tls_id.value):
        raise tls_id.malformed("tls_id", "tls-id takes 20 to 255 letters, digits, '+', '/', '-', '_'")
    fingerprints = section.all("fingerprint") or session.all("fingerprint")
    return RemoteTransport(
        ice=_credentials(
            section.only("ice-ufrag") or session.only("ice-ufrag"),
            section.only("ice-pwd") or session.only("ice-pwd"),
        ),
        ice_options=(parse_ice_options(section) or frozenset()) | (parse_ice_options(session) or frozenset()),
        fingerprints=_fingerprints(fingerprints) if fingerprints else (),
        setup=_setup(setup) if setup is not None else None,
        tls_id=None if tls_id is None else tls_id.value,
    )


def parse_ice_credentials(level: Level) -> IceCredentials | None:
    """Return the credentials of one level alone.

    Raises:
        SdpError: half of them, or one of another length or alphabet.
    """
    return _credentials(level.only("ice-ufrag"), level.only("ice-pwd"))


def parse_ice_options(level: Level) -> frozenset[str] | None:
    """Return the tags of ``a=ice-options`` (RFC 8839 section 5.6), None where there is no such line.

    Of absurdly many or long ones the rest is left out: nobody asks for them.
    """
    lines = level.all("ice-options")
    tags = (tag for line in lines for tag in line.fields if is_ice_chars(tag, 1, _LONGEST_OPTION))
    return frozenset(islice(tags, _MAX_OPTIONS)) if lines else None


def answered_ice_options(offered: frozenset[str]) -> tuple[str, ...]:
    """Return our tags: RFC 8445, and trickled candidates where the peer trickles (RFC 8840 section 4.1.2)."""
    return ("ice2", "trickle") if "trickle" in offered else ("ice2",)


def _credentials(ufrag: Line | None, pwd: Line | None) -> IceCredentials | None:
    if ufrag is None and pwd is None:
        return None
    if ufrag is not None and not is_ice_chars(ufrag.value, 4, 256):
        raise ufrag.malformed("ice_ufrag", "ice-ufrag takes 4 to 256 ice-chars")
    if pwd is not None and not is_ice_chars(pwd.value, 22, 256):
        raise pwd.malformed("ice_pwd", "ice-pwd takes 22 to 256 ice-chars")
    if ufrag is None or pwd is None:
        alone = ufrag or pwd
        assert alone is not None
        raise alone.malformed("ice_credentials", "ice-ufrag and ice-pwd need each other")
    return IceCredentials(ufrag.value, pwd.value)


def _fingerprints(lines: Sequence[Line]) -> tuple[Fingerprint, ...]:
    if len(lines) > MAX_FINGERPRINTS:
        raise lines[MAX_FINGERPRINTS].malformed("too_many_fingerprints", f"more than {MAX_FINGERPRINTS}")
    found: dict[Fingerprint, None] = {}
    for line in lines:
        if line.value.partition(" ")[0].lower() in _HASHES:
            try:
                found[Fingerprint.parse(line.value)] = None
            except UsageError:
                raise line.malformed("fingerprint", "not a fingerprint of that hash") from None
    if not found:
        raise lines[0].unsupported("fingerprint_hash", "needs a sha-256, sha-384 or sha-512 fingerprint")
    return tuple(found)


def _setup(line: Line) -> Setup:
    try:
        return Setup(line.value)
    except ValueError:
        raise line.malformed("setup", "setup is actpass, active, passive or holdconn") from None
