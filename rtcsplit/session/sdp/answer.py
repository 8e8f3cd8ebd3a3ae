"""From an offer to an answer (RFC 3264 section 6, RFC 9429 section 5.3, RFC 8839 section 4.2).

One audio section is taken, the first that can be, and beside it the first data channel section of its bundle where
the application wants one. Every other section is refused with port 0, so that number, order and mids are those of the
offer. A session has one transport; its candidates are in the tagged section, which is the first of the answered
bundle (RFC 9143 section 7.3). We are ICE-lite, and all our candidates are in the answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ...errors import SdpError
from ...wire.rtp_extension import AUDIO_LEVEL_URI, MID_URI
from ...wire.transport_feedback import TRANSPORT_SEQUENCE_URI
from ..negotiation import AudioCodec, AudioNegotiation, DataNegotiation, Direction, DtlsRole, Negotiation
from ..sctp_chunks import Init
from .candidate import build_candidate
from .codec import CODECS, RED, choose_codecs, choose_red
from .data_section import SCTP_PORT, data_lines
from .extension import Extension
from .local import LocalDescription
from .offer import MediaSection, Offer
from .transport import RemoteTransport, Setup, answered_ice_options

__all__ = ["EXTENSIONS", "PROTOCOLS", "Answer", "build_answer"]

PROTOCOLS = frozenset({"UDP/TLS/RTP/SAVPF", "UDP/TLS/RTP/SAVP"})  # DTLS-SRTP alone (RFC 8827 section 6.5)
EXTENSIONS = frozenset({MID_URI, AUDIO_LEVEL_URI})  # and the one that transport-wide feedback needs

_TRANSPORT_WIDE = "transport-cc"  # as libwebrtc and its peers write it in a=rtcp-fb

_REVERSED = {
    Direction.SENDRECV: Direction.SENDRECV,
    Direction.SENDONLY: Direction.RECVONLY,
    Direction.RECVONLY: Direction.SENDONLY,
    Direction.INACTIVE: Direction.INACTIVE,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer and what it settled.

    Attributes:
        text: the description, lines ended by CRLF.
        negotiation: what the session is made of.
        section: the audio section that was taken.
    """

    text: str
    negotiation: Negotiation
    section: MediaSection = field(repr=False, compare=False)


def build_answer(offer: Offer, local: LocalDescription, mid: str | None = None) -> Answer:
    """Answer ``offer``.

    Args:
        offer: see :func:`.offer.parse_offer`.
        local: our side.
        mid: of the audio section to take if that can be taken, before any other.

    Raises:
        SdpError: nothing in it that we can take; the reason is that of its first audio section. No state exists
            that would have to be undone.
    """
    section = _chosen_section(offer, local, mid)
    data = _chosen_data_section(offer, section) if local.has_data else None
    transport = offer.transport_of(section)
    assert transport.ice is not None
    codecs = choose_codecs(section.rtp_formats, local.codecs, _feedback(section, local))
    extensions = _extensions(section, codecs)
    negotiation = Negotiation(
        remote_ice=transport.ice,
        remote_fingerprints=transport.fingerprints,
        dtls_role=_dtls_role(transport.setup, local.setup),
        audio=AudioNegotiation(
            mid=section.mid or "",
            direction=_direction(section.direction, local.direction),
            codecs=codecs,
            extensions={extension.uri: extension.id for extension in extensions},
            has_reduced_size_rtcp=section.has_rtcp_rsize,
            red=choose_red(section.rtp_formats, codecs) if local.wants_red else None,
            allows_mixed_extensions=section.allows_mixed_extensions,
        ),
        remote_ice_options=transport.ice_options,
        data=_data_negotiation(data, local),
    )
    taken = [section] if data is None else [section, data]
    group = [mid for mid in offer.bundle or () if any(mid == found.mid for found in taken)]
    lines = [*_session_lines(offer, group, transport, local)]
    for other in offer.sections:
        if other is section:
            lines += _media_lines(section, negotiation, extensions, local)
        elif other is data:
            lines += data_lines(data.mid, _address_line(local), local.candidates[0].port, _own_init(negotiation))
        else:
            lines += _refusal_lines(other)
            continue
        lines += _transport_lines(transport, negotiation.dtls_role, local)
        if not group or other.mid == group[0]:
            lines += _candidate_lines(local)
    return Answer("".join(line + "\r\n" for line in lines), negotiation, section)


def _chosen_section(offer: Offer, local: LocalDescription, mid: str | None) -> MediaSection:
    reasons = []
    for section in sorted(offer.sections, key=lambda section: section.mid != mid):
        if section.kind == "audio":
            reason = _refusal(offer, section, local)
            if reason is None:
                return section
            reasons.append(reason)
    if not reasons:
        raise SdpError("no_audio", "the offer has no audio section", is_malformed=False)
    raise reasons[0]


def _chosen_data_section(offer: Offer, audio: MediaSection) -> MediaSection | None:
    """Return the first one that shares the transport of ``audio``."""
    for section in offer.sections:
        is_bundled = offer.bundle is not None and {section.mid, audio.mid} <= set(offer.bundle)
        if section.data is not None and section.is_offered and is_bundled:
            return section
    return None


def _data_negotiation(section: MediaSection | None, local: LocalDescription) -> DataNegotiation | None:
    if section is None or section.data is None:
        return None
    ours, theirs = local.sctp_init, section.data.init
    inits = None if ours is None or theirs is None else (ours, theirs)
    return DataNegotiation(section.mid or "", section.data.port, SCTP_PORT, section.data.max_message_size, inits)


def _own_init(negotiation: Negotiation) -> Init | None:
    data = negotiation.data
    return None if data is None or data.inits is None else data.inits[0]


def _refusal(offer: Offer, section: MediaSection, local: LocalDescription) -> SdpError | None:
    """Return why we do not take an audio section, None where we do."""
    unsupported = section.head.unsupported
    transport = offer.transport_of(section)
    if not section.is_offered:
        return unsupported("not_offered", "the audio section is on port 0")
    if section.protocol not in PROTOCOLS:
        return unsupported("protocol", "audio has to be UDP/TLS/RTP/SAVPF")
    if not offer.is_bundled(section):
        return unsupported("not_bundled", "the audio section is outside of the BUNDLE group")
    if not section.has_rtcp_mux:
        return unsupported("no_rtcp_mux", "audio needs a=rtcp-mux")
    if transport.ice is None:
        return unsupported("no_ice", "there is no ice-ufrag and ice-pwd")
    if not transport.fingerprints:
        return unsupported("no_fingerprint", "there is no a=fingerprint: media is never sent in the clear")
    if transport.setup is Setup.HOLDCONN:
        return unsupported("holdconn", "a=setup:holdconn asks for no connection")
    if not choose_codecs(section.rtp_formats, local.codecs, local.feedback):
        return unsupported("no_codec", f"none of its formats is {' or '.join(local.codecs)}")
    return None


def _dtls_role(offered: Setup | None, ours: str) -> DtlsRole:
    """RFC 5763 section 5; where the attribute is absent the offerer is active (RFC 4145 section 4)."""
    if offered in (Setup.ACTIVE, None):
        return DtlsRole.SERVER
    if offered is Setup.PASSIVE:
        return DtlsRole.CLIENT
    return DtlsRole.SERVER if ours == "passive" else DtlsRole.CLIENT


def _direction(offered: Direction, ours: Direction) -> Direction:
    """RFC 3264 section 6.1: the mirror of the offer, without what the application does not do."""
    mirrored = _REVERSED[offered]
    may_send = mirrored.may_send and ours.may_send
    may_receive = mirrored.may_receive and ours.may_receive
    if may_send:
        return Direction.SENDRECV if may_receive else Direction.SENDONLY
    return Direction.RECVONLY if may_receive else Direction.INACTIVE


def _feedback(section: MediaSection, local: LocalDescription) -> frozenset[str]:
    """What we honour in this section: feedback about transport-wide numbers needs packets that carry them."""
    is_numbered = any(extension.uri == TRANSPORT_SEQUENCE_URI for extension in section.extensions)
    return local.feedback if is_numbered else local.feedback - {_TRANSPORT_WIDE}


def _extensions(section: MediaSection, codecs: tuple[AudioCodec, ...]) -> tuple[Extension, ...]:
    wanted = EXTENSIONS
    if any(_TRANSPORT_WIDE in codec.feedback for codec in codecs):
        wanted |= {TRANSPORT_SEQUENCE_URI}
    found: dict[str, Extension] = {}
    for extension in section.extensions:
        if extension.uri in wanted:
            found.setdefault(extension.uri, extension)
    return tuple(found.values())


def _session_lines(
    offer: Offer, group: list[str], transport: RemoteTransport, local: LocalDescription
) -> Iterator[str]:
    yield "v=0"
    yield f"o=- {local.session_id} {local.version} IN IP4 0.0.0.0"
    yield "s=-"
    yield "t=0 0"
    if offer.bundle is not None:
        yield f"a=group:BUNDLE {' '.join(group)}"
    yield "a=ice-lite"
    yield f"a=ice-options:{' '.join(answered_ice_options(transport.ice_options))}"


def _media_lines(
    section: MediaSection, negotiation: Negotiation, extensions: tuple[Extension, ...], local: LocalDescription
) -> Iterator[str]:
    audio = negotiation.audio
    assert audio is not None
    default = local.candidates[0]
    types = " ".join(str(known.payload_type) for known in audio.formats)
    yield f"m=audio {default.port} {section.protocol} {types}"
    yield _address_line(local)
    if section.mid is not None:
        yield f"a=mid:{section.mid}"
    yield f"a={audio.direction.value}"
    yield "a=rtcp-mux"
    if audio.has_reduced_size_rtcp:
        yield "a=rtcp-rsize"
    if audio.red is not None:
        yield from _red_lines(audio.red, audio.codecs[0])
    for codec in audio.codecs:
        yield from _codec_lines(codec)
    if audio.allows_mixed_extensions:
        yield "a=extmap-allow-mixed"
    for extension in extensions:
        direction = f"/{_REVERSED[extension.direction].value}" if extension.direction else ""
        yield f"a=extmap:{extension.id}{direction} {extension.uri}"
    if audio.direction.may_send:
        yield from _stream_lines(local)


def _red_lines(red: AudioCodec, codec: AudioCodec) -> Iterator[str]:
    """Listed first, with one copy of the frame before (RFC 2198 section 5), libwebrtc sends it instead of ``codec``."""
    yield f"a=rtpmap:{red.payload_type} {RED.encoding}"
    yield f"a=fmtp:{red.payload_type} {codec.payload_type}/{codec.payload_type}"


def _codec_lines(codec: AudioCodec) -> Iterator[str]:
    known = CODECS[codec.name]
    yield f"a=rtpmap:{codec.payload_type} {known.encoding}"
    if known.parameters:
        yield f"a=fmtp:{codec.payload_type} {known.parameters}"
    for feedback in sorted(codec.feedback):
        yield f"a=rtcp-fb:{codec.payload_type} {feedback}"


def _stream_lines(local: LocalDescription) -> Iterator[str]:
    """Name the stream for browsers' ``ontrack`` (RFC 8830), and its source for receivers without the mid extension."""
    stream, track = f"{local.session_id:016x}", f"{local.ssrc:08x}"
    yield f"a=msid:{stream} {track}"
    yield f"a=ssrc:{local.ssrc} cname:{local.cname}"
    yield f"a=ssrc:{local.ssrc} msid:{stream} {track}"


def _transport_lines(transport: RemoteTransport, role: DtlsRole, local: LocalDescription) -> Iterator[str]:
    yield f"a=ice-ufrag:{local.ice.ufrag}"
    yield f"a=ice-pwd:{local.ice.pwd}"
    yield f"a=fingerprint:{local.fingerprint}"
    yield f"a=setup:{role.value}"
    if transport.tls_id is not None:
        yield f"a=tls-id:{local.tls_id}"


def _candidate_lines(local: LocalDescription) -> Iterator[str]:
    for index, address in enumerate(local.candidates):
        yield build_candidate(index, address)
    yield "a=end-of-candidates"


def _address_line(local: LocalDescription) -> str:
    default = local.candidates[0]
    return f"c=IN {'IP4' if default.is_ipv4 else 'IP6'} {default.host}"


def _refusal_lines(section: MediaSection) -> Iterator[str]:
    """Port 0, with one format because the grammar wants one (RFC 3264 section 6)."""
    yield f"m={section.kind} 0 {section.protocol} {section.formats[0]}"
    yield "c=IN IP4 0.0.0.0"
    if section.mid is not None:
        yield f"a=mid:{section.mid}"
    yield "a=inactive"
