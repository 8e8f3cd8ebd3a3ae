"""Any text is answered or refused with a reason; answers agree with two independent parsers of descriptions."""

from __future__ import annotations

import dataclasses
import string

import aiortc.sdp
import sdp_transform
from hypothesis import given
from hypothesis import strategies as st

from rtcsplit.errors import SdpError
from rtcsplit.session.negotiation import Direction
from rtcsplit.session.sdp import Answer, build_answer, build_fragment, parse_fragment, parse_offer
from tests.offers import LOCAL, STORED, stored

TOKENS = st.text(string.ascii_letters + string.digits + "!#$%&'*+-.^_`{|}~", max_size=31)
ICE = string.ascii_letters + string.digits + "+/"
MID = "urn:ietf:params:rtp-hdrext:sdes:mid"
LEVEL = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"


def answered(body: bytes | str) -> Answer | SdpError:
    """Answer or refusal; anything else that is raised fails the test."""
    try:
        return build_answer(parse_offer(body), LOCAL)
    except SdpError as caught:
        error = caught
    assert error.code
    assert error.line.isprintable()
    assert len(error.line) <= 80
    return error


def check_form(text: str) -> None:
    """An answer is lines of printable ASCII with CRLF, ICE-lite once, one group at most."""
    assert text.endswith("\r\n")
    lines = text.removesuffix("\r\n").split("\r\n")
    assert all(line.isascii() and line.isprintable() and line[1] == "=" for line in lines)
    assert lines.count("a=ice-lite") == 1
    assert sum(line.startswith("a=group") for line in lines) <= 1
    assert sum(line.startswith("a=candidate") for line in lines) == len(LOCAL.candidates)


@given(st.one_of(st.binary(max_size=400), st.text(max_size=400)))
def test_any_body_is_refused_with_a_reason(body: bytes | str) -> None:
    """Row G3."""
    assert isinstance(answered(body), SdpError)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A stored offer with up to six edits: lines dropped, doubled, moved; octets overwritten or inserted."""
    lines = stored(draw(st.sampled_from(STORED))).split(b"\r\n")
    for _ in range(draw(st.integers(1, 6))):
        at, to = (draw(st.integers(0, len(lines) - 1)) for _ in range(2))
        match draw(st.sampled_from(["drop", "double", "move", "overwrite", "insert", "cut"])):
            case "drop" if len(lines) > 1:
                del lines[at]
            case "double":
                lines.insert(to, lines[at])
            case "move":
                lines.insert(to, lines.pop(at))
            case "overwrite" if lines[at]:
                column = draw(st.integers(0, len(lines[at]) - 1))
                lines[at] = lines[at][:column] + draw(st.binary(min_size=1, max_size=1)) + lines[at][column + 1 :]
            case "insert":
                column = draw(st.integers(0, len(lines[at])))
                junk = draw(st.sampled_from([b" ", b"0", b"-1", b"\x00", b"\r", b"\n", b":", b"/", b"\xff", b"9" * 20]))
                lines[at] = lines[at][:column] + junk + lines[at][column:]
            case "cut":
                lines[at] = lines[at][: draw(st.integers(0, len(lines[at])))]
    return b"\r\n".join(lines)


@given(mutated())
def test_mutated_offers_of_real_clients_are_answered_or_refused(body: bytes) -> None:
    """Rows G3, G4, G23: whatever an answer carries is well formed."""
    result = answered(body)
    if isinstance(result, Answer):
        check_form(result.text)


@dataclasses.dataclass
class Audio:
    """What a generated audio section offers."""

    mid: str
    opus: int
    others: list[int]
    direction: str
    setup: str
    extensions: dict[int, str]
    has_rsize: bool
    ufrag: str
    pwd: str

    def lines(self) -> list[str]:
        return [
            f"m=audio 9 UDP/TLS/RTP/SAVPF {' '.join(str(n) for n in [self.opus, *self.others])}",
            "c=IN IP4 0.0.0.0",
            f"a=mid:{self.mid}",
            f"a={self.direction}",
            "a=rtcp-mux",
            *(["a=rtcp-rsize"] if self.has_rsize else []),
            f"a=setup:{self.setup}",
            f"a=ice-ufrag:{self.ufrag}",
            f"a=ice-pwd:{self.pwd}",
            f"a=rtpmap:{self.opus} opus/48000/2",
            f"a=fmtp:{self.opus} minptime=10;useinbandfec=1",
            *(f"a=rtpmap:{number} x{number}/16000" for number in self.others if number not in (0, 8)),
            *(f"a=extmap:{key} {uri}" for key, uri in self.extensions.items()),
        ]


@st.composite
def audios(draw: st.DrawFn, mid: str) -> Audio:
    dynamic = st.one_of(st.integers(35, 63), st.integers(96, 127))
    opus, *others = draw(st.lists(dynamic, min_size=1, max_size=8, unique=True))
    ids = draw(st.lists(st.integers(1, 20), max_size=4, unique=True))
    uris = draw(st.permutations([MID, LEVEL, "urn:x", "http://example.org/y"]))
    return Audio(
        mid,
        opus,
        others + draw(st.lists(st.sampled_from([0, 8]), max_size=2, unique=True)),
        draw(st.sampled_from([direction.value for direction in Direction])),
        draw(st.sampled_from(["actpass", "active", "passive"])),
        dict(zip(ids, uris, strict=False)),
        draw(st.booleans()),
        draw(st.text(ICE, min_size=4, max_size=256)),
        draw(st.text(ICE, min_size=22, max_size=256)),
    )


@st.composite
def offers(draw: st.DrawFn) -> tuple[str, Audio]:
    """An offer that we can answer, and the audio section that it is answered for."""
    # sdp_transform turns what looks like a number into one, so that mids begin with a letter
    mids = draw(st.lists(TOKENS.map("m".__add__), min_size=1, max_size=5, unique=True))
    taken = draw(st.integers(0, len(mids) - 1))
    audio = draw(audios(mids[taken]))
    fingerprint = "sha-256 " + draw(st.binary(min_size=32, max_size=32)).hex(":")
    lines = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0", f"a=group:BUNDLE {' '.join(mids)}"]
    lines.append(f"a=fingerprint:{fingerprint}")
    for mid in mids:
        if mid == audio.mid:
            lines += audio.lines()
        else:
            kind = draw(
                st.sampled_from(["video 9 UDP/TLS/RTP/SAVPF 96", "application 9 UDP/DTLS/SCTP x", "text 9 A/B c"])
            )
            lines += [f"m={kind}", "c=IN IP4 0.0.0.0", f"a=mid:{mid}"]
    end = draw(st.sampled_from(["\n", "\r\n"]))
    return end.join(lines) + end, audio


@given(offers())
def test_answers_agree_with_sdp_transform(generated: tuple[str, Audio]) -> None:
    """Rows G5, G12, G13, G15, G18, G19: read by a parser that shares no code with ours."""
    body, audio = generated
    result = answered(body)
    assert isinstance(result, Answer)
    check_form(result.text)
    offer, answer = sdp_transform.parse(body), sdp_transform.parse(result.text)
    assert answer["icelite"] == "ice-lite"
    assert [(group["type"], str(group["mids"])) for group in answer["groups"]] == [("BUNDLE", audio.mid)]
    assert [(m["type"], m["protocol"], str(m["mid"])) for m in answer["media"]] == [
        (m["type"], m["protocol"], str(m["mid"])) for m in offer["media"]
    ]
    (taken,) = [media for media in answer["media"] if media["port"] != 0]
    (offered,) = [media for media in offer["media"] if str(media["mid"]) == audio.mid]
    assert str(taken["mid"]) == audio.mid
    assert ("rtcpRsize" in taken) == audio.has_rsize
    assert taken["rtp"][0] == {"payload": audio.opus, "codec": "opus", "rate": 48000, "encoding": 2}
    assert {rtp["payload"] for rtp in taken["rtp"]} == {audio.opus} | ({0, 8} & set(audio.others))
    extensions = {extension["value"]: extension["uri"] for extension in taken.get("ext", [])}
    assert extensions.items() <= {e["value"]: e["uri"] for e in offered.get("ext", [])}.items()
    assert set(extensions.values()) == {u for n, u in audio.extensions.items() if n <= 14 and u in (MID, LEVEL)}
    assert (taken["setup"], taken["setup"] == offered["setup"]) != (offered["setup"], True)
    assert [(c["ip"], c["port"], c["type"], c["component"]) for c in taken["candidates"]] == [
        (address.host, address.port, "host", 1) for address in LOCAL.candidates
    ]


@given(offers())
def test_negotiation_agrees_with_the_texts_as_aiortc_reads_them(generated: tuple[str, Audio]) -> None:
    """Rows D6, D9, G10, G17: what the session is told is what both descriptions say."""
    body, audio = generated
    result = answered(body)
    assert isinstance(result, Answer)
    (media,) = [m for m in aiortc.sdp.SessionDescription.parse(result.text).media if m.port != 0]
    settled = result.negotiation
    assert settled.audio is not None
    assert settled.audio.direction.value == media.direction
    assert settled.audio.mid == media.rtp.muxId
    assert [codec.payload_type for codec in settled.audio.codecs] == [codec.payloadType for codec in media.rtp.codecs]
    assert settled.audio.extensions == {extension.uri: extension.id for extension in media.rtp.headerExtensions}
    assert settled.dtls_role.name.lower() == media.dtls.role
    assert (media.ice.usernameFragment, media.ice.password) == (LOCAL.ice.ufrag, LOCAL.ice.pwd)
    assert media.ice.iceLite
    assert media.ice_candidates_complete
    assert settled.remote_ice is not None
    assert (settled.remote_ice.ufrag, settled.remote_ice.pwd) == (audio.ufrag, audio.pwd)


@given(offers(), st.integers(0, 2**16))
def test_every_truncation_is_answered_or_refused(generated: tuple[str, Audio], length: int) -> None:
    """Row G3."""
    body = generated[0].encode()
    answered(body[: length % (len(body) + 1)])


FRAGMENT_LINES = st.sampled_from(
    [
        "a=ice-ufrag:EsAw",
        "a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1",
        "a=ice-options:trickle",
        "m=audio 9 UDP/TLS/RTP/SAVPF 111",
        "a=mid:0",
        "a=candidate:1 1 udp 2122260223 192.0.2.1 61764 typ host",
        "a=end-of-candidates",
        "v=0",
    ]
)


@given(st.binary(max_size=200) | st.lists(FRAGMENT_LINES | st.text(max_size=30), max_size=20).map("\n".join))
def test_any_fragment_is_read_or_refused(body: bytes | str) -> None:
    """G23, T25: and our side of a restart stays in form, whatever was asked with."""
    try:
        fragment = parse_fragment(body)
    except SdpError:
        return
    text = build_fragment(fragment, LOCAL.ice, LOCAL.candidates, fragment.ice_options or frozenset())
    lines = text.removesuffix("\r\n").split("\r\n")
    assert all(line.isascii() and line.isprintable() and line[:2] in ("a=", "m=") for line in lines)
    assert len(lines) <= 9
