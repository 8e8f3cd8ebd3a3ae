"""The WebSocket beside a call: a server follows and steers what its client's ``oai-events`` channel carries.

Who asks is settled before the handshake is answered; a refusal is an HTTP response in the door's own error shape.
"""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.websockets import WebSocket

from ..errors import OverloadError
from .auth import BearerTokens, Owner
from .body import check_headers
from .calls import CallTable
from .first_of import first_of
from .problems import overload_problem
from .realtime_calls import Controller, RealtimeCalls
from .realtime_errors import error_response, refusal

__all__ = ["CALL_ID_PREFIX", "SideChannel"]

CALL_ID_PREFIX = "rtc_"
_PROTOCOL = "realtime"
_KEY_PROTOCOL = "openai-insecure-api-key."  # how pages, which may set no header, hand over a key


class SideChannel:
    """The endpoint of these WebSockets.

    Args:
        calls: that are open.
        tokens: standard keys.
        events: of the calls.
    """

    def __init__(self, calls: CallTable, tokens: BearerTokens, events: RealtimeCalls) -> None:
        self._calls = calls
        self._tokens = tokens
        self._events = events

    async def serve(self, socket: WebSocket) -> None:
        """Serve one connection."""
        try:
            controller = self._join(socket)
        except HTTPException as problem:
            await socket.send_denial_response(await error_response(socket, problem))
            return
        try:
            await socket.accept(_PROTOCOL if _PROTOCOL in _protocols(socket) else None)
            await first_of(_tell(socket, controller), _listen(socket, controller))
        finally:
            controller.leave()

    def _join(self, socket: WebSocket) -> Controller:
        """Return the connection's place in the call that it names.

        Raises:
            Problem: it has none.
        """
        check_headers(socket)
        owner = self._owner(socket)
        id_ = socket.query_params.get("call_id")
        if id_ is None:
            raise refusal(400, "missing_required_parameter", "this needs a call_id; calls are made by HTTP", "call_id")
        call = self._calls.find(id_.removeprefix(CALL_ID_PREFIX), owner) if id_.startswith(CALL_ID_PREFIX) else None
        try:
            controller = None if call is None or call.call_id is None else self._events.join(call.call_id)
        except OverloadError as error:
            raise overload_problem(error) from None
        if controller is None:
            raise refusal(404, "call_not_found", "there is no such call, or it has no events", "call_id")
        return controller

    def _owner(self, socket: WebSocket) -> Owner:
        keys = [name.removeprefix(_KEY_PROTOCOL) for name in _protocols(socket) if name.startswith(_KEY_PROTOCOL)]
        if len(keys) == 1 and "authorization" not in socket.headers:
            return self._tokens.owner_of_token(keys[0])
        return self._tokens.owner_of(socket)


def _protocols(socket: WebSocket) -> list[str]:
    protocols: list[str] = socket.scope.get("subprotocols", [])
    return protocols


async def _tell(socket: WebSocket, controller: Controller) -> None:
    while (text := await controller.receive()) is not None:
        await socket.send_text(text)
    await socket.close(controller.close_code)


async def _listen(socket: WebSocket, controller: Controller) -> None:
    while (message := await socket.receive())["type"] != "websocket.disconnect":
        text = message.get("text")
        controller.put(message["bytes"] if text is None else text)
