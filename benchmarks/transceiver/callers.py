"""Clients with a real socket each: ICE checks, DTLS and SRTP by the objects of ``tests/client_peer.py``."""

from __future__ import annotations

import heapq
import re
import select
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path as FilePath

from rtcsplit.session.certificate import Certificate, Fingerprint
from rtcsplit.session.keying import SrtpProfile
from rtcsplit.session.negotiation import DtlsRole, IceCredentials
from rtcsplit.wire import stun
from rtcsplit.wire.address import Address, Path
from rtcsplit.wire.stun_values import encode_xor_mapped_address
from tests.client_peer import ClientPeer

_OFFER = (FilePath(__file__).parents[2] / "tests" / "data" / "chromium_audio.sdp").read_text()
_CERTIFICATE = Certificate.generate()
_PROFILES = (SrtpProfile.AEAD_AES_128_GCM,)
_AT_ONCE = 8  # calls in set-up at a time
_SETUP_LIMIT = 60.0


class Caller(ClientPeer):
    """A client on a socket of its own, that answers the checks of a full agent too."""

    sock: socket.socket

    def _receive_stun(self, datagram: bytes, now: float) -> None:
        message = stun.parse(datagram)
        if isinstance(message, stun.Message) and message.message_class is stun.MessageClass.REQUEST:
            self.send_raw(self._answer(message))
        else:
            super()._receive_stun(datagram, now)

    def _answer(self, request: stun.Message) -> bytes:
        server = Address.of(*self.sock.getpeername())
        mapped = encode_xor_mapped_address(server, request.transaction_id)
        return stun.build(
            stun.MessageClass.SUCCESS_RESPONSE,
            stun.BINDING,
            request.transaction_id,
            [(stun.Attribute.XOR_MAPPED_ADDRESS, mapped)],
            integrity_key=self.local.pwd.encode(),
        )

    def pump(self, now: float) -> None:
        """Do what is due and send what is to be sent."""
        self.handle_timer(now)
        for datagram, _ in self.datagrams_to_send(now):
            with suppress(ConnectionRefusedError):  # the server has given the call up: its packets count as lost
                self.sock.send(datagram)


class Callers:
    """Connected calls, and their checks while they last.

    Args:
        accept: takes an offer to the server and returns its answer.
        count: how many.
        meanwhile: called now and then during the set-up.
        has_nack: they may ask for lost packets.

    Raises:
        TimeoutError: not all of them connected.
    """

    def __init__(
        self, accept: Callable[[bytes], str], count: int, meanwhile: Callable[[], None], *, has_nack: bool = False
    ) -> None:
        self.callers: list[Caller] = []
        for start in range(0, count, _AT_ONCE):
            indexes = range(start, min(start + _AT_ONCE, count))
            group = [new_caller(accept, index, has_nack=has_nack) for index in indexes]
            self.callers += group
            connect(group)
            for caller in self.callers:
                caller.pump(time.monotonic())
            meanwhile()
        self._due = [(caller.next_timer() or 0.0, index) for index, caller in enumerate(self.callers)]
        heapq.heapify(self._due)

    def receive(self, index: int, datagram: bytes) -> None:
        """Let a call take what is not RTP, and answer it."""
        now = time.monotonic()
        caller = self.callers[index]
        caller.receive(datagram, caller.path, now)
        caller.answers.clear()
        caller.pump(now)

    def handle_timers(self, most: int | None = None) -> None:
        """Send the checks that are due, those of ``most`` calls at a time: clients do not all speak at once."""
        now = time.monotonic()
        for _ in range(len(self._due) if most is None else most):
            if self._due[0][0] > now:
                return
            index = self._due[0][1]
            caller = self.callers[index]
            caller.pump(now)
            heapq.heapreplace(self._due, (max(now + 0.01, caller.next_timer() or now + 1.0), index))

    def close(self) -> None:
        """Close every socket, without a word."""
        for caller in self.callers:
            caller.sock.close()


def new_caller(accept: Callable[[bytes], str], index: int, *, setup: str = "actpass", has_nack: bool = False) -> Caller:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    sock.bind(("0.0.0.0", 0))
    answer = accept(_offer(sock.getsockname()[1], setup, has_nack=has_nack))
    server = re.search(r"^a=candidate:\S+ 1 udp \d+ (\d+\.\d+\.\d+\.\d+) (\d+) typ host", answer, re.M | re.I)
    assert server, answer
    sock.connect((server[1], int(server[2])))
    is_server_active = _attribute(answer, "setup") == "active"
    caller = Caller(
        Address.of(*sock.getsockname()),
        local=IceCredentials(_attribute(_OFFER, "ice-ufrag"), _attribute(_OFFER, "ice-pwd")),
        remote=IceCredentials(_attribute(answer, "ice-ufrag"), _attribute(answer, "ice-pwd")),
        server_fingerprint=Fingerprint.parse(_attribute(answer, "fingerprint")),
        role=DtlsRole.SERVER if is_server_active else DtlsRole.CLIENT,
        certificate=_CERTIFICATE,
        profiles=_PROFILES,
        now=time.monotonic(),
        seed=index,
    )
    caller.sock = sock
    return caller


def _offer(port: int, setup: str, *, has_nack: bool) -> bytes:
    candidate = f"a=candidate:1 1 udp 2113937151 127.0.0.1 {port} typ host"
    lines = [line for line in _OFFER.splitlines() if not line.startswith("a=candidate:")]
    lines = [re.sub("^a=fingerprint:.*", f"a=fingerprint:{_CERTIFICATE.fingerprint}", line) for line in lines]
    lines = [re.sub("^a=setup:.*", f"a=setup:{setup}", line) for line in lines]
    if has_nack:
        lines.append("a=rtcp-fb:111 nack")
    return "\r\n".join([*lines, candidate, "a=end-of-candidates", ""]).encode()


def _attribute(sdp: str, name: str) -> str:
    found = re.search(rf"^a={name}:(.*?)\r?$", sdp, re.MULTILINE)
    assert found, f"the answer has no {name}"
    return found[1]


def connect(group: Sequence[Caller]) -> None:
    poll = select.poll()
    by_fd = {caller.sock.fileno(): caller for caller in group}
    for fd in by_fd:
        poll.register(fd, select.POLLIN)
    deadline = time.monotonic() + _SETUP_LIMIT
    while not all(caller.srtp for caller in group):
        now = time.monotonic()
        if now > deadline:
            raise TimeoutError("calls were not set up")
        for caller in group:
            caller.pump(now)
        for fd, _ in poll.poll(20):
            drain(by_fd[fd])


def drain(caller: Caller) -> None:
    while True:
        try:
            datagram = caller.sock.recv(2048)
        except BlockingIOError:
            return
        caller.receive(datagram, Path(caller.path.client), time.monotonic())
        caller.pump(time.monotonic())
