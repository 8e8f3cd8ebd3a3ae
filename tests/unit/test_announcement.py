"""A transceiver's line in the registry: what was signed opens, anything else is none."""

from __future__ import annotations

import hmac

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from rtcsplit.errors import UsageError
from rtcsplit.routing.announcement import MAX_SIZE, Announcement
from rtcsplit.routing.directory import ClusterRelay, DirectoryEntry, EntryState
from rtcsplit.routing.hint import Route, RoutingKeys
from rtcsplit.wire.address import Address

SECRET = bytes(range(32))
KEYS = RoutingKeys({3: SECRET}, 3)
ENTRIES = [
    DirectoryEntry(Route(1, 2), Address.of("10.0.0.9", 5000)),
    DirectoryEntry(
        Route(65535, 65535), Address.of("fd00:1111:2222:3333:4444:5555:6666:7777", 65535), EntryState.DRAINING
    ),
    ClusterRelay(2, Address.of("10.1.0.1", 4000)),
    DirectoryEntry(Route(1, 3), Address.of("10.0.0.10", 5000), trunk=True),
]


@pytest.mark.parametrize("entry", ENTRIES, ids=str)
def test_line_opens_with_the_same_secret(entry):
    announcement = Announcement(entry, 1_800_000_000_000)
    line = announcement.build(KEYS)
    assert len(line) <= MAX_SIZE
    assert Announcement.open(RoutingKeys({3: SECRET, 4: bytes(32)}), line) == announcement


def test_line_is_what_the_page_says():
    line = Announcement(ENTRIES[0], 1_800_000_000_000).build(KEYS)
    text = b"1 3 1 2 10.0.0.9:5000 active 1800000000000"
    relay = Announcement(ENTRIES[2], 1_800_000_000_000).build(KEYS)
    assert relay.startswith(b"1 3 2 relay 10.1.0.1:4000 active 1800000000000 ")
    trunk = Announcement(ENTRIES[3], 1_800_000_000_000).build(KEYS)
    assert trunk.startswith(b"1 3 1 3 10.0.0.10:5000 active 1800000000000 trunk ")
    key = HKDF(algorithm=SHA256(), length=16, salt=b"", info=b"rtcsplit announcement v1").derive(SECRET)
    assert line == text + b" " + hmac.digest(key, text, "sha256")[:16].hex().encode()


def test_changed_lines_do_not_open():
    """T16: whoever writes to Redis without a key names no address."""
    line = Announcement(ENTRIES[0], 1_800_000_000_000).build(KEYS)
    changed = [line[:i] + bytes([line[i] ^ 1]) + line[i + 1 :] for i in range(len(line))]
    changed += [line[:i] for i in range(len(line))]
    changed += [line + b"0", b"", b" " * 7, bytes(64), b"\xff" * 64, line * 100]
    other = RoutingKeys({3: SECRET[::-1]}, 3)
    changed.append(Announcement(ENTRIES[0], 1_800_000_000_000).build(other))
    assert [text for text in changed if Announcement.open(KEYS, text) is not None] == []


@pytest.mark.parametrize(
    "fields",
    [
        b"2 3 1 2 10.0.0.9:5000 active 1",
        b"1 3 1 65536 10.0.0.9:5000 active 1",
        b"1 3 one 2 10.0.0.9:5000 active 1",
        b"1 3 65536 relay 10.0.0.9:5000 active 1",
        b"1 3 1 Relay 10.0.0.9:5000 active 1",
        b"1 3 1 2 example.org:5000 active 1",
        b"1 3 1 2 10.0.0.9:5000 dead 1",
        b"1 3 1 2 10.0.0.9:5000 active",
        b"1 99 1 2 10.0.0.9:5000 active 1",
        b"1 3 1 2 10.0.0.9:5000 active 1 trunks",
        b"1 3 1 2 10.0.0.9:5000 active 1 trunk trunk",
    ],
    ids=bytes.decode,
)
def test_signed_nonsense_does_not_open(fields):
    _, mac = KEYS.sign(fields)
    assert Announcement.open(KEYS, fields + b" " + mac.hex().encode()) is None


def test_nobody_announces_without_a_minting_key_or_a_dead_entry():
    with pytest.raises(UsageError):
        Announcement(ENTRIES[0], 1).build(RoutingKeys({3: SECRET}))
    with pytest.raises(UsageError):
        Announcement(ENTRIES[0]._replace(state=EntryState.DEAD), 1).build(KEYS)
