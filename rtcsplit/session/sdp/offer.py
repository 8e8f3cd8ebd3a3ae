"""An offer as typed values (RFC 3264, RFC 8866, RFC 9429 section 5.8), with every check that does not depend on us.

What is left to :mod:`.answer` is the choice: which section we take, and with what. A section that we would refuse
anyway is read only as far as its refusal has to be built (its ``m=`` line and its mid) and as far as the group needs
it (its transport).
"""

from __future__ import annotations

from dataclasses import dataclass

from ..certificate import Fingerprint
from ..negotiation import Direction
from .candidate import RemoteCandidate, parse_candidates
from .data_section import DataFormat, parse_data_format
from .extension import Extension, parse_extensions
from .grammar import Description, Level, Line, parse_description
from .media_line import parse_media_line, parse_mid
from .rtp_format import RtpFormat, parse_formats, parse_payload_types
from .tokens import number
from .transport import RemoteTransport, parse_transport

__all__ = ["MAX_SSRCS", "MediaSection", "Offer", "parse_offer"]

MAX_SSRCS = 64


@dataclass(frozen=True, slots=True)
class MediaSection:
    """One ``m=`` section. Texts are tokens of bounded length: safe to repeat in an answer.

    Attributes:
        head: its ``m=`` line, for errors.
        kind: ``audio``, ``video``, ``application`` or any other token.
        port: 0..65535.
        protocol: for instance ``UDP/TLS/RTP/SAVPF``.
        formats: as written; payload types where the protocol is RTP.
        mid: None where absent (RFC 5888).
        direction: as the offer says it, from the peer's side.
        is_bundle_only: ``a=bundle-only`` (RFC 9143 section 6).
        has_rtcp_mux: RFC 5761; without it a section is refused.
        has_rtcp_rsize: RFC 5506.
        transport: ICE and DTLS.
        rtp_formats: of an audio section, else empty.
        extensions: of an audio section, else empty.
        allows_mixed_extensions: ``a=extmap-allow-mixed``, here or for all sections (RFC 8285 section 6).
        candidates: the usable ones. Nothing is ever sent to them.
        ssrcs: what ``a=ssrc`` announces, at most 64; never required.
        data: of a data channel section that can be taken, else None.
    """

    head: Line
    kind: str
    port: int
    protocol: str
    formats: tuple[str, ...]
    mid: str | None
    direction: Direction
    is_bundle_only: bool
    has_rtcp_mux: bool
    has_rtcp_rsize: bool
    transport: RemoteTransport
    rtp_formats: tuple[RtpFormat, ...]
    extensions: tuple[Extension, ...]
    allows_mixed_extensions: bool
    candidates: tuple[RemoteCandidate, ...]
    ssrcs: tuple[int, ...]
    data: DataFormat | None

    @property
    def is_offered(self) -> bool:
        """Whether the peer wants it: port 0 refuses, unless the section is only waiting for its bundle."""
        return self.port != 0 or self.is_bundle_only


@dataclass(frozen=True, slots=True)
class Offer:
    """A whole offer.

    Attributes:
        sections: in order.
        bundle: mids of the first BUNDLE group, None where there is no group (RFC 9143 section 7).
    """

    sections: tuple[MediaSection, ...]
    bundle: tuple[str, ...] | None

    def is_bundled(self, section: MediaSection) -> bool:
        """Whether ``section`` belongs to the group, or is one that needs none because there is no group."""
        return self.bundle is None or section.mid in self.bundle

    def transport_of(self, section: MediaSection) -> RemoteTransport:
        """Return the transport that ``section`` runs on: its own, else that of its bundle (RFC 9143 section 7.2)."""
        if section.transport.ice is None and self.bundle is not None:
            for mid in self.bundle:
                for other in self.sections:
                    if other.mid == mid and other.transport.ice is not None:
                        return other.transport
        return section.transport


def parse_offer(body: bytes | str) -> Offer:
    """Read an offer.

    Args:
        body: at most 64 KiB.

    Returns:
        The offer; nothing in it refers to ``body``.

    Raises:
        SdpError: it breaks the grammar, exceeds a bound, or asks for what no answer of ours could give.
            ``code`` says what, ``line_number`` where; docs/reference/sdp.md lists the codes.
    """
    description = parse_description(body)
    session = description.session
    for level in (session, *description.sections):
        if level.has("ice-lite"):
            line = level.all("ice-lite")[0]
            raise line.unsupported("ice_lite", "two ICE-lite agents never send the check that opens the path")
    sections = tuple(_section(level, session) for level in description.sections)
    _check_mids(description, sections)
    offer = Offer(sections, _bundle(session, sections))
    _check_fingerprints(offer)
    return offer


def _section(level: Level, session: Level) -> MediaSection:
    head = level.head
    media = parse_media_line(head)
    payload_types = parse_payload_types(head, media.formats) if "RTP" in media.protocol.split("/") else ()
    is_audio = media.kind == "audio"
    return MediaSection(
        head=head,
        kind=media.kind,
        port=media.port,
        protocol=media.protocol,
        formats=media.formats,
        mid=parse_mid(level),
        direction=_direction(level) or _direction(session) or Direction.SENDRECV,
        is_bundle_only=level.has("bundle-only"),
        has_rtcp_mux=level.has("rtcp-mux"),
        has_rtcp_rsize=level.has("rtcp-rsize"),
        transport=parse_transport(level, session),
        rtp_formats=parse_formats(level, payload_types) if is_audio else (),
        extensions=parse_extensions(level, session) if is_audio else (),
        allows_mixed_extensions=level.has("extmap-allow-mixed") or session.has("extmap-allow-mixed"),
        candidates=parse_candidates(level),
        ssrcs=_ssrcs(level),
        data=parse_data_format(level, media),
    )


def _direction(level: Level) -> Direction | None:
    found = [(direction, line) for direction in Direction for line in level.all(direction.value)]
    if len(found) > 1:
        raise found[1][1].malformed("direction", "more than one direction")
    return found[0][0] if found else None


def _ssrcs(level: Level) -> tuple[int, ...]:
    found = dict.fromkeys(number(line, line.value.partition(" ")[0], 0, 2**32 - 1) for line in level.all("ssrc"))
    return tuple(found)[:MAX_SSRCS]


def _check_mids(description: Description, sections: tuple[MediaSection, ...]) -> None:
    seen: set[str] = set()
    for level, section in zip(description.sections, sections, strict=True):
        if section.mid in seen:
            raise level.all("mid")[0].malformed("duplicate_mid", "two sections have this mid")
        if section.mid is not None:
            seen.add(section.mid)


def _bundle(session: Level, sections: tuple[MediaSection, ...]) -> tuple[str, ...] | None:
    """Return the mids of the first BUNDLE group; sections of further groups are outside of it, and refused."""
    known = {section.mid for section in sections}
    for line in session.all("group"):
        mids = line.fields
        if mids[:1] == ["BUNDLE"]:
            del mids[0]
            if len(set(mids)) != len(mids) or not known.issuperset(mids):
                raise line.malformed("group", "a BUNDLE group names sections by their mid, each once")
            return tuple(mids)
    return None


def _check_fingerprints(offer: Offer) -> None:
    """One bundle is one DTLS association, so its sections cannot expect different certificates (RFC 8842 section 5)."""
    if offer.bundle is None:
        return
    expected: frozenset[Fingerprint] | None = None
    for section in offer.sections:
        found = frozenset(section.transport.fingerprints)
        if not found or not section.is_offered or not offer.is_bundled(section):
            continue
        if expected is not None and found != expected:
            reason = "sections of one bundle have different fingerprints"
            raise section.head.unsupported("fingerprint_conflict", reason)
        expected = found
