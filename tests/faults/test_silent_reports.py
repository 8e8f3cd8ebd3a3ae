"""A peer's reports cease while its checks and its audio go on: media to it stops, and begins again, on virtual time."""

from __future__ import annotations

import pytest

from rtcsplit.wire import rtcp
from rtcsplit.wire.rtp_extension import ONE_BYTE_PROFILE, build_elements

from ..calls import rtp
from ..desk import OPUS_20_MS, Desk, heard


@pytest.mark.parametrize("is_batched", [True, False])
def test_media_pauses_while_reports_are_missing(is_batched: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """F34: 20 s of speech after one report; the echo ends after 15 s, and comes back with the next report."""
    monkeypatch.setattr(Desk, "is_batched", is_batched)
    desk = Desk()
    call, client = desk.dial()
    desk.connect(client)
    report = rtcp.build([rtcp.ReceiverReport(0x1234)])
    client.send_rtcp(report)
    for number in range(1_000):
        client.send_rtp(rtp(number, OPUS_20_MS))
        desk.network.run_for(0.02)
    assert 740 <= len(heard(client)) <= 752
    client.send_rtcp(report)
    desk.network.run_for(0.02)
    for number in range(1_000, 1_010):
        client.send_rtp(rtp(number, OPUS_20_MS))
        desk.network.run_for(0.02)
    desk.network.run_for(0.1)
    assert call.statistics is not None
    assert len(heard(client)) + call.statistics.packets_withheld == 1_010
    assert call.statistics.packets_withheld >= 240


@pytest.mark.parametrize("is_batched", [True, False])
def test_call_gives_transport_wide_feedback_while_nothing_else_is_due(
    is_batched: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F31: with the packet that comes next, and of the last ones before a silence with the next report."""
    monkeypatch.setattr(Desk, "is_batched", is_batched)
    desk = Desk()
    call, client = desk.dial()
    desk.connect(client)
    for number in range(100):
        plain = rtp(number, OPUS_20_MS)
        extension = build_elements({3: number.to_bytes(2, "big")})
        words = ONE_BYTE_PROFILE.to_bytes(2, "big") + (len(extension) // 4).to_bytes(2, "big") + extension
        client.send_rtp(b"\x90" + plain[1:12] + words + plain[12:])
        desk.network.run_for(0.02)
    assert call.statistics is not None
    assert 8 <= call.statistics.transport_feedback_sent <= 10
    desk.network.run_for(7.5)
    assert 9 <= call.statistics.transport_feedback_sent <= 11
