"""The pages about the parsers: their code runs, and their vectors are what the code says."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rtcsplit.routing.hint import Route, RoutingKeys
from rtcsplit.wire import spp
from rtcsplit.wire.address import Address

ROOT = Path(__file__).parents[2]
EMBED = (ROOT / "docs/how-to/embed-the-parsers.md").read_text("utf-8")
HINT = (ROOT / "docs/reference/routing-hint.md").read_text("utf-8")
SPP = (ROOT / "docs/reference/spp.md").read_text("utf-8")
SECRETS = {"S1": bytes(range(32)), "S2": bytes(range(255, 223, -1))}


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


def rows(page: str, columns: int) -> list[list[str]]:
    """The rows of the page's tables with that many columns, without head and rule."""
    tables = (line.strip("|").split("|") for line in page.splitlines() if line.startswith("|"))
    found = [[cell.strip(" `") for cell in cells] for cells in tables if len(cells) == columns]
    rules = [index for index, cells in enumerate(found) if set("".join(cells)) == {"-"}]
    return [cells for index, cells in enumerate(found) if index not in rules and index + 1 not in rules]


def test_python_of_the_how_to_runs() -> None:
    found = blocks(EMBED, "python")
    assert len(found) == 5
    namespace: dict[str, Any] = {}
    for block in found:
        exec(block, namespace)
    assert namespace["reply"].endswith(namespace["answer"])


def test_c_of_the_how_to_prints_what_the_page_says(tmp_path: Path) -> None:
    (program,) = blocks(EMBED, "c")
    (expected,) = blocks(EMBED, "text")
    source, binary = tmp_path / "route.c", tmp_path / "route"
    source.write_text(program)
    modules = [str(ROOT / f"csrc/{name}.c") for name in ("classify", "stun", "hint", "siphash")]
    command = ["cc", "-std=c11", "-Wall", "-Wextra", "-Werror", f"-I{ROOT / 'csrc'}", "-o", str(binary), str(source)]
    subprocess.run([*command, *modules], check=True)
    assert subprocess.run([binary], check=True, capture_output=True, text=True).stdout == expected


def test_each_c_parser_compiles_alone() -> None:
    for name in ("address", "classify", "stun", "rtp", "siphash", "hint", "spp"):
        source = ROOT / f"csrc/{name}.c"
        command = ["cc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", str(source)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, ""), name


@pytest.fixture(scope="module")
def written_out() -> dict[str, Callable[..., Any]]:
    (block,) = blocks(HINT, "python")
    namespace: dict[str, Any] = {}
    exec(block, namespace)
    return namespace


def test_hint_page_derives_the_keys_it_prints(written_out: dict[str, Callable[..., Any]]) -> None:
    found = rows(HINT, 3)
    assert len(found) == 2
    for name, tag, mask in found:
        derive = written_out["derive"]
        assert derive(SECRETS[name], b"rtcsplit hint v1 tag").hex() == tag
        assert derive(SECRETS[name], b"rtcsplit hint v1 mask").hex() == mask


def test_hint_page_prints_vectors_that_hold(written_out: dict[str, Callable[..., Any]]) -> None:
    """C21: for our code and for the page's own."""
    found = rows(HINT, 8)
    assert len(found) == 5
    for name, key, cluster, transceiver, nonce, tag, _, ufrag in found:
        key_id, ids, octets = int(key), (int(cluster), int(transceiver)), bytes.fromhex(nonce)
        assert RoutingKeys({key_id: SECRETS[name]}, minting=key_id).mint(Route(*ids), octets) == ufrag
        assert written_out["mint"](SECRETS[name], key_id, *ids, octets) == ufrag
        assert written_out["open_hint"]({key_id: SECRETS[name]}, ufrag) == ids
        assert written_out["open_hint"]({key_id: SECRETS[name]}, ufrag[::-1]) is None
        assert written_out["siphash24"](
            written_out["derive"](SECRETS[name], b"rtcsplit hint v1 tag"),
            bytes([16 | key_id]) + ids[0].to_bytes(2, "big") + ids[1].to_bytes(2, "big") + octets,
        ) == bytes.fromhex(tag)


def test_spp_page_prints_vectors_that_hold() -> None:
    """A8."""
    found = [cells for cells in rows(SPP, 3) if cells[2].startswith("56ec")]
    assert len(found) == 2
    for client, proxy, header in found:
        assert spp.build(Address.parse(client), Address.parse(proxy)).hex() == header
