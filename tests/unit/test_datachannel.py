"""Data channels: opening, messages, closing, and what is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from rtcsplit.errors import UsageError
from rtcsplit.session.datachannel import MAX_CHANNEL_TEXT, DataChannels
from rtcsplit.session.dcep import ACK, ChannelParameters, build_open
from rtcsplit.session.events import (
    ChannelClosed,
    ChannelDrained,
    ChannelOpened,
    DataChannelsEnded,
    MessageReceived,
)
from rtcsplit.session.negotiation import DtlsRole
from rtcsplit.session.ppid import Ppid
from rtcsplit.session.sctp_chunks import Data, ForwardTsn
from rtcsplit.session.sctp_events import AssociationCause, InboundStreamsReset
from rtcsplit.session.sctp_packet import build_packet
from rtcsplit.session.sctp_send_queue import LOW_WATER, OutboundMessage
from tests.link import Conditions
from tests.sctp_link import ChannelPair, SctpLink, SctpPeer, association, channels

PLAIN = ChannelParameters("chat")


def started(conditions: Conditions | None = None, seed: int = 1, **options: int) -> ChannelPair:
    pair = ChannelPair(conditions, seed=seed, **options)
    pair.start()
    return pair


def fill(pair: ChannelPair, channel_id: int) -> None:
    """Send until there is no room."""
    for _ in range(32):
        pair.client.send(channel_id, bytes(65_000), pair.now)
    with pytest.raises(UsageError):
        pair.client.send(channel_id, bytes(65_000), pair.now)


class Bare(SctpLink):
    """Data channels, as DTLS server, against an association by which a test says what it likes."""

    def __init__(self) -> None:
        self.channels = channels(DtlsRole.SERVER, 1)
        self.peer = association(2)
        super().__init__(SctpPeer(self.channels), SctpPeer(self.peer))
        self.channels.start(self.now)
        self.network.run_for(0.5)

    def say(self, stream_id: int, ppid: int, data: bytes) -> None:
        self.peer.send(OutboundMessage(stream_id, ppid, data))
        self.network.run_for(0.5)

    def heard(self, kind: type) -> list[object]:
        return self.right.of_type(kind)


# opening


@pytest.mark.parametrize("parameters", [PLAIN, ChannelParameters("é", "p", is_ordered=False, max_retransmits=2)])
def test_a_channel_opens_at_both_ends(parameters: ChannelParameters) -> None:
    pair = started()
    channel_id = pair.open(parameters)
    assert pair.left.events == [ChannelOpened(channel_id, parameters, is_remote=False)]
    assert pair.right.events == [ChannelOpened(channel_id, parameters, is_remote=True)]


def test_the_client_has_even_ids_and_the_server_odd_ones() -> None:
    """H7: RFC 8832 section 6."""
    pair = started()
    assert [pair.client.open(PLAIN) for _ in range(3)] == [0, 2, 4]
    assert [pair.server.open(PLAIN) for _ in range(3)] == [1, 3, 5]
    pair.network.run_for(1.0)
    assert sorted(event.channel_id for event in pair.left.of_type(ChannelOpened)) == [0, 1, 2, 3, 4, 5]


def test_there_are_512_channels_of_each_side() -> None:
    """H5: 1,024 streams."""
    pair = started()
    ids = [pair.client.open(PLAIN) for _ in range(512)]
    with pytest.raises(UsageError):
        pair.client.open(PLAIN)
    pair.network.run_for(2.0)
    assert sorted(event.channel_id for event in pair.right.of_type(ChannelOpened)) == ids


def test_messages_may_be_sent_before_anything_stands() -> None:
    pair = ChannelPair()
    channel_id = pair.client.open(PLAIN)
    pair.client.send(channel_id, "early", pair.now)
    pair.start()
    assert pair.network.run_until(lambda: pair.messages() == ["early"])


def test_nothing_overtakes_the_open() -> None:
    """RFC 8832 section 6: ordered until the peer has answered."""
    for seed in range(10):
        pair = ChannelPair(Conditions(delay=0.01, jitter=0.05, loss=0.2), seed=seed)
        channel_id = pair.client.open(ChannelParameters("u", is_ordered=False))
        for n in range(5):
            pair.client.send(channel_id, str(n), pair.now)
        pair.start()
        assert pair.network.run_until(lambda pair=pair: len(pair.messages()) == 5)
        assert pair.messages() == ["0", "1", "2", "3", "4"]


def test_negotiated_channels_need_no_protocol() -> None:
    pair = ChannelPair()
    for end in (pair.client, pair.server):
        assert end.open(PLAIN, negotiated_id=7) == 7
        with pytest.raises(UsageError):
            end.open(PLAIN, negotiated_id=7)
        with pytest.raises(UsageError):
            end.open(PLAIN, negotiated_id=1024)
    pair.start()
    pair.network.run_for(1.0)
    assert pair.left.events == pair.right.events == [ChannelOpened(7, PLAIN, is_remote=False)]
    assert pair.client.open(PLAIN, negotiated_id=9) == 9
    pair.client.send(7, "x", pair.now)
    assert pair.network.run_until(lambda: pair.messages() == ["x"])


@pytest.mark.parametrize(
    ("stream_id", "message"),
    [(1, build_open(PLAIN)), (0, build_open(PLAIN)[:-1]), (0, b"\x03"), (0, b"\x09"), (1, b"\x03")],
    ids=["parity", "length", "short", "type", "both"],
)
def test_an_open_that_cannot_be_is_refused_by_a_reset(stream_id: int, message: bytes) -> None:
    """H6, H7: the server's own ids, lengths that leave the message; the application sees nothing."""
    bare = Bare()
    bare.say(stream_id, Ppid.DCEP, message)
    assert bare.left.events == []
    assert bare.heard(InboundStreamsReset) == [InboundStreamsReset((stream_id,))]
    bare.peer.reset_stream(stream_id)
    bare.network.run_for(1.0)
    bare.say(0, Ppid.DCEP, build_open(PLAIN))
    assert bare.left.events == [ChannelOpened(0, PLAIN, is_remote=True)]


def test_a_thousand_refusals_at_once_are_no_deeper_than_one() -> None:
    """H6: OPENs that wait for their turn on every stream, and one FORWARD TSN that releases them together."""
    bare = Bare()
    bare.say(0, Ppid.TEXT, b"x")
    assert bare.peer._peer is not None
    tag, tsn = bare.peer._peer.tag, bare.peer._outbound.last_tsn
    bad = [Data((tsn + 1 + n) & 0xFFFFFFFF, n, 1, Ppid.DCEP, b"\x03") for n in range(1, 1000)]
    for begin in range(0, len(bad), 30):
        chunks = [chunk.build() for chunk in bad[begin : begin + 30]]
        assert bare.channels.receive(build_packet(5000, 5000, tag, chunks), bare.now) is None
        assert bare.channels.next_event() is None
    released = ForwardTsn((tsn + 1) & 0xFFFFFFFF, tuple((n, 0) for n in range(1, 1000)))
    assert bare.channels.receive(build_packet(5000, 5000, tag, [released.build()]), bare.now) is None
    assert bare.channels.next_event() is None
    assert bare.channels.packets_to_send(bare.now)


def test_an_open_on_an_open_stream_closes_it() -> None:
    """H6: RFC 8832 section 6."""
    bare = Bare()
    bare.say(0, Ppid.DCEP, build_open(PLAIN))
    bare.say(0, Ppid.DCEP, build_open(ChannelParameters("again")))
    assert bare.left.events == [ChannelOpened(0, PLAIN, is_remote=True)]
    assert bare.heard(InboundStreamsReset) == [InboundStreamsReset((0,))]
    bare.peer.reset_stream(0)
    bare.network.run_for(1.0)
    assert bare.left.events[1:] == [ChannelClosed(0)]


def test_labels_of_the_peer_are_bounded_in_all() -> None:
    """H5: a channel may have a label of 64 KiB, all of them together 128 KiB."""
    bare = Bare()
    for n in range(4):
        bare.say(2 * n, Ppid.DCEP, build_open(ChannelParameters("x" * 60_000)))
    assert len(bare.left.of_type(ChannelOpened)) == MAX_CHANNEL_TEXT // 60_000 == 2
    bare.peer.reset_stream(0)
    bare.network.run_for(1.0)
    bare.say(10, Ppid.DCEP, build_open(ChannelParameters("x" * 60_000)))
    assert len(bare.left.of_type(ChannelOpened)) == 3


def test_acknowledgements_of_nothing_have_no_effect() -> None:
    bare = Bare()
    bare.say(0, Ppid.DCEP, ACK)
    bare.say(0, Ppid.DCEP, build_open(PLAIN))
    bare.say(0, Ppid.DCEP, ACK)
    assert bare.left.events == [ChannelOpened(0, PLAIN, is_remote=True)]


# messages


MESSAGES = ["text", b"octets", "", b"", "ü" * 30_000, bytes(65_536), "last"]


@pytest.mark.parametrize("seed", range(3))
def test_messages_arrive_as_they_were_sent(seed: int) -> None:
    """H8: text and octets, empty and long, both ways, on a bad link."""
    pair = started(Conditions(delay=0.02, jitter=0.02, loss=0.05, duplication=0.05), seed=seed)
    channel_id = pair.open(PLAIN)
    for message in MESSAGES:
        pair.client.send(channel_id, message, pair.now)
        pair.server.send(channel_id, message, pair.now)
    answers = lambda: [message.data for message in pair.left.of_type(MessageReceived)]  # noqa: E731
    assert pair.network.run_until(lambda: min(len(pair.messages()), len(answers())) == len(MESSAGES), limit=120)
    assert pair.messages() == answers() == MESSAGES


def test_messages_on_no_channel_or_of_no_kind_are_ignored() -> None:
    bare = Bare()
    bare.say(4, Ppid.TEXT, b"nobody")
    bare.say(0, Ppid.DCEP, build_open(PLAIN))
    bare.say(0, 52, b"deprecated")
    bare.say(0, 99, b"unknown")
    bare.say(0, Ppid.TEXT, b"heard")
    assert bare.left.events[1:] == [MessageReceived(0, "heard")]


def test_a_message_longer_than_the_peer_takes_is_refused() -> None:
    """RFC 8841 section 6.1: the peer's limit; 0 is none."""
    pair = started(max_message_size=100)
    channel_id = pair.open(PLAIN)
    pair.client.send(channel_id, "x" * 100, pair.now)
    for data in ("x" * 101, b"x" * 101, "é" * 51):
        with pytest.raises(UsageError):
            pair.client.send(channel_id, data, pair.now)
    unlimited = started(max_message_size=0)
    unlimited.client.send(unlimited.open(PLAIN), bytes(65_536), unlimited.now)


def test_what_waits_is_bounded_and_its_end_is_announced() -> None:
    pair = started()
    channel_id = pair.open(PLAIN)
    fill(pair, channel_id)
    waiting = pair.client.buffered_amount(channel_id)
    assert waiting > 30 * 65_000
    assert pair.network.run_until(lambda: bool(pair.left.of_type(ChannelDrained)))
    assert pair.client.buffered_amount(channel_id) <= LOW_WATER
    assert pair.network.run_until(lambda: len(pair.messages()) == waiting // 65_000)


def test_a_full_queue_does_not_keep_the_peer_from_opening() -> None:
    pair = started()
    channel_id = pair.open(PLAIN)
    pair.network.drop_if = lambda datagram, is_uplink: not is_uplink
    fill(pair, channel_id)
    pair.server.open(PLAIN)
    pair.network.run_for(3.0)
    assert [event.channel_id for event in pair.left.of_type(ChannelOpened)] == [0, 1]


def unreliable_under_loss(parameters: ChannelParameters) -> tuple[list[int], float]:
    """100 messages, 20 ms apart, at 20 % loss: which arrive, and the longest wait of one that does."""
    pair = started(Conditions(delay=0.02), seed=3)
    channel_id = pair.open(parameters)
    pair.network.conditions.loss = 0.2
    arrivals: dict[int, float] = {}

    def note(event: object, now: float) -> None:
        if isinstance(event, MessageReceived):
            arrivals[int(event.data)] = now

    pair.right.react = note
    begin = pair.now
    for n in range(100):
        pair.client.send(channel_id, str(n), pair.now)
        pair.network.run_for(0.02)
    pair.network.run_for(30.0)
    assert list(arrivals) == sorted(arrivals) or not parameters.is_ordered
    return list(arrivals), max(at - begin - n * 0.02 for n, at in arrivals.items())


def test_nothing_waits_where_nothing_is_repeated() -> None:
    """H10: maxRetransmits 0 under 20 % loss, unordered: what arrives was never held back."""
    arrived, longest = unreliable_under_loss(ChannelParameters("u", is_ordered=False, max_retransmits=0))
    assert 60 <= len(arrived) < 100
    assert longest < 0.021


def test_ordered_messages_wait_for_lost_ones_no_longer_than_it_takes_to_notice() -> None:
    """H10: ordered, maxRetransmits 0: three later SACKs and a FORWARD TSN, or the timer."""
    arrived, longest = unreliable_under_loss(ChannelParameters("o", max_retransmits=0))
    assert 60 <= len(arrived) < 100
    assert longest < 2.0


def test_a_lifetime_ends_repetitions() -> None:
    """H10: maxPacketLifeTime; reliable messages on another channel all arrive meanwhile."""
    pair = started(Conditions(delay=0.02), seed=5)
    timed = pair.open(ChannelParameters("t", max_lifetime_ms=50))
    sure = pair.open(PLAIN)
    pair.network.conditions.loss = 0.3
    for n in range(50):
        pair.client.send(timed, f"t{n}", pair.now)
        pair.client.send(sure, f"s{n}", pair.now)
        pair.network.run_for(0.02)
    pair.network.run_for(120.0)
    found = [str(message) for message in pair.messages()]
    assert [message for message in found if message[0] == "s"] == [f"s{n}" for n in range(50)]
    assert 20 <= sum(message[0] == "t" for message in found) < 50


# closing


@pytest.mark.parametrize("closer", ["client", "server", "both"])
def test_closing_closes_both_ends_after_the_last_message(closer: str) -> None:
    """H9: RFC 8831 section 6.7."""
    pair = started(Conditions(delay=0.02, jitter=0.02, loss=0.05))
    channel_id = pair.open(PLAIN)
    ends = {"client": [pair.client], "server": [pair.server], "both": [pair.client, pair.server]}[closer]
    for end in ends:
        end.send(channel_id, bytes(30_000), pair.now)
        end.send(channel_id, "bye", pair.now)
        end.close_channel(channel_id)
        end.close_channel(channel_id)
        with pytest.raises(UsageError):
            end.send(channel_id, "late", pair.now)
    closed = lambda peer: peer.of_type(ChannelClosed) == [ChannelClosed(channel_id)]  # noqa: E731
    assert pair.network.run_until(lambda: closed(pair.left) and closed(pair.right), limit=60)
    if closer == "client":
        assert pair.messages()[1:] == ["bye"]
    with pytest.raises(UsageError):
        pair.client.send(channel_id, "late", pair.now)


def test_an_id_is_free_again_after_both_resets_only() -> None:
    """H9."""
    bare = Bare()
    channel_id = bare.channels.open(PLAIN)
    bare.network.run_for(0.5)
    bare.peer.send(OutboundMessage(channel_id, Ppid.DCEP, ACK))
    bare.network.run_for(0.5)
    bare.channels.close_channel(channel_id)
    bare.network.run_for(1.0)
    assert bare.left.of_type(ChannelClosed) == []
    assert bare.channels.open(PLAIN) == channel_id + 2
    bare.peer.reset_stream(channel_id)
    bare.network.run_for(1.0)
    assert bare.left.of_type(ChannelClosed) == [ChannelClosed(channel_id)]
    assert bare.channels.open(PLAIN) == channel_id


def test_a_channel_that_never_left_closes_at_once() -> None:
    end = channels(DtlsRole.CLIENT)
    channel_id = end.open(PLAIN)
    end.send(channel_id, "never", 0.0)
    end.close_channel(channel_id)
    assert end.next_event() == ChannelClosed(channel_id)
    assert end.open(PLAIN) == channel_id
    assert end.buffered_amount(channel_id) == len(build_open(PLAIN))


def test_ten_thousand_channels_leave_nothing_behind() -> None:
    """H9: opened, used, closed by either side, with ids taken again."""
    pair = started(Conditions(delay=0.001))
    pair.network.run_for(0.1)
    before = footprint(pair.client), footprint(pair.server)
    done = 0
    for turn in range(100):
        ids = [pair.client.open(PLAIN) for _ in range(100)]
        for channel_id in ids:
            pair.client.send(channel_id, str(channel_id), pair.now)
        pair.network.run_for(0.2)
        for channel_id in ids:
            (pair.client if turn % 2 else pair.server).close_channel(channel_id)
        pair.network.run_for(1.0)
        assert ids == list(range(0, 200, 2))
        done += len(pair.left.of_type(ChannelClosed))
        assert len(pair.right.of_type(ChannelClosed)) == 100
        assert len(pair.messages()) == 100
        for peer in (pair.left, pair.right):
            peer.events.clear()
    assert done == 10_000
    pair.network.run_for(10.0)
    assert (footprint(pair.client), footprint(pair.server)) == before


@pytest.mark.parametrize("seed", range(6))
def test_ids_that_come_again_at_once_under_loss_open(seed: int) -> None:
    """The answer to our reset is lost, and the next OPEN on the stream says what it would have said."""
    pair = started(Conditions(loss=0.15), seed=seed + 1)
    keeper = pair.open(ChannelParameters("keeper"))
    for turn in range(60):
        opened = [pair.open(ChannelParameters(f"{turn}")) for _ in range(3)]
        for channel_id in opened:
            pair.client.send(channel_id, "last words", pair.now)
            pair.client.close_channel(channel_id)
        assert pair.network.run_until(lambda turn=turn: len(pair.left.of_type(ChannelClosed)) == 3 * turn + 3, limit=60)
    assert len(pair.messages()) == 180
    assert {event.channel_id for event in pair.left.of_type(ChannelOpened)} == {
        keeper,
        keeper + 2,
        keeper + 4,
        keeper + 6,
    }


def footprint(end: DataChannels) -> list[int]:
    """Sizes of everything countable below an end, found by walking its objects."""
    sizes, seen, todo = [], set(), [end]
    while todo:
        found = todo.pop()
        if id(found) in seen or isinstance(found, (int, float, bytes, str, type(None), type)):
            continue
        seen.add(id(found))
        if hasattr(found, "__len__"):
            sizes.append(len(found))
        if isinstance(found, dict):
            todo += found.values()
        elif isinstance(found, (list, tuple, set)):
            todo += found
        elif type(found).__module__.startswith("rtcsplit"):
            todo += vars(found).values() if hasattr(found, "__dict__") else []
    return sorted(sizes)


@pytest.mark.parametrize("end", [lambda pair: pair.client.close(), lambda pair: pair.server.close()])
def test_the_end_of_the_association_closes_all_channels(end: Callable[[ChannelPair], None]) -> None:
    pair = started()
    ids = [pair.open(PLAIN) for _ in range(3)]
    end(pair)
    pair.network.run_for(1.0)
    for peer in (pair.left, pair.right):
        assert peer.of_type(ChannelClosed) == [ChannelClosed(channel_id) for channel_id in ids]
        assert isinstance(peer.events[-1], DataChannelsEnded)
        assert not peer.endpoint.is_open
    assert {peer.of_type(DataChannelsEnded)[0].cause for peer in (pair.left, pair.right)} == {
        AssociationCause.CLOSED,
        AssociationCause.PEER_ABORTED,
    }
    with pytest.raises(UsageError):
        pair.client.open(PLAIN)
