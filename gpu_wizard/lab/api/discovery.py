"""What the server says about itself: versions, groups, resources, schemas, health."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from gpu_wizard.lab.api.kinds import Catalogue, Kind
from gpu_wizard.lab.ports import JsonObject

_CHECKS = (
    "ping",
    "log",
    "informer-sync",
    "poststarthook/start-apiserver-admission-initializer",
    "poststarthook/generic-apiserver-start-informers",
    "poststarthook/start-apiextensions-informers",
    "poststarthook/start-apiextensions-controllers",
    "poststarthook/crd-informer-synced",
    "poststarthook/rbac/bootstrap-roles",
    "poststarthook/scheduling/bootstrap-system-priority-classes",
    "poststarthook/bootstrap-controller",
    "poststarthook/apiservice-registration-controller",
    "poststarthook/apiservice-openapi-controller",
    "shutdown",
)


def version(git_version: str) -> JsonObject:
    """The answer of `/version`."""
    match = re.match(r"v(\d+)\.(\d+)", git_version)
    major, minor = match.groups() if match else ("1", "0")
    return {
        "major": major,
        "minor": minor,
        "emulationMajor": major,
        "emulationMinor": minor,
        "minCompatibilityMajor": major,
        "minCompatibilityMinor": str(int(minor) - 1),
        "gitVersion": git_version,
        "gitCommit": hashlib.sha1(git_version.encode(), usedforsecurity=False).hexdigest(),
        "gitTreeState": "clean",
        "buildDate": "2026-01-01T00:00:00Z",
        "goVersion": "go1.24.11",
        "compiler": "gc",
        "platform": "linux/amd64",
    }


def health(path: str, *, verbose: bool) -> str:
    """The text of `/readyz`, `/livez` or `/healthz` of a healthy server."""
    if not verbose:
        return "ok"
    name = path.strip("/")
    return "".join(f"[+]{check} ok\n" for check in _CHECKS) + f"{name} check passed\n"


def core_versions() -> JsonObject:
    """The answer of `/api`."""
    addresses = [{"clientCIDR": "0.0.0.0/0", "serverAddress": "127.0.0.1:6443"}]
    return {
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": addresses,
    }


def groups(catalogue: Catalogue) -> JsonObject:
    """The answer of `/apis`."""
    found: dict[str, dict[str, None]] = {}
    for kind in catalogue:
        if kind.group:
            found.setdefault(kind.group, {})[kind.version] = None
    listed = [_group(name, list(versions)) for name, versions in found.items()]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": listed}


def group(catalogue: Catalogue, name: str) -> JsonObject | None:
    """The answer of `/apis/GROUP`; None if there is no such group."""
    versions = dict.fromkeys(kind.version for kind in catalogue if kind.group == name)
    if not versions:
        return None
    return {"kind": "APIGroup", "apiVersion": "v1"} | _group(name, list(versions))


def _group(name: str, versions: list[str]) -> JsonObject:
    listed = [{"groupVersion": f"{name}/{each}", "version": each} for each in versions]
    return {"name": name, "versions": listed, "preferredVersion": listed[0]}


def resources(catalogue: Catalogue, group_name: str, version_name: str) -> JsonObject | None:
    """The answer of `/api/v1` or `/apis/GROUP/VERSION`; None if there is no such version."""
    listed: list[JsonObject] = []
    for kind in catalogue:
        if (kind.group, kind.version) == (group_name, version_name):
            listed += _resources(kind)
    if not listed:
        return None
    name = f"{group_name}/{version_name}" if group_name else version_name
    head: JsonObject = {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": name}
    return head | {"resources": listed}


def _resources(kind: Kind) -> list[JsonObject]:
    entry: JsonObject = {
        "name": kind.plural,
        "singularName": kind.singular,
        "namespaced": kind.namespaced,
        "kind": kind.name,
        "verbs": list(kind.verbs),
    }
    if kind.short:
        entry["shortNames"] = list(kind.short)
    if "list" in kind.verbs:
        entry["storageVersionHash"] = kind.storage_hash
    found = [entry]
    base = {"singularName": "", "namespaced": kind.namespaced, "kind": kind.name}
    if kind.status:
        found.append({"name": f"{kind.plural}/status", "verbs": ["get", "patch", "update"]} | base)
    if kind.name == "Pod":
        found.append({"name": "pods/log", "verbs": ["get"]} | base)
        eviction = {"kind": "Eviction", "group": "policy", "version": "v1"}
        found.append({"name": "pods/eviction", "verbs": ["create"]} | base | eviction)
    return found


def openapi_index(catalogue: Catalogue) -> JsonObject:
    """The answer of `/openapi/v3`: where the schema of each group's version lies."""
    paths: JsonObject = {}
    for kind in catalogue:
        path = f"apis/{kind.group}/{kind.version}" if kind.group else f"api/{kind.version}"
        mark = hashlib.sha256(path.encode()).hexdigest().upper()
        paths[path] = {"serverRelativeURL": f"/openapi/v3/{path}?hash={mark}"}
    return {"paths": paths}


def openapi(catalogue: Catalogue, group_name: str, version_name: str) -> JsonObject:
    """A schema of one version: its operations with their parameters, its objects left open.

    It is what kubectl needs to see that the server validates fields itself.
    """
    paths: JsonObject = {}
    schemas: JsonObject = {}
    for kind in catalogue:
        if (kind.group, kind.version) != (group_name, version_name):
            continue
        mark = {"group": kind.group, "version": kind.version, "kind": kind.name}
        schemas[f"{group_name or 'core'}.{version_name}.{kind.name}"] = {
            "type": "object",
            "x-kubernetes-group-version-kind": [mark],
            "x-kubernetes-preserve-unknown-fields": True,
        }
        paths |= _paths(kind, mark)
    info = {"title": "Kubernetes", "version": "unversioned"}
    return {
        "openapi": "3.0.0",
        "info": info,
        "paths": paths,
        "components": {"schemas": schemas},
    }


def _paths(kind: Kind, mark: JsonObject) -> JsonObject:
    base = f"/apis/{kind.group}/{kind.version}" if kind.group else f"/api/{kind.version}"
    if kind.namespaced:
        base += "/namespaces/{namespace}"
    base += f"/{kind.plural}"
    names = ("dryRun", "fieldManager", "fieldValidation")
    parameters = [
        {"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": True}}
        for name in names
    ]

    def operation(action: str) -> dict[str, Any]:
        return {
            "parameters": parameters,
            "responses": {},
            "x-kubernetes-action": action,
            "x-kubernetes-group-version-kind": mark,
        }

    single = {"patch": operation("patch"), "put": operation("put")}
    return {base: {"post": operation("post")}, base + "/{name}": single}


def openapi_v2(git_version: str) -> JsonObject:
    """The old form of the schema, without any definitions."""
    info = {"title": "Kubernetes", "version": git_version}
    return {"swagger": "2.0", "info": info, "paths": {}, "definitions": {}}
