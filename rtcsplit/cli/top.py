"""``rtcsplit top``: a live table of a running relay, from the metrics of its admin port."""

from __future__ import annotations

import contextlib
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import URLError

import click

from ..errors import ConfigurationError, RtcsplitError
from .config import AdminSection
from .extras import needs_extra
from .loading import Source

if TYPE_CHECKING:
    from .top_view import Scrape

__all__ = ["top"]

_TIMEOUT_SECONDS = 3.0
_LONGEST = 16 << 20  # octets of a scrape


@click.command()
@click.argument("url", required=False)
@click.option("--config", type=click.Path(path_type=Path), help="The relay's configuration, instead of URL.")
@click.option("--interval", type=click.FloatRange(0.1, 60), default=1.0, show_default=True, help="Seconds.")
@click.option("--once", is_flag=True, help="Print one interval and end.")
def top(url: str | None, config: Path | None, interval: float, once: bool) -> None:
    """Show a running relay: flows, datagrams, drops, CPU. URL is its admin port, like http://127.0.0.1:9464."""
    if (url is None) == (config is None):
        raise click.UsageError("give either URL or --config")
    source = url if url is not None else _admin_of(config or Path())
    with needs_extra("top"):
        from rich.console import Console
        from rich.live import Live

        from .top_screen import screen
        from .top_view import View
    before = _scrape(source)
    console = Console()
    if once:
        time.sleep(interval)
        console.print(screen(View.between(before, _scrape(source)), source))
        return
    view = None
    with (
        contextlib.suppress(KeyboardInterrupt),
        Live(screen(None, source), console=console, screen=True, auto_refresh=False) as live,
    ):
        while True:
            time.sleep(interval)
            trouble = ""
            try:
                after = _scrape(source)
                view, before = View.between(before, after), after
            except RtcsplitError as error:
                trouble = str(error)
            live.update(screen(view, source, trouble), refresh=True)


def _admin_of(config: Path) -> str:
    """The admin port that a configuration names.

    Raises:
        ConfigurationError: it has none, or one whose port the kernel chooses.
    """
    section = Source(config).read_section("admin", AdminSection)
    if section is None or section.listen.port == 0:
        raise ConfigurationError(
            "admin.listen", None if section is None else str(section.listen), "an address and port"
        )
    address = section.listen
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(address.host, str(address).rpartition(":")[0])
    return f"http://{host}:{address.port}"


def _scrape(source: str) -> Scrape:
    """Return the metrics of now.

    Raises:
        RtcsplitError: there is no answer, or none of a relay.
    """
    from .top_view import Scrape

    url = source.rstrip("/") if source.rstrip("/").endswith("/metrics") else f"{source.rstrip('/')}/metrics"
    if not url.startswith(("http://", "https://")):
        raise RtcsplitError(f"{source!r} is not a URL like http://127.0.0.1:9464")
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS) as response:
            text = response.read(_LONGEST).decode("utf-8", "replace")
    except (URLError, OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise RtcsplitError(f"no answer from {url}: {reason}") from None
    return Scrape(text, time.monotonic())
