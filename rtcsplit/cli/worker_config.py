"""The configuration of one of several transceiver workers: the file's, with ids and ports that count up."""

from __future__ import annotations

from typing import TypeVar

from msgspec import structs

from ..wire.address import Address
from .config import TransceiverConfig

__all__ = ["of_worker"]

C = TypeVar("C", bound=TransceiverConfig)


def of_worker(config: C, index: int) -> C:
    """Return the configuration of the worker with that index; that of worker 0 is the file's own."""
    section = config.transceiver
    if section.mode == "direct":  # clients send to the workers themselves; in relay mode all send to the relays
        advertise = tuple(_moved(address, index) for address in section.advertise)
    else:
        advertise = section.advertise
    of_this = structs.replace(
        section,
        workers=1,
        listen=_moved(section.listen, index),
        id=None if section.id is None else section.id + index,
        announce=None if section.announce is None else _moved(section.announce, index),
        advertise=advertise,
    )
    return structs.replace(config, transceiver=of_this)


def _moved(address: Address, index: int) -> Address:
    return address._replace(port=address.port + index) if address.port else address
