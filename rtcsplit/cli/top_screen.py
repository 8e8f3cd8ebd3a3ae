"""The tables of ``rtcsplit top``. Needs rich (``pip install 'rtcsplit[top]'``)."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from .top_view import DropRow, View, WorkerRow

__all__ = ["screen"]

_BUSY = 0.8  # of a CPU: beyond it bursts are lost


def screen(view: View | None, source: str, trouble: str = "") -> RenderableType:
    """Return what is shown.

    Args:
        view: the newest; None before there is any.
        source: where it comes from.
        trouble: why there is nothing newer.
    """
    head = Text.assemble(("rtcsplit top  ", "bold"), source)
    if trouble:
        head.append(f"\n{trouble}", style="red")
    if view is None:
        return head
    head.append(f"\nversion {view.version}  routes {view.routes}  hint keys {view.hint_keys}  ")
    head.append(f"flow cache {view.flow_cache}", style="red" if view.flow_cache == "down" else "")
    return Group(head, _workers(view.workers), _drops(view.drops))


def _workers(rows: tuple[WorkerRow, ...]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("worker")
    for name in ("confirmed", "embryonic", "up/s", "up B/s", "down/s", "down B/s", "up CPU", "down CPU"):
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(
            row.name,
            str(row.confirmed),
            str(row.embryonic),
            *map(_number, (row.up_datagrams, row.up_bytes, row.down_datagrams, row.down_bytes)),
            *(Text(f"{cpu:.0%}", style="red" if cpu > _BUSY and row.name != "all" else "") for cpu in _cpu(row)),
            style="bold" if row.name == "all" else "",
        )
    return table


def _cpu(row: WorkerRow) -> tuple[float, float]:
    return row.up_cpu, row.down_cpu


def _drops(rows: tuple[DropRow, ...]) -> RenderableType:
    if not rows:
        return Text("no drops", style="green")
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("dropped")
    table.add_column("per second", justify="right")
    table.add_column("since start", justify="right")
    for row in rows:
        table.add_row(row.reason, _number(row.rate), str(row.total), style="" if row.rate else "dim")
    return table


def _number(value: float) -> str:
    """Three digits and a unit: 950, 1.25k, 48.1M."""
    for unit in ("", "k", "M", "G"):
        if value < 999.5:
            return f"{value:.0f}" if not unit else f"{value:.3g}{unit}"
        value /= 1000
    return f"{value:.3g}T"
