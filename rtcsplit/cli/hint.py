"""``rtcsplit hint``: make routing hints, explain them, and make the secrets behind them."""

from __future__ import annotations

import base64
import binascii
import secrets
from pathlib import Path

import click

from ..errors import UsageError
from ..routing.directory import Directory
from ..routing.hint import Route
from .config import HintKeysSection, RelaySection, TransceiverSection
from .keys import minting_keys, resolved, routing_keys
from .loading import Source, source_options
from .relay_control import read_directory

__all__ = ["hint"]

_UFRAG_CHARACTERS = 24
_NONCE_OCTETS = 5
_VERSION = 1


@click.group()
def hint() -> None:
    """Routing hints: the ufrags that name a transceiver."""


@hint.command()
@source_options
@click.option("--cluster", type=click.IntRange(0, 65535), help="Instead of the configuration's.")
@click.option("--transceiver", type=click.IntRange(0, 65535), help="Instead of the configuration's.")
def mint(config: Path, settings: tuple[str, ...], cluster: int | None, transceiver: int | None) -> None:
    """Print a new hint for a transceiver."""
    source = Source(config, settings)
    own = source.read_section("transceiver", TransceiverSection)
    if own is not None and (cluster is None or transceiver is None):
        own.require_route()
        cluster = own.cluster if cluster is None else cluster
        transceiver = own.id if transceiver is None else transceiver
    if cluster is None or transceiver is None:
        raise click.UsageError("this configuration has no [transceiver]: give --cluster and --transceiver")
    keys = minting_keys(_keys_of(source))
    click.echo(keys.mint(Route(cluster, transceiver), secrets.token_bytes(_NONCE_OCTETS)))


@hint.command("open")
@source_options
@click.argument("ufrag")
def open_(config: Path, settings: tuple[str, ...], ufrag: str) -> None:
    """Print what UFRAG says: a server ufrag, or a USERNAME that begins with one."""
    source = Source(config, settings)
    section = resolved(_keys_of(source))
    text = ufrag.partition(":")[0]
    relay = source.read_section("relay", RelaySection)
    directory = None if relay is None or not relay.has_directory_file else read_directory(relay)
    opened = routing_keys(section).open(text)
    if opened is None:
        raise UsageError(f"{text!r} does not open: {_why_closed(text, section)}")
    route = opened.route
    click.echo(
        f"cluster={route.cluster} transceiver={route.transceiver} key={opened.key_id} nonce={opened.nonce.hex()}"
    )
    if directory is not None:
        click.echo(_listed(directory, route))


@hint.command()
def secret() -> None:
    """Print a new secret for [hint_keys.secrets]."""
    click.echo(secrets.token_hex(32))


def _keys_of(source: Source) -> HintKeysSection:
    return source.read_section("hint_keys", HintKeysSection) or HintKeysSection()


def _listed(directory: Directory, route: Route) -> str:
    entry = directory.lookup(route)
    return "not in the directory" if entry is None else f"address={entry.address} state={entry.state.value}"


def _why_closed(text: str, section: HintKeysSection) -> str:
    if len(text) != _UFRAG_CHARACTERS:
        return f"a hint has {_UFRAG_CHARACTERS} characters, this has {len(text)}"
    try:
        first = base64.b64decode(text, validate=True)[0]
    except (ValueError, binascii.Error):
        return "it is not base64"
    version, key_id = first >> 4, first & 15
    if version != _VERSION:
        return f"its version is {version}, ours is {_VERSION} (0 is a ufrag without a hint)"
    if str(key_id) not in section.secrets:
        return f"it was minted with key {key_id}, which is not in the configuration"
    return f"its tag is not one of key {key_id}: another secret, or changed on its way"
