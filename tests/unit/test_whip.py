"""WHIP over the ASGI interface: requests, refusals, ownership, caps, mounting."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import secrets
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from rtcsplit.errors import ConfigurationError
from rtcsplit.signaling.calls import CallTable
from rtcsplit.signaling.whip import AcceptedCall, WhipSettings, whip_application
from tests.acceptor import MemoryAcceptor
from tests.offers import OFFER, changed, stored, with_lines

SDP = {"Content-Type": "application/sdp"}
ALICE = {"Authorization": "Bearer alice"}
BOB = {"Authorization": "Bearer bob"}
SETTINGS = WhipSettings(tokens=("alice", "bob"))


def client(application: Any, **options: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(application, **options), base_url="http://calls.test")


def served(settings: WhipSettings = SETTINGS) -> tuple[MemoryAcceptor, httpx.AsyncClient]:
    acceptor = MemoryAcceptor()
    return acceptor, client(whip_application(acceptor, settings))


async def posted(http: httpx.AsyncClient, headers: Mapping[str, str] = ALICE, body: Any = OFFER) -> httpx.Response:
    return await http.post("/whip", content=body, headers={**SDP, **headers})


def problem(response: httpx.Response) -> dict[str, Any]:
    """The problem object, checked for its form (RFC 9457 section 3)."""
    assert response.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = response.json()
    assert found["type"] == "about:blank"
    assert found["status"] == response.status_code
    assert found["title"]
    return found


@pytest.mark.parametrize("media_type", ["application/sdp", "Application/SDP; charset=utf-8"])
async def test_offer_gets_201_with_answer_and_location(media_type: str) -> None:
    """Row I1: with an ETag, since restarts are supported."""
    acceptor, http = served()
    body = stored("chromium_audio_datachannel")
    response = await posted(http, {**ALICE, "Content-Type": media_type}, body)
    assert response.status_code == 201
    assert response.headers["content-type"] == "application/sdp"
    assert response.text.startswith("v=0\r\n")
    assert "\r\na=ice-lite\r\n" in response.text
    assert response.headers["location"].startswith("/whip/")
    assert re.fullmatch(r'"[0-9a-f]{16}"', response.headers["etag"])
    assert acceptor.offers == [body]


async def test_delete_ends_the_call_once() -> None:
    """Row I5: 200, then 404."""
    acceptor, http = served()
    location = (await posted(http)).headers["location"]
    assert list(acceptor.calls) == ["call-1"]
    response = await http.delete(location, headers=ALICE)
    assert (response.status_code, response.content) == (200, b"")
    assert acceptor.calls == {}
    again = await http.delete(location, headers=ALICE)
    assert (again.status_code, problem(again)["code"]) == (404, "no_session")


async def test_concurrent_deletes_end_the_call_once() -> None:
    """Row I5."""
    _, http = served()
    location = (await posted(http)).headers["location"]
    codes = await asyncio.gather(*(http.delete(location, headers=ALICE) for _ in range(5)))
    assert sorted(response.status_code for response in codes) == [200, 404, 404, 404, 404]


REFUSALS: dict[str, tuple[dict[str, str], Any, int, str]] = {
    "no type": ({"Content-Type": ""}, OFFER, 415, "media_type"),
    "JSON": ({"Content-Type": "application/json"}, OFFER, 415, "media_type"),
    "sdpfrag": ({"Content-Type": "application/trickle-ice-sdpfrag"}, OFFER, 415, "media_type"),
    "encoded": ({"Content-Encoding": "gzip"}, OFFER, 415, "media_type"),
    "empty": ({}, b"", 400, "line_form"),
    "no description": ({}, b"hello", 400, "line_form"),
    "malformed": ({}, changed("v=0\n", "v=1\n"), 400, "version"),
    "injected mid": ({}, changed("a=mid:0", "a=mid:0\ra=ice-lite"), 400, "control_character"),
    "no Opus": ({}, changed("opus/48000/2", "speex/16000"), 422, "no_codec"),
    "ICE-lite": ({}, with_lines("a=ice-lite"), 422, "ice_lite"),
    "no DTLS": ({}, changed("UDP/TLS/RTP/SAVPF", "RTP/AVP"), 422, "protocol"),
    "65,537 octets": ({}, b"x" * 65_537, 413, "too_large"),
    "length of words": ({"Content-Length": "many"}, OFFER, 400, "content_length"),
    "negative length": ({"Content-Length": "-1"}, OFFER, 400, "content_length"),
    "2 GiB announced": ({"Content-Length": str(2**31)}, OFFER, 413, "too_large"),
    "absurd length": ({"Content-Length": "9" * 4000}, OFFER, 413, "too_large"),
}


@pytest.mark.parametrize(("headers", "body", "status", "code"), REFUSALS.values(), ids=REFUSALS)
async def test_refusals(headers: dict[str, str], body: Any, status: int, code: str) -> None:
    """Rows I2, I3: a typed refusal, nothing of the offer in it, no session left."""
    acceptor, http = served()
    response = await posted(http, {**ALICE, **headers}, body)
    assert (response.status_code, problem(response)["code"]) == (status, code)
    assert acceptor.calls == {}
    offered = {line for line in (body if isinstance(body, str) else body.decode()).splitlines() if len(line) > 3}
    assert [line for line in offered if line in response.text] == []


async def test_refusal_of_an_offer_names_the_line() -> None:
    """Row I2."""
    _, http = served()
    body = with_lines("a=rtpmap:300 secret/48000")
    found = problem(await posted(http, body=body))
    assert found["line"] == body.count("\n")
    assert "secret" not in json.dumps(found)


async def test_overload_is_503_with_retry_after() -> None:
    """Row I2."""
    acceptor, http = served()
    acceptor.is_full = True
    response = await posted(http)
    assert (response.status_code, problem(response)["code"]) == (503, "overload")
    assert response.headers["retry-after"] == "2"


async def test_failed_offers_leave_no_session_behind() -> None:
    """Row I3: refused, overloaded and broken offers do not count against the caps."""

    class Broken(MemoryAcceptor):
        async def accept(self, offer: bytes, on_end: Callable[[], None], **options: object) -> AcceptedCall:
            if offer == b"break":
                raise RuntimeError("a bug")
            return await super().accept(offer, on_end, **options)

    acceptor = Broken()
    settings = WhipSettings(tokens=("alice",), max_sessions=1)
    http = client(whip_application(acceptor, settings), raise_app_exceptions=False)
    assert (await posted(http, body=b"v=1")).status_code == 400
    assert (await posted(http, body=b"break")).status_code == 500
    acceptor.is_full = True
    assert (await posted(http)).status_code == 503
    acceptor.is_full = False
    assert (await posted(http)).status_code == 201


UNAUTHORIZED: list[dict[str, str]] = [
    {},
    {"Authorization": ""},
    {"Authorization": "Bearer"},
    {"Authorization": "Bearer "},
    {"Authorization": "Bearer alic"},
    {"Authorization": "Bearer alice2"},
    {"Authorization": "Bearer ALICE"},
    {"Authorization": "alice"},
    {"Authorization": "Basic alice"},
    {"Authorization": "Bearer alice bob"},
    {"Authorization": "Bearer " + "a" * 5000},
]


@pytest.mark.parametrize("headers", UNAUTHORIZED, ids=lambda headers: str(headers.get("Authorization"))[:20])
async def test_without_a_valid_token_nothing_is_read(headers: dict[str, str]) -> None:
    """Row I8: 401 although type and body are wrong as well; the token is not repeated."""
    acceptor, http = served()
    response = await http.post("/whip", content=b"x" * 100_000, headers={"Content-Type": "text/plain", **headers})
    assert response.status_code == 401
    assert response.headers["www-authenticate"].startswith("Bearer")
    assert problem(response)["code"] in ("token_missing", "token_invalid")
    assert headers.get("Authorization", "")[7:17] not in response.text or not headers.get("Authorization", "")[7:17]
    assert acceptor.offers == []


async def test_two_authorization_headers_are_refused() -> None:
    """Row I8."""
    _, http = served()
    headers = [("Content-Type", "application/sdp"), *ALICE.items(), *BOB.items()]
    assert (await http.post("/whip", content=OFFER, headers=headers)).status_code == 401


async def test_scheme_of_the_token_has_any_case() -> None:
    """Row I8: RFC 9110 section 11.1."""
    _, http = served()
    assert (await posted(http, {"Authorization": "bEARER alice"})).status_code == 201


async def test_other_tokens_do_not_reach_a_session() -> None:
    """Row I4: DELETE and PATCH with another's token are answered as for no session, and the session lives."""
    acceptor, http = served()
    location = (await posted(http)).headers["location"]
    for headers, status in ((BOB, 404), ({}, 401), ({"Authorization": "Bearer eve"}, 401)):
        assert (await http.delete(location, headers=headers)).status_code == status
        assert (await http.patch(location, headers=headers)).status_code == status
    assert list(acceptor.calls) == ["call-1"]
    assert (await http.delete(location, headers=ALICE)).status_code == 200


async def test_session_urls_are_128_random_bits() -> None:
    """Row I4: from the given source alone, with no digit of time, ufrag or client."""
    counter = itertools.count()
    lengths = []

    def random(length: int) -> bytes:
        lengths.append(length)
        return next(counter).to_bytes(length, "big")

    http = client(whip_application(MemoryAcceptor(), SETTINGS, random))
    assert [(await posted(http)).headers["location"] for _ in range(2)] == [
        "/whip/AAAAAAAAAAAAAAAAAAAAAAA",
        "/whip/AAAAAAAAAAAAAAAAAAAAAAI",
    ]
    assert lengths == [17, 8, 17, 8]  # one octet may name a worker; the others are entity tags


def test_100_000_session_ids_differ() -> None:
    """Row I4."""
    table = CallTable(secrets.token_bytes, 100_000, 100_000)
    assert len({table.open(b"owner").id for _ in range(100_000)}) == 100_000


async def test_caps_hold_per_token_and_in_total() -> None:
    """Row I10: and an ended session makes room, whoever ended it."""
    acceptor, http = served(WhipSettings(tokens=("alice", "bob"), max_sessions=3, max_sessions_per_token=2))
    locations = [(await posted(http)).headers["location"] for _ in range(2)]
    assert (await posted(http)).status_code == 503
    assert (await posted(http, BOB)).status_code == 201
    assert (await posted(http, BOB)).status_code == 503
    acceptor.expire("call-1")
    assert (await http.delete(locations[0], headers=ALICE)).status_code == 404
    assert (await posted(http)).status_code == 201
    await http.delete(locations[1], headers=ALICE)
    assert (await posted(http, BOB)).status_code == 201


async def test_caps_hold_for_offers_that_are_still_being_answered() -> None:
    """Row I10: a burst does not pass."""

    class Slow(MemoryAcceptor):
        release = asyncio.Event()

        async def accept(self, offer: bytes, on_end: Callable[[], None], **options: object) -> AcceptedCall:
            await self.release.wait()
            return await super().accept(offer, on_end, **options)

    acceptor = Slow()
    http = client(whip_application(acceptor, WhipSettings(tokens=("alice",), max_sessions=2)))
    tasks = [asyncio.create_task(posted(http)) for _ in range(6)]
    refused = [(await first).status_code for first in itertools.islice(asyncio.as_completed(tasks), 4)]
    assert refused == [503] * 4
    acceptor.release.set()
    assert sorted([(await task).status_code for task in tasks]) == [201, 201, 503, 503, 503, 503]


async def test_sessions_that_expire_make_room() -> None:
    """Row I10: the session's own deadline ends it, and the application keeps no trace."""
    acceptor, http = served(WhipSettings(tokens=("alice",), max_sessions=2))
    for number in range(1, 201):
        assert (await posted(http)).status_code == 201
        acceptor.expire(f"call-{number}")


def test_10_000_ended_calls_leave_the_table_as_it_was() -> None:
    """Row I10."""
    table = CallTable(secrets.token_bytes, 10, 10)
    before = vars(table).copy()
    for number in range(10_000):
        call = table.open(bytes([number % 7 + 1]))
        assert table.end(call)
        assert not table.end(call)
    assert len(table) == 0
    assert vars(table) == before


async def test_call_that_ends_while_it_is_accepted_is_not_kept() -> None:
    """Row I10."""

    class ShortLived(MemoryAcceptor):
        async def accept(self, offer: bytes, on_end: Callable[[], None], **options: object) -> AcceptedCall:
            accepted = await super().accept(offer, on_end, **options)
            self.expire(accepted.call_id)
            return accepted

    http = client(whip_application(ShortLived(), WhipSettings(tokens=("alice",), max_sessions=1)))
    for _ in range(3):
        response = await posted(http)
        assert response.status_code == 201
        assert (await http.delete(response.headers["location"], headers=ALICE)).status_code == 404


async def test_anonymous_endpoint_serves_without_token() -> None:
    """Row I8: only where the settings say so; a wrong token is still wrong, and tokens keep their sessions."""
    _, http = served(WhipSettings(tokens=("alice",), allow_anonymous=True))
    location = (await posted(http, {})).headers["location"]
    assert (await posted(http, {"Authorization": "Bearer eve"})).status_code == 401
    assert (await http.delete(location, headers=ALICE)).status_code == 404
    owned = (await posted(http)).headers["location"]
    assert (await http.delete(owned)).status_code == 404
    assert (await http.delete(location)).status_code == 200


@pytest.mark.parametrize(
    "settings",
    [{}, {"tokens": ("",)}, {"tokens": ("a",), "path": "whip"}, {"tokens": ("a",), "path": "/whip/"},
     {"tokens": ("a",), "path": "/{x}"}, {"tokens": ("a",), "path": "/"}, {"tokens": "letters"},
     {"tokens": ("a",), "cors_origins": ("page.test",)}, {"tokens": ("a",), "cors_origins": "*"}],
    ids=["open by accident", "empty token", "no slash", "slash at the end", "parameter", "root", "forgotten comma",
         "host instead of an origin", "forgotten comma of origins"],
)  # fmt: skip
def test_settings_that_cannot_be_meant_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        WhipSettings(**settings)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "TRACE"])
async def test_other_methods_on_the_endpoint_are_405(method: str) -> None:
    """Row I7."""
    _, http = served()
    response = await http.request(method, "/whip", headers=ALICE)
    assert response.status_code == 405
    assert set(response.headers["allow"].split(", ")) == {"POST", "OPTIONS"}


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "POST"])
async def test_other_methods_on_a_session_are_405(method: str) -> None:
    """Row I7."""
    _, http = served()
    response = await http.request(method, "/whip/x", headers=ALICE)
    assert response.status_code == 405
    assert set(response.headers["allow"].split(", ")) == {"DELETE", "PATCH", "OPTIONS"}


@pytest.mark.parametrize("path", ["/whip/", "/", "/whip/a/b", "/WHIP"])
async def test_other_paths_are_404_and_never_redirected(path: str) -> None:
    """Row I12: a redirect would repeat the Host header."""
    _, http = served()
    response = await http.post(path, headers={**ALICE, "Host": "evil.test"})
    assert (response.status_code, problem(response)["title"]) == (404, "Not Found")


ORIGIN = {"Origin": "https://page.test"}
PREFLIGHT = {**ORIGIN, "Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "if-match"}


@pytest.mark.parametrize("path", ["/whip", "/whip/x"])
async def test_options_answers_cors_and_accept_post_without_token(path: str) -> None:
    """Row I7."""
    _, http = served(WhipSettings(tokens=("alice",), cors_origins=("https://page.test",)))
    response = await http.options(path, headers=PREFLIGHT)
    assert response.status_code == 204
    assert response.headers["accept-post"] == "application/sdp"
    assert response.headers.get("accept-patch") == (None if path == "/whip" else "application/trickle-ice-sdpfrag")
    assert response.headers["access-control-allow-origin"] == "https://page.test"
    assert response.headers["vary"] == "Origin"
    assert {"POST", "PATCH", "DELETE"} <= set(response.headers["access-control-allow-methods"].split(", "))
    assert {"Authorization", "If-Match", "Content-Type"} <= set(
        response.headers["access-control-allow-headers"].split(", ")
    )


@pytest.mark.parametrize(
    ("origins", "expected"),
    [((), None), (("https://other.test",), None), (("https://page.test",), "https://page.test"), (("*",), "*")],
    ids=["none", "another", "this", "all"],
)
async def test_only_listed_origins_may_read_answers(origins: tuple[str, ...], expected: str | None) -> None:
    """Row I7: answers and refusals alike."""
    _, http = served(WhipSettings(tokens=("alice",), cors_origins=origins))
    for response in (await posted(http, {**ALICE, **ORIGIN}), await posted(http, ORIGIN)):
        assert response.headers.get("access-control-allow-origin") == expected
        exposed = response.headers.get("access-control-expose-headers")
        assert exposed == ("Location, ETag, Link" if expected else None)


async def test_too_many_or_too_long_headers_are_431() -> None:
    """Row I9: 64 lines, 8 KiB."""
    acceptor, http = served()
    for count, status in ((60, 431), (50, 201)):
        extra = {f"X-{number}": "y" for number in range(count)}
        assert (await posted(http, {**ALICE, **extra})).status_code == status
    for length, status in ((8_192, 431), (7_000, 201)):
        assert (await posted(http, {**ALICE, "X-Long": "y" * length})).status_code == status
    for method in ("OPTIONS", "DELETE", "PATCH"):
        response = await http.request(method, "/whip/x", headers={**ALICE, "X-Long": "y" * 8_192})
        assert response.status_code == 431
    assert len(acceptor.offers) == 2


FORGED = {
    "Host": "evil.test",
    "Forwarded": "host=evil.test;proto=http",
    "X-Forwarded-Host": "evil.test",
    "X-Forwarded-Proto": "http",
    "X-Forwarded-Prefix": "/evil",
    "X-Original-URL": "/evil",
    "X-Script-Name": "/evil",
}


async def test_location_ignores_host_and_forwarded_headers() -> None:
    """Row I12."""
    _, http = served()
    assert (await posted(http, {**ALICE, **FORGED})).headers["location"].startswith("/whip/")
    response = await http.options("/whip", headers=FORGED)
    assert "evil" not in str(response.headers)


@pytest.mark.parametrize("root_path", ["", "/behind/a/proxy"])
async def test_location_is_right_where_the_application_is_mounted(root_path: str) -> None:
    """Row I1: the path that the client sees, which a following DELETE reaches."""
    inner = whip_application(MemoryAcceptor(), SETTINGS)
    outer = Starlette(routes=[Mount("/api", routes=[Mount("/voice", app=inner)])])
    http = client(outer, root_path=root_path)
    response = await http.post(f"{root_path}/api/voice/whip", content=OFFER, headers={**SDP, **ALICE})
    assert response.status_code == 201
    assert response.headers["location"].startswith(f"{root_path}/api/voice/whip/")
    assert (await http.delete(response.headers["location"], headers=ALICE)).status_code == 200


async def test_mount_point_from_the_request_is_quoted_in_location() -> None:
    """Row I12: a parent may have a parameter in its path; what fills it cannot break out of the header."""
    outer = Starlette(routes=[Mount("/{tenant}", app=whip_application(MemoryAcceptor(), SETTINGS))])
    http = client(outer)
    response = await http.post("/a%0d%0aX-Evil:%201/whip", content=OFFER, headers={**SDP, **ALICE})
    assert response.status_code == 201
    assert response.headers["location"].startswith("/a%0D%0AX-Evil%3A%201/whip/")
    assert "x-evil" not in response.headers
