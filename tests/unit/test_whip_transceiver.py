"""WHIP in front of a real transceiver: what signaling remembers and what the transceiver runs are the same calls."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import httpx
import pytest

from rtcsplit.errors import ConfigurationError, OverloadError
from rtcsplit.gateway.echo import Echo
from rtcsplit.signaling.whip import WhipSettings, whip_application
from rtcsplit.transceiver.admission import DrainOutcome, OfferRefusal
from rtcsplit.transceiver.settings import TransceiverSettings
from rtcsplit.transceiver.transceiver import Transceiver
from rtcsplit.wire.address import Address
from tests.offers import OFFER, changed, stored

HEADERS = {"Authorization": "Bearer alice", "Content-Type": "application/sdp"}


@contextlib.asynccontextmanager
async def calling(max_sessions: int = 10, per_token: int = 2) -> AsyncIterator[tuple[Transceiver, httpx.AsyncClient]]:
    settings = TransceiverSettings(listen=Address.of("127.0.0.1", 0), max_sessions=max_sessions)
    async with Transceiver(settings, application=Echo()) as transceiver:
        application = whip_application(transceiver, WhipSettings(tokens=("alice",), max_sessions_per_token=per_token))
        transport = httpx.ASGITransport(application)
        async with httpx.AsyncClient(transport=transport, base_url="http://calls.test", headers=HEADERS) as http:
            yield transceiver, http


async def test_offer_makes_a_call_and_delete_ends_it() -> None:
    """Rows I1, I5, G8: the only candidate is the transceiver's own address, in direct mode."""
    async with calling() as (transceiver, http):
        response = await http.post("/whip", content=stored("chromium_audio"))
        (call,) = transceiver.calls()
        assert call.call_id not in response.headers["location"]
        assert call.ufrag in response.text
        assert f"127.0.0.1 {transceiver.address.port} typ host" in response.text
        assert (await http.delete(response.headers["location"])).status_code == 200
        assert transceiver.calls() == []


async def test_refused_offer_makes_no_call() -> None:
    """Row I3."""
    async with calling() as (transceiver, http):
        response = await http.post("/whip", content=changed("opus/48000/2", "speex/16000", OFFER))
        assert (response.status_code, response.json()["code"]) == (422, "no_codec")
        assert transceiver.calls() == []


async def test_call_that_ends_by_itself_is_gone_from_signaling() -> None:
    """Row I10: its URL is unknown and the token may open another one."""
    async with calling() as (transceiver, http):
        locations = [(await http.post("/whip", content=OFFER)).headers["location"] for _ in range(2)]
        assert (await http.post("/whip", content=OFFER)).status_code == 503
        for call in transceiver.calls():
            call.close()
        await asyncio.sleep(0)  # the turn of the loop in which ends are seen to
        assert [(await http.delete(location)).status_code for location in locations] == [404, 404]
        assert (await http.post("/whip", content=OFFER)).status_code == 201


async def test_full_transceiver_is_503() -> None:
    """Row I2."""
    async with calling(max_sessions=1) as (_, http):
        assert (await http.post("/whip", content=OFFER)).status_code == 201
        response = await http.post("/whip", content=OFFER)
        assert response.status_code == 503
        assert int(response.headers["retry-after"]) > 0


async def test_patch_restarts_the_ice_of_the_call() -> None:
    """Rows C18, I6: both ufrags lead to the call; candidates and DELETE go on under the new tag."""
    ice = "a=ice-ufrag:efgh\r\na=ice-pwd:ABCDEFGHIJKLMNOPQRSTUV\r\n"
    headers = {"Content-Type": "application/trickle-ice-sdpfrag"}
    async with calling() as (transceiver, http):
        created = await http.post("/whip", content=OFFER)
        location = created.headers["location"]
        (call,) = transceiver.calls()
        response = await http.patch(location, content=ice, headers={**headers, "If-Match": "*"})
        assert response.status_code == 200
        assert f"127.0.0.1 {transceiver.address.port} typ host" in response.text
        assert call.ufrag not in response.text
        assert transceiver.counters().sessions == {"checking": 1}
        trickled = ice + "a=end-of-candidates\r\n"
        for etag, status in ((response.headers["etag"], 204), (created.headers["etag"], 412)):
            patched = await http.patch(location, content=trickled, headers={**headers, "If-Match": etag})
            assert patched.status_code == status
        call.close()
        await asyncio.sleep(0)
        assert (await http.patch(location, content=ice, headers={**headers, "If-Match": "*"})).status_code == 404


async def test_patch_follows_an_offer_that_restarted_ice() -> None:
    """Row I6: what is asked for by PATCH is checked against the call as it is, whoever changed it."""
    new = "a=ice-ufrag:efgh\r\na=ice-pwd:ABCDEFGHIJKLMNOPQRSTUV\r\n"
    headers = {"Content-Type": "application/trickle-ice-sdpfrag"}
    async with calling() as (transceiver, http):
        created = await http.post("/whip", content=OFFER)
        location, stale = created.headers["location"], created.headers["etag"]
        (call,) = transceiver.calls()
        offer = OFFER.replace("abcdefghijklmnopqrstuv", "ABCDEFGHIJKLMNOPQRSTUV").replace("abcd", "efgh")
        assert await transceiver.renegotiate(call.call_id, offer.encode()) is not None
        trickled = new + "a=end-of-candidates\r\n"
        for if_match, status in ((stale, 412), ("*", 204)):
            patched = await http.patch(location, content=trickled, headers={**headers, "If-Match": if_match})
            assert patched.status_code == status
        again = new.replace("efgh", "ijkl").replace("ABCD", "EFGH")
        restarted = await http.patch(location, content=again, headers={**headers, "If-Match": "*"})
        assert restarted.status_code == 200
        assert call.ufrag not in restarted.text


async def test_draining_transceiver_refuses_offers_and_serves_its_calls() -> None:
    """Row I11: 503 with Retry-After for POST; PATCH and DELETE as ever; the last call's end ends the drain."""
    ice = "a=ice-ufrag:efgh\r\na=ice-pwd:ABCDEFGHIJKLMNOPQRSTUV\r\n"
    patch = {"Content-Type": "application/trickle-ice-sdpfrag", "If-Match": "*"}
    async with calling(per_token=10) as (transceiver, http):
        locations = [(await http.post("/whip", content=OFFER)).headers["location"] for _ in range(2)]
        drain = asyncio.create_task(transceiver.drain(60.0))
        await asyncio.sleep(0)
        response = await http.post("/whip", content=OFFER)
        assert (response.status_code, int(response.headers["retry-after"]) > 0) == (503, True)
        assert transceiver.counters().offers_refused == {OfferRefusal.DRAINING: 1}
        assert transceiver.counters().is_draining
        assert (await http.patch(locations[0], content=ice, headers=patch)).status_code == 200
        assert (await http.delete(locations[0])).status_code == 200
        assert not drain.done()
        assert (await http.delete(locations[1])).status_code == 200
        assert await drain is DrainOutcome.EMPTY
        transceiver.undo_drain()
        assert (await http.post("/whip", content=OFFER)).status_code == 201


async def test_half_open_calls_have_a_cap_of_their_own() -> None:
    """Row D18: sessions without keys; one that ends makes room, the others are as they were."""
    settings = TransceiverSettings(listen=Address.of("127.0.0.1", 0), max_half_open_sessions=3)
    async with Transceiver(settings, application=Echo()) as transceiver:
        calls = [await transceiver.accept(OFFER.encode()) for _ in range(3)]
        with pytest.raises(OverloadError):
            await transceiver.accept(OFFER.encode())
        assert transceiver.counters().offers_refused == {OfferRefusal.HALF_OPEN: 1}
        assert len(transceiver.calls()) == 3
        await transceiver.close(calls[0].call_id)
        await transceiver.accept(OFFER.encode())


@pytest.mark.parametrize(
    ("listen", "advertise"),
    [("0.0.0.0:0", ()), ("[::]:0", ()), ("0.0.0.0:0", ("0.0.0.0:5000",)), ("0.0.0.0:0", ("192.0.2.1:0",))],
)
def test_a_candidate_that_nobody_reaches_is_refused_before_the_first_offer(
    listen: str, advertise: tuple[str, ...]
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        TransceiverSettings(Address.parse(listen), advertise=tuple(map(Address.parse, advertise)))
    assert caught.value.key == "transceiver.advertise"
