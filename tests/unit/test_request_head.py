"""Which worker a request is for: what signaling makes of ids leads back, and nothing else leads anywhere."""

from __future__ import annotations

import time

import pytest

from rtcsplit.cli.request_head import ids_of_worker, worker_of
from rtcsplit.signaling.calls import CallTable
from rtcsplit.signaling.client_secrets import ClientSecrets
from rtcsplit.signaling.starts import Starts

WORKERS = (0, 1, 77, 255)


def head(target: str, *fields: str) -> bytes:
    return "\r\n".join([f"PATCH {target} HTTP/1.1", "host: example.org", *fields, "", ""]).encode()


@pytest.mark.parametrize("worker", WORKERS)
def test_ids_of_calls_lead_to_their_worker(worker: int) -> None:
    id_ = CallTable(ids_of_worker(worker), 1, 1).open(b"owner").id
    targets = [f"/whip/{id_}", f"/a/b/whip/{id_}?x=1", f"/v1/realtime/calls/rtc_{id_}/hangup"]
    targets.append(f"/v1/realtime?call_id=rtc_{id_}")
    assert [worker_of(head(target)) for target in targets] == [worker] * len(targets)


@pytest.mark.parametrize("worker", WORKERS)
@pytest.mark.parametrize("field", ["authorization: Bearer {}", "Authorization:bearer {} "])
def test_client_secrets_lead_to_the_worker_that_made_them(worker: int, field: str) -> None:
    secret, _ = ClientSecrets(ids_of_worker(worker), time.time, 1).create(b"owner", 60, {})
    assert worker_of(head("/v1/realtime/calls", "accept: */*", field.format(secret))) == worker


@pytest.mark.parametrize("worker", WORKERS)
def test_session_ids_lead_to_the_worker_that_made_them(worker: int) -> None:
    id_ = Starts(ids_of_worker(worker), time.time, 1, 60.0).create(b"owner", {})
    assert worker_of(head(f"/sessions/{id_}/api/offer")) == worker


@pytest.mark.parametrize(
    "octets",
    [
        head("/whip"),
        head("/whip/short"),
        head("/whip/" + "!" * 23),
        head("/whip", "authorization: Bearer token"),
        head("/whip", "authorization: Bearer ek_short"),
        head("/whip", "x-authorization: Bearer ek_" + "A" * 32),
        b"",
        b"\r\n\r\n",
        b"\x16\x03\x01 no HTTP at all\r\n\r\n",
        b"GET /whip/" + b"A" * 23,
        b"GET /whip/ " + b"A" * 23 + b" HTTP/1.1\r\n\r\n",
    ],
)
def test_anything_else_goes_to_any(octets: bytes) -> None:
    assert worker_of(octets) is None


def test_ids_keep_128_random_bits() -> None:
    """I4: the octet that names the worker is one more."""
    make = ids_of_worker(3)
    ids = {make(17)[1:] for _ in range(1000)}
    assert len(ids) == 1000
    assert {len(id_) for id_ in ids} == {16}
