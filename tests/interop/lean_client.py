"""A small WebRTC client for many calls at once: aioice's STUN, pyOpenSSL's DTLS, pylibsrtp, and no codec.

It sends RTP packets with payloads that the test chooses, 20 ms apart, and keeps every payload that comes back.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import secrets
import struct
from typing import cast
from urllib.parse import urljoin

import httpx
from aioice import stun
from cryptography.hazmat.primitives import hashes
from OpenSSL import SSL
from pylibsrtp import Policy, Session

from rtcsplit.session.certificate import Certificate

from ..stun_oracle import is_authentic

__all__ = ["TOC", "LeanClient"]

TOC = b"\xf8"  # Opus: CELT, fullband, 20 ms, mono, one frame (RFC 6716 section 3.1)
PAYLOAD_TYPE = 111
PACKET_SECONDS = 0.020
TIMESTAMP_STEP = 960  # RFC 7587 section 4.1
HANDSHAKE_TICK = 0.05
CONNECT_TIMEOUT = 10.0
EXPORTER = b"EXTRACTOR-dtls_srtp"  # RFC 5764 section 4.2
KEY, SALT = 16, 12  # AEAD_AES_128_GCM (RFC 7714 section 12)
CERTIFICATE = Certificate.generate()  # one for all clients: making keys is not what is tested


class LeanClient(asyncio.DatagramProtocol):
    """One call; use :meth:`connect`, :meth:`speak`, :meth:`hang_up` in this order, in a block that closes the socket.

    Attributes:
        returned: RTP payloads that came back, in order of arrival.
        arrivals: when each of them arrived, by the loop's clock.
        session_url: of the call, once connected.
        candidates: where the answer says that we can send to, once connected.
        mapped_address: ours as the other side sees it (XOR-MAPPED-ADDRESS), once connected.
    """

    transport: asyncio.DatagramTransport | None = None

    def __init__(self) -> None:
        self.returned: list[bytes] = []
        self.arrivals: list[float] = []
        self.session_url = ""
        self.candidates: list[tuple[str, int]] = []
        self.mapped_address: tuple[str, int] | None = None
        self._ufrag, self._pwd = secrets.token_hex(4), secrets.token_hex(16)
        self._check_answered = asyncio.Event()
        self._connected = asyncio.Event()
        self._returned_enough = asyncio.Event()
        self._enough = 0
        self._sequence, self._timestamp, self._ssrc = 1000, secrets.randbits(32), secrets.randbits(32)
        self._remote: dict[str, str] = {}

    def __enter__(self) -> LeanClient:
        return self

    def __exit__(self, *_: object) -> None:
        if self.transport is not None:
            self.transport.close()

    async def connect(self, http: httpx.AsyncClient, whip_url: str, candidate: int = 0) -> None:
        """Call: WHIP, one connectivity check to one of the candidates, the DTLS handshake."""
        loop = asyncio.get_running_loop()
        reply = await http.post(whip_url, content=self._offer(), headers={"Content-Type": "application/sdp"})
        assert reply.status_code == 201, reply.text
        self.session_url = urljoin(whip_url, reply.headers["Location"])
        self._remote = dict(re.findall(r"a=(ice-ufrag|ice-pwd|setup|fingerprint:sha-256)[: ](\S+)\r?\n", reply.text))
        lines = re.findall(r"a=candidate:\S+ 1 (?:udp|UDP) \d+ (\S+) (\d+) typ host", reply.text)
        assert lines, reply.text
        self.candidates = [(host, int(port)) for host, port in lines]
        address = self.candidates[candidate]
        self._tls = SSL.Connection(_context())
        (self._tls.set_accept_state if self._remote["setup"] == "active" else self._tls.set_connect_state)()
        await loop.create_datagram_endpoint(lambda: self, remote_addr=address)
        self.check()
        await asyncio.wait_for(self._check_answered.wait(), CONNECT_TIMEOUT)
        while not self._connected.is_set():
            self._handshake()
            try:
                await asyncio.wait_for(self._connected.wait(), HANDSHAKE_TICK)
            except asyncio.TimeoutError:
                self._tls.DTLSv1_handle_timeout()

    def check(self) -> None:
        """Send one binding request that nominates."""
        self.send(self.binding_request())

    def binding_request(self) -> bytes:
        """Return a check of this session."""
        request = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
        request.attributes["USERNAME"] = f"{self._remote['ice-ufrag']}:{self._ufrag}"
        request.attributes["PRIORITY"] = 2130706431
        request.attributes["ICE-CONTROLLING"] = secrets.randbits(63)
        request.attributes["USE-CANDIDATE"] = None
        request.add_message_integrity(self._remote["ice-pwd"].encode())
        return bytes(request)

    async def speak(self, payloads: list[bytes]) -> None:
        """Send one packet for each payload, 20 ms apart."""
        loop = asyncio.get_running_loop()
        start = loop.time()
        for index, payload in enumerate(payloads):
            await asyncio.sleep(start + index * PACKET_SECONDS - loop.time())
            header = struct.pack("!BBHII", 0x80, PAYLOAD_TYPE, self._sequence, self._timestamp, self._ssrc)
            self.send(self._outbound.protect(header + payload))
            self._sequence = (self._sequence + 1) & 0xFFFF
            self._timestamp = (self._timestamp + TIMESTAMP_STEP) & 0xFFFFFFFF

    async def until_returned(self, count: int, timeout: float = 30.0) -> None:
        """Return when that many packets came back, or when the time is up."""
        self._enough = count
        self._returned_enough.clear()
        self._note_returned()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._returned_enough.wait(), timeout)

    async def rebind(self) -> None:
        """Go on from another address, as behind a NAT that forgot its mapping; no check tells of it."""
        assert self.transport is not None
        old, server = self.transport, self.transport.get_extra_info("peername")
        await asyncio.get_running_loop().create_datagram_endpoint(lambda: self, remote_addr=server)
        old.close()

    async def hang_up(self, http: httpx.AsyncClient) -> None:
        """End the call by DELETE."""
        reply = await http.delete(self.session_url)
        assert reply.status_code == 200, reply.text

    def send(self, datagram: bytes) -> None:
        """Send to the address of the answer, whatever it is."""
        assert self.transport is not None
        self.transport.sendto(datagram)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def error_received(self, exc: Exception) -> None:
        """A port that is closed for a while, as a relay's between two lives, is no error of the call."""

    def datagram_received(self, data: bytes, addr: object) -> None:
        if data[0] < 4:
            self._receive_stun(data)
        elif 19 < data[0] < 64:
            self._tls.bio_write(data)
            self._handshake()
        elif self._connected.is_set() and not 192 <= data[1] <= 223:
            packet = self._inbound.unprotect(data)
            self.returned.append(_payload(packet))
            self.arrivals.append(asyncio.get_running_loop().time())
            self._note_returned()

    def _note_returned(self) -> None:
        if self._enough and len(self.returned) >= self._enough:
            self._returned_enough.set()

    def _receive_stun(self, data: bytes) -> None:
        message = stun.parse_message(data)
        if message.message_class == stun.Class.RESPONSE and is_authentic(data, self._remote["ice-pwd"].encode()):
            self.mapped_address = message.attributes["XOR-MAPPED-ADDRESS"]
            self._check_answered.set()

    def _handshake(self) -> None:
        if not self._connected.is_set():
            try:
                self._tls.do_handshake()
            except SSL.WantReadError:
                pass
            else:
                self._take_keys()
                self._connected.set()
        while True:
            try:
                self.send(self._tls.bio_read(1500))
            except SSL.WantReadError:
                return

    def _take_keys(self) -> None:
        peer = self._tls.get_peer_certificate(as_cryptography=True)
        assert peer is not None
        fingerprint = peer.fingerprint(hashes.SHA256()).hex(":").upper()
        assert self._remote["fingerprint:sha-256"] == fingerprint
        keys = self._tls.export_keying_material(EXPORTER, 2 * (KEY + SALT))
        client = keys[:KEY] + keys[2 * KEY : 2 * KEY + SALT]
        server = keys[KEY : 2 * KEY] + keys[2 * KEY + SALT :]
        ours, theirs = (server, client) if self._remote["setup"] == "active" else (client, server)
        profile = Policy.SRTP_PROFILE_AEAD_AES_128_GCM
        self._outbound = Session(Policy(key=ours, ssrc_type=Policy.SSRC_ANY_OUTBOUND, srtp_profile=profile))
        self._inbound = Session(Policy(key=theirs, ssrc_type=Policy.SSRC_ANY_INBOUND, srtp_profile=profile))

    def _offer(self) -> str:
        lines = (
            "v=0",
            f"o=- {int.from_bytes(os.urandom(7), 'big')} 1 IN IP4 127.0.0.1",
            "s=-",
            "t=0 0",
            "a=group:BUNDLE 0",
            f"m=audio 9 UDP/TLS/RTP/SAVPF {PAYLOAD_TYPE}",
            "c=IN IP4 0.0.0.0",
            "a=mid:0",
            "a=sendrecv",
            "a=rtcp-mux",
            f"a=ice-ufrag:{self._ufrag}",
            f"a=ice-pwd:{self._pwd}",
            f"a=fingerprint:{CERTIFICATE.fingerprint}",
            "a=setup:actpass",
            f"a=rtpmap:{PAYLOAD_TYPE} opus/48000/2",
        )
        return "".join(f"{line}\r\n" for line in lines)


def _context() -> SSL.Context:
    context = SSL.Context(SSL.DTLS_METHOD)
    context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *_: True)
    context.use_certificate(CERTIFICATE.x509)
    context.use_privatekey(CERTIFICATE.private_key)
    context.set_tlsext_use_srtp(b"SRTP_AEAD_AES_128_GCM")
    return context


def _payload(packet: bytes) -> bytes:
    """The payload of a plain RTP packet (RFC 3550 section 5.1)."""
    start = 12 + 4 * (packet[0] & 0x0F)
    if packet[0] & 0x10:
        start += 4 + 4 * int.from_bytes(packet[start + 2 : start + 4], "big")
    end = len(packet) - (packet[-1] if packet[0] & 0x20 else 0)
    return packet[start:end]
