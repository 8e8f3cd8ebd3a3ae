"""WebRTC data channels over one SCTP association, without I/O (RFC 8831, RFC 8832).

A channel is a pair of streams with the same identifier. The DTLS client's identifiers are even, the server's odd. What
the peer may not open is refused by resetting that stream, which is all the answer that RFC 8832 section 6 has.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from ..drops import DropReason
from ..errors import UsageError
from .datachannel_state import Channel, ChannelState, ChannelTrigger
from .dcep import ACK, ChannelParameters, build_open, is_ack, parse_open
from .events import ChannelClosed, ChannelDrained, ChannelEvent, ChannelOpened, DataChannelsEnded, MessageReceived
from .negotiation import DataNegotiation, DtlsRole
from .ppid import Ppid, decode, encode
from .sctp_association import SctpAssociation
from .sctp_events import (
    AssociationEnded,
    AssociationEstablished,
    InboundStreamsReset,
    OutboundStreamReset,
    SctpEvent,
    SctpMessage,
    StreamDrained,
)
from .sctp_inbound import MAX_STREAMS
from .sctp_send_queue import OutboundMessage
from .sctp_state import SctpState

__all__ = ["MAX_CHANNEL_TEXT", "DataChannels"]

MAX_CHANNEL_TEXT = 128 * 1024  # octets of all labels and protocols that the peer makes us keep


class DataChannels:
    """The data channels of one session, and the association under them.

    After each call that changes it, empty :meth:`packets_to_send` and :meth:`next_event` and ask :meth:`next_timer`
    again.

    Args:
        negotiation: ports, and the longest message that the peer takes.
        role: ours in DTLS.
        random: returns as many random octets as it is asked for.
    """

    def __init__(self, negotiation: DataNegotiation, role: DtlsRole, *, random: Callable[[int], bytes]) -> None:
        self._association = SctpAssociation(
            negotiation.local_port, negotiation.remote_port, random=random, inits=negotiation.inits
        )
        self._max_message_size = negotiation.max_message_size
        self._first_id = 0 if role is DtlsRole.CLIENT else 1
        self._id_limit = MAX_STREAMS
        self._channels: dict[int, Channel] = {}
        self._remote_text = 0
        self._events: deque[ChannelEvent] = deque()

    @property
    def is_open(self) -> bool:
        """Whether channels can be opened: True until the association has ended."""
        return self._association.state is not SctpState.ENDED

    def start(self, now: float) -> None:
        """The DTLS association stands: make ours in it. Later calls do nothing."""
        self._association.start(now)

    def receive(self, packet: bytes, now: float) -> DropReason | None:
        """Take the application data of one DTLS record; return why it was dropped, or None."""
        reason = self._association.receive(packet, now)
        self._follow()
        return reason

    def packets_to_send(self, now: float) -> list[bytes]:
        """Return what is to be sent, each for a DTLS record of its own."""
        packets = self._association.packets_to_send(now)
        self._follow()
        return packets

    def next_event(self) -> ChannelEvent | None:
        """Return the next event, None when there is none."""
        return self._events.popleft() if self._events else None

    def next_timer(self) -> float | None:
        """Return when :meth:`handle_timer` wants to be called, None for never."""
        return self._association.next_timer()

    def handle_timer(self, now: float) -> None:
        """Do what is due at ``now``; early and repeated calls do no harm."""
        self._association.handle_timer(now)
        self._follow()

    def close(self) -> None:
        """End all channels and their association. Later calls do nothing."""
        self._association.close()
        self._follow()

    # channels

    def open(self, parameters: ChannelParameters, *, negotiated_id: int | None = None) -> int:
        """Open a channel. Messages may be sent on it at once; :class:`ChannelOpened` says that the peer has it.

        Args:
            parameters: label, order and reliability.
            negotiated_id: an identifier that both sides have agreed on by other means, which does without the
                protocol of RFC 8832; its parameters then have to be the same at both ends.

        Returns:
            The channel's id.

        Raises:
            UsageError: the association has ended, all identifiers are taken, or this one is; nothing was opened.
        """
        if not self.is_open:
            raise UsageError("the data channels of this session have ended")
        channel_id = self._free_id() if negotiated_id is None else negotiated_id
        if channel_id in self._channels or not 0 <= channel_id < self._id_limit:
            raise UsageError(f"channel id {channel_id} is taken or out of range 0..{self._id_limit - 1}")
        channel = Channel(channel_id, parameters, has_peer=negotiated_id is not None)
        if negotiated_id is None:
            self._send(channel, Ppid.DCEP, build_open(parameters))
        self._channels[channel_id] = channel
        if negotiated_id is not None and self._association.state is SctpState.ESTABLISHED:
            self._opened(channel, is_remote=False)
        return channel_id

    def send(self, channel_id: int, data: bytes | str, now: float) -> None:
        """Queue one message.

        Args:
            channel_id: of a channel that is open or opening.
            data: text or octets, of any length that the peer takes.
            now: monotonic seconds, from which ``max_lifetime_ms`` counts.

        Raises:
            UsageError: there is no such channel, the message is longer than the peer takes, or 2 MiB are waiting
                already (see :meth:`buffered_amount`); nothing was queued.
        """
        channel = self._channels.get(channel_id)
        if channel is None or channel.state not in (ChannelState.CONNECTING, ChannelState.OPEN):
            raise UsageError(f"channel {channel_id} is not open")
        ppid, octets = encode(data)
        if 0 < self._max_message_size < len(octets):
            raise UsageError(f"a message of {len(octets)} octets: the peer takes {self._max_message_size}")
        self._send(channel, ppid, octets, now)

    def buffered_amount(self, channel_id: int) -> int:
        """Octets that wait to be sent on a channel; falling to 64 KiB is a :class:`ChannelDrained`."""
        return self._association.queued(channel_id)

    def close_channel(self, channel_id: int) -> None:
        """Close a channel after what waits on it was sent. Does nothing where it is closed or closing."""
        channel = self._channels.get(channel_id)
        if channel is not None:
            self._begin_close(channel)
            self._follow()

    def _begin_close(self, channel: Channel) -> None:
        if channel.apply(ChannelTrigger.CLOSE):
            # Before the association stands the peer knows nothing that it would have to close.
            channel.is_reset_by_peer |= self._association.state is not SctpState.ESTABLISHED
            self._association.reset_stream(channel.channel_id)

    def _free_id(self) -> int:
        for channel_id in range(self._first_id, self._id_limit, 2):
            if channel_id not in self._channels:
                return channel_id
        raise UsageError(f"all {self._id_limit // 2} channel ids of this side are taken")

    def _send(self, channel: Channel, ppid: Ppid, octets: bytes, now: float | None = None) -> None:
        """Queue ``octets``; without ``now`` they are the protocol's, ordered and reliable."""
        message = OutboundMessage(channel.channel_id, ppid, octets)
        parameters = channel.parameters
        if now is not None:
            # RFC 8832 section 6: nothing may overtake the OPEN.
            message.is_ordered = parameters.is_ordered or not channel.has_peer
            message.max_retransmits = parameters.max_retransmits
            if parameters.max_lifetime_ms is not None:
                message.expires_at = now + parameters.max_lifetime_ms / 1000
        self._association.send(message, is_exempt=now is None)

    # what the association reports

    def _follow(self) -> None:
        while (event := self._association.next_event()) is not None:
            self._take(event)

    def _take(self, event: SctpEvent) -> None:
        match event:
            case SctpMessage(stream_id, Ppid.DCEP, data):
                self._take_dcep(stream_id, data)
            case SctpMessage(stream_id, ppid, data):
                self._take_message(stream_id, ppid, data)
            case StreamDrained(stream_id):
                if stream_id in self._channels:
                    self._events.append(ChannelDrained(stream_id))
            case AssociationEstablished(outbound_streams):
                self._take_established(outbound_streams)
            case InboundStreamsReset(stream_ids):
                for stream_id in stream_ids or tuple(self._channels):
                    self._take_inbound_reset(stream_id)
            case OutboundStreamReset(stream_id, is_done):
                self._take_outbound_reset(stream_id, is_done)
            case AssociationEnded(cause, detail):
                for channel in list(self._channels.values()):
                    self._closed(channel)
                self._events.append(DataChannelsEnded(cause, detail))

    def _take_dcep(self, stream_id: int, data: bytes) -> None:
        if not self.is_open:
            return  # the association has ended with the same packet
        channel = self._channels.get(stream_id)
        if is_ack(data):
            if channel is not None:
                self._opened(channel, is_remote=False)
            return
        if channel is not None and channel.is_reset_by_peer:
            # The id is free for the peer, which has our reset too then; only its answer to that has not come.
            for reset_id in self._association.presume_reset(stream_id):
                self._take_outbound_reset(reset_id, is_done=True)
            channel = self._channels.get(stream_id)
        parameters = parse_open(data)
        if channel is not None:
            self._begin_close(channel)  # it cannot be opened twice
        elif parameters is None or not self._may_open(stream_id, parameters):
            self._refuse(stream_id)
        else:
            channel = self._channels[stream_id] = Channel(stream_id, parameters, has_peer=True, is_remote=True)
            self._remote_text += channel.text_size
            self._send(channel, Ppid.DCEP, ACK)
            self._opened(channel, is_remote=True)

    def _may_open(self, stream_id: int, parameters: ChannelParameters) -> bool:
        size = len(parameters.label) + len(parameters.protocol)
        return stream_id % 2 != self._first_id and self._remote_text + size <= MAX_CHANNEL_TEXT

    def _refuse(self, stream_id: int) -> None:
        """Reset the stream; until the peer has done the same it stays taken, unseen by the application."""
        channel = self._channels[stream_id] = Channel(stream_id, ChannelParameters(""), has_peer=True)
        channel.is_hidden = True
        self._begin_close(channel)

    def _take_message(self, stream_id: int, ppid: int, data: bytes) -> None:
        channel = self._channels.get(stream_id)
        decoded = decode(ppid, data)
        if channel is None or decoded is None:
            return
        self._opened(channel, is_remote=False)  # who answers has our OPEN
        if channel.state is ChannelState.OPEN:
            self._events.append(MessageReceived(stream_id, decoded))

    def _take_established(self, outbound_streams: int) -> None:
        self._id_limit = outbound_streams
        for channel in list(self._channels.values()):
            if channel.channel_id >= outbound_streams:
                self._association.discard_stream(channel.channel_id)
                self._closed(channel)
            elif channel.has_peer:
                self._opened(channel, is_remote=False)

    def _take_inbound_reset(self, stream_id: int) -> None:
        channel = self._channels.get(stream_id)
        if channel is None:
            return
        channel.is_reset_by_peer = True
        self._begin_close(channel)
        self._close_if_reset(channel)

    def _take_outbound_reset(self, stream_id: int, is_done: bool) -> None:
        channel = self._channels.get(stream_id)
        if channel is None:
            return
        channel.is_reset_by_us = True
        if is_done:
            self._close_if_reset(channel)
        elif not channel.is_hidden:
            # The peer still counts on its old sequence numbers: the id is used up.
            channel.is_hidden = True
            self._events.append(ChannelClosed(stream_id))

    def _close_if_reset(self, channel: Channel) -> None:
        if channel.is_reset_by_us and channel.is_reset_by_peer and channel.channel_id in self._channels:
            self._closed(channel)

    def _opened(self, channel: Channel, *, is_remote: bool) -> None:
        channel.has_peer = True
        if channel.apply(ChannelTrigger.OPENED):
            self._events.append(ChannelOpened(channel.channel_id, channel.parameters, is_remote))

    def _closed(self, channel: Channel) -> None:
        del self._channels[channel.channel_id]
        if channel.is_remote:
            self._remote_text -= channel.text_size
        if not channel.is_hidden:
            self._events.append(ChannelClosed(channel.channel_id))
