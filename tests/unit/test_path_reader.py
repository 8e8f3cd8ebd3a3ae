"""Paths as the batch path packs them, and which are kept."""

from __future__ import annotations

import pytest

from rtcsplit._native.session_table import NativeSessionTable
from rtcsplit.transceiver.facts import PathReader, pack_path
from rtcsplit.wire.address import Address, Path, Via

CLIENT = Address.of("198.51.100.7", 50_000)
RELAY = Address.of("203.0.113.10", 3478)
PATHS = [Path(CLIENT), Path(CLIENT, Via(RELAY, RELAY))]


@pytest.fixture
def table() -> NativeSessionTable:
    return NativeSessionTable()


@pytest.mark.parametrize("path", PATHS)
def test_a_path_of_a_session_comes_back_as_one_object(table: NativeSessionTable, path: Path) -> None:
    reader = PathReader(table)
    table.put(*CLIENT, 1, None)
    known = reader.unpack(pack_path(path))
    assert known == path
    assert reader.unpack(pack_path(path)) is known


def test_the_latest_path_of_an_address_is_kept(table: NativeSessionTable) -> None:
    reader = PathReader(table)
    table.put(*CLIENT, 1, None)
    assert [reader.unpack(pack_path(path)) for path in (*PATHS, *PATHS)] == [*PATHS, *PATHS]
    assert len(table.notes) == 1


def test_a_stranger_leaves_nothing(table: NativeSessionTable) -> None:
    reader = PathReader(table)
    table.put(*RELAY, 1, None)
    assert reader.unpack(pack_path(PATHS[0])) == PATHS[0]
    assert table.notes == {}


def test_a_path_goes_with_its_address(table: NativeSessionTable) -> None:
    reader = PathReader(table)
    table.put(*CLIENT, 1, None)
    reader.unpack(pack_path(PATHS[0]))
    table.remove(*CLIENT)
    assert table.notes == {}


def test_without_a_table_paths_are_read_all_the_same() -> None:
    assert PathReader(None).unpack(pack_path(PATHS[1])) == PATHS[1]
