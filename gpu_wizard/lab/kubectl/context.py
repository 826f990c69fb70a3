"""One run of kubectl: who runs it, where it writes, and the cluster it works on."""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import yaml

from gpu_wizard.lab.api import errors
from gpu_wizard.lab.api.access import Attributes, Identity
from gpu_wizard.lab.api.bodies import Caller
from gpu_wizard.lab.api.kinds import Kind
from gpu_wizard.lab.cluster.cluster import Cluster
from gpu_wizard.lab.kubectl.arguments import Arguments, UsageError
from gpu_wizard.lab.ports import Call, JsonObject


class ServerError(Exception):
    """A refusal of the API server, with the words that kubectl puts before it."""

    def __init__(self, error: errors.ApiError, doing: str = "") -> None:
        super().__init__(str(error))
        self.error = error
        self.doing = doing


@dataclass(frozen=True)
class Item:
    """An object that a command line means."""

    kind: Kind
    namespace: str
    name: str

    @property
    def shown(self) -> str:
        """`daemonset.apps/x`, `node/x`."""
        group = f".{self.kind.group}" if self.kind.group else ""
        return f"{self.kind.singular}{group}/{self.name}"


@dataclass
class Context:
    """What a command works with."""

    call: Call
    cluster: Cluster
    version: str
    user: Identity
    read_file: Callable[[str], bytes]
    arguments: Arguments = field(default_factory=Arguments)
    command: str = ""

    @property
    def namespace(self) -> str:
        return self.arguments.value("namespace", "default")

    async def out(self, text: str) -> None:
        await self.call.out(text.encode())

    async def err(self, text: str) -> None:
        await self.call.err(text.encode())

    def demand(self, verb: str, item: Item, subresource: str = "") -> None:
        """Refuse what the user may not do.

        Raises:
            ApiError: 403.
        """
        resource = item.kind.plural + (f"/{subresource}" if subresource else "")
        wanted = Attributes(verb, item.kind.group, resource, item.namespace, item.name)
        self.cluster.access.demand(self.user, item.kind, wanted)

    def caller(self, manager: str, **how: Any) -> Caller:
        dry = self.arguments.value("dry-run") == "server"
        name = self.arguments.value("field-manager") or manager
        return Caller(self.user, name, dry_run=dry, **how)

    def kind(self, word: str) -> Kind:
        """The kind that a word means.

        Raises:
            UsageError: none.
        """
        found = self.cluster.catalogue.typed(word)
        if found is None or "list" not in found.verbs:
            raise UsageError(f'the server doesn\'t have a resource type "{word}"')
        return found

    def get(self, item: Item) -> JsonObject:
        """One object.

        Raises:
            ApiError: 403 or 404.
        """
        self.demand("get", item)
        return self.cluster.registry.get(item.kind, item.namespace, item.name)

    def select(
        self, kind: Kind, *, everywhere: bool = False, labels: str = "", fields: str = ""
    ) -> list[JsonObject]:
        """Objects of a kind that selectors select.

        Raises:
            ApiError: 400 or 403.
        """
        place = "" if everywhere or not kind.namespaced else self.namespace
        self.demand("list", Item(kind, place, ""))
        return self.cluster.registry.select(kind, place, labels, fields)

    def item(self, kind: Kind, name: str) -> Item:
        return Item(kind, self.namespace if kind.namespaced else "", name)

    def of(self, kind: Kind, obj: JsonObject) -> Item:
        metadata = obj["metadata"]
        return Item(kind, metadata.get("namespace", ""), metadata["name"])

    def named(self, words: list[str]) -> list[Item]:
        """The objects that words name: `pod a b`, `pod/a ds/b`.

        Raises:
            UsageError: an unknown kind, or no names.
        """
        if words and "/" in words[0]:
            pairs = [word.split("/", 1) for word in words]
            return [self.item(self.kind(kind), name) for kind, name in pairs]
        if not words:
            raise UsageError("You must provide one or more resources by argument or filename.")
        kinds = [self.kind(word) for word in words[0].split(",")]
        return [self.item(kind, name) for kind in kinds for name in words[1:]]

    def chosen(self, words: list[str]) -> list[Item]:
        """The objects that words name, or that `-l`, `--all` and `-A` choose.

        Raises:
            UsageError: nothing is chosen.
        """
        arguments = self.arguments
        labels = arguments.value("selector")
        if not labels and not arguments.has("all"):
            found = self.named(words)
            if not found:
                raise UsageError("resource(s) were provided, but no name was specified")
            return found
        kinds = [self.kind(word) for word in words[0].split(",")]
        everywhere = arguments.has("all-namespaces")
        fields = arguments.value("field-selector")
        return [
            self.of(kind, obj)
            for kind in kinds
            for obj in self.select(kind, everywhere=everywhere, labels=labels, fields=fields)
        ]

    async def manifests(self) -> list[tuple[str, JsonObject]]:
        """The objects of `-f`, each with where it stands.

        Raises:
            UsageError: a file that can't be read, or that holds no objects.
        """
        found: list[tuple[str, JsonObject]] = []
        for name in self.arguments.all("filename"):
            source, data = await self._read(name)
            try:
                documents = [each for each in yaml.safe_load_all(data) if each]
            except yaml.YAMLError as error:
                raise UsageError(f"error parsing {source}: {error}") from error
            for document in documents:
                items = document.get("items") if document.get("kind") == "List" else [document]
                found += [(source, item) for item in items or ()]
        if not found:
            raise UsageError("must specify one of -f and -k")
        return found

    async def _read(self, name: str) -> tuple[str, bytes]:
        if name == "-":
            return "STDIN", await self.call.read()
        if name.startswith(("http://", "https://")):
            raise UsageError(f'unable to read URL "{name}": dial tcp: lookup: no such host')
        try:
            return name, self.read_file(posixpath.join(self.call.directory, name))
        except OSError as error:
            raise UsageError(f'the path "{name}" does not exist') from error

    def located(self, manifest: JsonObject) -> Item:
        """Which object a manifest is about.

        Raises:
            UsageError: a kind that the server has not.
        """
        name, version = manifest.get("kind", ""), manifest.get("apiVersion", "")
        kind = self.cluster.catalogue.named(name, version)
        if kind is None:
            group, _, short = version.rpartition("/")
            head = "resource mapping not found for name: "
            raise UsageError(
                f'{head}"{manifest.get("metadata", {}).get("name", "")}" namespace: '
                f'"{manifest.get("metadata", {}).get("namespace", "")}" from "{self._first()}": no '
                f'matches for kind "{name}" in version "{group}{"/" if group else ""}{short}"\n'
                "ensure CRDs are installed first"
            )
        metadata = manifest.setdefault("metadata", {})
        place = metadata.get("namespace") or self.namespace
        return Item(kind, place if kind.namespaced else "", metadata.get("name", ""))

    def _first(self) -> str:
        name = self.arguments.value("filename")
        return "STDIN" if name == "-" else name
