"""The pages that show code or diagrams of the code are held to it."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from rtcsplit.session.sdp import OfferAnswer, parse_offer
from rtcsplit.session.session_state import TRANSITIONS
from rtcsplit.wire.address import Address
from rtcsplit.wire.address import Path as ClientPath

from ..offers import LOCAL

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *DOCS.rglob("*.md")])


def blocks(page: Path) -> str:
    return "\n".join(re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    broken = [
        target
        for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text())
        if not target.startswith(("http", "#", "mailto:"))
        and not (page.parent / target.partition("#")[0]).resolve().exists()
    ]
    assert not broken


def test_every_page_with_code_is_run_by_a_test() -> None:
    """Commands alone are the reader's to judge; configuration is checked by tests/unit/test_config_docs.py."""
    tests = "".join(test.read_text() for test in (ROOT / "tests").rglob("test_*.py"))
    with_code = [page for page in DOCS.rglob("*.md") if re.search("^ *```(python|html|js)$", page.read_text(), re.M)]
    assert [page.name for page in with_code if page.name not in tests] == []


def required(extra: str) -> set[str]:
    """Names of the packages that an extra asks for, extras of ours included; without a name the core's."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = project["optional-dependencies"][extra] if extra else project["dependencies"]
    return {re.split(r"[^\w.-]", requirement)[0] for requirement in wanted}


EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]


@pytest.mark.parametrize("extra", ["", *EXTRAS])
def test_every_package_that_is_asked_for_has_its_reason(extra: str) -> None:
    """docs/explanation/dependencies.md"""
    text = (DOCS / "explanation" / "dependencies.md").read_text().lower()
    assert [name for name in required(extra) - {"rtcsplit"} if not re.search(rf"\b{name.lower()}\b", text)] == []


def test_every_extra_of_a_user_is_on_the_page_that_installs() -> None:
    text = (DOCS / "how-to" / "install.md").read_text()
    for_users = set(EXTRAS) - {"test", "adapters-test", "fuzz", "style"}
    assert [extra for extra in for_users if f"`{extra}`" not in text] == []


def test_the_session_diagram_is_the_table() -> None:
    drawn = set(re.findall(r"^(\w+) --(\w+)--> (\w+)$", (DOCS / "explanation/session.md").read_text(), re.MULTILINE))
    assert drawn == {(state.name, trigger.name, to.name) for (state, trigger), to in TRANSITIONS.items()}


def test_a_session_is_embedded_as_the_page_says(capsys: pytest.CaptureFixture[str]) -> None:
    page: dict[str, object] = {}
    exec(compile(blocks(DOCS / "how-to/embed-a-session.md"), "embed-a-session.md", "exec"), page)
    offer = (ROOT / "tests/data/chromium_audio.sdp").read_bytes()
    here = Address.of("192.0.2.1", 3478)
    session, answer = page["accept"](offer, "ufragufragufragufragufra", "p" * 24, here)  # type: ignore[operator]
    assert "192.0.2.1 3478 typ host" in answer
    sent: list[bytes] = []
    page["on_datagram"](session, bytes(20), here, lambda datagram, to: sent.append(datagram))  # type: ignore[operator]
    assert session.path is None
    offers = OfferAnswer(LOCAL)
    offers.answer(parse_offer(offer))
    again = page["answer_again"](session, offers, offer, "ufragufragufragufragagai", "p" * 24)  # type: ignore[operator]
    assert f"o=- {LOCAL.session_id} 1 " in again
    session.close(0.0)
    page["drain"](session, lambda datagram, to: sent.append(datagram), 0.0)  # type: ignore[operator]
    assert sent == []
    assert capsys.readouterr().out == "over: closed\n"
    assert ClientPath(here).via is None
