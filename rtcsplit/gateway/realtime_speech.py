"""What a Realtime backend says, on its way to the listener: one segment per audio item, in order.

The backend is read without waiting for the listener: what does not fit into the playout yet waits here, so that a
barge-in is never behind the speech that it interrupts.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass

from ..errors import CallEndedError, UsageError
from ..media.playout_events import PlayoutEvent, SegmentFinished, SegmentStarted
from .audio_out import AudioOut, Speech
from .realtime_events import AudioDelta
from .waiting import Change

__all__ = ["CutOff", "RealtimeSpeech"]

MAX_WAITING_OCTETS = 32 << 20  # eleven minutes at 24 kHz
_REMEMBERED = 64


@dataclass(frozen=True, slots=True)
class CutOff:
    """An item of which only the beginning was heard, ``heard`` in seconds."""

    response_id: str
    item_id: str
    content_index: int
    heard: float


@dataclass(slots=True, eq=False)
class _Item:
    response_id: str
    item_id: str
    content_index: int
    speech: Speech | None = None


class RealtimeSpeech:
    """Of one call.

    Args:
        out: where it leaves.
    """

    def __init__(self, out: AudioOut) -> None:
        self._out = out
        self._items: dict[tuple[str, int], _Item] = {}
        self._queue: deque[tuple[_Item, bytes | None]] = deque()
        self._octets = 0
        self._cut_off: deque[tuple[str, int]] = deque(maxlen=_REMEMBERED)
        self._pending: Counter[str] = Counter()
        self._audible: set[str] = set()
        self._change = Change()

    def add(self, delta: AudioDelta, audio: bytes | None) -> bool:
        """Take audio, or None for the end of an item; False where there is no room."""
        key = (delta.item_id, delta.content_index)
        if key in self._cut_off:
            return True
        item = self._items.get(key)
        if item is None:
            if not audio:
                return True
            item = self._items[key] = _Item(delta.response_id, *key)
            self._pending[item.response_id] += 1
        if self._octets + len(audio or b"") > MAX_WAITING_OCTETS:
            return False
        self._octets += len(audio or b"")
        self._queue.append((item, audio))
        self._change.notify()
        return True

    async def speak(self) -> None:
        """Hand what waits to the playout as it has room, until the call ends."""
        while True:
            while not self._queue:
                await self._change.wait()
            item, audio = self._queue.popleft()
            self._octets -= len(audio or b"")
            try:
                if item.speech is None:
                    item.speech = self._out.begin_segment(_name(item))
                await (item.speech.end() if audio is None else item.speech.write(audio))
            except CallEndedError:
                return
            except UsageError:
                self._forget(item)  # the client receives no audio

    def interrupt(self) -> list[CutOff]:
        """Fall silent, and forget what waits; return the items that are not heard to their end.

        What has left by now is heard: its length is the position. An item that has left as a whole is not cut off.
        """
        finished = self._out.flush()
        self._queue.clear()
        self._octets = 0
        cut_off = []
        is_cut_off = False
        for key, item in list(self._items.items()):
            is_playing = finished is not None and finished.segment == _name(item)
            is_cut_off = is_cut_off or is_playing or item.speech is None
            if is_cut_off:
                seconds = finished.seconds if finished is not None and is_playing else 0.0
                cut_off.append(CutOff(item.response_id, *key, seconds))
                self._cut_off.append(key)
                self._forget(item)
        return cut_off

    def close_open(self) -> None:
        """The backend is gone: what it began ends where it is."""
        for item in self._items.values():
            self._queue.append((item, None))
        self._change.notify()

    def follow(self, event: PlayoutEvent) -> tuple[str, str] | None:
        """Return what the client has to know of a playout event: which buffer event, and the response."""
        item = next((item for item in self._items.values() if _name(item) == event.segment), None)
        if item is None:
            return None
        if isinstance(event, SegmentStarted) and item.response_id not in self._audible:
            self._audible.add(item.response_id)
            return "output_audio_buffer.started", item.response_id
        if isinstance(event, SegmentFinished) and self._forget(item) and item.response_id in self._audible:
            self._audible.discard(item.response_id)
            return "output_audio_buffer.stopped", item.response_id
        return None

    def silenced(self) -> list[str]:
        """Return and forget the responses that could be heard until :meth:`interrupt` came."""
        responses = sorted(response for response in self._audible if not self._pending[response])
        self._audible.difference_update(responses)
        return responses

    def _forget(self, item: _Item) -> bool:
        """Let go of an item; returns whether it was the last one of its response."""
        if self._items.pop((item.item_id, item.content_index), None) is None:
            return False
        self._pending[item.response_id] -= 1
        if self._pending[item.response_id] > 0:
            return False
        del self._pending[item.response_id]
        return True


def _name(item: _Item) -> str:
    return f"{item.item_id}/{item.content_index}"
