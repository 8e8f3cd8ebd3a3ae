"""Data channels against a peer that says anything on any stream, and an application that does anything at any time."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rtcsplit.drops import DropReason
from rtcsplit.errors import UsageError
from rtcsplit.session.datachannel import DataChannels
from rtcsplit.session.dcep import ChannelParameters, build_open, parse_open
from rtcsplit.session.events import ChannelClosed, ChannelOpened, MessageReceived
from rtcsplit.session.negotiation import DtlsRole
from rtcsplit.session.sctp_send_queue import OutboundMessage
from tests.link import Conditions
from tests.sctp_link import ChannelPair, SctpLink, SctpPeer, association, channels

STREAMS = st.integers(0, 5)
SAID = st.one_of(
    st.sampled_from([b"\x02", b"\x03", build_open(ChannelParameters("x")), build_open(ChannelParameters("y"))]),
    st.binary(min_size=1, max_size=40),
)
PEER = st.one_of(
    st.tuples(st.just("say"), STREAMS, st.sampled_from([50, 51, 53, 56, 57, 99]), SAID, st.booleans()),
    st.tuples(st.just("reset"), STREAMS),
)
OWN = st.one_of(
    st.just(("open",)), st.tuples(st.just("close"), STREAMS), st.tuples(st.just("send"), STREAMS), st.just(("wait",))
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.one_of(PEER, OWN), max_size=30), st.sampled_from([0.0, 0.2]), st.integers(0, 1000))
def test_nothing_is_raised_and_every_channel_ends_once(steps: list[tuple[object, ...]], loss: float, seed: int) -> None:
    end, peer = channels(DtlsRole.CLIENT, 1), association(2)
    link = SctpLink(SctpPeer(end), SctpPeer(peer), Conditions(loss=loss, jitter=0.02), seed=seed)
    end.start(link.now)
    for step in steps:
        match step:
            case ("say", int(stream_id), int(ppid), bytes(data), bool(is_ordered)):
                peer.send(OutboundMessage(stream_id, ppid, data, is_ordered=is_ordered))
            case ("reset", int(stream_id)):
                peer.reset_stream(stream_id)
            case ("wait",):
                link.network.run_for(0.5)
            case (str(what), *arguments):
                do(end, what, link.now, *arguments)
    link.network.run_for(30.0)
    end.close()
    link.network.run_for(1.0)
    alive: set[int] = set()
    for event in link.left.events:
        match event:
            case ChannelOpened(channel_id, _, _):
                assert channel_id not in alive
                alive.add(channel_id)
            case MessageReceived(channel_id, _):
                assert channel_id in alive
            case ChannelClosed(channel_id):
                alive.discard(channel_id)
    assert not alive
    assert not [reason for reason in link.left.drops if reason is not DropReason.SCTP_UNEXPECTED]


def do(end: DataChannels, what: str, now: float, channel_id: object = 0) -> None:
    assert isinstance(channel_id, int)
    try:
        if what == "open":
            end.open(ChannelParameters("mine"))
        elif what == "send":
            end.send(channel_id, "text", now)
        else:
            end.close_channel(channel_id)
    except UsageError:
        pass


@given(st.binary(max_size=100))
def test_an_open_that_parses_is_built_again_the_same(message: bytes) -> None:
    parameters = parse_open(message)
    if parameters is not None:
        again = parse_open(build_open(parameters))
        assert again == parameters


TEXTS = st.one_of(st.text(max_size=20), st.binary(max_size=20), st.just("x" * 65_536), st.just(bytes(65_536)))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(TEXTS, max_size=15), st.sampled_from([0.0, 0.1]), st.integers(0, 1000))
def test_all_messages_arrive_as_they_were_sent(messages: list[bytes | str], loss: float, seed: int) -> None:
    """H8, sizes 0 to 64 KiB."""
    pair = ChannelPair(Conditions(loss=loss, jitter=0.01, duplication=0.05), seed=seed)
    channel_id = pair.client.open(ChannelParameters("x"))
    for message in messages:
        pair.client.send(channel_id, message, pair.now)
    pair.start()
    assert pair.network.run_until(lambda: len(pair.messages()) == len(messages), limit=300)
    assert pair.messages() == messages
