"""A Realtime conversation as its events tell it, and what a backend after that is given of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rtcsplit.gateway import realtime_memory
from rtcsplit.gateway.realtime_memory import ConversationMemory


class Told:
    """A memory, and the events that it is told."""

    def __init__(self) -> None:
        self.memory = ConversationMemory()

    def event(self, kind: str, **members: Any) -> bool:
        return self.memory.note(kind, json.dumps({"type": kind, **members}))

    def message(self, id_: str, role: str, *parts: dict[str, Any], after: str | None = None) -> bool:
        item = {"id": id_, "type": "message", "role": role, "content": list(parts), "status": "completed"}
        return self.event("conversation.item.done", previous_item_id=after, item=item)

    def text(self, id_: str, words: str = "words", after: str | None = None) -> bool:
        return self.message(id_, "user", {"type": "input_text", "text": words}, after=after)

    def restored(self) -> list[str]:
        return [item["id"] for item in self.memory.restore()[0]]


def text_of(kind: str, words: str) -> list[dict[str, str]]:
    return [{"type": kind, "text": words}]


def test_words_come_from_the_item_or_from_the_events_about_it() -> None:
    told = Told()
    told.message("system", "system", {"type": "input_text", "text": "be brief"})
    told.message("user", "user", {"type": "input_audio", "transcript": None})
    heard = "conversation.item.input_audio_transcription.completed"
    told.event(heard, item_id="user", content_index=0, transcript="hello")
    told.message("added", "assistant")
    told.event("response.output_audio_transcript.done", item_id="added", content_index=0, transcript="good day")
    told.message("added", "assistant", {"type": "output_audio"})
    told.message("old", "assistant", {"type": "audio", "transcript": "of the first version"})
    items, missing = told.memory.restore()
    assert missing == []
    assert [item["content"] for item in items] == [
        text_of("input_text", "be brief"),
        text_of("input_text", "hello"),
        text_of("output_text", "good day"),
        text_of("text", "of the first version"),
    ]


def test_function_calls_come_with_their_outputs_and_no_output_without_its_call() -> None:
    told = Told()
    call = {
        "id": "a",
        "type": "function_call",
        "call_id": "c1",
        "name": "time",
        "arguments": "{}",
        "status": "completed",
    }
    told.event("response.output_item.done", response_id="r", output_index=0, item=call)
    told.event(
        "conversation.item.added", item={"id": "b", "type": "function_call_output", "call_id": "c1", "output": "12"}
    )
    told.event(
        "conversation.item.added", item={"id": "c", "type": "function_call_output", "call_id": "c0", "output": "13"}
    )
    items, missing = told.memory.restore()
    assert items == [
        {"id": "a", "type": "function_call", "call_id": "c1", "name": "time", "arguments": "{}"},
        {"id": "b", "type": "function_call_output", "call_id": "c1", "output": "12"},
    ]
    assert missing == ["c"]


def test_what_cannot_be_said_again_is_missing() -> None:
    """Audio without words, an item that was cut off, and kinds that only a backend makes."""
    told = Told()
    told.message("silent", "user", {"type": "input_audio"})
    told.message("cut", "assistant", {"type": "output_audio", "transcript": "all of it"})
    told.event("conversation.item.truncated", item_id="cut", content_index=0, audio_end_ms=300)
    told.event("conversation.item.added", item={"id": "tool", "type": "mcp_call"})
    told.text("kept")
    items, missing = told.memory.restore()
    assert [item["id"] for item in items] == ["kept"]
    assert missing == ["silent", "cut", "tool"]
    assert told.memory.restore() == (items, [])


def test_items_stand_where_the_backend_put_them() -> None:
    told = Told()
    for id_, after in (("a", None), ("b", "a"), ("c", "a"), ("d", "root"), ("e", "unknown")):
        told.text(id_, after=after)
    told.event("conversation.item.deleted", item_id="b")
    told.event("conversation.item.deleted", item_id="nobody")
    assert told.restored() == ["d", "a", "c", "e"]


def test_a_confirmation_of_what_was_restored_is_no_news() -> None:
    told = Told()
    assert told.text("a")
    assert told.restored() == ["a"]
    assert not told.message("a", "user")
    assert told.text("b")
    assert told.restored() == ["a", "b"]


def test_the_oldest_is_forgotten_beyond_the_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told()
    for number in range(realtime_memory.MAX_ITEMS + 1):
        told.text(f"item_{number}")
    assert len(told.restored()) == realtime_memory.MAX_ITEMS
    assert told.restored()[0] == "item_1"
    told.text("long", "x" * realtime_memory.MAX_CHARACTERS)
    assert told.restored() == ["long"]
    told.text("longer", "x" * (realtime_memory.MAX_CHARACTERS + 1))
    assert told.restored() == []


def test_nothing_that_a_backend_sends_is_kept_without_bounds() -> None:
    told = Told()
    told.text("kept")
    for index in (-1, realtime_memory.MAX_PARTS, 2**62):
        told.event("response.output_text.done", item_id="kept", content_index=index, text="beside")
    told.text("x" * (realtime_memory.MAX_NAME + 1))
    told.message("role", "r" * (realtime_memory.MAX_NAME + 1), *text_of("input_text", "words"))
    told.message("parts", "user", *text_of("input_text", "words") * (realtime_memory.MAX_PARTS + 1))
    told.message("full", "user", *text_of("input_text", "words") * realtime_memory.MAX_PARTS)
    items, missing = told.memory.restore()
    assert [(item["id"], len(item["content"])) for item in items] == [("kept", 1), ("full", realtime_memory.MAX_PARTS)]
    assert missing == []


@pytest.mark.parametrize(
    "text",
    ["{", "[]", '{"item": 1}', '{"item": {"id": 1}}', '{"item_id": null}', "{}", '{"item": {"id": "a", "content": 3}}'],
)
def test_nonsense_is_passed_on_and_changes_nothing(text: str) -> None:
    told = Told()
    told.text("a")
    for kind in realtime_memory.CONVERSATION_EVENTS:
        assert told.memory.note(kind, text)
    assert told.restored() == ["a"]
