"""The door of pipecat's clients over real connections: what they send, and what becomes of the rest."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from rtcsplit.cli.web import serving
from rtcsplit.errors import ConfigurationError
from rtcsplit.signaling.small_webrtc import SmallWebRtcSettings, small_webrtc_application
from rtcsplit.wire.address import Address
from tests.acceptor import MemoryAcceptor
from tests.offers import OFFER, changed

KEY = {"Authorization": "Bearer one"}
OTHER_KEY = {"Authorization": "Bearer two"}


@dataclass
class Door:
    """A running door: the acceptor behind it, a client of it, what its calls were opened with, its clock."""

    acceptor: MemoryAcceptor = field(default_factory=MemoryAcceptor)
    opened: list[tuple[str, str, Any]] = field(default_factory=list)
    time: float = 1000.0
    http: httpx.AsyncClient = field(default_factory=httpx.AsyncClient)

    async def offer(self, path: str = "/api/offer", sdp: str = OFFER, **members: Any) -> httpx.Response:
        return await self.http.post(path, json={"sdp": sdp, "type": "offer", **members}, headers=KEY)


@contextlib.asynccontextmanager
async def door(**settings: Any) -> AsyncIterator[Door]:
    running = Door()
    settings = {"tokens": ("one", "two"), "cors_origins": ("*",), "body_deadline": 0.3, **settings}
    application = small_webrtc_application(
        running.acceptor,
        SmallWebRtcSettings(**settings),
        lambda *opened: running.opened.append(opened),
        clock=lambda: running.time,
    )
    async with (
        serving("listen", Address.of("127.0.0.1", 0), application) as address,
        httpx.AsyncClient(base_url=f"http://{address}", trust_env=False) as running.http,
    ):
        yield running


@pytest.mark.parametrize(
    ("members", "data"),
    [({}, None), ({"requestData": {"a": 1}}, {"a": 1}), ({"request_data": [1], "requestData": 2}, [1])],
    ids=["none", "camel", "snake"],
)
async def test_an_offer_is_answered_and_its_data_handed_on(members: dict[str, Any], data: Any) -> None:
    async with door() as running:
        answer = (await running.offer(pc_id=None, restart_pc=False, **members)).json()
        assert answer["type"] == "answer"
        assert "a=ice-lite" in answer["sdp"]
        assert running.opened == [("call-1", answer["pc_id"], data)]


async def test_a_started_session_brings_its_body() -> None:
    """Several offers may come, each its own call; after ten minutes none does, and another's token finds nothing."""
    async with door() as running:
        wish = {"transport": "webrtc", "enableDefaultIceServers": True, "body": {"name": "Ada"}}
        started = await running.http.post("/start", json=wish, headers=KEY)
        assert list(started.json()) == ["sessionId"]
        path = f"/sessions/{started.json()['sessionId']}/api/offer"
        assert (await running.offer(path)).status_code == 200
        assert (await running.offer(path, requestData={"own": True})).status_code == 200
        assert [data for _, _, data in running.opened] == [{"name": "Ada"}, {"own": True}]
        foreign = await running.http.post(path, json={"sdp": OFFER, "type": "offer"}, headers=OTHER_KEY)
        running.time += 600.0
        assert [foreign.status_code, (await running.offer(path)).status_code] == [404, 404]
        empty = await running.http.post("/start", headers=KEY)
        assert empty.status_code == 200


async def test_started_sessions_are_bounded() -> None:
    async with door(max_starts=2) as running:
        codes = [(await running.http.post("/start", json={}, headers=KEY)).status_code for _ in range(3)]
        assert codes == [200, 200, 503]
        running.time += 600.0
        assert (await running.http.post("/start", json={}, headers=KEY)).status_code == 200


async def test_candidates_are_taken_for_connections_that_exist() -> None:
    async with door() as running:
        pc_id = (await running.offer()).json()["pc_id"]
        found = {"candidate": "candidate:1 1 udp 1 192.0.2.1 9 typ host", "sdp_mid": "0", "sdp_mline_index": 0}
        end = {"candidate": "", "sdp_mid": None, "sdp_mline_index": None}

        async def patch(pc_id: str, headers: dict[str, str] = KEY) -> httpx.Response:
            wish = {"pc_id": pc_id, "candidates": [found, end]}
            return await running.http.patch("/api/offer", json=wish, headers=headers)

        assert (await patch(pc_id)).json() == {"status": "success"}
        assert (await patch("nobody")).status_code == 404
        assert (await patch(pc_id, OTHER_KEY)).status_code == 404
        running.acceptor.expire("call-1")
        assert (await patch(pc_id)).status_code == 404


async def test_a_further_offer_is_answered_within_its_call() -> None:
    async with door() as running:
        first = (await running.offer()).json()
        fresh = changed("a=sendrecv", "a=sendonly")
        again = (await running.offer(sdp=fresh, pc_id=first["pc_id"])).json()
        assert again["pc_id"] == first["pc_id"]
        assert "a=recvonly" in again["sdp"]
        assert list(running.acceptor.calls) == ["call-1"]
        assert len(running.opened) == 1
        refused = await running.offer(sdp=changed("m=audio", "m=video"), pc_id=first["pc_id"])
        assert refused.status_code == 422
        assert list(running.acceptor.calls) == ["call-1"]


async def test_restart_pc_makes_a_new_call_of_the_old_one() -> None:
    async with door(max_sessions=1) as running:
        first = (await running.offer()).json()
        second = (await running.offer(pc_id=first["pc_id"], restart_pc=True)).json()
        assert second["pc_id"] != first["pc_id"]
        assert list(running.acceptor.calls) == ["call-2"]
        unknown = (await running.offer(pc_id="forgotten")).status_code
        assert unknown == 503  # a new call, for which there is no room


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"not json", 400, "json"),
        (b'{"type": "offer", "sdp": "", "requestData": ' + b"[" * 20_000, 400, "json"),
        (b'{"type": "offer"}', 400, "request"),
        (b'{"type": "answer", "sdp": ""}', 400, "request"),
        (b'{"type": "offer", "sdp": "v=0"}', 400, None),
        (b" " * 300_000, 413, "too_large"),
    ],
    ids=["no json", "deep", "no sdp", "an answer", "no offer", "too large"],
)
async def test_what_cannot_be_used_is_refused(body: bytes, status: int, code: str | None) -> None:
    async with door() as running:
        headers = {**KEY, "Content-Type": "application/json"}
        reply = await running.http.post("/api/offer", content=body, headers=headers)
        assert reply.status_code == status
        assert isinstance(reply.json()["detail"], str)
        assert code is None or reply.json()["code"] == code
        assert not running.acceptor.calls


async def test_requests_need_a_token_but_for_the_status() -> None:
    async with door() as running:
        wish = {"sdp": OFFER, "type": "offer"}
        codes = [(await running.http.post(path, json=wish)).status_code for path in ("/start", "/api/offer")]
        assert codes == [401, 401]
        assert (await running.http.get("/status")).json() == {"status": "ready", "transports": ["webrtc"]}


async def test_other_transports_and_types_are_refused() -> None:
    async with door() as running:
        daily = await running.http.post("/start", json={"transport": "daily"}, headers=KEY)
        assert daily.status_code == 400
        text = await running.http.post("/api/offer", content=OFFER, headers={**KEY, "Content-Type": "text/plain"})
        assert text.status_code == 415


async def test_pages_may_call_and_patch() -> None:
    async with door() as running:
        asked = {"Origin": "https://app.example", "Access-Control-Request-Method": "PATCH"}
        reply = await running.http.options("/api/offer", headers=asked)
        assert reply.status_code == 204
        assert reply.headers["access-control-allow-origin"] == "*"
        assert "PATCH" in reply.headers["access-control-allow-methods"]
        assert "Authorization" in reply.headers["access-control-allow-headers"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"path": "bot"},
        {"path": "/bot/"},
        {"tokens": ()},
        {"tokens": ("",)},
        {"tokens": "letters"},
        {"cors_origins": ("page.test",)},
    ],
    ids=lambda wrong: str(wrong),
)
def test_wrong_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        SmallWebRtcSettings(**{"tokens": ("one",), **wrong})
