"""The pages on data channels are right: their code runs, their diagram is the table, their modules exist."""

from __future__ import annotations

import re
from pathlib import Path

from rtcsplit.session.datachannel import DataChannels
from rtcsplit.session.dcep import ChannelParameters
from rtcsplit.session.events import ChannelDrained, ChannelOpened, MessageReceived
from rtcsplit.session.sctp_state import TRANSITIONS
from rtcsplit.transceiver.application import ChannelApplication

from ..sctp_link import ChannelPair

ROOT = Path(__file__).parents[2]
EXPLANATION = (ROOT / "docs/explanation/data-channels.md").read_text()
HOW_TO = (ROOT / "docs/how-to/use-data-channels.md").read_text()


class Call:
    """What the page's applications use of a call."""

    class Channels:
        def __init__(self, ends: ChannelPair) -> None:
            self._ends, self._end = ends, ends.client

        def send(self, channel_id: int, data: bytes | str) -> None:
            self._end.send(channel_id, data, self._ends.now)

        def open(self, label: str, **options: object) -> int:
            return self._end.open(ChannelParameters(label, **options))  # type: ignore[arg-type]

        def close(self, channel_id: int) -> None:
            self._end.close_channel(channel_id)

        def buffered_amount(self, channel_id: int) -> int:
            return self._end.buffered_amount(channel_id)

    def __init__(self, ends: ChannelPair) -> None:
        self.channels = self.Channels(ends)


def test_the_how_to_runs() -> None:
    """docs/how-to/use-data-channels.md: each Python block continues the one before."""
    page: dict[str, object] = {}
    for block in re.findall(r"```python\n(.*?)```", HOW_TO, re.DOTALL):
        exec(block, page)
    chat, upload, open_events = page["Chat"](), page["Upload"], page["open_events"]  # type: ignore[operator]
    assert isinstance(chat, ChannelApplication)
    ends = ChannelPair()
    ends.start()
    call = Call(ends)
    channel_id = ends.server.open(ChannelParameters("chat"))
    ends.server.send(channel_id, "hello", ends.now)
    ends.server.send(channel_id, b"\x00", ends.now)
    ends.left.react = lambda event, now: chat.channel_event(call, event)
    ends.network.run_for(1.0)
    assert ends.messages() == ["welcome to chat", "HELLO", b"\x00"]
    ends.left.react = lambda event, now: None
    open_events(call)  # type: ignore[operator]
    ends.network.run_for(1.0)
    assert ends.messages()[3:] == ['{"type": "hello"}']
    pieces = [bytes([n]) * 60_000 for n in range(50)]
    sender = upload(pieces)  # type: ignore[operator]
    ends.left.react = lambda event, now: sender.channel_event(call, event)
    ends.client.open(ChannelParameters("file"))
    assert ends.network.run_until(lambda: len(ends.messages()) == 4 + len(pieces))
    assert ends.messages()[4:] == pieces
    assert len(ends.left.of_type(ChannelDrained)) > 5
    assert {type(event) for event in ends.right.events} >= {ChannelOpened, MessageReceived}
    assert isinstance(ends.client, DataChannels)


def test_the_diagram_is_the_table() -> None:
    drawn = set(re.findall(r"^    (\w+) --> (\w+): (.+)$", EXPLANATION, re.MULTILINE))
    table = {
        (state.name.lower(), following.name.lower(), trigger.name.lower().replace("_", " "))
        for (state, trigger), following in TRANSITIONS.items()
    }
    assert drawn == table


def test_every_module_is_on_the_page() -> None:
    named = set(re.findall(r"`(?:session/)?(\w+\.py)`", EXPLANATION))
    folder = ROOT / "rtcsplit/session"
    there = {path.name for path in folder.iterdir() if path.name.startswith(("sctp_", "datachannel"))}
    helpers = {"sctp_serial.py", "sctp_events.py"}
    assert there - helpers <= named
    assert {"dcep.py", "ppid.py"} <= named
