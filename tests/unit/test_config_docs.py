"""The reference page of the configuration names the keys that exist, with their defaults."""

from __future__ import annotations

import re
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from msgspec import NODEFAULT
from msgspec.structs import FieldInfo, fields

from rtcsplit.cli.config import GatewayConfig, RelayConfig, TransceiverConfig
from rtcsplit.cli.config.relay import available_cpus
from rtcsplit.cli.decode import decode, section_of
from rtcsplit.cli.main import main
from rtcsplit.cli.values import render
from rtcsplit.routing.directory import Directory
from rtcsplit.routing.hint import Route
from rtcsplit.routing.steering import Steering

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "configuration.md"
SECTIONS = {field.name: section_of(field) for shape in (RelayConfig, GatewayConfig) for field in fields(shape)}


def documented(section: str) -> dict[str, str]:
    """Return key and default of each row below the section's heading."""
    text = PAGE.read_text().partition(f"### `[{section}]`\n")[2].partition("\n#")[0]
    return dict(re.findall(r"^\| `(\w+)` \| (.*?) ?\|", text, re.MULTILINE))


def default_of(field: FieldInfo) -> str:
    if field.required:
        return "required"
    if field.default_factory is available_cpus:
        return "CPUs of the process"
    value = field.default if field.default is not NODEFAULT else field.default_factory()
    return "" if value is None else f"`{render(value)}`"


@pytest.mark.parametrize("section", SECTIONS)
def test_page_has_each_key_of_the_section_with_its_default(section: str) -> None:
    assert documented(section) == {field.name: default_of(field) for field in fields(SECTIONS[section])}


def test_page_has_no_other_section() -> None:
    assert set(re.findall(r"^### `\[(\w+)\]`$", PAGE.read_text(), re.MULTILINE)) == set(SECTIONS)


# what the other pages show of configuration files

DOCS = PAGE.parents[1]
SECRET = bytes(range(32)).hex()
LISTEN = {"listen": "127.0.0.1:0"}
# What a page may leave out because another one says it.
NEEDED: dict[str, dict[str, object]] = {
    "relay": {"listen": "127.0.0.1:0", "upstream": "127.0.0.1:0", "directory": "directory.toml"},
    "transceiver": {**LISTEN, "cluster": 1, "id": 2, "advertise": ["203.0.113.1:3478"]},
    "signaling": {**LISTEN, "allow_anonymous": True},
    "hint_keys": {"mint": 1, "secrets": {"1": SECRET}},
    "backend": {"url": "ws://127.0.0.1:9000"},
    "redis": {"url": "redis://127.0.0.1"},
}
IN_RELAY_MODE = {"relay_networks": ["127.0.0.0/8"]}


def toml_blocks() -> dict[str, tuple[str, dict[str, Any]]]:
    """Every block of TOML below docs, indented ones too, by page and number; placeholders are filled in."""
    found = {}
    for page in sorted(DOCS.rglob("*.md")):
        blocks = re.findall(r"^( *)```toml\n(.*?)^\1```", page.read_text(), re.DOTALL | re.MULTILINE)
        for number, (_, block) in enumerate(blocks):
            text = textwrap.dedent(block).replace("…64 hex digits…", SECRET).replace("…", "x")
            found[f"{page.name}-{number}"] = (text, tomllib.loads(text))
    return found


BLOCKS = toml_blocks()


@pytest.mark.parametrize("block", BLOCKS)
def test_configuration_of_a_page_can_be_used(block: str, tmp_path: Path) -> None:
    """As a file of its own where it is one, else with what it leaves out."""
    text, tree = BLOCKS[block]
    if isinstance(tree.get("transceiver"), list) or "cluster" in tree:
        assert Directory.from_toml(text).addresses()
        return
    if "ingress" in tree:
        (tmp_path / "steering.toml").write_text(text)
        Steering.from_file(tmp_path / "steering.toml", lambda address: None)
        return
    if "secrets" in tree:
        tree = {"hint_keys": tree}
    is_relay = "relay" in tree or "relay.toml" in text.partition("\n")[0]
    shape = RelayConfig if is_relay else GatewayConfig if {"backend", "realtime"} & tree.keys() else TransceiverConfig
    required = [field.name for field in fields(shape) if field.name in NEEDED and (is_relay or field.name != "redis")]
    more = {} if tree.get("transceiver", {}).get("mode") == "direct" else IN_RELAY_MODE
    for name in required:
        needed = NEEDED[name] | (more if name == "transceiver" else {})
        is_complete = {"file", "handler"} & tree.get(name, {}).keys()
        tree = tree | {name: tree[name] if is_complete else needed | tree.get(name, {})}
    decode(tree, shape, tmp_path)


def test_the_relay_of_the_how_to_is_one(tmp_path: Path) -> None:
    """docs/how-to/run-a-relay.md: its files, and the commands that look at them; they fit each other."""
    for number, name in enumerate(("keys.toml", "directory.toml", "relay.toml", "transceiver.toml")):
        (tmp_path / name).write_text(BLOCKS[f"run-a-relay.md-{number}"][0])
    for role, line in (("relay", 'listen = "203.0.113.10:3478"'), ("transceiver", 'advertise = ["203.0.113.10:3478"]')):
        checked = CliRunner().invoke(main, [role, "--config", str(tmp_path / f"{role}.toml"), "--check"])
        assert checked.exit_code == 0, checked.output
        assert line in checked.output
    [entry] = Directory.from_file(tmp_path / "directory.toml").entries
    transceiver = BLOCKS["run-a-relay.md-3"][1]["transceiver"]
    assert entry.route == Route(transceiver["cluster"], transceiver["id"])
    assert str(entry.address) == transceiver["listen"]
