"""aioice's STUN code as an independent oracle: what one builds, the other parses and verifies."""

from __future__ import annotations

from typing import Any

import aioice.stun
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcsplit.wire import stun
from rtcsplit.wire.address import Address
from rtcsplit.wire.stun import Attribute, Message, MessageClass
from rtcsplit.wire.stun_values import (
    decode_error_code,
    decode_xor_mapped_address,
    encode_error_code,
    encode_xor_mapped_address,
)
from tests.stun_oracle import is_authentic, with_fingerprint

KEY = b"VOkJxbRl1RmTxUk/WvJxBt"
transaction_ids = st.binary(min_size=12, max_size=12)
hosts = st.ip_addresses().map(str).filter(lambda host: not host.startswith("::ffff:"))
CLASSES = {
    MessageClass.REQUEST: aioice.stun.Class.REQUEST,
    MessageClass.INDICATION: aioice.stun.Class.INDICATION,
    MessageClass.SUCCESS_RESPONSE: aioice.stun.Class.RESPONSE,
    MessageClass.ERROR_RESPONSE: aioice.stun.Class.ERROR,
}


def parsed(datagram: bytes) -> Message:
    message = stun.parse(datagram)
    assert isinstance(message, Message)
    return message


@given(transaction_ids, st.text(max_size=40), st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1), st.booleans())
def test_check_built_by_aioice(
    transaction_id: bytes, username: str, priority: int, tie_breaker: int, nominates: bool
) -> None:
    """B1, B2, B6, B8 with independent octets."""
    theirs = aioice.stun.Message(aioice.stun.Method.BINDING, aioice.stun.Class.REQUEST, transaction_id)
    theirs.attributes["USERNAME"] = username
    theirs.attributes["PRIORITY"] = priority
    theirs.attributes["ICE-CONTROLLING"] = tie_breaker
    if nominates:
        theirs.attributes["USE-CANDIDATE"] = None
    theirs.add_message_integrity(KEY)
    message = parsed(bytes(theirs))
    assert (message.message_class, message.method) == (MessageClass.REQUEST, stun.BINDING)
    assert message.transaction_id == transaction_id
    assert message.find(Attribute.USERNAME) == username.encode()
    assert message.find(Attribute.PRIORITY) == priority.to_bytes(4, "big")
    assert message.find(Attribute.ICE_CONTROLLING) == tie_breaker.to_bytes(8, "big")
    assert message.find(Attribute.USE_CANDIDATE) == (b"" if nominates else None)
    assert stun.verify_integrity(message, KEY)
    assert not stun.verify_integrity(message, KEY + b"x")
    assert stun.verify_fingerprint(message)


@given(st.sampled_from(MessageClass), transaction_ids, hosts, st.integers(0, 65535), st.booleans())
def test_message_built_by_us(
    message_class: MessageClass, transaction_id: bytes, host: str, port: int, is_protected: bool
) -> None:
    """B1, B7, B8, B15: our octets equal aioice's for the same content."""
    address = Address.of(host, port)
    ours = stun.build(
        message_class,
        stun.BINDING,
        transaction_id,
        [(Attribute.XOR_MAPPED_ADDRESS, encode_xor_mapped_address(address, transaction_id))],
        integrity_key=KEY if is_protected else None,
    )
    attributes: dict[str, Any] = {"XOR-MAPPED-ADDRESS": (host, port)}
    theirs = aioice.stun.Message(aioice.stun.Method.BINDING, CLASSES[message_class], transaction_id, attributes)
    if is_protected:
        theirs.add_message_integrity(KEY)
        assert ours == bytes(theirs)
    else:
        assert ours == with_fingerprint(theirs)
    assert is_authentic(ours, KEY) is is_protected
    value = parsed(ours).find(Attribute.XOR_MAPPED_ADDRESS)
    assert value is not None
    assert decode_xor_mapped_address(value, transaction_id) == address


@pytest.mark.parametrize("code", [300, 400, 401, 420, 487, 500, 699])
def test_error_codes(code: int) -> None:
    """B10, B11, B13: aioice reads the code that we write, and the reverse."""
    ours = stun.build(
        MessageClass.ERROR_RESPONSE, stun.BINDING, bytes(12), [(Attribute.ERROR_CODE, encode_error_code(code))]
    )
    assert aioice.stun.parse_message(ours).attributes["ERROR-CODE"] == (code, "")
    theirs = aioice.stun.Message(aioice.stun.Method.BINDING, aioice.stun.Class.ERROR, bytes(12))
    theirs.attributes["ERROR-CODE"] = (code, "Nö")
    value = parsed(bytes(theirs)).find(Attribute.ERROR_CODE)
    assert value is not None
    assert decode_error_code(value) == (code, "Nö")
