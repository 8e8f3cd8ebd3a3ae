"""The C parsers read octets one by one, wherever a datagram starts."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

CSRC = Path(__file__).parents[2] / "csrc"


@pytest.mark.parametrize("module", ["stun", "rtp"])
def test_parser_runs_at_every_alignment_under_sanitizers(module: str, tmp_path: Path) -> None:
    """B23: the C test, which shifts its datagrams by 0..7 octets, built with UBSan and ASan."""
    source, binary = CSRC / f"tests/test_{module}.c", tmp_path / module
    assert re.search(r"shift = 0; shift < 8; shift\+\+", source.read_text())
    sanitizers = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    command = ["cc", "-std=c11", "-g", "-Wall", "-Wextra", "-Werror", *sanitizers, f"-I{CSRC}", "-o", str(binary)]
    subprocess.run([*command, str(source), str(CSRC / f"{module}.c")], check=True)
    subprocess.run([binary], check=True)
