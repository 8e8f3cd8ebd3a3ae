"""Header extensions of both forms, and the audio level."""

from __future__ import annotations

import pytest

from rtcsplit.errors import UsageError
from rtcsplit.wire.rtp_extension import (
    ONE_BYTE_PROFILE,
    AudioLevel,
    build_elements,
    find_element,
    is_two_byte,
    parse_elements,
)


@pytest.mark.parametrize(
    ("extension", "elements"),
    [
        pytest.param("", {}, id="empty"),
        pytest.param("10ff2161620000", {1: b"\xff", 2: b"ab"}, id="two elements and padding"),
        pytest.param("0010ff00005030", {1: b"\xff", 5: b"0"}, id="padding in the middle"),
        pytest.param("10fff0112033", {1: b"\xff"}, id="id 15 ends the reading"),
        pytest.param("f010ff", {}, id="id 15 in first place"),
        pytest.param("10ff2f616263", {1: b"\xff"}, id="length past the end"),
        pytest.param("10ff20", {1: b"\xff"}, id="element header at the end"),
        pytest.param("10ff1000", {1: b"\xff"}, id="id twice"),
        pytest.param("ef" + "61" * 16, {14: b"a" * 16}, id="largest id and length"),
        pytest.param("10ff0120ff", {1: b"\xff"}, id="id 0 with a length ends the reading"),
    ],
)
def test_elements_of_the_one_byte_form(extension: str, elements: dict[int, bytes]) -> None:
    """F21 (RFC 8285 section 4.2)."""
    octets = bytes.fromhex(extension)
    assert parse_elements(ONE_BYTE_PROFILE, octets) == elements
    assert {n: find_element(ONE_BYTE_PROFILE, octets, n) for n in range(1, 15)} == {
        n: elements.get(n) for n in range(1, 15)
    }


@pytest.mark.parametrize(
    ("extension", "elements"),
    [
        pytest.param("", {}, id="empty"),
        pytest.param("0101ff0200000003026162", {1: b"\xff", 2: b"", 3: b"ab"}, id="zero length, padding"),
        pytest.param("0f01aaff03616263", {15: b"\xaa", 255: b"abc"}, id="ids 15 and 255"),
        pytest.param("0101ff0203ab", {1: b"\xff"}, id="length past the end"),
        pytest.param("0101ff02", {1: b"\xff"}, id="element header at the end"),
        pytest.param("0101ff010100", {1: b"\xff"}, id="id twice"),
    ],
)
def test_elements_of_the_two_byte_form(extension: str, elements: dict[int, bytes]) -> None:
    """F22 (RFC 8285 section 4.3): whatever the 4 bits for the application are."""
    for profile in (0x1000, 0x100F):
        assert parse_elements(profile, bytes.fromhex(extension)) == elements
        assert find_element(profile, bytes.fromhex(extension), 1) == elements.get(1)


@pytest.mark.parametrize("profile", [None, 0x0FFF, 0x1010, 0xBEDF])
def test_other_profiles_have_no_elements(profile: int | None) -> None:
    assert not is_two_byte(profile)
    assert parse_elements(profile, bytes.fromhex("1000ff00")) == {}
    assert find_element(profile, bytes.fromhex("1000ff00"), 1) is None


def test_built_elements_fill_words_and_parse_again() -> None:
    elements = {1: b"\x85", 14: b"x" * 16, 3: b"ab"}
    built = build_elements(elements)
    assert len(built) % 4 == 0
    assert parse_elements(ONE_BYTE_PROFILE, built) == elements
    assert build_elements({}) == b""


@pytest.mark.parametrize("elements", [{0: b"x"}, {15: b"x"}, {1: b""}, {1: b"x" * 17}])
def test_what_has_no_one_byte_form_is_a_usage_error(elements: dict[int, bytes]) -> None:
    with pytest.raises(UsageError):
        build_elements(elements)


@pytest.mark.parametrize(
    ("value", "level"),
    [(b"\x00", AudioLevel(0, False)), (b"\x7f", AudioLevel(127, False)), (b"\xff", AudioLevel(127, True))],
)
def test_audio_level_there_and_back(value: bytes, level: AudioLevel) -> None:
    """F24 (RFC 6464 section 3)."""
    assert AudioLevel.parse(value) == level
    assert level.build() == value


@pytest.mark.parametrize("value", [b"", b"\x7f\x00", b"\x7f\x00\x00"])
def test_audio_level_of_another_length_is_ignored(value: bytes) -> None:
    """F24."""
    assert AudioLevel.parse(value) is None


@pytest.mark.parametrize("level", [-1, 128])
def test_audio_level_out_of_range_is_a_usage_error(level: int) -> None:
    with pytest.raises(UsageError):
        AudioLevel(level).build()
