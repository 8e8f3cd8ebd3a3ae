"""The ``rtcsplit`` command: its subcommands, and how an error becomes one line and an exit status.

Exit status: 0 after a clean stop, 2 for a configuration or a command line that cannot be used, 1 for anything else
that rtcsplit refuses. A traceback is a bug of ours.
"""

from __future__ import annotations

from typing import Any

import click

from .._version import __version__
from ..errors import RtcsplitError
from .demo.command import demo
from .explain import explain_command
from .gateway import gateway
from .hint import hint
from .refusal import refuse
from .relay import relay
from .top import top
from .transceiver import transceiver
from .upgrade import upgrade

__all__ = ["main"]


class _Group(click.Group):
    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except RtcsplitError as error:
            ctx.exit(refuse(error))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find also commands of two words, whose first one is a command by itself."""
        name = " ".join(args[:2])
        if name != args[0] and name in self.commands:
            return name, self.commands[name], args[2:]
        return super().resolve_command(ctx, args)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="rtcsplit")
def main() -> None:
    """A thin UDP relay and a stateful WebRTC transceiver for voice AI."""


main.add_command(demo)
main.add_command(explain_command)
main.add_command(gateway)
main.add_command(hint)
main.add_command(relay)
main.add_command(top)
main.add_command(transceiver)
main.add_command(upgrade)
