"""PATCH over the ASGI interface: trickled candidates and ICE restarts (RFC 9725 section 4.3)."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from rtcsplit.session.negotiation import IceCredentials
from rtcsplit.signaling.whip import RestartedCall, WhipSettings, whip_application
from tests.acceptor import MemoryAcceptor
from tests.offers import OFFER, with_lines

ALICE = {"Authorization": "Bearer alice"}
FRAGMENT_TYPE = "application/trickle-ice-sdpfrag"
OFFERED = IceCredentials("abcd", "abcdefghijklmnopqrstuv")  # as in OFFER
NEW = IceCredentials("efgh", "ABCDEFGHIJKLMNOPQRSTUV")
NEXT = IceCredentials("ijkl", "0123456789ABCDEFGHIJKL")
SECTION = "m=audio 9 UDP/TLS/RTP/SAVPF 111"
CANDIDATE = "a=candidate:1 1 udp 2122260223 192.0.2.1 61764 typ host generation 0"
UNUSABLE = (
    "a=candidate:1 1 tcp 2122260223 192.0.2.1 9 typ host tcptype active",
    "a=candidate:1 1 udp 2122260223 0af1c3e6.local 61764 typ host",
    "a=candidate:1 1 udp 2122260223 turn.example.org 61764 typ relay raddr 0.0.0.0 rport 0",
    "a=candidate:1 2 udp 2122260223 192.0.2.1 61765 typ host",
    "a=candidate:1 1 sctp 2122260223 192.0.2.1 61764 typ host",
)


def fragment(
    ice: IceCredentials | None = OFFERED, *lines: str, section: str = "m=audio 9 UDP/TLS/RTP/SAVPF 111"
) -> str:
    credentials = [f"a=ice-ufrag:{ice.ufrag}", f"a=ice-pwd:{ice.pwd}"] if ice else []
    return "\r\n".join([*credentials, section, "a=mid:0", *lines, ""])


class Session:
    """One WHIP session of Alice's."""

    def __init__(self, acceptor: MemoryAcceptor, http: httpx.AsyncClient, created: httpx.Response) -> None:
        self.acceptor, self.http = acceptor, http
        self.location, self.etag = created.headers["location"], created.headers["etag"]

    async def patch(self, body: str | bytes, if_match: str | None = None, **headers: str) -> httpx.Response:
        given = {**ALICE, "Content-Type": FRAGMENT_TYPE, **headers}
        if if_match is not None:
            given["If-Match"] = if_match
        return await self.http.patch(self.location, content=body, headers=given)


async def opened(acceptor: MemoryAcceptor | None = None, offer: str = OFFER) -> Session:
    acceptor = acceptor or MemoryAcceptor()
    transport = httpx.ASGITransport(whip_application(acceptor, WhipSettings(tokens=("alice",))))
    http = httpx.AsyncClient(transport=transport, base_url="http://calls.test")
    headers = {**ALICE, "Content-Type": "application/sdp"}
    return Session(acceptor, http, await http.post("/whip", content=offer, headers=headers))


def code(response: httpx.Response) -> tuple[int, Any]:
    return response.status_code, response.json()["code"]


@pytest.mark.parametrize(
    "lines",
    [[CANDIDATE], [CANDIDATE, "a=end-of-candidates"], ["a=end-of-candidates"], [], [*UNUSABLE, CANDIDATE]],
    ids=["one", "one and the end", "the end", "none", "unusable ones among them"],
)
async def test_candidates_get_204_without_an_etag(lines: list[str]) -> None:
    """Rows I6, G26: section 4.3.2; candidates of no use are left out silently."""
    session = await opened()
    response = await session.patch(fragment(OFFERED, *lines), session.etag)
    assert (response.status_code, response.content) == (204, b"")
    assert "etag" not in response.headers
    assert session.acceptor.restarts == []


async def test_a_restart_gets_200_with_our_side_and_a_new_etag() -> None:
    """Rows I6, C18: section 4.3.3."""
    session = await opened()
    response = await session.patch(fragment(NEW, CANDIDATE), "*")
    assert response.status_code == 200
    assert response.headers["content-type"] == FRAGMENT_TYPE
    assert response.headers["etag"] not in (session.etag, "")
    assert session.acceptor.restarts == [("call-1", NEW)]
    assert response.text.split("\r\n") == [
        "a=ice-lite",
        "a=ice-options:ice2",
        "a=group:BUNDLE 0",
        "m=audio 9 UDP/TLS/RTP/SAVPF 111",
        "a=mid:0",
        "a=ice-ufrag:EIlD5iIAAAAAAO/Rzi8+w801",
        "a=ice-pwd:nmlkjihgfedcba9876543210",
        "a=candidate:1 1 udp 2130706431 203.0.113.10 3478 typ host",
        "a=end-of-candidates",
        "",
    ]


async def test_each_restart_has_its_own_etag_and_the_old_ones_are_stale() -> None:
    """Row I6: 412 for the tags before, 204 for the latest."""
    session = await opened()
    tags = [session.etag]
    for ice in (NEW, NEXT):
        tags.append((await session.patch(fragment(ice), "*")).headers["etag"])
    assert len(set(tags)) == 3
    for tag in tags[:-1]:
        assert code(await session.patch(fragment(NEXT, CANDIDATE), tag)) == (412, "if_match")
    assert (await session.patch(fragment(NEXT, CANDIDATE), tags[-1])).status_code == 204


@pytest.mark.parametrize("tag", ['"other"', "other", 'W/"{}"', "", '"*"', '"a", "b"'])
async def test_a_tag_that_does_not_match_is_412(tag: str) -> None:
    """Row I6: strong comparison (RFC 9110 section 13.1.1); a stale tag says nothing about the body."""
    session = await opened()
    for body in (fragment(), "nonsense"):
        response = await session.patch(body, tag.format(session.etag.strip('"')))
        assert code(response) == (412, "if_match")


async def test_a_list_of_tags_matches_by_any() -> None:
    """Row I6."""
    session = await opened()
    assert (await session.patch(fragment(OFFERED, CANDIDATE), f'"a" , {session.etag}')).status_code == 204


async def test_without_if_match_nothing_is_read() -> None:
    """Row I6: 428 (RFC 6585 section 3), whatever the body is."""
    session = await opened()
    for body in (fragment(NEW), "x" * 100_000):
        assert code(await session.patch(body)) == (428, "if_match_missing")


@pytest.mark.parametrize("media_type", ["application/sdp", "text/plain", ""])
async def test_other_types_are_415_and_hear_which_is_taken(media_type: str) -> None:
    """Row I6: an offer in a PATCH is no restart; there are no re-offers."""
    session = await opened()
    response = await session.patch(fragment(NEW), "*", **{"Content-Type": media_type})
    assert code(response) == (415, "media_type")
    assert response.headers["accept-patch"] == FRAGMENT_TYPE


MALFORMED: dict[str, tuple[str, str]] = {
    "empty": ("", "line_form"),
    "words": ("hello", "line_form"),
    "a whole offer": (OFFER, "line_type"),
    "NUL": (fragment(NEW, "a=x:\0"), "control_character"),
    "injected": (fragment(NEW, "a=mid\r:1"), "control_character"),
    "candidate of three fields": (fragment(NEW, "a=candidate:1 1 udp"), "candidate"),
    "port 65536": (fragment(NEW, CANDIDATE.replace("61764", "65536")), "number"),
    "65 candidates": (fragment(NEW, *[CANDIDATE] * 65), "too_many_candidates"),
    "short ufrag": (fragment(IceCredentials("abc", NEW.pwd)), "ice_ufrag"),
    "short password": (fragment(IceCredentials("efgh", "A" * 21)), "ice_pwd"),
    "password alone": (fragment(None, f"a=ice-pwd:{NEW.pwd}"), "ice_credentials"),
    "ufrag alone": (fragment(None, "a=ice-ufrag:efgh"), "ice_credentials"),
    "sections that differ": (
        f"{SECTION}\na=ice-ufrag:efgh\na=ice-pwd:{NEW.pwd}\n{SECTION}\na=ice-ufrag:ijkl\na=ice-pwd:{NEW.pwd}",
        "ice_credentials",
    ),
    "mid": (fragment(NEW).replace("a=mid:0", "a=mid:0 0"), "mid"),
    "m=": (fragment(NEW, section="m=audio 9"), "media"),
    "33 sections": (fragment(NEW, *["m=audio 9 RTP/AVP 0"] * 32), "too_many_sections"),
}  # fmt: skip


@pytest.mark.parametrize(("body", "expected"), MALFORMED.values(), ids=MALFORMED)
async def test_malformed_fragments_are_400_and_change_nothing(body: str, expected: str) -> None:
    """Rows I6, G10, G24: typed, nothing of the body in the answer; the ICE session is what it was."""
    session = await opened()
    response = await session.patch(body, "*")
    assert code(response) == (400, expected)
    assert NEW.pwd not in response.text
    assert session.acceptor.restarts == []
    assert (await session.patch(fragment(OFFERED, CANDIDATE), session.etag)).status_code == 204


REFUSED: dict[str, tuple[str, str, str]] = {
    "no credentials": (fragment(None, CANDIDATE), "*", "no_ice"),
    "ufrag alone changed": (fragment(IceCredentials("efgh", OFFERED.pwd)), "*", "ice_half_changed"),
    "password alone changed": (fragment(IceCredentials("abcd", NEW.pwd)), "*", "ice_half_changed"),
    "candidates of other credentials": (fragment(NEW, CANDIDATE), "{etag}", "ice_unknown"),
    "ICE-lite": (fragment(NEW, "a=ice-lite"), "*", "ice_lite"),
    "options without a restart": (fragment(OFFERED, "a=ice-options:trickle ice2"), "{etag}", "ice_options"),
}


@pytest.mark.parametrize(("body", "if_match", "expected"), REFUSED.values(), ids=REFUSED)
async def test_what_cannot_be_is_422_and_changes_nothing(body: str, if_match: str, expected: str) -> None:
    """Rows G11, G26, I6."""
    session = await opened(offer=with_lines("a=ice-options:trickle"))
    assert code(await session.patch(body, if_match.format(etag=session.etag))) == (422, expected)
    assert session.acceptor.restarts == []
    assert (await session.patch(fragment(OFFERED, CANDIDATE), session.etag)).status_code == 204


async def test_a_restart_may_change_ice_options() -> None:
    """Rows G6, G11: from then on these are the ones."""
    session = await opened()
    response = await session.patch(fragment(NEW, "a=ice-options:trickle ice2"), "*")
    assert "\r\na=ice-options:ice2 trickle\r\n" in response.text
    again = await session.patch(fragment(NEW, "a=ice-options:ice2 trickle", CANDIDATE), response.headers["etag"])
    assert again.status_code == 204


async def test_trickle_is_answered_where_it_is_offered() -> None:
    """Row G6: in the answer, and in that of a restart which does not repeat the offer's options."""
    session = await opened(offer=with_lines("a=ice-options:trickle"))
    response = await session.patch(fragment(NEW), "*")
    assert "\r\na=ice-options:ice2 trickle\r\n" in response.text


async def test_a_restart_that_is_refused_leaves_the_session_as_it_was() -> None:
    """Row I6: 503 with Retry-After; old candidates still count, and the restart may be tried again."""
    session = await opened()
    session.acceptor.is_full = True
    response = await session.patch(fragment(NEW), "*")
    assert code(response) == (503, "overload")
    assert response.headers["retry-after"] == "2"
    assert (await session.patch(fragment(OFFERED, CANDIDATE), session.etag)).status_code == 204
    session.acceptor.is_full = False
    assert (await session.patch(fragment(NEW), "*")).status_code == 200


async def test_a_restart_asked_for_twice_happens_once() -> None:
    """Row I6: the first answer was lost, so the client asks again with the same credentials."""
    session = await opened()
    first, second = [await session.patch(fragment(NEW), "*") for _ in range(2)]
    assert (first.status_code, first.text, first.headers["etag"]) == (200, second.text, second.headers["etag"])
    assert session.acceptor.restarts == [("call-1", NEW)]


async def test_overlapping_restarts_take_turns() -> None:
    """Row I6: the tag that is left is that of the restart that came last."""

    class Slow(MemoryAcceptor):
        async def restart(self, call_id: str, remote: IceCredentials) -> RestartedCall | None:
            await asyncio.sleep(0)
            return await super().restart(call_id, remote)

    session = await opened(Slow())
    responses = await asyncio.gather(*(session.patch(fragment(ice), "*") for ice in (NEW, NEXT)))
    assert [response.status_code for response in responses] == [200, 200]
    last = session.acceptor.restarts[-1][1]
    tags = {response.headers["etag"] for response in responses}
    statuses = [(await session.patch(fragment(last, CANDIDATE), tag)).status_code for tag in tags]
    assert sorted(statuses) == [204, 412]


async def test_an_offer_that_restarted_ice_began_another_session() -> None:
    """Row I6: signaling beside WHIP renegotiated: the tag of before is stale, the client's new credentials count."""
    session = await opened()
    changed = OFFER.replace(OFFERED.pwd, NEW.pwd).replace(OFFERED.ufrag, NEW.ufrag)
    assert await session.acceptor.renegotiate("call-1", changed.encode()) is not None
    assert code(await session.patch(fragment(NEW, CANDIDATE), session.etag)) == (412, "if_match")
    assert code(await session.patch(fragment(OFFERED, CANDIDATE), session.etag)) == (412, "if_match")
    assert (await session.patch(fragment(NEW, CANDIDATE), "*")).status_code == 204
    assert session.acceptor.restarts == []
    restarted = await session.patch(fragment(NEXT), "*")
    assert restarted.status_code == 200
    assert (await session.patch(fragment(NEXT, CANDIDATE), restarted.headers["etag"])).status_code == 204


async def test_a_session_that_is_gone_is_404() -> None:
    """Row I6: also where the call ended before signaling heard of it."""
    session = await opened()
    session.acceptor.calls.clear()
    assert code(await session.patch(fragment(NEW), "*")) == (404, "no_session")
    await session.http.delete(session.location, headers=ALICE)
    assert code(await session.patch(fragment(OFFERED), session.etag)) == (404, "no_session")


async def test_delete_needs_no_tag() -> None:
    """Section 4.3.1: If-Match has no say where the ICE session does not matter."""
    session = await opened()
    response = await session.http.delete(session.location, headers={**ALICE, "If-Match": '"stale"'})
    assert response.status_code == 200


async def test_a_fragment_has_the_bounds_of_an_offer() -> None:
    """Rows G1, I9: 65,537 octets are 413 before they are read."""
    session = await opened()
    assert code(await session.patch("a=x\r\n" * 14_000, "*")) == (413, "too_large")
