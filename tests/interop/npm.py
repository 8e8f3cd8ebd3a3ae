"""Packages of npm for tests in a browser, kept below build/ from one run to the next."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

__all__ = ["package"]

_FOLDER = Path(__file__).parents[2] / "build" / "npm"


def package(name: str, version: str) -> Path:
    """Return the folder of an installed package; skip the test where npm is not there or not reachable."""
    folder = _FOLDER / "node_modules" / name
    wanted = f'"version": "{version}"'
    if not (folder / "package.json").is_file() or wanted not in (folder / "package.json").read_text():
        npm = shutil.which("npm")
        if npm is None:
            pytest.skip("needs npm: apt-get install npm")
        _FOLDER.mkdir(parents=True, exist_ok=True)
        command = [npm, "install", "--prefix", str(_FOLDER), "--ignore-scripts", "--no-audit", "--no-fund"]
        try:
            subprocess.run([*command, f"{name}@{version}"], check=True, capture_output=True, timeout=100)
        except (subprocess.SubprocessError, OSError) as error:
            pytest.skip(f"npm cannot install {name}@{version}: {type(error).__name__}")
    return folder
