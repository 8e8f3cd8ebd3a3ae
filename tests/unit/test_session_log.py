"""Session logs: what virtual calls leave behind, and which cause it names."""

from __future__ import annotations

import itertools
import json
import logging
import re
from collections.abc import Callable
from pathlib import Path as FilePath
from typing import Any

import pytest

from rtcsplit.errors import ConfigurationError, UsageError
from rtcsplit.gateway.echo import Echo
from rtcsplit.session.certificate import Certificate
from rtcsplit.session.dcep import ChannelParameters
from rtcsplit.session.events import (
    ChannelClosed,
    ChannelOpened,
    DataChannelsEnded,
    EndCause,
    PathCause,
    PathChanged,
    SessionEnded,
)
from rtcsplit.session.negotiation import IceCredentials
from rtcsplit.session.sctp_events import AssociationCause
from rtcsplit.session.sdp import Answer
from rtcsplit.transceiver.call import Call
from rtcsplit.transceiver.explanation import RULES, explain
from rtcsplit.transceiver.session_facts import Facts, read_facts
from rtcsplit.transceiver.session_log import SessionLog
from rtcsplit.transceiver.settings import TransceiverSettings
from rtcsplit.transceiver.transceiver import Transceiver
from rtcsplit.wire.address import Address, Path
from rtcsplit.wire.packet import Kind, classify

from ..calls import rtp
from ..client_peer import ClientPeer
from ..desk import OPUS_20_MS, Desk
from ..offers import OFFER


class LoggedDesk(Desk):
    """A desk whose calls write their logs into ``lines``."""

    def __init__(self, application: object | None = None) -> None:
        super().__init__(application)
        self.lines: list[str] = []
        self.write: Callable[[str], object] = self.lines.append
        make = self.factory.make

        def write(line: str) -> None:
            self.write(line)

        def make_logged(*arguments: Any, **options: Any) -> tuple[Call, Answer]:
            return make(*arguments, write_log=write, **options)

        self.factory.make = make_logged  # type: ignore[method-assign]

    @property
    def events(self) -> list[str]:
        return [f"{line['category']}.{line['event']}" for line in map(json.loads, self.lines[1:])]

    @property
    def end(self) -> dict[str, Any]:
        line = json.loads(self.lines[-1])
        assert line["event"] == "ended"
        data: dict[str, Any] = line["data"]
        return data

    @property
    def found(self) -> list[str]:
        return [rule.name for rule in explain(read_facts(self.lines))]


def called() -> tuple[LoggedDesk, Call, ClientPeer]:
    desk = LoggedDesk()
    call, client = desk.dial()
    desk.connect(client)
    return desk, call, client


def talk(desk: Desk, client: ClientPeer, start: int, count: int, every: float = 0.02) -> None:
    for number in range(start, start + count):
        client.send_rtp(rtp(number, OPUS_20_MS))
        desk.network.run_for(every)


def test_a_good_call_is_told_from_offer_to_end() -> None:
    desk, call, client = called()
    talk(desk, client, 1, 100)
    call.close()
    desk.network.exchange()
    header = json.loads(desk.lines[0])
    assert (header["log"], header["version"]) == ("rtcsplit session log", 1)
    assert call.ufrag.startswith(header["session"])
    assert desk.events == [
        "session.accepted",
        "ice.address_authenticated",
        "ice.path_changed",
        "dtls.connected",
        "media.first_packet",
        "session.ended",
    ]
    times = [json.loads(line)["time"] for line in desk.lines[1:]]
    assert times[0] == 0
    assert times == sorted(times)
    assert (desk.end["cause"], desk.end["code"], desk.end["dropped"]) == ("closed", "", {})
    assert desk.end["received"]["rtp"] == 100
    assert desk.end["statistics"]["packets_received"] == 100
    assert desk.end["since_media"] < 0.1
    assert desk.found == []


def test_a_later_answer_is_told() -> None:
    desk, call, _ = called()
    desk.reoffer(call, (b"a=sendrecv", b"a=sendonly"))
    assert desk.events[-1] == "session.renegotiated"
    assert json.loads(desk.lines[-1])["data"] == {"direction": "recvonly", "codec": "opus"}


def test_a_log_has_no_secrets() -> None:
    """T30: no password of either side, and of ufrags six characters."""
    desk, call, client = called()
    local = desk.factory.credentials(desk.board.owns)
    remote = IceCredentials("cli2client", "secondclientpassword1234")
    desk.board.restart(call, local, remote, desk.network.now)
    call.close()
    desk.network.exchange()
    text = "\n".join(desk.lines)
    for secret in (client.local.pwd, client.remote.pwd, client.remote.ufrag, remote.pwd, local.pwd, local.ufrag):
        assert secret not in text
    assert local.ufrag[:6] in text


def test_an_ice_restart_is_told() -> None:
    desk, call, client = called()
    talk(desk, client, 1, 10)
    local, remote = desk.factory.credentials(desk.board.owns), IceCredentials("cli2", "secondclientpassword1234")
    desk.board.restart(call, local, remote, desk.network.now)
    away = Address.of("198.51.100.99", 40000)
    desk.network.attach(client, away)
    client.restart_ice(away, remote, local)
    talk(desk, client, 11, 200)
    assert [event for event in desk.events if event.startswith("ice.")][2:] == [
        "ice.restart_requested",
        "ice.address_authenticated",
        "ice.path_changed",
        "ice.restarted",
        "ice.ufrag_retired",
    ]
    call.close()
    desk.network.exchange()
    assert desk.found == []


def unreachable() -> LoggedDesk:
    desk = LoggedDesk()
    desk.accept()
    desk.network.run_for(31.0)
    return desk


def wrong_credentials() -> LoggedDesk:
    return with_wrong_credentials()[0]


def with_wrong_credentials(seconds: float = 31.0) -> tuple[LoggedDesk, Call]:
    desk = LoggedDesk()
    call, client = desk.dial()
    client.remote = IceCredentials(client.remote.ufrag, "another" * 4)
    desk.network.run_for(seconds)
    return desk, call


def other_certificate() -> LoggedDesk:
    desk = LoggedDesk()
    desk.dial(certificate=Certificate.generate())
    desk.network.run_for(5.0)
    return desk


def handshake_one_way() -> LoggedDesk:
    return without_dtls()[0]


def without_dtls(seconds: float = 31.0) -> tuple[LoggedDesk, Call]:
    desk = LoggedDesk()
    desk.network.drop_if = lambda datagram, is_uplink: is_uplink and classify(datagram) is Kind.DTLS
    call, _ = desk.dial()
    desk.network.run_for(seconds)
    return desk, call


def handshake_unfinished() -> LoggedDesk:
    desk = LoggedDesk()
    desk.network.drop_if = lambda datagram, is_uplink: is_uplink and classify(datagram) is Kind.DTLS
    _, client = desk.dial()
    desk.network.run_for(1.0)
    client.send_raw(bytes.fromhex("16fefd0000000000000001000100"))
    desk.network.drop_if = lambda datagram, is_uplink: (
        is_uplink and classify(datagram) is Kind.DTLS and len(datagram) > 20
    )
    desk.network.run_for(31.0)
    return desk


def network_lost() -> LoggedDesk:
    desk, _, client = called()
    talk(desk, client, 1, 20)
    client.is_checking = False
    desk.network.run_for(40.0)
    return desk


def checks_lost() -> LoggedDesk:
    desk, _, client = called()
    client.is_checking = False
    talk(desk, client, 1, 400, every=0.1)
    return desk


def no_media() -> LoggedDesk:
    desk, call, _ = called()
    desk.network.run_for(10.0)
    call.close()
    desk.network.exchange()
    return desk


def loss_up() -> LoggedDesk:
    desk, call, client = called()
    packets = itertools.count()
    desk.network.drop_if = lambda datagram, is_uplink: (
        is_uplink and classify(datagram) is Kind.RTP and next(packets) % 10 == 9
    )
    talk(desk, client, 1, 200)
    call.close()
    desk.network.exchange()
    return desk


def gaps() -> LoggedDesk:
    desk, call, client = called()
    talk(desk, client, 1, 20)
    desk.network.run_for(3.0)
    talk(desk, client, 21, 20)
    call.close()
    desk.network.exchange()
    return desk


def restart_abandoned() -> LoggedDesk:
    desk, call, client = called()
    local, remote = desk.factory.credentials(desk.board.owns), IceCredentials("cli2", "secondclientpassword1234")
    desk.board.restart(call, local, remote, desk.network.now)
    talk(desk, client, 1, 100)
    call.close()
    desk.network.exchange()
    return desk


def other_format() -> LoggedDesk:
    desk, call, client = called()
    talk(desk, client, 1, 20)
    client.send_rtp(rtp(21, payload_type=99))
    desk.network.run_for(0.1)
    call.close()
    desk.network.exchange()
    return desk


def unfinished_log() -> LoggedDesk:
    desk, _, client = called()
    talk(desk, client, 1, 20)
    return desk


def restless_path() -> LoggedDesk:
    desk, call, client = called()
    for move in range(8):
        address = Address.of("198.51.100.9", 40000 + move)
        desk.network.attach(client, address)
        client.move(address)
        talk(desk, client, 100 * move, 100)
    call.close()
    desk.network.exchange()
    return desk


STORIES = [
    unreachable,
    wrong_credentials,
    other_certificate,
    handshake_one_way,
    handshake_unfinished,
    network_lost,
    checks_lost,
    no_media,
    loss_up,
    gaps,
    restart_abandoned,
    other_format,
    unfinished_log,
    restless_path,
]


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_the_likely_cause_of_a_virtual_call_is_named(story: Callable[[], LoggedDesk]) -> None:
    desk = story()
    assert desk.found[:1] == [story.__name__], desk.lines


NEVER_CONNECTED = [unreachable, wrong_credentials, other_certificate, handshake_one_way, handshake_unfinished]


@pytest.mark.parametrize("story", [*NEVER_CONNECTED, network_lost], ids=lambda story: story.__name__)
def test_a_cause_that_ended_the_call_is_not_contradicted_by_another(story: Callable[[], LoggedDesk]) -> None:
    assert story().found == [story.__name__]


def without_checks(seconds: float) -> tuple[LoggedDesk, Call]:
    desk = LoggedDesk()
    call = desk.accept()[0]
    desk.network.run_for(seconds)
    return desk, call


@pytest.mark.parametrize(
    ("story", "seconds", "cause"),
    [
        (without_checks, 10.0, "unreachable"),
        (without_checks, 1.0, "ended_early"),
        (with_wrong_credentials, 10.0, "wrong_credentials"),
        (without_dtls, 10.0, "handshake_one_way"),
        (without_dtls, 1.0, "ended_early"),
    ],
)
def test_a_call_that_a_client_gave_up_has_the_cause_that_it_gave_up_for(
    story: Callable[[float], tuple[LoggedDesk, Call]], seconds: float, cause: str
) -> None:
    """Clients seldom wait for our deadline: they hang up first."""
    desk, call = story(seconds)
    call.close()
    desk.network.exchange()
    assert desk.end["cause"] == "closed"
    assert desk.found == [cause]


def facts(cause: str = "closed", code: str = "", **changes: Any) -> Facts:
    """Of a good call, with changes."""
    events = [(0.0, "accepted", {"direction": "sendrecv"}), (0.1, "address_authenticated", {}), (0.3, "connected", {})]
    return Facts(
        events=changes.pop(
            "events", [(at, "", event, data) for at, event, data in (*events, (0.4, "first_packet", {}))]
        ),
        cause=cause,
        code=code,
        received={"stun": 10, "dtls": 4, "rtp": 100},
        dropped=changes.pop("dropped", {}),
        statistics={"packets_received": 100, "packets_lost": 3, "jitter": 0.01, **changes},
        since_media=0.02,
    )


def timed(**moments: float) -> list[tuple[float, str, str, dict[str, str]]]:
    return [(at, "", event, {"direction": "sendrecv"}) for event, at in moments.items()]


SAMPLES: dict[str, Facts] = {
    "unusable_checks": facts("check_timeout", dropped={"stun_role_conflict": 10}),
    "no_common_profile": facts("handshake_failed", "no_srtp_profile"),
    "handshake_refused": facts("handshake_failed", "alert"),
    "handshake_from_elsewhere": facts("handshake_timeout", dropped={"path_unauthenticated": 4}),
    "keys_exhausted": facts("keys_exhausted"),
    "application_failed": facts("application_failed"),
    "internal_error": facts("internal_error"),
    "address_conflict": facts(
        "handshake_timeout", events=timed(accepted=0, address_authenticated=0.1, address_conflict=0.1, ended=30)
    ),
    "channels_lost": facts(
        events=timed(accepted=0, address_authenticated=0.1, connected=0.3, first_packet=0.4, opened=0.4, lost=0.5)
    ),
    "ended_early": facts(events=timed(accepted=0, address_authenticated=0.1, ended=0.5)),
    "corrupted": facts(dropped={"srtp_auth_failed": 2}),
    "loss_down": facts(fraction_lost=0.04),
    "jitter": facts(jitter=0.051),
    "far": facts(round_trip_time=0.31),
    "slow_checks": facts(events=timed(accepted=0, address_authenticated=3.1, connected=3.3, first_packet=3.4)),
    "slow_handshake": facts(events=timed(accepted=0, address_authenticated=0.1, connected=3.2, first_packet=3.4)),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_facts_lead_to_their_cause(name: str) -> None:
    assert [rule.name for rule in explain(SAMPLES[name])][:1] == [name]


def test_every_rule_has_a_call_that_it_explains() -> None:
    assert {rule.name for rule in RULES} == {*SAMPLES, *(story.__name__ for story in STORIES)}
    assert explain(facts()) == []


def test_channels_have_their_lines() -> None:
    lines: list[str] = []
    log = SessionLog(lines.append, "ufrag-of-ours", 10.0, 1_700_000_000.0)
    log.follow(ChannelOpened(3, ChannelParameters("long" * 100), is_remote=True), 10.5)
    log.follow(ChannelClosed(3), 11.0)
    log.follow(DataChannelsEnded(AssociationCause.TIMEOUT, "no answer"), 12.0)
    told = [(line["time"], f"{line['category']}.{line['event']}", line["data"]) for line in map(json.loads, lines[1:])]
    assert told == [
        (0.5, "channel.opened", {"id": 3, "label": "long" * 16, "by": "client"}),
        (1.0, "channel.closed", {"id": 3}),
        (2.0, "channel.lost", {"cause": "timeout", "detail": "no answer"}),
    ]
    assert "channels_lost" in [rule.name for rule in explain(read_facts(lines))]


ENDED = SessionEnded(EndCause.CLOSED)


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), ValueError("I/O operation on closed file")])
def test_a_log_that_cannot_be_written_is_given_up_once(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    """A full disk ends the log, not the call."""
    tried = []

    def write(line: str) -> None:
        tried.append(line)
        raise error

    with caplog.at_level(logging.WARNING):
        log = SessionLog(write, "EceMMyQBAgMEBQhiKJ1mhcEw", 0.0, 0.0)
        log.restart_requested("EceMMyQBAgMEBQhiKJ1mhcEw", 1.0)
        log.ended(ENDED, None, 2.0)
    assert len(tried) == 1
    assert [(record.getMessage(), record.__dict__["reason"]) for record in caplog.records] == [
        ("session_log_failed", str(error))
    ]


def test_a_log_whose_file_was_closed_costs_its_call_nothing(tmp_path: FilePath) -> None:
    """What a file says then is no OSError: neither the packets behind it nor the news of the end are lost by it."""

    class Witness(Echo):
        def call_ended(self, call: Call, cause: EndCause) -> None:
            ended.append(cause)

    ended: list[object] = []
    desk = LoggedDesk(Witness())
    call, client = desk.dial()
    call.on_end(lambda: ended.append("told"))
    with (tmp_path / "log").open("w") as file:
        desk.write = file.write
        desk.connect(client)
        talk(desk, client, 1, 3)
    desk.network.run_for(2.0)  # a gap of media is worth a line
    talk(desk, client, 4, 3)
    assert call.statistics is not None
    assert call.statistics.packets_received == 6
    call.close()
    desk.network.exchange()
    assert ended == [EndCause.CLOSED, "told"]


def test_a_log_is_bounded_and_keeps_its_end() -> None:
    """T24: a client that moves for hours fills a thousand lines."""
    lines: list[str] = []
    log = SessionLog(lines.append, "EceMMyQBAgMEBQhiKJ1mhcEw", 0.0, 0.0)
    for port in range(1, 5000):
        log.follow(PathChanged(Path(Address.of("192.0.2.1", port)), PathCause.NOMINATED), float(port))
    log.ended(ENDED, None, 5000.0)
    log.restart_requested("late", 5001.0)
    assert len(lines) == 1001
    assert json.loads(lines[-1])["event"] == "ended"


def logs_in(directory: FilePath) -> list[str]:
    return [file.read_text() for file in directory.glob("*.jsonl")]


async def test_each_session_has_a_file_of_its_own(tmp_path: FilePath) -> None:
    """The directory is for all; what one call names for itself wins. No descriptor stays open."""
    settings = TransceiverSettings(Address.of("127.0.0.1", 0), session_log_directory=tmp_path)
    lines: list[str] = []
    async with Transceiver(settings, application=Echo()) as transceiver:
        for _ in range(2):
            await transceiver.accept(OFFER.encode())
        await transceiver.accept(OFFER.encode(), write_log=lines.append)
    texts = logs_in(tmp_path)
    assert len(texts) == 2
    for text in (*texts, "\n".join(lines)):
        read = read_facts(text.splitlines())
        assert (read.cause, read.count("accepted")) == ("closed", 1)


def test_a_directory_that_is_none_stops_the_start(tmp_path: FilePath) -> None:
    with pytest.raises(ConfigurationError) as caught:
        TransceiverSettings(Address.of("127.0.0.1", 0), session_log_directory=tmp_path / "absent")
    assert caught.value.key == "transceiver.session_log_directory"


END = '{"time":1,"category":"session","event":"ended","data":'
HEADER = '{"log":"rtcsplit session log","version":1}'


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "words",
        "[]",
        "{}",
        HEADER.replace("1", "2"),
        HEADER + "\n{}",
        HEADER + "\n[]",
        HEADER + "\nx",
        HEADER + "\n" + END.replace("1", '"x"').replace("ended", "") + "{}}",
        HEADER + "\n" + END.replace("ended", "") + "1}",
        HEADER + "\n" + END + "{}}",
    ],
)
def test_what_is_no_log_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        read_facts(text.splitlines())


@pytest.mark.parametrize("part", [END[:1], END[:10], END, END + '{"received":{"stun":1}'])
def test_a_last_line_that_was_cut_off_is_left_out(part: str) -> None:
    """The process was killed while it wrote; what it had written before still tells."""
    whole = '{"time":0,"category":"session","event":"accepted","data":{}}'
    facts = read_facts([HEADER, whole, part])
    assert [event for _, _, event, _ in facts.events] == ["accepted"]
    assert "unfinished_log" in [rule.name for rule in explain(facts)]
    with pytest.raises(UsageError):
        read_facts([HEADER, part, whole])


def test_the_page_lists_every_line_and_every_cause() -> None:
    """docs/reference/session-log.md."""
    page = (FilePath(__file__).parents[2] / "docs" / "reference" / "session-log.md").read_text("utf-8")
    lines, causes = (re.findall(r"^\| `([\w.]+)` \|", part, re.MULTILINE) for part in page.split("## Causes"))
    assert causes == [rule.name for rule in RULES]
    written = {event for story in STORIES for event in story().events} | {
        "ice.address_conflict",
        "session.renegotiated",
    }
    written |= {"channel.opened", "channel.closed", "channel.lost"}
    assert written | {"ice.restarted", "ice.ufrag_retired"} == set(lines)
