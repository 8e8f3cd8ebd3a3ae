"""Answers: their form, what is taken and what is refused, the tables of direction, DTLS role and codec."""

from __future__ import annotations

import dataclasses
import itertools

import pytest

from rtcsplit.errors import SdpError, UsageError
from rtcsplit.session.negotiation import AudioCodec, Direction, DtlsRole, IceCredentials
from rtcsplit.session.sdp import Answer, LocalDescription, LocalSetup, build_answer, parse_offer
from rtcsplit.session.sdp.extension import check_extension_ids
from rtcsplit.wire.address import Address
from tests.offers import AUDIO, LOCAL, OFFER, RELAY, SESSION, changed, sections, with_lines

PROFILE = "UDP/TLS/RTP/SAVPF"
VIDEO = changed("a=mid:0", "a=mid:1", AUDIO).replace("m=audio", "m=video").replace("opus/48000/2", "VP8/90000")
APPLICATION = """m=application 9 UDP/DTLS/SCTP webrtc-datachannel
c=IN IP4 0.0.0.0
a=mid:2
a=sctp-port:5000
a=max-message-size:262144
"""


def answered(body: str, local: LocalDescription = LOCAL) -> Answer:
    return build_answer(parse_offer(body), local)


def refusal(body: str, local: LocalDescription = LOCAL) -> SdpError:
    offer = parse_offer(body)
    with pytest.raises(SdpError) as caught:
        build_answer(offer, local)
    assert not caught.value.is_malformed
    return caught.value


def audio_lines(answer: Answer) -> list[str]:
    (lines,) = [section for section in sections(answer.text)[1:] if section[0].startswith("m=audio")]
    return lines


def test_answer_of_the_minimal_offer_is_exactly_this() -> None:
    """Rows G6, G8: ICE-lite and ice2 once, at the session level; our candidate, then end-of-candidates."""
    offer = with_lines(
        "a=rtcp-rsize", "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid", "a=rtpmap:0 PCMU/8000", "a=tls-id:" + "x" * 20
    )
    expected = f"""v=0
o=- 81985529216486895 0 IN IP4 0.0.0.0
s=-
t=0 0
a=group:BUNDLE 0
a=ice-lite
a=ice-options:ice2
m=audio 3478 UDP/TLS/RTP/SAVPF 111 0
c=IN IP4 203.0.113.10
a=mid:0
a=sendrecv
a=rtcp-mux
a=rtcp-rsize
a=rtpmap:111 opus/48000/2
a=fmtp:111 minptime=10;useinbandfec=1
a=rtpmap:0 PCMU/8000
a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid
a=msid:0123456789abcdef 89abcdef
a=ssrc:2309737967 cname:c25pZmYgc25pZmYu
a=ssrc:2309737967 msid:0123456789abcdef 89abcdef
a=ice-ufrag:EIlD5iIAAAAAAO/Rzi8+w8ug
a=ice-pwd:0123456789abcdefghijklmn
a=fingerprint:{LOCAL.fingerprint}
a=setup:active
a=tls-id:0123456789abcdef0123456789abcdef
a=candidate:1 1 udp 2130706431 203.0.113.10 3478 typ host
a=end-of-candidates
"""
    assert answered(changed("SAVPF 111", "SAVPF 111 0", offer)).text == expected.replace("\n", "\r\n")


def test_candidates_are_ours_alone_in_order_of_preference() -> None:
    """Row G8: UDP, component 1, host, no raddr; IPv6 beside IPv4; nothing of the offer's."""
    local = dataclasses.replace(LOCAL, candidates=(Address.of("2001:db8::5", 443), RELAY))
    offer = with_lines("a=candidate:7 1 udp 99 192.0.2.77 4444 typ srflx raddr 10.0.0.1 rport 9")
    lines = audio_lines(answered(changed("IN IP4 0.0.0.0", "IN IP4 192.0.2.77", offer), local))
    assert lines[0].split(" ")[1] == "443"
    assert "c=IN IP6 2001:db8::5" in lines
    assert [line for line in lines if line.startswith("a=candidate")] == [
        "a=candidate:1 1 udp 2130706431 2001:db8::5 443 typ host",
        "a=candidate:2 1 udp 2130706175 203.0.113.10 3478 typ host",
    ]
    assert lines[-1] == "a=end-of-candidates"
    assert not any("192.0.2.77" in line or "10.0.0.1" in line for line in lines)


def test_addresses_of_the_offer_go_nowhere() -> None:
    """Row G27: port 9 and 0.0.0.0 are normal, and a third party named in c= or a candidate is never kept."""
    third_party = changed(
        "c=IN IP4 0.0.0.0", "c=IN IP4 192.0.2.66", with_lines("a=candidate:1 1 udp 9 192.0.2.66 53 typ host")
    )
    assert answered(third_party) == answered(OFFER)
    assert "192.0.2.66" not in repr(answered(third_party))


ORDERS = list(itertools.permutations([AUDIO, VIDEO, APPLICATION, "m=text 9 UDP t140\na=mid:3\n"]))


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: "".join(section[2] for section in order))
def test_sections_keep_their_number_order_and_mids(order: tuple[str, ...]) -> None:
    """Rows G5, G12: refused ones are on port 0; the group is what was taken."""
    answer = answered(changed("BUNDLE 0", "BUNDLE 0 1 2 3", SESSION) + "".join(order))
    session, *found = sections(answer.text)
    assert "a=group:BUNDLE 0" in session
    for offered, lines in zip(order, found, strict=True):
        kind, _, protocol, *_ = offered.split("\n")[0].split(" ")
        (mid,) = [line for line in offered.split("\n") if line.startswith("a=mid")]
        assert [kind, protocol] == [lines[0].split(" ")[0], lines[0].split(" ")[2]]
        assert mid in lines
        assert (lines[0].split(" ")[1] == "0") == (offered is not AUDIO)


def test_application_section_is_refused_while_audio_goes_on() -> None:
    """Row G22: both forms of the data-channel section."""
    old = "m=application 9 DTLS/SCTP 5000\nc=IN IP4 0.0.0.0\na=mid:3\na=sctpmap:5000 webrtc-datachannel 1024\n"
    answer = answered(changed("BUNDLE 0", "BUNDLE 0 2 3") + APPLICATION + old)
    _, audio, new_form, old_form = sections(answer.text)
    assert audio[0].startswith("m=audio 3478 ")
    assert new_form == ["m=application 0 UDP/DTLS/SCTP webrtc-datachannel", "c=IN IP4 0.0.0.0", "a=mid:2", "a=inactive"]
    assert old_form == ["m=application 0 DTLS/SCTP 5000", "c=IN IP4 0.0.0.0", "a=mid:3", "a=inactive"]


def test_first_usable_audio_section_is_taken() -> None:
    """Row G12: one stream; a section outside of the group is refused, and so is a second one inside."""
    outside = changed("a=mid:0", "a=mid:8", AUDIO)
    second = changed("a=mid:0", "a=mid:9", AUDIO)
    answer = answered(changed("BUNDLE 0", "BUNDLE 0 9", SESSION) + outside + AUDIO + second)
    assert [section[0].split(" ")[1] for section in sections(answer.text)[1:]] == ["0", "3478", "0"]
    assert answer.negotiation.audio is not None
    assert answer.negotiation.audio.mid == "0"


def test_offer_without_groups_is_answered_without() -> None:
    """Row G12: GStreamer's default. No mid is invented (row G13)."""
    answer = answered(changed("a=group:BUNDLE 0\n", "", changed("a=mid:0\n", "")))
    assert "a=group" not in answer.text
    assert "a=mid" not in answer.text
    assert answer.negotiation.audio is not None
    assert answer.negotiation.audio.mid == ""


REFUSED = {
    "no audio at all": (SESSION.replace("a=group:BUNDLE 0\n", "") + changed("a=mid:1", "a=mid:0", VIDEO), "no_audio"),
    "no sections": (SESSION.replace("a=group:BUNDLE 0\n", ""), "no_audio"),
    "port 0": (changed("m=audio 9", "m=audio 0"), "not_offered"),
    "outside of the group": (changed("BUNDLE 0", "BUNDLE"), "not_bundled"),
    "mid missing": (changed("BUNDLE 0", "BUNDLE", changed("a=mid:0\n", "")), "not_bundled"),
    "no rtcp-mux": (changed("a=rtcp-mux\n", ""), "no_rtcp_mux"),
    "no ICE": (changed("a=ice-ufrag:abcd\na=ice-pwd:abcdefghijklmnopqrstuv\n", ""), "no_ice"),
    "no fingerprint": ("".join(line for line in OFFER.splitlines(True) if "fingerprint" not in line), "no_fingerprint"),
    "holdconn": (changed("actpass", "holdconn"), "holdconn"),
    "no Opus": (changed("opus/48000/2", "opus/16000/2"), "no_codec"),
    "Opus of one channel": (changed("opus/48000/2", "opus/48000/1"), "no_codec"),
    "speex only": (changed("opus/48000/2", "speex/16000"), "no_codec"),
    "no rtpmap": (changed("a=rtpmap:111 opus/48000/2\n", ""), "no_codec"),
}  # fmt: skip


@pytest.mark.parametrize(("body", "code"), REFUSED.values(), ids=REFUSED)
def test_offer_that_cannot_be_met_is_refused_whole(body: str, code: str) -> None:
    """Rows G12, G13, G14, G16, G18, I3: a typed refusal, no answer."""
    assert refusal(body).code == code


@pytest.mark.parametrize(
    "protocol",
    [
        "RTP/AVP",
        "RTP/AVPF",
        "RTP/SAVP",
        "RTP/SAVPF",
        "TCP/TLS/RTP/SAVPF",
        "UDP/TLS/RTP/SAVPF",
        "UDP/TLS/RTP/SAVP",
        "UDP",
    ],
)
def test_only_dtls_srtp_over_udp_passes(protocol: str) -> None:
    """Row E15: also with a=crypto, keys never come from a description."""
    crypto = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj"
    body = changed(PROFILE, protocol, with_lines(crypto))
    if protocol.startswith("UDP/TLS"):
        answer = answered(body)
        assert f"m=audio 3478 {protocol} 111" in answer.text
        assert "crypto" not in answer.text
    else:
        assert refusal(body).code == "protocol"


CLIENT, SERVER = DtlsRole.CLIENT, DtlsRole.SERVER
SETUPS = {
    ("actpass", "auto"): CLIENT, ("actpass", "active"): CLIENT, ("actpass", "passive"): SERVER,
    ("active", "auto"): SERVER, ("active", "active"): SERVER, ("active", "passive"): SERVER,
    ("passive", "auto"): CLIENT, ("passive", "active"): CLIENT, ("passive", "passive"): CLIENT,
    (None, "auto"): SERVER, (None, "active"): SERVER, (None, "passive"): SERVER,
    ("holdconn", "auto"): None, ("holdconn", "active"): None, ("holdconn", "passive"): None,
}  # fmt: skip


@pytest.mark.parametrize(("offered", "ours"), SETUPS, ids=lambda word: str(word))
def test_setup_table(offered: str | None, ours: LocalSetup) -> None:
    """Row D9: the offer decides where it names a role; an absent attribute means active (RFC 4145 section 4)."""
    body = changed("a=setup:actpass\n", f"a=setup:{offered}\n" if offered else "")
    local = dataclasses.replace(LOCAL, setup=ours)
    expected = SETUPS[offered, ours]
    if expected is None:
        assert refusal(body, local).code == "holdconn"
    else:
        answer = answered(body, local)
        assert answer.negotiation.dtls_role is expected
        assert f"a=setup:{expected.value}" in audio_lines(answer)


S, O, R, I = Direction.SENDRECV, Direction.SENDONLY, Direction.RECVONLY, Direction.INACTIVE  # noqa: E741
DIRECTIONS = {
    (S, S): S, (S, O): O, (S, R): R, (S, I): I,
    (O, S): R, (O, O): I, (O, R): R, (O, I): I,
    (R, S): O, (R, O): O, (R, R): I, (R, I): I,
    (I, S): I, (I, O): I, (I, R): I, (I, I): I,
}  # fmt: skip


@pytest.mark.parametrize(("offered", "ours"), DIRECTIONS, ids=lambda direction: direction.value)
def test_direction_table(offered: Direction, ours: Direction) -> None:
    """Row G17: offered x what the application does; a stream is announced only where we may send."""
    answer = answered(changed("a=sendrecv", f"a={offered.value}"), dataclasses.replace(LOCAL, direction=ours))
    expected = DIRECTIONS[offered, ours]
    assert answer.negotiation.audio is not None
    assert answer.negotiation.audio.direction is expected
    lines = audio_lines(answer)
    assert [line for line in lines if line[2:] in {d.value for d in Direction}] == [f"a={expected.value}"]
    assert any(line.startswith(("a=msid", "a=ssrc")) for line in lines) is expected.may_send


@pytest.mark.parametrize("payload_type", [96, 111, 127, 35, 63])
def test_payload_type_is_the_offers(payload_type: int) -> None:
    """Rows G18, F18: and the encoding is opus/48000/2, whatever the number and the letters' case."""
    answer = answered(OFFER.replace("111", str(payload_type)).replace("opus", "OPUS"))
    assert f"m=audio 3478 {PROFILE} {payload_type}" in answer.text
    assert f"a=rtpmap:{payload_type} opus/48000/2" in answer.text


@pytest.mark.parametrize("payload_type", [64, 72, 95])
def test_payload_types_that_look_like_rtcp_are_not_answered(payload_type: int) -> None:
    """Row A4: 64 to 95 are the low seven bits of RTCP packet types 192 to 223."""
    body = OFFER.replace("111", str(payload_type))
    assert refusal(body).code == "no_codec"
    both = changed(f"SAVPF {payload_type}", f"SAVPF {payload_type} 0", body)
    audio = answered(both).negotiation.audio
    assert audio is not None
    assert [codec.payload_type for codec in audio.codecs] == [0]


def codecs(body: str, local: LocalDescription = LOCAL) -> tuple[AudioCodec, ...]:
    audio = answered(body, local).negotiation.audio
    assert audio is not None
    return audio.codecs


def test_static_payload_types_need_no_rtpmap() -> None:
    """Row G18: PCMU and PCMA, in our order of preference."""
    assert [
        (c.name, c.payload_type, c.clock_rate, c.channels) for c in codecs(changed("SAVPF 111", "SAVPF 8 13 0"))
    ] == [
        ("pcmu", 0, 8_000, 1),
        ("pcma", 8, 8_000, 1),
    ]


def test_our_preference_orders_and_limits_the_codecs() -> None:
    """Row G18."""
    body = changed("SAVPF 111", "SAVPF 0 8 111")
    assert [codec.name for codec in codecs(body)] == ["opus", "pcmu", "pcma"]
    local = dataclasses.replace(LOCAL, codecs=("pcma", "opus"))
    assert [codec.name for codec in codecs(body, local)] == ["pcma", "opus"]
    assert f"m=audio 3478 {PROFILE} 8 111\r\n" in answered(body, local).text


def test_first_of_equal_formats_counts() -> None:
    """Row G18."""
    body = changed("SAVPF 111", "SAVPF 109 111", with_lines("a=rtpmap:109 opus/48000/2"))
    assert [codec.payload_type for codec in codecs(body)] == [109]


def test_opus_without_channel_count_is_taken_as_stereo_signalled() -> None:
    """Row F18: as webrtcbin writes it; the answer says opus/48000/2."""
    assert "a=rtpmap:111 opus/48000/2" in answered(changed("opus/48000/2", "OPUS/48000")).text


def test_known_fmtp_parameters_are_kept_and_others_ignored() -> None:
    """Row F20."""
    text = (
        "minptime=10; useinbandfec=1;STEREO=1;maxaveragebitrate=64000;usedtx=0;cbr=2;ptime=x;maxptime=;x-y=1;111/111;"
        "maxplaybackrate=99999999999999;stereo=0;sprop-stereo=1;=5;\u0661=1;minptime=\u0661"
    )
    (codec,) = codecs(with_lines(f"a=fmtp:111 {text}"))
    assert codec.parameters == {
        "minptime": "10",
        "useinbandfec": "1",
        "stereo": "1",
        "maxaveragebitrate": "64000",
        "usedtx": "0",
    }


def test_reduced_size_rtcp_only_where_offered() -> None:
    """Row G15."""
    for body, is_offered in ((OFFER, False), (with_lines("a=rtcp-rsize"), True)):
        answer = answered(body)
        assert ("a=rtcp-rsize" in audio_lines(answer)) is is_offered
        assert answer.negotiation.audio is not None
        assert answer.negotiation.audio.has_reduced_size_rtcp is is_offered


MID_URI = "urn:ietf:params:rtp-hdrext:sdes:mid"
LEVEL_URI = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"


def test_extensions_are_a_subset_with_the_offers_ids_and_directions() -> None:
    """Rows G19, G13, F23: unknown URIs dropped, ids kept, a direction mirrored."""
    body = with_lines(
        f"a=extmap:1/sendonly {LEVEL_URI} vad=on",
        "a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
        "a=extmap:3/recvonly urn:ietf:params:rtp-hdrext:csrc-audio-level",
        f"a=extmap:14 {MID_URI}",
    )
    answer = answered(body)
    assert [line for line in audio_lines(answer) if line.startswith("a=extmap")] == [
        f"a=extmap:1/recvonly {LEVEL_URI}",
        f"a=extmap:14 {MID_URI}",
    ]
    assert answer.negotiation.audio is not None
    assert answer.negotiation.audio.extensions == {LEVEL_URI: 1, MID_URI: 14}


@pytest.mark.parametrize("line", [f"a=extmap:15 {MID_URI}", f"a=extmap:16 {MID_URI}", f"a=extmap:4096 {MID_URI}"])
def test_extension_ids_beyond_the_one_byte_form_are_not_answered(line: str) -> None:
    """Row G19: 15 is reserved, higher ones need the two-byte form."""
    assert "a=extmap:" not in answered(with_lines(line, "a=extmap-allow-mixed")).text


@pytest.mark.parametrize("place", ["section", "session", "nowhere"])
def test_two_byte_extensions_are_allowed_where_they_were_offered(place: str) -> None:
    """Row F22: RFC 8285 section 6."""
    line = "a=extmap-allow-mixed"
    body = {"section": with_lines(line), "session": changed("t=0 0", f"t=0 0\r\n{line}"), "nowhere": OFFER}[place]
    answer = answered(body)
    assert (line in audio_lines(answer)) is (place != "nowhere")
    assert answer.negotiation.audio is not None
    assert answer.negotiation.audio.allows_mixed_extensions is (place != "nowhere")


def test_extension_that_moves_is_refused() -> None:
    """Row F23: another id for an extension, or another extension for an id; leaving one out is no move."""
    negotiated = {MID_URI: 4, LEVEL_URI: 1}
    offers = {
        (f"a=extmap:4 {MID_URI}", f"a=extmap:1 {LEVEL_URI}"): None,
        (f"a=extmap:4 {MID_URI}", "a=extmap:9 urn:other"): None,
        (): None,
        (f"a=extmap:5 {MID_URI}",): "extension_moved",
        ("a=extmap:4 urn:other",): "extension_moved",
        (f"a=extmap:1 {MID_URI}", f"a=extmap:4 {LEVEL_URI}"): "extension_moved",
    }
    results = {}
    for lines in offers:
        (section,) = parse_offer(with_lines(*lines)).sections
        try:
            check_extension_ids(section.head, section.extensions, negotiated)
            results[lines] = None
        except SdpError as error:
            results[lines] = error.code
    assert results == offers


def test_extension_id_twice_is_malformed() -> None:
    """Row G19: which URI it stands for would be a guess."""
    with pytest.raises(SdpError) as caught:
        parse_offer(with_lines(f"a=extmap:1 {MID_URI}", f"a=extmap:1 {LEVEL_URI}"))
    assert (caught.value.code, caught.value.is_malformed) == ("extmap", True)


NUMBERS_URI = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
OFFERED_FEEDBACK = [f"a=rtcp-fb:111 {kind}" for kind in ("nack", "nack pli", "ccm fir", "transport-cc ", "goog-remb")]


@pytest.mark.parametrize(
    ("ours", "expected"),
    [(set(), []), ({"nack"}, ["nack"]), ({"transport-cc", "nack", "x"}, ["nack", "transport-cc"])],
    ids=["none", "nack", "two and one that was not offered"],
)
def test_feedback_is_a_subset(ours: set[str], expected: list[str]) -> None:
    """Row G20: we answer only what we do, and only as far as it is offered."""
    answer = answered(
        with_lines(*OFFERED_FEEDBACK, f"a=extmap:3 {NUMBERS_URI}"), dataclasses.replace(LOCAL, feedback=frozenset(ours))
    )
    assert [line for line in audio_lines(answer) if "rtcp-fb" in line] == [f"a=rtcp-fb:111 {kind}" for kind in expected]
    assert answer.negotiation.audio is not None
    assert answer.negotiation.audio.codecs[0].feedback == frozenset(expected)


@pytest.mark.parametrize("has_feedback", [False, True])
@pytest.mark.parametrize("has_numbers", [False, True])
def test_transport_wide_feedback_needs_line_and_extension(has_feedback: bool, has_numbers: bool) -> None:
    """Rows G20, G19, F31: one without the other is answered by neither."""
    lines = ["a=rtcp-fb:111 transport-cc"] * has_feedback + [f"a=extmap:3 {NUMBERS_URI}"] * has_numbers
    answer = answered(with_lines(*lines), dataclasses.replace(LOCAL, feedback=frozenset({"nack", "transport-cc"})))
    expected = sorted(lines) if has_feedback and has_numbers else []
    assert sorted(line for line in audio_lines(answer) if line.startswith(("a=extmap", "a=rtcp-fb"))) == expected
    assert answer.negotiation.audio is not None
    assert answer.negotiation.audio.extensions == ({NUMBERS_URI: 3} if expected else {})


def test_feedback_for_all_payload_types_counts() -> None:
    """Row G20."""
    (codec,) = codecs(with_lines("a=rtcp-fb:* nack"), dataclasses.replace(LOCAL, feedback=frozenset({"nack"})))
    assert codec.feedback == {"nack"}


def test_tls_id_is_ours_and_only_where_offered() -> None:
    """Row D26."""
    assert "tls-id" not in answered(OFFER).text
    lines = audio_lines(answered(with_lines("a=tls-id:91bbf309c0990a6bec11e38ba2933cee")))
    assert [line for line in lines if "tls-id" in line] == [f"a=tls-id:{LOCAL.tls_id}"]


def test_our_description_carries_one_sha_256_fingerprint() -> None:
    """Row D6."""
    lines = [line for line in answered(OFFER).text.split("\r\n") if line.startswith("a=fingerprint")]
    assert lines == [f"a=fingerprint:{LOCAL.fingerprint}"]
    assert lines[0].startswith("a=fingerprint:sha-256 ")


@pytest.mark.parametrize(
    "line",
    [
        "m=au\x0bdio 9 X 1", "m=text 9 U\u2028DP t140", "m=text 9 UDP t\u0085140", f"m={'x' * 33} 9 UDP 1",
        f"m=text 9 {'x' * 65} 1", f"m=text 9 UDP {'x' * 65}", "m=au:dio 9 UDP 1",
    ],
    ids=range(7),
)  # fmt: skip
def test_what_a_refused_section_copies_is_checked(line: str) -> None:
    """Row G23: kind, protocol and format of the m= line are bounded tokens."""
    with pytest.raises(SdpError) as caught:
        parse_offer(with_lines(line))
    assert caught.value.code == "media"
    assert caught.value.line.isprintable()


def test_bundle_only_section_on_port_0_is_offered() -> None:
    """Row G28: port 0 with bundle-only is no refusal."""
    assert answered(changed("m=audio 9", "m=audio 0", with_lines("a=bundle-only"))).negotiation.audio is not None


def test_created_description_is_random_and_usable() -> None:
    """Row D26 and RFC 7022: session id, SSRC, CNAME and tls-id come from the given source."""
    stream = iter(range(256))
    local = LocalDescription.create(
        LOCAL.ice,
        LOCAL.fingerprint,
        (RELAY,),
        lambda length: bytes(next(stream) for _ in range(length)),
        setup="passive",
    )
    assert (local.session_id, local.ssrc) == (0x0001020304050607 >> 1, 0x08090A0B)
    assert (local.cname, local.tls_id) == ("DA0ODxAREhMUFRYX", bytes(range(24, 40)).hex())
    assert answered(OFFER, local).negotiation.dtls_role is DtlsRole.SERVER


WRONG: dict[str, dict[str, object]] = {
    "ufrag": {"ice": IceCredentials("a\r\n", "x" * 22)},
    "long ufrag": {"ice": IceCredentials("a" * 33, "x" * 22)},
    "pwd": {"ice": IceCredentials("abcd", "x" * 21)},
    "no candidate": {"candidates": ()},
    "port 0": {"candidates": (Address.of("192.0.2.1", 0),)},
    "unspecified": {"candidates": (Address.of("0.0.0.0", 9),)},
    "unspecified IPv6": {"candidates": (Address.of("::", 9),)},
    "setup": {"setup": "actpass"},
    "codec": {"codecs": ("g722",)},
    "no codec": {"codecs": ()},
    "session id": {"session_id": 2**63},
    "version": {"version": -1},
    "ssrc": {"ssrc": 2**32},
    "cname": {"cname": "a\r\nb"},
    "tls-id": {"tls_id": "short"},
}


@pytest.mark.parametrize("changes", WRONG.values(), ids=WRONG)
def test_wrong_local_description_is_the_callers_error(changes: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        dataclasses.replace(LOCAL, **changes)
