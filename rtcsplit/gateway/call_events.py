"""The events of one Realtime call: its client and its controllers say some and are told all of them."""

from __future__ import annotations

from collections import deque
from typing import Any, Protocol

from ..errors import OverloadError
from ..session.events import ChannelEvent
from ..transceiver.call import Call
from .realtime_channel import EventsChannel
from .realtime_controller import EventsController
from .realtime_events import EventMaker
from .refusal import Refusal
from .waiting import Change

__all__ = ["CallEvents", "Participant"]

MAX_CONTROLLERS = 4
_MAX_WAITING = 256
_MAX_WAITING_OCTETS = 1 << 20


class Participant(Protocol):
    """Who says events."""

    def send(self, text: str) -> None:
        """Tell it an event."""


class CallEvents:
    """From the moment that the call is accepted until it ends; what is said waits, bounded, for the backend.

    Attributes:
        maker: of events of our own.
        session: as the backend said last; None before.
        configuration: what the backend is told of the session when the call is connected.
    """

    def __init__(self, configuration: dict[str, Any]) -> None:
        self.maker = EventMaker()
        self.session: dict[str, Any] | None = None
        self.configuration = configuration
        self._client: EventsChannel | None = None
        self._controllers: list[EventsController] = []
        self._waiting: deque[tuple[Participant, str | bytes]] = deque()
        self._octets = 0
        self._change = Change()

    def connect(self, call: Call) -> None:
        """The call is connected: its client may open the channel."""
        self._client = EventsChannel(call, self._put)

    def take(self, event: ChannelEvent) -> None:
        """Something happened on the call's data channels."""
        if self._client is not None:
            self._client.take(event)

    def join(self) -> EventsController:
        """Return a new controller; it is told the session first, if the backend has said one.

        Raises:
            OverloadError: there are four.
        """
        if len(self._controllers) >= MAX_CONTROLLERS:
            raise OverloadError(f"a call takes {MAX_CONTROLLERS} controllers at a time")
        controller = EventsController(self._put, self._controllers.remove)
        self._controllers.append(controller)
        if self.session is not None:
            controller.send(self.maker.make("session.created", session=self.session))
        return controller

    def send(self, text: str) -> None:
        """Tell an event to everybody."""
        for participant in (self._client, *self._controllers):
            if participant is not None:
                participant.send(text)

    async def receive(self) -> tuple[Participant, str | bytes]:
        """Return who said what next."""
        while not self._waiting:
            await self._change.wait()
        participant, text = self._waiting.popleft()
        self._octets -= len(text)
        return participant, text

    def end(self) -> None:
        """The call is over."""
        for controller in self._controllers:
            controller.end()
        self._controllers.clear()

    def _put(self, participant: Participant, text: str | bytes) -> None:
        if len(self._waiting) >= _MAX_WAITING or self._octets + len(text) > _MAX_WAITING_OCTETS:
            refusal = Refusal("too_many_events", "the backend has not taken earlier events yet; this one is dropped")
            participant.send(self.maker.error(refusal, "rate_limit_error"))
            return
        self._waiting.append((participant, text))
        self._octets += len(text)
        self._change.notify()
