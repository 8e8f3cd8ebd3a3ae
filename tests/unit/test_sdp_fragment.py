"""Fragments: ICE lines without a description (RFC 8840 section 9)."""

from __future__ import annotations

import pytest

from rtcsplit.errors import SdpError
from rtcsplit.session.negotiation import IceCredentials
from rtcsplit.session.sdp import build_fragment, parse_fragment
from rtcsplit.session.sdp.candidate import RemoteCandidate
from rtcsplit.session.sdp.media_line import MediaLine
from rtcsplit.wire.address import Address
from tests.offers import RELAY

ICE = IceCredentials("EsAw", "P2uYro0UCOQ4zxjKXaWCBui1")
# RFC 9725 section 4.3.2, the example
TRICKLED = """a=group:BUNDLE 0 1
m=audio 9 UDP/TLS/RTP/SAVPF 111
a=mid:0
a=ice-ufrag:EsAw
a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1
a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0 ufrag EsAw network-id 1
a=candidate:3471623853 1 udp 2122194687 198.51.100.2 61765 typ host generation 0 ufrag EsAw network-id 2
a=candidate:473322822 1 tcp 1518280447 192.0.2.1 9 typ host tcptype active generation 0 ufrag EsAw network-id 1
a=end-of-candidates
"""


def test_the_example_of_whip_is_read() -> None:
    """G26: credentials, section, the candidates of use, their end."""
    fragment = parse_fragment(TRICKLED)
    assert fragment.ice == ICE
    assert (fragment.media, fragment.mid) == (MediaLine("audio", 9, "UDP/TLS/RTP/SAVPF", ("111",)), "0")
    assert fragment.candidates == (
        RemoteCandidate(Address.of("192.0.2.1", 61764), 2122260223, "host"),
        RemoteCandidate(Address.of("198.51.100.2", 61765), 2122194687, "host"),
    )
    assert fragment.has_ended
    assert fragment.ice_options is None


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_credentials_may_stand_before_any_section(end: str) -> None:
    text = end.join(["a=ice-options:trickle ice2", "a=ice-ufrag:EsAw", f"a=ice-pwd:{ICE.pwd}", ""])
    fragment = parse_fragment(text.encode())
    assert (fragment.ice, fragment.ice_options) == (ICE, {"trickle", "ice2"})
    assert (fragment.media, fragment.mid, fragment.candidates, fragment.has_ended) == (None, None, (), False)


def test_a_sections_credentials_win_over_the_sessions() -> None:
    """G10."""
    assert parse_fragment(f"a=ice-ufrag:else\na=ice-pwd:{'x' * 22}\n{TRICKLED}").ice == ICE


def test_sections_of_one_transport_may_repeat_its_credentials() -> None:
    second = f"m=video 9 UDP/TLS/RTP/SAVPF 96\na=mid:1\na=ice-ufrag:EsAw\na=ice-pwd:{ICE.pwd}\n"
    assert parse_fragment(TRICKLED + second).mid == "0"


@pytest.mark.parametrize("asked", [TRICKLED, TRICKLED.replace("a=mid:0\n", ""), TRICKLED.split("m=")[0] + "a=ice-ufrag:"
                                   f"EsAw\na=ice-pwd:{ICE.pwd}"], ids=["mid", "no mid", "no section"])  # fmt: skip
def test_what_we_build_reads_as_a_fragment_of_ours(asked: str) -> None:
    """C18: only the mark of a lite agent has to go, which no client of ours may carry."""
    request = parse_fragment(asked)
    ice = IceCredentials("EceMMyQBAgMEBQhiKJ1mhcEw", "0123456789abcdefghijklmn")
    text = build_fragment(request, ice, (RELAY,), frozenset({"trickle"}))
    assert text.startswith("a=ice-lite\r\na=ice-options:ice2 trickle\r\n")
    ours = parse_fragment(text.removeprefix("a=ice-lite\r\n"))
    assert (ours.ice, ours.media, ours.mid, ours.has_ended) == (ice, request.media, request.mid, True)
    assert [candidate.address for candidate in ours.candidates] == [RELAY]


def test_a_password_is_never_shown() -> None:
    """T30: not even of the line at fault."""
    with pytest.raises(SdpError) as caught:
        parse_fragment(f"a=ice-ufrag:EsAw\na=ice-pwd:{ICE.pwd}!")
    assert ICE.pwd not in str(caught.value)


def test_ice_options_are_bounded() -> None:
    """T24: sixteen tags of 32 characters are kept of any number."""
    tags = " ".join([f"tag{number}" for number in range(100)] + ["x" * 33])
    options = parse_fragment(TRICKLED + f"a=ice-options:{tags}\n").ice_options
    assert options == {f"tag{number}" for number in range(16)}
