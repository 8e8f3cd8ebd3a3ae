"""Two associations, or two ends of data channels, on a virtual link: the network of ``tests.link`` without paths."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import Protocol, TypeVar

from rtcsplit.drops import DropReason
from rtcsplit.session.datachannel import DataChannels
from rtcsplit.session.dcep import ChannelParameters
from rtcsplit.session.events import ChannelOpened, MessageReceived
from rtcsplit.session.negotiation import DataNegotiation, DtlsRole
from rtcsplit.session.sctp_association import SctpAssociation
from rtcsplit.session.sctp_events import SctpEvent, SctpMessage
from rtcsplit.session.sctp_send_queue import OutboundMessage
from rtcsplit.session.sctp_state import SctpState
from rtcsplit.wire.address import Address, Path

from .link import Conditions, Network

PATH = Path(Address.of("198.51.100.7", 50000))
Event = TypeVar("Event")


class Endpoint(Protocol):
    """What both an association and data channels are to a link."""

    def start(self, now: float) -> None: ...

    def receive(self, packet: bytes, now: float) -> DropReason | None: ...

    def packets_to_send(self, now: float) -> list[bytes]: ...

    def next_event(self) -> object | None: ...

    def next_timer(self) -> float | None: ...

    def handle_timer(self, now: float) -> None: ...


class SctpPeer:
    """An endpoint that keeps its events and counts its drops."""

    def __init__(self, endpoint: Endpoint, react: Callable[[object, float], None] = lambda event, now: None) -> None:
        self.endpoint = endpoint
        self.events: list[object] = []
        self.drops: Counter[DropReason] = Counter()
        self.sent: list[bytes] = []
        self.react = react

    def receive(self, datagram: bytes, path: Path, now: float) -> DropReason | None:
        reason = self.endpoint.receive(datagram, now)
        if reason is not None:
            self.drops[reason] += 1
        self._follow(now)
        return reason

    def receive_batch(self, batch: list[tuple[bytes, Path]], now: float) -> None:
        for datagram, path in batch:
            self.receive(datagram, path, now)

    def datagrams_to_send(self, now: float) -> list[tuple[bytes, Path]]:
        packets = self.endpoint.packets_to_send(now)
        self.sent += packets
        self._follow(now)
        return [(packet, PATH) for packet in packets]

    def next_timer(self) -> float | None:
        return self.endpoint.next_timer()

    def handle_timer(self, now: float) -> None:
        self.endpoint.handle_timer(now)
        self._follow(now)

    def of_type(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]

    def _follow(self, now: float) -> None:
        while (event := self.endpoint.next_event()) is not None:
            self.events.append(event)
            self.react(event, now)


class SctpLink:
    """Two peers and the network between them."""

    def __init__(self, left: SctpPeer, right: SctpPeer, conditions: Conditions | None = None, *, seed: int = 1) -> None:
        self.left, self.right = left, right
        self.network = Network(left, conditions, seed=seed)
        self.network.attach(right, PATH.client)

    @property
    def now(self) -> float:
        return self.network.now


class AssociationPair(SctpLink):
    """Two associations."""

    def __init__(self, conditions: Conditions | None = None, *, seed: int = 1) -> None:
        self.left_end = association(2 * seed)
        self.right_end = association(2 * seed + 1)
        super().__init__(SctpPeer(self.left_end), SctpPeer(self.right_end), conditions, seed=seed)

    @property
    def is_established(self) -> bool:
        return self.left_end.state is self.right_end.state is SctpState.ESTABLISHED

    def connect(self, limit: float = 60.0) -> None:
        self.left_end.start(self.now)
        self.right_end.start(self.now)
        assert self.network.run_until(lambda: self.is_established, limit=limit)

    def send(self, *messages: OutboundMessage) -> None:
        """From left to right."""
        for message in messages:
            self.left_end.send(message)

    def received(self) -> list[SctpMessage]:
        """On the right."""
        return self.right.of_type(SctpMessage)


class ChannelPair(SctpLink):
    """Two ends of data channels; the left one is the DTLS client."""

    def __init__(self, conditions: Conditions | None = None, *, seed: int = 1, max_message_size: int = 65_536) -> None:
        self.client = channels(DtlsRole.CLIENT, 2 * seed, max_message_size)
        self.server = channels(DtlsRole.SERVER, 2 * seed + 1, max_message_size)
        super().__init__(SctpPeer(self.client), SctpPeer(self.server), conditions, seed=seed)

    def start(self) -> None:
        self.client.start(self.now)
        self.server.start(self.now)

    def open(self, parameters: ChannelParameters) -> int:
        """From the client; return the id once both ends have it."""
        opened = len(self.left.of_type(ChannelOpened))
        channel_id = self.client.open(parameters)
        assert self.network.run_until(lambda: len(self.left.of_type(ChannelOpened)) > opened)
        return channel_id

    def messages(self) -> list[bytes | str]:
        """What the server has received."""
        return [message.data for message in self.right.of_type(MessageReceived)]


def channels(role: DtlsRole, seed: int = 1, max_message_size: int = 65_536) -> DataChannels:
    negotiation = DataNegotiation("1", max_message_size=max_message_size)
    return DataChannels(negotiation, role, random=random.Random(seed).randbytes)


def association(seed: int = 1) -> SctpAssociation:
    return SctpAssociation(5000, 5000, random=random.Random(seed).randbytes)


def drain(endpoint: SctpAssociation) -> list[SctpEvent]:
    """Return all events that are there."""
    events = []
    while (event := endpoint.next_event()) is not None:
        events.append(event)
    return events
