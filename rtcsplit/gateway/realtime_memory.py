"""What a call's conversation was, as far as a Realtime backend's events tell: for the backend that comes after it.

A backend keeps the conversation with its connection. When that breaks, the next one begins with an empty conversation;
it is given the words again, as items of text. Sounds are not kept: an item of which no words are known, or that was
cut off so that nobody knows which of its words were heard, is missing afterwards. So are kinds of items that a client
may not create. docs/reference/realtime.md lists what is restored.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec
from msgspec import Struct

from ..wire.json_text import decode_json

__all__ = ["CONVERSATION_EVENTS", "ConversationMemory"]

MAX_ITEMS = 128
MAX_CHARACTERS = 131_072
MAX_PARTS = 64  # of an item
MAX_NAME = 512  # characters of an id, type or role

_ITEMS = frozenset({"conversation.item.added", "conversation.item.created", "conversation.item.done"})
_OUTPUT_ITEM = "response.output_item.done"
_WORDS = frozenset(
    {
        "conversation.item.input_audio_transcription.completed",
        "response.output_audio_transcript.done",
        "response.audio_transcript.done",
        "response.output_text.done",
        "response.text.done",
    }
)
_DELETED, _TRUNCATED = "conversation.item.deleted", "conversation.item.truncated"
CONVERSATION_EVENTS = _ITEMS | _WORDS | {_OUTPUT_ITEM, _DELETED, _TRUNCATED}

# A part of a message to the part of text that says the same; the names of the first version of the API have no prefix
_AS_TEXT = {
    "input_text": "input_text",
    "input_audio": "input_text",
    "output_text": "output_text",
    "output_audio": "output_text",
    "text": "text",
    "audio": "text",
}


class _Part(Struct, frozen=True):
    type: str = ""
    text: str | None = None
    transcript: str | None = None


class _Item(Struct, frozen=True):
    id: str
    type: str = ""
    role: str = ""
    content: list[_Part] | None = None
    call_id: str = ""
    name: str = ""
    arguments: str = ""
    output: str = ""


class _Event(Struct, frozen=True):
    item: _Item | None = None
    previous_item_id: str | None = None
    item_id: str = ""
    content_index: int = 0
    transcript: str = ""
    text: str = ""


_EVENT = msgspec.json.Decoder(_Event)


@dataclass(slots=True)
class _Known:
    item: _Item  # without its content
    kinds: list[str] = field(default_factory=list)  # of its parts, empty for one that says nothing
    words: dict[int, str] = field(default_factory=dict)  # by the part's place in the item
    is_cut_off: bool = False

    @property
    def characters(self) -> int:
        item = self.item
        return sum(map(len, (*self.words.values(), item.arguments, item.output, item.name)))


class ConversationMemory:
    """Of one call: the latest 128 items, and at most 131,072 characters of them.

    What is larger than a conversation's items are (64 parts, ids of 512 characters) is not kept: nothing that a backend
    sends makes this grow without end.
    """

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}
        self._order: list[str] = []
        self._restored: frozenset[str] = frozenset()

    def note(self, kind: str, text: str | bytes) -> bool:
        """Take one of ``CONVERSATION_EVENTS`` of the backend.

        Returns:
            Whether it is news to the client too; not where the backend confirms an item that it was given again.
        """
        try:
            event = decode_json(text, _EVENT)
        except msgspec.DecodeError:
            return True
        if kind in _ITEMS or kind == _OUTPUT_ITEM:
            if event.item is not None and event.item.id in self._restored:
                return kind not in _ITEMS
            self._put(event)
        elif kind == _DELETED:
            self._forget(event.item_id)
        elif kind == _TRUNCATED:
            self.cut_off(event.item_id)
        elif (known := self._known.get(event.item_id)) is not None and 0 <= event.content_index < MAX_PARTS:
            known.words[event.content_index] = event.transcript or event.text
        self._keep_within_bounds()
        return True

    def cut_off(self, item_id: str) -> None:
        """An item was not heard to its end."""
        if item_id in self._known:
            self._known[item_id].is_cut_off = True

    def restore(self) -> tuple[list[dict[str, Any]], list[str]]:
        """Return the items that the next backend is to be given, in order, and the ids of those that it cannot be."""
        items: list[dict[str, Any]] = []
        missing: list[str] = []
        calls: set[str] = set()
        for id_ in self._order:
            item = _as_text(self._known[id_], calls)
            if item is None:
                missing.append(id_)
            else:
                items.append(item)
        for id_ in missing:
            self._forget(id_)
        self._restored = frozenset(item["id"] for item in items)
        return items, missing

    def _put(self, event: _Event) -> None:
        item, parts = event.item, (event.item and event.item.content) or []
        if item is None or len(parts) > MAX_PARTS:
            return
        if max(map(len, (item.id, item.type, item.role, item.call_id))) > MAX_NAME:
            return
        item = msgspec.structs.replace(item, content=None)
        known = self._known.get(item.id)
        if known is None:
            known = self._known[item.id] = _Known(item)
            before = event.previous_item_id
            at = self._order.index(before) + 1 if before in self._known and before in self._order else len(self._order)
            self._order.insert(0 if before == "root" else at, item.id)
        known.item = item
        known.kinds = [part.type if part.type in _AS_TEXT else "" for part in parts]
        for index, part in enumerate(parts):
            words = part.text or part.transcript
            if words:
                known.words[index] = words

    def _forget(self, item_id: str) -> None:
        if self._known.pop(item_id, None) is not None:
            self._order.remove(item_id)

    def _keep_within_bounds(self) -> None:
        while len(self._order) > MAX_ITEMS or sum(one.characters for one in self._known.values()) > MAX_CHARACTERS:
            self._forget(self._order[0])


def _as_text(known: _Known, calls: set[str]) -> dict[str, Any] | None:
    """Return the item to create; None where there is none. ``calls`` are the function calls that there are so far."""
    item = known.item
    if item.type == "function_call" and item.call_id and item.name:
        calls.add(item.call_id)
        fields = {"call_id": item.call_id, "name": item.name, "arguments": item.arguments}
        return {"id": item.id, "type": item.type, **fields}
    if item.type == "function_call_output" and item.call_id in calls:
        return {"id": item.id, "type": item.type, "call_id": item.call_id, "output": item.output}
    if item.type != "message" or known.is_cut_off:
        return None
    content = [
        {"type": _AS_TEXT[kind], "text": known.words[index]}
        for index, kind in enumerate(known.kinds)
        if kind and known.words.get(index)
    ]
    return {"id": item.id, "type": "message", "role": item.role, "content": content} if content else None
