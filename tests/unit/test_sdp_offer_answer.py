"""Later offers of a session: what they may change, what is refused, and that a refusal changes nothing."""

from __future__ import annotations

import dataclasses
import re

import pytest

from rtcsplit.errors import SdpError
from rtcsplit.session.negotiation import DataNegotiation, Direction, DtlsRole, IceCredentials
from rtcsplit.session.sdp import Answer, LocalDescription, OfferAnswer, parse_offer
from tests.offers import LOCAL, OFFER, OTHER_SHA_256, SHA_256, changed, stored, with_lines

MID = "urn:ietf:params:rtp-hdrext:sdes:mid"
LEVEL = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
FIRST = changed(
    "RTP/SAVPF 111",
    "RTP/SAVPF 111 0",
    with_lines("a=rtpmap:0 PCMU/8000", "a=rtcp-fb:111 nack", f"a=extmap:4 {MID}", "a=tls-id:" + "x" * 20),
)
NEW_ICE = IceCredentials("EIlD5iIAAAAAAO/Rzi8+NEW1", "newpasswordnewpassword12")
DATA = """m=application 9 UDP/DTLS/SCTP webrtc-datachannel
c=IN IP4 0.0.0.0
a=mid:1
a=sctp-port:5000
"""
VIDEO = """m=video 9 UDP/TLS/RTP/SAVPF 96
c=IN IP4 0.0.0.0
a=mid:1
a=rtcp-mux
a=rtpmap:96 VP8/90000
"""


def agreed(first: str = FIRST, local: LocalDescription = LOCAL) -> OfferAnswer:
    session = OfferAnswer(dataclasses.replace(local, feedback=frozenset({"nack"})))
    session.answer(parse_offer(first))
    return session


def later(session: OfferAnswer, body: str) -> Answer:
    return session.answer(parse_offer(body), lambda: NEW_ICE)


def origin(answer: Answer) -> tuple[int, int]:
    found = re.search(r"^o=- (\d+) (\d+) IN IP4", answer.text, re.MULTILINE)
    assert found
    return int(found[1]), int(found[2])


def bundled(body: str, *further: str) -> str:
    return changed("a=group:BUNDLE 0", "a=group:BUNDLE 0 1", body) + "".join(further)


def test_each_answer_keeps_the_session_and_has_the_next_version() -> None:
    """G25: three re-offers."""
    session = OfferAnswer(LOCAL)
    answers = [session.answer(parse_offer(OFFER)), *(later(session, OFFER) for _ in range(3))]
    assert [origin(answer) for answer in answers] == [(LOCAL.session_id, version) for version in range(4)]
    assert {answer.text.partition("s=-")[2] for answer in answers} == {answers[0].text.partition("s=-")[2]}


@pytest.mark.parametrize("direction", list(Direction), ids=lambda direction: direction.value)
def test_direction_turns(direction: Direction) -> None:
    """G17, 3264 section 8.4: hold and resume."""
    session = agreed()
    answer = later(session, changed("a=sendrecv", f"a={direction.value}", FIRST))
    mirrored = {"sendonly": "recvonly", "recvonly": "sendonly"}.get(direction.value, direction.value)
    assert answer.negotiation.audio is not None
    assert answer.negotiation.audio.direction.value == mirrored
    assert f"a={mirrored}\r\n" in answer.text
    assert later(session, FIRST).negotiation.audio.direction is Direction.SENDRECV  # type: ignore[union-attr]


def test_formats_may_go_and_change_places() -> None:
    """The order of the offer is the peer's; ours stays."""
    session = agreed()
    answer = later(session, changed("SAVPF 111 0", "SAVPF 0 111", FIRST))
    assert [codec.payload_type for codec in answer.negotiation.audio.codecs] == [111, 0]  # type: ignore[union-attr]
    fewer = changed("SAVPF 111 0", "SAVPF 111", FIRST).replace("a=rtpmap:0 PCMU/8000\n", "")
    answer = later(session, fewer)
    assert [codec.payload_type for codec in answer.negotiation.audio.codecs] == [111]  # type: ignore[union-attr]
    answer = later(session, FIRST)  # and what has gone does not come back
    assert [codec.payload_type for codec in answer.negotiation.audio.codecs] == [111]  # type: ignore[union-attr]


@pytest.mark.parametrize("section", [VIDEO, DATA], ids=["video", "data channels that nobody wants"])
def test_sections_that_come_later_are_refused_and_may_go(section: str) -> None:
    """G5: the audio goes on; a slot that was refused may hold something else the next time."""
    session = agreed()
    answer = later(session, bundled(FIRST, section))
    assert [line.split()[1] for line in answer.text.split("\r\n") if line.startswith("m=")] == ["3478", "0"]
    other = DATA if section is VIDEO else VIDEO
    answer = later(session, bundled(FIRST, changed("a=mid:1", "a=mid:9", other)).replace("BUNDLE 0 1", "BUNDLE 0 9"))
    assert "a=mid:9" in answer.text


def test_data_channels_may_come_later_and_end_once() -> None:
    session = agreed(local=dataclasses.replace(LOCAL, has_data=True))
    answer = later(session, bundled(FIRST, DATA))
    assert answer.negotiation.data == DataNegotiation("1")
    answer = later(session, FIRST + changed("m=application 9", "m=application 0", DATA))
    assert answer.negotiation.data is None
    answer = later(session, bundled(FIRST, DATA))
    assert answer.negotiation.data is None


def test_another_audio_section_takes_over_when_the_first_is_stopped() -> None:
    session = agreed()
    stopped = changed("m=audio 9", "m=audio 0", FIRST)
    second = changed("a=mid:0", "a=mid:1", FIRST.partition("m=audio")[2])
    both = changed("a=group:BUNDLE 0", "a=group:BUNDLE 1", stopped) + "m=audio" + second
    answer = later(session, both)
    assert answer.negotiation.audio is not None
    assert answer.negotiation.audio.mid == "1"


def test_the_section_in_use_stays_where_another_could_be_taken() -> None:
    first = changed("m=audio 9", "m=audio 0", FIRST)
    second = "m=audio" + changed("a=mid:0", "a=mid:1", FIRST.partition("m=audio")[2])
    session = agreed(changed("a=group:BUNDLE 0", "a=group:BUNDLE 1", first) + second)
    answer = later(session, changed("a=group:BUNDLE 0", "a=group:BUNDLE 1 0", FIRST) + second)
    assert answer.negotiation.audio is not None
    assert answer.negotiation.audio.mid == "1"


RESTART = FIRST.replace("a=ice-ufrag:abcd", "a=ice-ufrag:efgh").replace("a=ice-pwd:abcdef", "a=ice-pwd:uvwxyz")


def test_both_credentials_anew_restart_ice() -> None:
    """C18, G11: new credentials of ours too; the version counts on."""
    session = agreed()
    answer = later(session, RESTART)
    assert session.local.ice == NEW_ICE
    assert f"a=ice-ufrag:{NEW_ICE.ufrag}\r\n" in answer.text
    assert answer.negotiation.remote_ice == IceCredentials("efgh", "uvwxyzghijklmnopqrstuv")
    assert origin(answer)[1] == 1
    assert f"a=ice-ufrag:{NEW_ICE.ufrag}\r\n" in later(session, RESTART).text  # no restart: the same once more


def test_a_restart_by_other_means_is_known() -> None:
    """9725 section 4.3.3: after a PATCH the offer has the credentials of that, and restarts nothing."""
    session = agreed()
    session.restarted(NEW_ICE, IceCredentials("efgh", "uvwxyzghijklmnopqrstuv"))
    answer = session.answer(parse_offer(RESTART))
    assert f"a=ice-pwd:{NEW_ICE.pwd}\r\n" in answer.text


@pytest.mark.parametrize(("setup", "role"), [("active", DtlsRole.SERVER), ("passive", DtlsRole.CLIENT)])
def test_the_dtls_role_stays(setup: str, role: DtlsRole) -> None:
    """8842 section 5.2: actpass in a later offer keeps the association and its roles."""
    session = agreed(changed("a=setup:actpass", f"a=setup:{setup}", FIRST))
    assert later(session, FIRST).negotiation.dtls_role is role


REFUSED = {
    "another mid": ("section_changed", FIRST.replace("a=mid:0", "a=mid:5").replace("BUNDLE 0", "BUNDLE 5")),
    "another kind": ("no_audio", changed("m=audio", "m=video", FIRST)),
    "another protocol": ("section_changed", changed("RTP/SAVPF", "RTP/SAVP", FIRST)),
    "another certificate": ("association_changed", changed(SHA_256, OTHER_SHA_256, FIRST)),
    "one certificate more": ("association_changed", with_lines(f"a=fingerprint:{OTHER_SHA_256}", text=FIRST)),
    "another tls-id": ("association_changed", changed("x" * 20, "y" * 20, FIRST)),
    "our role": ("association_changed", changed("a=setup:actpass", "a=setup:active", FIRST)),
    "hold of the old kind": ("holdconn", changed("a=setup:actpass", "a=setup:holdconn", FIRST)),
    "ufrag alone": ("ice_half_changed", changed("a=ice-ufrag:abcd", "a=ice-ufrag:efgh", FIRST)),
    "pwd alone": ("ice_half_changed", changed("a=ice-pwd:abcdef", "a=ice-pwd:uvwxyz", FIRST)),
    "other options": ("ice_options", with_lines("a=ice-options:trickle", text=FIRST)),
    "ice-lite": ("ice_lite", changed("a=group", "a=ice-lite\na=group", FIRST)),
    "extension moved": ("extension_moved", changed(f"a=extmap:4 {MID}", f"a=extmap:5 {MID}", FIRST)),
    "extension id reused": ("extension_moved", changed(f"a=extmap:4 {MID}", f"a=extmap:4 {LEVEL}", FIRST)),
    "Opus elsewhere": ("payload_type_moved", FIRST.replace("111", "96")),
    "a number reused": ("payload_type_moved", changed("a=rtpmap:111 opus/48000/2", "a=rtpmap:111 G722/8000", FIRST)),
    "Opus gone": (
        "format_removed",
        FIRST.replace("SAVPF 111 0", "SAVPF 0").replace("a=rtpmap:111 opus/48000/2\n", "").replace("fb:111", "fb:0"),
    ),
    "feedback gone": ("format_removed", changed("a=rtcp-fb:111 nack\n", "", FIRST)),
    "audio stopped": ("not_offered", changed("m=audio 9", "m=audio 0", FIRST)),
}


@pytest.mark.parametrize(("code", "body"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused_changes_nothing(code: str, body: str) -> None:
    """G11, G24, F23, D25: the next offer meets the state that was there before, its version included."""
    session = agreed()
    before = session.local
    with pytest.raises(SdpError) as caught:
        later(session, body)
    assert (caught.value.code, caught.value.is_malformed) == (code, False)
    assert session.local is before
    assert origin(later(session, FIRST))[1] == 1


def test_sections_do_not_disappear() -> None:
    """3264 section 8: one that is not wanted any more stays, on port 0."""
    session = agreed(FIRST + VIDEO)
    with pytest.raises(SdpError) as caught:
        later(session, FIRST)
    assert caught.value.code == "sections_removed"
    assert origin(later(session, FIRST + VIDEO))[1] == 1


def test_without_new_credentials_ice_does_not_restart() -> None:
    session = agreed()
    with pytest.raises(SdpError, match="restart"):
        session.answer(parse_offer(RESTART))
    assert session.local.version == 0


@pytest.mark.parametrize("name", ["chromium_audio", "firefox_audio_datachannel", "libwebrtc_m152_audio"])
def test_browsers_offers_are_answered_again(name: str) -> None:
    session = OfferAnswer(dataclasses.replace(LOCAL, feedback=frozenset({"nack", "transport-cc"}), has_data=True))
    first = session.answer(parse_offer(stored(name)))
    held = stored(name).replace(b"a=sendrecv", b"a=inactive")
    assert b"a=inactive" in held
    again = session.answer(parse_offer(held))
    assert again.negotiation.audio is not None
    assert again.negotiation.audio.direction is Direction.INACTIVE
    assert dataclasses.replace(again.negotiation, audio=first.negotiation.audio) == first.negotiation
