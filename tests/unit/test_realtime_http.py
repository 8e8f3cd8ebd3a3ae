"""The Realtime door over real connections: every form of a request, and what becomes of hostile ones."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from rtcsplit.errors import ConfigurationError
from rtcsplit.signaling.realtime import RealtimeSettings
from tests.offers import OFFER, changed
from tests.plain_http import sent, status
from tests.realtime_door import CALLS, KEY, door

SECRETS = "/v1/realtime/client_secrets"
SESSION = {"type": "realtime", "model": "a-model", "instructions": "be brief"}


def error_of(response: httpx.Response) -> tuple[int, str, str | None]:
    error = response.json()["error"]
    assert set(error) == {"message", "type", "code", "param"}
    assert isinstance(error["message"], str)
    assert error["type"] == ("server_error" if response.status_code >= 500 else "invalid_request_error")
    return response.status_code, error["code"], error["param"]


FORMS: dict[str, dict[str, Any]] = {
    "sdp": {"content": OFFER, "headers": {**KEY, "Content-Type": "application/sdp"}},
    "multipart": {"files": {"sdp": (None, OFFER), "session": (None, json.dumps(SESSION))}, "headers": KEY},
    "multipart with types": {
        "files": {
            "sdp": ("offer.sdp", OFFER.encode(), "application/sdp"),
            "session": ("session.json", json.dumps(SESSION).encode(), "application/json"),
        },
        "headers": KEY,
    },
    "json": {"json": {"sdp": OFFER, "session": SESSION}, "headers": {**KEY, "Accept": "application/sdp"}},
    "urlencoded": {"data": {"sdp": OFFER, "session": json.dumps(SESSION)}, "headers": KEY},
}


@pytest.mark.parametrize("form", FORMS)
async def test_call_in_each_form_of_its_body(form: str) -> None:
    async with door() as running:
        response = await running.http.post(CALLS, **FORMS[form])
        assert response.status_code == 201
        assert response.headers["content-type"] == "application/sdp"
        assert response.text.startswith("v=0\r\n")
        location = response.headers["location"]
        assert location.startswith(f"{CALLS}/rtc_")
        assert running.calls.opened == {"call-1": {} if form == "sdp" else SESSION}
        assert (await running.http.post(f"{location}/hangup", headers=KEY)).status_code == 200
        assert running.acceptor.calls == {}
        gone = await running.http.post(f"{location}/hangup", headers=KEY)
        assert error_of(gone) == (404, "call_not_found", "call_id")


async def test_client_secret_opens_several_calls_until_it_expires() -> None:
    async with door() as running:
        wish = {"expires_after": {"anchor": "created_at", "seconds": 60}, "session": SESSION}
        response = await running.http.post(SECRETS, json=wish, headers=KEY)
        assert response.status_code == 200
        made = response.json()
        assert made["value"].startswith("ek_")
        assert (made["expires_at"], made["session"]) == (1_800_000_060, SESSION)
        created = [await running.call(made["value"]) for _ in range(2)]
        assert [call.status_code for call in created] == [201, 201]
        assert running.calls.opened == {"call-1": SESSION, "call-2": SESSION}
        running.time += 60
        assert error_of(await running.call(made["value"])) == (401, "invalid_api_key", None)
        location = created[0].headers["location"]
        other = {"Authorization": "Bearer other"}
        assert (await running.http.post(f"{location}/hangup", headers=other)).status_code == 404
        assert (await running.http.post(f"{location}/hangup", headers=KEY)).status_code == 200


async def test_client_secret_makes_no_secret_and_ends_no_call() -> None:
    async with door() as running:
        made = (await running.http.post(SECRETS, headers=KEY)).json()
        assert (made["expires_at"], made["session"]) == (1_800_000_600, {})
        headers = {"Authorization": f"Bearer {made['value']}"}
        location = (await running.call(made["value"])).headers["location"]
        for path in (SECRETS, f"{location}/hangup"):
            assert error_of(await running.http.post(path, headers=headers)) == (401, "invalid_api_key", None)


async def test_expired_secrets_make_room() -> None:
    async with door(max_secrets=2) as running:
        for _ in range(2):
            assert (await running.http.post(SECRETS, headers=KEY)).status_code == 200
        assert error_of(await running.http.post(SECRETS, headers=KEY)) == (503, "server_overloaded", None)
        running.time += 600
        assert (await running.http.post(SECRETS, headers=KEY)).status_code == 200


@pytest.mark.parametrize("token", ["wrong", "ek_wrong", "ek_" + "x" * 5000])
async def test_wrong_token(token: str) -> None:
    async with door() as running:
        assert error_of(await running.call(token)) == (401, "invalid_api_key", None)
        assert running.acceptor.offers == []


@pytest.mark.parametrize("verb", ["accept", "reject", "refer"])
async def test_telephone_calls_are_not_served(verb: str) -> None:
    async with door() as running:
        response = await running.http.post(f"{CALLS}/rtc_1/{verb}", headers=KEY)
        assert error_of(response) == (501, "not_supported", None)


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("POST", "/v1/realtime", 404),
        ("POST", f"{CALLS}/rtc_1/dance", 404),
        ("GET", CALLS, 405),
        ("POST", f"{CALLS}/rtc_1/hangup", 404),
        ("POST", f"{CALLS}/1/hangup", 404),
    ],
)
async def test_nothing_there(method: str, path: str, expected: int) -> None:
    async with door() as running:
        assert error_of(await running.http.request(method, path, headers=KEY))[0] == expected


async def test_pages_may_call() -> None:
    async with door() as running:
        headers = {
            "Origin": "https://app.example",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type,x-openai-agents-sdk",
        }
        preflight = await running.http.options(CALLS, headers=headers)
        assert preflight.status_code == 204
        assert "X-OpenAI-Agents-SDK" in preflight.headers["access-control-allow-headers"]
        for response in (await running.call(), await running.call("wrong")):
            response = await running.http.post(CALLS, headers={"Origin": "https://app.example"})
            assert response.headers["access-control-allow-origin"] == "*"
            assert "Location" in response.headers["access-control-expose-headers"]


BOUNDARY = {"Content-Type": "multipart/form-data; boundary=b"}
JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
PART = '--b\r\nContent-Disposition: form-data; name="{}"\r\n\r\n{}\r\n'
HOSTILE: dict[str, tuple[dict[str, str], bytes | str, tuple[int, str, str | None]]] = {
    "no type": ({"Content-Type": ""}, OFFER, (415, "unsupported_media_type", None)),
    "other type": ({"Content-Type": "text/plain"}, OFFER, (415, "unsupported_media_type", None)),
    "encoded": ({**JSON, "Content-Encoding": "gzip"}, "{}", (415, "unsupported_media_type", None)),
    "no SDP": ({"Content-Type": "application/sdp"}, "hello", (400, "", "sdp")),
    "empty SDP": ({"Content-Type": "application/sdp"}, "", (400, "", "sdp")),
    "SDP that is no text": ({"Content-Type": "application/sdp"}, b"\xff\xfe", (400, "invalid_value", "sdp")),
    "no codec": (
        {"Content-Type": "application/sdp"},
        changed("opus/48000/2", "speex/16000", OFFER),
        (422, "no_codec", "sdp"),
    ),
    "no JSON": (JSON, "{", (400, "invalid_json", None)),
    "JSON that is no text": (JSON, b'{"sdp":"\xff"}', (400, "invalid_json", None)),
    "deep JSON": (JSON, '{"sdp":"","session":' + '{"a":' * 20_000 + "1" + "}" * 20_001, (400, "invalid_json", None)),
    "no object": (JSON, "[]", (400, "invalid_value", None)),
    "no offer in JSON": (JSON, "{}", (400, "invalid_value", "sdp")),
    "offer of another type": (JSON, '{"sdp": 7}', (400, "invalid_value", "sdp")),
    "session of another type": (JSON, '{"sdp": "", "session": []}', (400, "invalid_value", "session")),
    "surrogate": (JSON, '{"sdp": "\\ud800"}', (400, "", None)),
    "no boundary": ({"Content-Type": "multipart/form-data"}, "x", (400, "invalid_form", None)),
    "no parts": (BOUNDARY, "hello", (400, "", None)),
    "no end": (BOUNDARY, PART.format("sdp", "v=0"), (400, "", "sdp")),
    "no disposition": (BOUNDARY, "--b\r\n\r\nx\r\n--b--\r\n", (400, "invalid_form", None)),
    "no offer": (BOUNDARY, PART.format("other", "x") + "--b--\r\n", (400, "missing_required_parameter", "sdp")),
    "two offers": (BOUNDARY, PART.format("sdp", "x") * 2 + "--b--\r\n", (400, "invalid_form", None)),
    "many fields": (BOUNDARY, PART.format("sdp", "x") * 2000 + "--b--\r\n", (400, "invalid_form", None)),
    "session that is no JSON": (
        BOUNDARY,
        PART.format("sdp", OFFER) + PART.format("session", "{") + "--b--\r\n",
        (400, "invalid_json", "session"),
    ),
    "session that is no object": (
        BOUNDARY,
        PART.format("sdp", OFFER) + PART.format("session", "7") + "--b--\r\n",
        (400, "invalid_value", "session"),
    ),
    "many values": (FORM, "sdp=x&" * 20_000, (400, "invalid_form", None)),
}


@pytest.mark.parametrize(("headers", "body", "expected"), HOSTILE.values(), ids=HOSTILE)
async def test_body_that_cannot_be_used(
    headers: dict[str, str], body: bytes | str, expected: tuple[int, str, str | None]
) -> None:
    async with door() as running:
        found = error_of(await running.http.post(CALLS, content=body, headers={**KEY, **headers}))
        assert found[0] == expected[0]
        if expected[1]:
            assert found == expected
        assert running.acceptor.calls == {}
        assert (await running.call()).status_code == 201, "the next one is served"


@pytest.mark.parametrize(
    ("wish", "param"),
    [
        ({"expires_after": {"seconds": 9}}, "expires_after.seconds"),
        ({"expires_after": {"seconds": 7201}}, "expires_after.seconds"),
        ({"expires_after": {"anchor": "birth"}}, "expires_after.anchor"),
        ({"session": "x"}, "session"),
        ([], None),
    ],
)
async def test_wish_for_a_secret_that_cannot_be_met(wish: object, param: str | None) -> None:
    async with door() as running:
        response = await running.http.post(SECRETS, json=wish, headers=KEY)
        assert error_of(response) == (400, "invalid_value", param)


HEAD = f"POST {CALLS} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer standard\r\nContent-Type: application/json\r\n"
FRAMINGS = {
    "too long": ("Content-Length: 300000\r\n", b"", 413),
    "endless": ("Transfer-Encoding: chunked\r\n", b"4000\r\n" + b" " * 0x4000 + b"\r\n", 413),
    "slow": ("Content-Length: 1000\r\n", b"", 408),
    "headers": ("X: y\r\n" * 70, b"", 431),
}


@pytest.mark.parametrize(("framing", "repeat", "expected"), FRAMINGS.values(), ids=FRAMINGS)
async def test_body_out_of_bounds(framing: str, repeat: bytes, expected: int) -> None:
    async with door() as running:
        answer = await sent(running.address, HEAD + framing, repeat=repeat)
        assert status(answer) == expected
        assert b'{"error":{"message":' in answer
        assert running.acceptor.offers == []


async def test_token_is_asked_for_before_any_of_the_body() -> None:
    async with door(body_deadline=60.0) as running:
        head = HEAD.replace("standard", "ek_wrong") + "Content-Length: 1000\r\n"
        assert status(await sent(running.address, head)) == 401


async def test_full_endpoint_is_503() -> None:
    async with door() as running:
        running.acceptor.is_full = True
        response = await running.call()
        assert error_of(response) == (503, "server_overloaded", None)
        assert response.headers["retry-after"] == "2"


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"tokens": ("",)},
        {"tokens": "letters"},
        {"tokens": ("a",), "path": "v1"},
        {"tokens": ("a",), "path": "/v1/"},
        {"tokens": ("a",), "cors_origins": ("page.test",)},
    ],
)
def test_settings_that_cannot_be_used(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        RealtimeSettings(**settings)
