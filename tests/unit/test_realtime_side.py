"""The WebSocket beside a call, over real connections: who may join, what goes through, how it ends."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from rtcsplit.errors import OverloadError
from rtcsplit.gateway.realtime_controller import EventsController
from tests.backends import until
from tests.realtime_door import KEY, Door, door


class Place:
    """A call's side of one controller.

    Attributes:
        said: what the controller said.
        is_left: whether it has gone.
    """

    def __init__(self, running: Door) -> None:
        self.said: list[str | bytes] = []
        self.is_left = False
        self.controller = EventsController(lambda _, text: self.said.append(text), self._leave)
        running.calls.controllers.append(self.controller)

    def _leave(self, controller: EventsController) -> None:
        self.is_left = True


async def opened(running: Door) -> str:
    location: str = (await running.call()).headers["location"]
    return location.rsplit("/", 1)[-1]


def joining(running: Door, query: str, headers: dict[str, str] | None = None, **options: Any) -> connect:
    url = f"ws://{running.address}/v1/realtime{query}"
    return connect(url, additional_headers=KEY if headers is None else headers, proxy=None, **options)


async def test_events_go_both_ways_until_the_call_is_over() -> None:
    async with door() as running:
        place = Place(running)
        place.controller.send('{"type":"session.created"}')
        async with joining(running, f"?call_id={await opened(running)}") as socket:
            assert await socket.recv() == '{"type":"session.created"}'
            await socket.send('{"type":"response.create"}')
            await socket.send(b"octets")
            await until(lambda: place.said == ['{"type":"response.create"}', b"octets"])
            place.controller.send("last words")
            place.controller.end()
            assert await socket.recv() == "last words"
            with pytest.raises(ConnectionClosed) as closed:
                await socket.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1000


async def test_one_who_leaves_is_forgotten() -> None:
    async with door() as running:
        place = Place(running)
        async with joining(running, f"?call_id={await opened(running)}"):
            assert not place.is_left
        await until(lambda: place.is_left)


async def test_one_who_does_not_read_is_put_out() -> None:
    async with door() as running:
        place = Place(running)
        async with joining(running, f"?call_id={await opened(running)}") as socket:
            await asyncio.sleep(0)
            for _ in range(1025):
                place.controller.send("x")
            assert place.is_left
            await socket.wait_closed()
            assert socket.close_code == 1013


async def test_pages_hand_their_key_over_as_a_protocol() -> None:
    async with door() as running:
        Place(running)
        protocols = [Subprotocol("realtime"), Subprotocol("openai-insecure-api-key.standard")]
        async with joining(running, f"?call_id={await opened(running)}", {}, subprotocols=protocols) as socket:
            assert socket.subprotocol == "realtime"


@pytest.mark.parametrize(
    ("query", "headers", "expected"),
    [
        ("", KEY, (400, "missing_required_parameter", "call_id")),
        ("?model=a-model", KEY, (400, "missing_required_parameter", "call_id")),
        ("?call_id=rtc_1", KEY, (404, "call_not_found", "call_id")),
        ("?call_id={}", {"Authorization": "Bearer other"}, (404, "call_not_found", "call_id")),
        ("?call_id={}", {"Authorization": "Bearer wrong"}, (401, "invalid_api_key", None)),
        ("?call_id={}", {}, (401, "invalid_api_key", None)),
        ("?call_id={}", {**KEY, "X-Long": "x" * 8192}, (431, "headers_too_large", None)),
    ],
    ids=["no call", "no call but a model", "unknown", "another's", "wrong key", "no key", "long headers"],
)
async def test_one_who_may_not_join_is_told_why(
    query: str, headers: dict[str, str], expected: tuple[int, str, str | None]
) -> None:
    async with door() as running:
        place = Place(running)
        with pytest.raises((InvalidStatus, ConnectionClosed, OSError)) as refused:
            async with joining(running, query.format(await opened(running)), headers):
                pass
        if isinstance(refused.value, InvalidStatus):
            response = refused.value.response
            assert response.status_code == expected[0]
            assert f'"code":"{expected[1]}"' in (response.body or b"").decode()
        else:
            assert expected[0] == 431, "the server's own limit"
        assert not place.is_left
        assert place.said == []


async def test_call_without_events_and_one_with_too_many_controllers() -> None:
    async with door() as running:
        call = await opened(running)
        with pytest.raises(InvalidStatus) as none:
            async with joining(running, f"?call_id={call}"):
                pass
        assert none.value.response.status_code == 404

        def full(call_id: str) -> None:
            raise OverloadError("a call takes 4 controllers at a time")

        running.calls.join = full  # type: ignore[method-assign]
        with pytest.raises(InvalidStatus) as many:
            async with joining(running, f"?call_id={call}"):
                pass
        assert many.value.response.status_code == 503
        assert many.value.response.headers["Retry-After"]


async def test_message_of_more_than_a_mebioctet_ends_that_connection_alone() -> None:
    async with door() as running:
        call = await opened(running)
        kept, big = Place(running), Place(running)
        async with joining(running, f"?call_id={call}") as first, joining(running, f"?call_id={call}") as second:
            await first.send("x" * (1 << 20) + "x")
            await first.wait_closed()
            assert first.close_code == 1009
            await until(lambda: big.is_left)
            await second.send("hello")
            await until(lambda: kept.said == ["hello"])
