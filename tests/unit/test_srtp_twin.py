"""The twin of libsrtp holds the vectors of RFC 3711 appendices B.2 and B.3 and RFC 7714 sections 16 and 17 (row E1)."""

from __future__ import annotations

import pytest

from tests import twins_srtp as twin

GCM_SALT = bytes.fromhex("517569642070726f2071756f")
GCM_RTP = bytes.fromhex("8040f17b8041f8d35501a0b2") + b"Gallia est omnis divisa in partes tres"
GCM_RTCP = bytes.fromhex(
    "81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61deadbeefdeadbeefdeadbeefdeadbeefdeadbeef"
)
GCM_INDEX = 0x5D4
GCM_VECTORS = {
    "AEAD_AES_128_GCM": (
        16,
        "f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833899d7f27beb16a9152cf765ee4390cce",
        "63e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda4ce09b4686303ded"
        "0bb9275bc84aa45896cf4d2fc5abf87245d9eade800005d4",
    ),
    "AEAD_AES_256_GCM": (
        32,
        "32b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b2a0276ffae0f1ba63799b87b7aa3db36dfffd6b0f9bb7878d7a76c13",
        "d50ae4d1f5ce5d304ba297e47d470c282c3ece5dbffe0a50a2eaa5c1110555be8415f658c61de0476f"
        "1b6fad1d1eb30c4446839f57ff6f6cb26ac3be800005d4",
    ),
}


def test_aes_cm_key_stream_is_that_of_rfc_3711_b2() -> None:
    """E1: the first and the last three blocks of a segment of 65,282."""
    key = bytes.fromhex("2B7E151628AED2A6ABF7158809CF4F3C")
    stream = twin.key_stream(key, bytes.fromhex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD0000"), 1044512)
    assert stream[:48] == bytes.fromhex(
        "E03EAD0935C95E80E166B16DD92B4EB4D23513162B02D0F72A43A2FE4A5F97AB41E95B3BB0A2E8DD477901E4FCA894C0"
    )
    assert stream[-48:] == bytes.fromhex(
        "EC8CDF7398607CB0F2D21675EA9EA1E4362B7C3C6773516318A077D7FC5073AE6A2CC3787889374FBEB4C81B17BA6C44"
    )


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        pytest.param(0, "C61E7A93744F39EE10734AFE3FF7A087", id="cipher key"),
        pytest.param(2, "30CBBC08863D8C85D49DB34A9AE1", id="cipher salt"),
        pytest.param(
            1,
            "CEBE321F6FF7716B6FD4AB49AF256A156D38BAA48F0A0ACF3C34E2359E6CDBCEE049646C43D9327AD175578EF7227098"
            "6371C10C9A369AC2F94A8C5FBCDDDC256D6E919A48B610EF17C2041E474035766B68642C59BBFC2F34DB60DBDFB2",
            id="authentication key",
        ),
    ],
)
def test_key_derivation_is_that_of_rfc_3711_b3(label: int, expected: str) -> None:
    """E1."""
    key, salt = bytes.fromhex("E1F97A0D3E018BE0D64FA32C06DE4139"), bytes.fromhex("0EC675AD498AFEEBB6960B3AABE6")
    assert twin.derive(key, salt, label, len(expected) // 2) == bytes.fromhex(expected)


@pytest.mark.parametrize("profile", GCM_VECTORS)
def test_aead_srtp_is_that_of_rfc_7714_16(profile: str) -> None:
    """E1: sections 16.1.1 to 16.2.2."""
    key_length, expected, _ = GCM_VECTORS[profile]
    keys = twin.SessionKeys(bytes(range(key_length)), GCM_SALT)
    protected = twin.protect(keys, GCM_RTP)
    assert protected == GCM_RTP[:12] + bytes.fromhex(expected)
    assert twin.unprotect(keys, protected) == GCM_RTP


@pytest.mark.parametrize("profile", GCM_VECTORS)
def test_aead_srtcp_is_that_of_rfc_7714_17(profile: str) -> None:
    """E1: sections 17.1 and 17.2."""
    key_length, _, expected = GCM_VECTORS[profile]
    keys = twin.SessionKeys(bytes(range(key_length)), GCM_SALT)
    protected = twin.protect_rtcp(keys, GCM_RTCP, GCM_INDEX)
    assert protected == GCM_RTCP[:8] + bytes.fromhex(expected)
    assert twin.unprotect_rtcp(keys, protected) == (GCM_RTCP, GCM_INDEX)
