"""The ports and the configuration files of a deployment: what an operator would write, with random keys."""

from __future__ import annotations

import contextlib
import random
import secrets
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["HOST", "Ports", "Settings", "free_port", "write_files"]

HOST = "127.0.0.1"


def free_port(kind: socket.SocketKind) -> int:
    """Return a port that is free on loopback now."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _udp() -> int:
    return free_port(socket.SOCK_DGRAM)


def _upstream() -> int:
    """Return a port with free ones behind it, for the relay's other workers and those that an upgrade adds.

    They are looked for below the ports that the kernel gives out, which somebody else may have at any moment.
    """
    while True:
        first = random.randrange(16384, 32000, 8)
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            for port in range(first, first + 8):
                stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)).bind((HOST, port))
            return first


def _tcp() -> int:
    return free_port(socket.SOCK_STREAM)


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports of a deployment, all on 127.0.0.1."""

    public: int = field(default_factory=_udp)
    upstream: int = field(default_factory=_upstream)
    internal: int = field(default_factory=_udp)
    signaling: int = field(default_factory=_tcp)
    relay_admin: int = field(default_factory=_tcp)
    transceiver_admin: int = field(default_factory=_tcp)
    gateway_internal: int = field(default_factory=_udp)
    gateway_signaling: int = field(default_factory=_tcp)
    gateway_admin: int = field(default_factory=_tcp)


@dataclass(frozen=True, slots=True)
class Settings:
    """What a deployment can be asked for.

    Attributes:
        dtls_setup: the DTLS role of transceiver and gateway, as in their configuration.
        srtp_profiles: their SRTP profiles, as there; all of them if empty.
        workers: worker threads of the relay.
        backend_url: of the Realtime WebSocket server behind the gateway; None for no gateway.
        token: that the gateway wants of its clients; none if empty.
    """

    dtls_setup: str = "auto"
    srtp_profiles: Sequence[str] = ()
    workers: int = 1
    backend_url: str | None = None
    token: str = ""


def write_files(folder: Path, ports: Ports, settings: Settings) -> None:
    """Write hint keys and directory, which are shared, and one file for each process; readable by us alone."""
    files = {
        "keys.toml": f'mint = 1\n\n[secrets]\n1 = "{secrets.token_hex(32)}"\n',
        "directory.toml": _entry(1, ports.internal) + _entry(2, ports.gateway_internal),
        "relay.toml": (
            f'[relay]\nlisten = "{HOST}:{ports.public}"\nupstream = "{HOST}:{ports.upstream}"\n'
            f'workers = {settings.workers}\ndirectory = "directory.toml"\n'
            f'allow_client_networks = ["127.0.0.0/8", "::1/128"]\ndrain_seconds = 0\n'
            f'\n[hint_keys]\nfile = "keys.toml"\n\n[admin]\nlisten = "{HOST}:{ports.relay_admin}"\n'
        ),
        "transceiver.toml": (
            _transceiver(1, ports.internal, ports.public, settings)
            + f'\n[signaling]\nlisten = "{HOST}:{ports.signaling}"\nallow_anonymous = true\n'
            f'\n[admin]\nlisten = "{HOST}:{ports.transceiver_admin}"\n'
        ),
        "gateway.toml": (
            _transceiver(2, ports.gateway_internal, ports.public, settings)
            + f'\n[signaling]\nlisten = "{HOST}:{ports.gateway_signaling}"\n'
            + (f'tokens = ["{settings.token}"]\n' if settings.token else "allow_anonymous = true\n")
            + f'cors_origins = ["*"]\n\n[realtime]\n\n[backend]\nprotocol = "realtime"\n'
            f'url = "{settings.backend_url}"\n\n[admin]\nlisten = "{HOST}:{ports.gateway_admin}"\n'
        ),
    }
    for name, text in files.items():
        path = folder / name
        path.touch(mode=0o600)
        path.write_text(text)


def _entry(id_: int, port: int) -> str:
    return f'[[transceiver]]\ncluster = 1\nid = {id_}\naddress = "{HOST}:{port}"\nstate = "active"\n\n'


def _transceiver(id_: int, internal: int, public: int, settings: Settings) -> str:
    profiles = ", ".join(f'"{profile}"' for profile in settings.srtp_profiles)
    return (
        f'[transceiver]\ncluster = 1\nid = {id_}\nlisten = "{HOST}:{internal}"\n'
        f'advertise = ["{HOST}:{public}"]\nrelay_networks = ["127.0.0.0/8"]\n'
        f'dtls_setup = "{settings.dtls_setup}"\ndrain_seconds = 0\n'
        + (f"srtp_profiles = [{profiles}]\n" if profiles else "")
        + '\n[hint_keys]\nfile = "keys.toml"\n'
    )
