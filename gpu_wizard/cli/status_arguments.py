"""The command line of `status`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from gpu_wizard.cli.spoken import Parser

Commands: TypeAlias = "argparse._SubParsersAction[Parser]"

_STATUS = """\
Shows for each node the eight stages, the evidence of the proof (no test pod
is made), versions and cards. What can't be seen without sudo, without a
cluster or with a view-only account is unknown, with the reason.
"""
_STATUS_ENDS = """\
exit status:
  0    all done
  3    something is needed, waiting or blocked
  1    something could not be looked at (3 wins over 1)
  2    bad usage, or a bad file

as JSON (--json):
  {"version", "nodes": [{"node", "kubernetes_node", "state", "error",
  "stages": [{"stage", "state", "code", "text", "next", "found", ...}],
  "versions": {...}, "gpus": [...], "allocatable", "gpu_pods", "plugin",
  "owners"}]}
A newer minor version adds keys; ignore those that you don't know.
"""

LONGEST_SECONDS = 86_400.0


def seconds(text: str) -> float:
    """A time, above zero and a day at most: no clock waits for `nan`, and few for `inf`.

    Raises: ArgumentTypeError, ValueError: argparse says which option it was.
    """
    number = float(text)
    if not 0 < number <= LONGEST_SECONDS:
        raise argparse.ArgumentTypeError("must be seconds above zero, a day at most")
    return number


def status_command(commands: Commands) -> None:
    """Add it."""
    status = commands.add_parser(
        "status",
        help="look at one node or many, change nothing: is it right, and if not, where does the chain break?",
        description=_STATUS,
        epilog=_STATUS_ENDS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    status.add_argument(
        "targets", nargs="*", metavar="TARGET", help="[user@]host[:port], an SSH alias, or local"
    )
    status.add_argument("--setup", metavar="FILE", default="", help="the nodes of a setup file")
    bare = status.add_argument_group("with targets")
    bare.add_argument(
        "--control-plane",
        metavar="HOST",
        default="",
        help="the K3s server; its kubeconfig is read, in memory only",
    )
    bare.add_argument("--kubeconfig", metavar="FILE", default="", help="a kubeconfig of your own")
    bare.add_argument(
        "--context", metavar="NAME", default="", help="a context of it, or of your default one"
    )
    bare.add_argument(
        "--ask-sudo", action="store_true", help="ask once for the sudo password of every target"
    )
    status.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=seconds,
        default=90.0,
        help="for one node; one that hangs is shown as unknown (default: 90)",
    )
    status.add_argument("--json", action="store_true", help="one JSON document instead of text")
    _watch(status)
    status.add_argument(
        "--lang", choices=("en", "ru"), default="en", help="language of the texts (default: en)"
    )


def _watch(status: argparse.ArgumentParser) -> None:
    watch = status.add_argument_group("on a screen")
    watch.add_argument(
        "--watch", action="store_true", help="look again and again, on a screen; still read-only"
    )
    watch.add_argument(
        "--every",
        metavar="SECONDS",
        type=seconds,
        default=None,
        help="with --watch: from one look to the next (default: 10, at least 1)",
    )
    watch.add_argument(
        "--ascii", action="store_true", help="with --watch: draw the screens in ASCII alone"
    )
    watch.add_argument(
        "--calm", action="store_true", help="with --watch: repaint them every 5 seconds only"
    )
