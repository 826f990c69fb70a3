"""The command line."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from gpu_wizard import __version__
from gpu_wizard.cli.exits import TEXT
from gpu_wizard.cli.spoken import Parser, spoken
from gpu_wizard.cli.status_arguments import Commands, seconds, status_command
from gpu_wizard.cli.together import inherit

_ABOUT = """\
Takes a machine with an NVIDIA card to a proven nvidia.com/gpu in a K3s
cluster: eight stages, each looked at, explained, done over SSH and looked at
again, and a proof by a real pod.
"""
_EPILOG = f"""\
try it without root, cluster or card:
  gpu-wizard demo --auto

{TEXT}
secrets are never written down; a setup file names where one comes from:
  GPU_WIZARD_SUDO_PASSWORD  GPU_WIZARD_SSH_PASSWORD  GPU_WIZARD_TOKEN
"""


def parser(words: Sequence[str] = ()) -> argparse.ArgumentParser:
    """The command line; each command's name is in `command`, None for the top level.

    `words`: what was typed. A command that begins it is built alone: building all takes longer than most of them.
    """
    top = Parser(
        prog="gpu-wizard",
        description=_ABOUT,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"gpu-wizard {__version__}")
    top.add_argument(
        "--auto", metavar="FILE", help="set up the nodes of a setup file, without a question"
    )
    _run_options(top)
    _screen_options(top)
    commands = top.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for name in [name for name in _COMMANDS if name in words[:1]] or _COMMANDS:
        _COMMANDS[name](commands)
    inherit(top)
    return spoken(top, words)


def _run_options(to: argparse.ArgumentParser) -> None:
    to.add_argument(
        "--plan", action="store_true", help="with --auto: show what would be done, change nothing"
    )
    to.add_argument("--json", action="store_true", help="one JSON object a line instead of text")
    to.add_argument("--prove", action="store_true", help="run the proof though nothing changed")
    to.add_argument(
        "--keep-going", action="store_true", help="go on with the next node after one failed"
    )
    to.add_argument(
        "--lang", choices=("en", "ru"), default="en", help="language of the texts (default: en)"
    )


def _screen_options(to: argparse.ArgumentParser) -> None:
    to.add_argument(
        "--plain",
        action="store_true",
        help="questions and answers line by line instead of the screens (screen readers, serial lines)",
    )
    to.add_argument("--ascii", action="store_true", help="draw the screens in ASCII alone")
    to.add_argument(
        "--calm", action="store_true", help="repaint values on the screens every 5 seconds only"
    )


def _init(commands: Commands) -> None:
    init = commands.add_parser("init", help="write a commented setup file")
    init.add_argument(
        "file", nargs="?", default="setup.toml", help="default: setup.toml; never overwritten"
    )
    init.add_argument(
        "--nodes", metavar="A,B,C", default="", help="several GPU machines behind one VIP"
    )
    init.add_argument(
        "--lang", choices=("en", "ru"), default="en", help="language of the texts (default: en)"
    )


def _demo(commands: Commands) -> None:
    demo = commands.add_parser(
        "demo", help="a practice lab: real SSH and a real API on loopback; nothing real is touched"
    )
    demo.add_argument(
        "--auto", action="store_true", help="run all stages and the proof on it, then end"
    )
    demo.add_argument("--serve", action="store_true", help="start it and leave it up until Ctrl-C")
    demo.add_argument(
        "--dir", metavar="DIR", help="with --serve: where key, kubeconfig and setup.toml go"
    )
    demo.add_argument(
        "--scenario",
        metavar="NAME",
        default="fresh",
        help="the state it begins in (default: fresh)",
    )
    demo.add_argument("--list", action="store_true", help="name the scenarios")
    demo.add_argument(
        "--speed",
        metavar="N",
        type=float,
        default=5.0,
        help="recorded delays divided by N (default: 5; 1 is real time)",
    )
    demo.add_argument(
        "--k3s", choices=("1.34.3", "1.36.2"), default="1.34.3", help="version of its K3s"
    )
    _run_options(demo)
    _screen_options(demo)


def _gpu(commands: Commands) -> None:
    gpu = commands.add_parser(
        "gpu",
        help="the cards of one machine, live; changes nothing",
        description="On a terminal a screen with graphs, else a table for each sample. Changes nothing.",
    )
    gpu.add_argument(
        "target", nargs="?", default="local", help="[user@]host[:port]; default: this machine"
    )
    gpu.add_argument(
        "--every", metavar="SECONDS", type=seconds, default=1.0, help="between samples (default: 1)"
    )
    gpu.add_argument(
        "--count", metavar="N", type=int, default=0, help="end after N samples (default: 0, never)"
    )
    gpu.add_argument("--once", action="store_true", help="one sample, as a table")
    gpu.add_argument(
        "--plain", action="store_true", help="a table for each sample, also on a terminal"
    )
    gpu.add_argument("--ascii", action="store_true", help="draw the screen in ASCII alone")
    gpu.add_argument("--calm", action="store_true", help="repaint the screen every 5 seconds only")
    gpu.add_argument("--json", action="store_true", help="one JSON object a line instead of text")
    gpu.add_argument(
        "--control-plane",
        metavar="TARGET",
        default="",
        help="a K3s server, to name pods by its API",
    )
    gpu.add_argument("--kubeconfig", metavar="FILE", default="", help="the same by a kubeconfig")
    gpu.add_argument("--context", metavar="NAME", default="", help="a context of that kubeconfig")
    gpu.add_argument(
        "--lang", choices=("en", "ru"), default="en", help="language of the texts (default: en)"
    )


def _check_config(commands: Commands) -> None:
    check = commands.add_parser(
        "check-config", help="judge a containerd config.toml as containerd would"
    )
    check.add_argument("file", help="a config.toml, such as K3s renders")
    check.add_argument(
        "--containerd", metavar="VERSION", default="2.1", help="2.1 (default), 1.7, …"
    )
    check.add_argument(
        "--root", metavar="DIR", default="", help="stands before the paths that the file imports"
    )
    check.add_argument("--json", action="store_true", help="the verdict as JSON")
    check.add_argument(
        "--lang", choices=("en", "ru"), default="en", help="language of the texts (default: en)"
    )


def _explain(commands: Commands) -> None:
    explain = commands.add_parser(
        "explain", help="teach a stage, a command, a word of one, a key or a field"
    )
    explain.add_argument(
        "topic",
        nargs="*",
        metavar="TOPIC",
        help="a stage (join … or 1-9), proof, versions, next, undo, events; a whole command; any word of one",
    )
    explain.add_argument(
        "--guide", action="store_true", help="where we depart from the guide, and why"
    )
    _words(explain, "the same as data")


def _manifest(commands: Commands) -> None:
    manifest = commands.add_parser(
        "manifest", help="print a workload as YAML, right for this cluster"
    )
    manifest.add_argument("kind", choices=("pod", "deployment", "dcgm-exporter"))
    manifest.add_argument("--name", default="", help="the object's name")
    manifest.add_argument(
        "--namespace", default="", help="default: default (kube-system for dcgm-exporter)"
    )
    manifest.add_argument(
        "--image", default="", help="default: a CUDA image that the driver can run"
    )
    manifest.add_argument(
        "--replicas", type=int, default=1, metavar="N", help="of a deployment (default: 1)"
    )
    manifest.add_argument(
        "--gpus", type=int, default=1, metavar="N", help="GPUs of each pod (default: 1)"
    )
    manifest.add_argument(
        "--setup", metavar="FILE", default="", help="ask the cluster of this setup file"
    )
    manifest.add_argument("--no-comments", action="store_true", help="YAML alone")
    manifest.add_argument(
        "--lang", choices=("en", "ru"), default="en", help="language of the comments (default: en)"
    )


def _words(to: argparse.ArgumentParser, data: str) -> None:
    to.add_argument("--json", action="store_true", help=data)
    to.add_argument(
        "--lang", choices=("en", "ru"), default="en", help="language of the texts (default: en)"
    )


_OWN = ("--guide", "--json", "--lang", "--help", "-h")


def shielded(argv: Sequence[str]) -> list[str]:
    """`explain -y` and `explain apt-get install -y`: words that are not options of ours are topics."""
    if "explain" not in argv[:1] or "--" in argv:
        return list(argv)
    own, topic, rest = [], [], list(argv[1:])
    while rest:
        word = rest.pop(0)
        if word == "--lang" and rest:
            own += [word, rest.pop(0)]
        elif word.split("=")[0] in _OWN:
            own.append(word)
        else:
            topic.append(word)
    return ["explain", *own, "--", *topic]


def _diagnose(commands: Commands) -> None:
    diagnose = commands.add_parser(
        "diagnose", help="what an error text means: the cause and the cure, of any pasted log"
    )
    diagnose.add_argument(
        "files", nargs="*", metavar="FILE", help="logs of any size; none or -: standard input"
    )
    diagnose.add_argument("--json", action="store_true", help="the findings as one JSON object")
    diagnose.add_argument(
        "--lang", choices=("en", "ru"), default="en", help="language of the texts (default: en)"
    )


def _bundle(commands: Commands) -> None:
    bundle = commands.add_parser(
        "bundle",
        help="a support bundle without names, addresses and secrets, shown before it is written",
    )
    bundle.add_argument(
        "run", nargs="?", metavar="RUN", help="a run's folder or name (default: the newest run)"
    )
    bundle.add_argument("--setup", metavar="FILE", help="survey the nodes of this setup file, too")
    bundle.add_argument(
        "--output", metavar="FILE", default="", help="default: gpu-wizard-bundle-RUN.tar.gz here"
    )
    bundle.add_argument("--yes", action="store_true", help="write it without the question")
    bundle.add_argument(
        "--lang", choices=("en", "ru"), default="en", help="language of the texts (default: en)"
    )


def _completion(commands: Commands) -> None:
    completion = commands.add_parser("completion", help="print a completion script for a shell")
    completion.add_argument("shell", choices=("bash", "zsh", "fish"))


_COMMANDS = {
    "init": _init,
    "demo": _demo,
    "status": status_command,
    "gpu": _gpu,
    "check-config": _check_config,
    "explain": _explain,
    "manifest": _manifest,
    "diagnose": _diagnose,
    "bundle": _bundle,
    "completion": _completion,
}
"""What adds each command, in the order of `--help`."""
