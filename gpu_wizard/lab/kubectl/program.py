"""kubectl as a program of a lab machine, working on the cluster without HTTP."""

from __future__ import annotations

import datetime
from collections.abc import Awaitable, Callable

from gpu_wizard.lab.api import errors
from gpu_wizard.lab.api.access import ADMIN, Identity
from gpu_wizard.lab.cluster.cluster import Cluster
from gpu_wizard.lab.kubectl import applying, changing, describing, following, getting, tending
from gpu_wizard.lab.kubectl.arguments import GLOBAL, Flags, UsageError, parse
from gpu_wizard.lab.kubectl.context import Context, ServerError
from gpu_wizard.lab.ports import Call, Files, Program

Command = Callable[[Context], Awaitable[int]]

_CHOICE = "-l|--selector --field-selector"
_WRITES = f"{_CHOICE} --dry-run --field-manager -o|--output -f|--filename"
_EVERYWHERE = "-A|--all-namespaces --all"
_GET = Flags(
    f"{_CHOICE} -o|--output --sort-by --raw --chunk-size -f|--filename -L|--label-columns",
    "-A|--all-namespaces -w|--watch --watch-only --show-labels --no-headers --ignore-not-found "
    "--show-managed-fields --show-kind -R|--recursive",
)
_LOGS = Flags(
    "-l|--selector -c|--container --tail --since --since-time --limit-bytes "
    "--max-log-requests --pod-running-timeout",
    "-f|--follow -p|--previous --timestamps --all-containers --prefix --ignore-errors",
)
_APPLY = Flags(
    f"{_WRITES} --timeout --validate -k|--kustomize --from-literal --from-file",
    "--server-side --force-conflicts --force --save-config -R|--recursive --prune --all",
)
_RUN = Flags(
    "--image --restart --overrides --override-type --image-pull-policy --env -l|--labels "
    "--dry-run -o|--output --field-manager --pod-running-timeout --port",
    "--rm -i|--stdin -t|--tty --attach --command -q|--quiet --expose --privileged",
)
_MARK = Flags(f"{_WRITES}", f"{_EVERYWHERE} --overwrite --list --local")
_DELETE = Flags(
    f"{_WRITES} --grace-period --timeout --cascade --wait",
    f"{_EVERYWHERE} --ignore-not-found --now --force -i|--interactive",
)
_NODE = Flags(
    "-l|--selector --timeout --grace-period --dry-run --pod-selector",
    "--ignore-daemonsets --force --delete-emptydir-data --disable-eviction",
)
_WAIT = Flags(f"{_CHOICE} --for --timeout -o|--output", _EVERYWHERE)
_ROLLOUT = Flags("--timeout --to-revision --revision -l|--selector --watch -w|--watch", "")

_COMMANDS: dict[str, tuple[Flags, Command]] = {
    "get": (_GET, getting.get),
    "describe": (Flags(f"{_CHOICE} --show-events", _EVERYWHERE), describing.describe),
    "events": (_GET, following.events),
    "logs": (_LOGS, following.logs),
    "apply": (_APPLY, applying.apply),
    "create": (_APPLY, applying.create),
    "replace": (_APPLY, applying.replace),
    "cluster-info": (Flags(), getting.cluster_info),
    "run": (_RUN, applying.run),
    "delete": (_DELETE, changing.delete),
    "label": (_MARK, changing.label),
    "annotate": (_MARK, changing.annotate),
    "taint": (_MARK, tending.taint),
    "patch": (Flags(f"{_WRITES} -p|--patch --type --patch-file --subresource"), changing.patch),
    "set": (_MARK, changing.set_image),
    "cordon": (_NODE, tending.cordon),
    "uncordon": (_NODE, tending.uncordon),
    "drain": (_NODE, tending.drain),
    "rollout": (_ROLLOUT, following.rollout),
    "wait": (_WAIT, following.wait),
    "version": (Flags("-o|--output", "--client --short"), getting.version),
    "api-resources": (
        Flags("--api-group --namespaced -o|--output --verbs --sort-by", "--no-headers --cached"),
        getting.api_resources,
    ),
    "auth": (
        Flags("--subresource -o|--output", "-q|--quiet --list -A|--all-namespaces"),
        getting.can_i,
    ),
}
_ALIASES = {"log": "logs"}
_NOT_HERE = [
    "attach",
    "autoscale",
    "certificate",
    "completion",
    "config",
    "cp",
    "debug",
    "diff",
    "edit",
    "exec",
    "explain",
    "expose",
    "kustomize",
    "plugin",
    "port-forward",
    "proxy",
    "scale",
    "top",
]


class Kubectl:
    """`Kubectl(cluster, version).on(files)` is the program of a machine with these files."""

    def __init__(self, cluster: Cluster, version: str, user: Identity = ADMIN) -> None:
        self._cluster = cluster
        self._version = version
        self._user = user

    def on(self, files: Files) -> Program:
        """The program of the machine that has these files."""

        async def program(call: Call) -> int:
            return await self.run(call, files.read)

        return program

    async def run(self, call: Call, read_file: Callable[[str], bytes]) -> int:
        """One run; gives the exit status."""
        context = Context(call, self._cluster, self._version, self._user, read_file)
        try:
            return await self._dispatch(context)
        except UsageError as error:
            await context.err(f"error: {error}\n")
        except ServerError as error:
            await context.err(getting.refusal(error.error, error.doing))
        except errors.ApiError as error:
            await context.err(getting.refusal(error))
        return 1

    async def _dispatch(self, context: Context) -> int:
        name, argv = _command(list(context.call.argv[1:]))
        name = _ALIASES.get(name, name)
        if not name:
            await context.out("kubectl controls the Kubernetes cluster manager.\n")
            return 0
        if name in _NOT_HERE:
            raise UsageError(f"{name} is not part of this lab's kubectl")
        if name not in _COMMANDS:
            raise UsageError(f'unknown command "{name}" for "kubectl"')
        flags, command = _COMMANDS[name]
        context.command = name
        context.arguments = parse(name, flags, argv)
        if context.arguments.has("help"):
            await context.out(f"{command.__doc__ or name}\n")
            return 0
        local = name == "version" and context.arguments.has("client")
        if not self._cluster.available and not local:
            await _unavailable(context)
            return 1
        return await command(context)


def _command(argv: list[str]) -> tuple[str, list[str]]:
    """The command's name, and the words around it: global flags may stand before it."""
    names = GLOBAL.names()
    position = 0
    while position < len(argv) and argv[position].startswith("-"):
        word = argv[position]
        takes = names.get(word, ("", False))[1]
        position += 2 if takes and "=" not in word else 1
    if position >= len(argv):
        return "", argv
    return argv[position], argv[:position] + argv[position + 1 :]


async def _unavailable(context: Context) -> None:
    """What kubectl says where no server answers, or one that is not ready yet."""
    if context.cluster.starting:
        text = "the server is currently unable to handle the request"
        await context.err(f"Error from server (ServiceUnavailable): {text}\n")
        return
    address = context.arguments.value("server", "https://127.0.0.1:6443").rstrip("/")
    host = address.partition("://")[2]
    refused = f'Get \\"{address}/api?timeout=32s\\": dial tcp {host}: connect: connection refused'
    for _ in range(5):
        stamp = datetime.datetime.now(datetime.UTC).strftime("%m%d %H:%M:%S.%f")
        await context.err(
            f'E{stamp}    7262 memcache.go:265] "Unhandled Error" err="couldn\'t get current server '
            f'API group list: {refused}"\n'
        )
    await context.err(
        f"The connection to the server {host} was refused - did you specify the right host or "
        "port?\n"
    )
