"""The API server's operations on objects, without the HTTP in front of them."""

from __future__ import annotations

import copy
from typing import Any

from gpu_wizard.lab.api import (
    bodies,
    defaults,
    deletion,
    errors,
    ownership,
    patches,
    schema,
    selectors,
    times,
    updates,
    validation,
)
from gpu_wizard.lab.api.admission import Admission
from gpu_wizard.lab.api.bodies import Caller
from gpu_wizard.lab.api.kinds import Catalogue, Kind
from gpu_wizard.lab.api.store import Store
from gpu_wizard.lab.ports import JsonObject


class Registry:
    """Everything that can be done with objects; every refusal is an `ApiError`."""

    def __init__(self, store: Store, catalogue: Catalogue) -> None:
        self.store = store
        self.catalogue = catalogue
        self._admission = Admission(store, catalogue)

    def kind(self, name: str) -> Kind:
        """A kind by its name, for code that knows that it is there."""
        found = self.catalogue.named(name)
        if found is None:
            raise errors.no_such_resource()
        return found

    def find(self, kind: str, namespace: str, name: str) -> JsonObject | None:
        """One object, or None; also where the kind is not known."""
        known = self.catalogue.named(kind)
        return self.store.get(known, namespace, name) if known else None

    def get(self, kind: Kind, namespace: str, name: str) -> JsonObject:
        found = self.store.get(kind, namespace, name)
        if found is None:
            raise errors.not_found(kind, name)
        return found

    def select(
        self, kind: Kind, namespace: str = "", labels: str = "", fields: str = ""
    ) -> list[JsonObject]:
        """Objects of a kind, in one namespace or (with "") in all, that two selectors select."""
        by_label, by_field = selectors.labels(labels), selectors.fields(kind, fields)
        found = self.store.all(kind, namespace)
        return [obj for obj in found if by_label(obj) and by_field(obj)]

    def create(self, kind: Kind, namespace: str, body: Any, caller: Caller) -> JsonObject:
        obj = bodies.accepted(kind, body, caller)
        metadata = obj.setdefault("metadata", {})
        bodies.place(kind, obj, namespace)
        shown = metadata.get("name") or metadata.get("generateName", "")
        self._admission.namespace(kind, metadata.get("namespace", ""), shown)
        if not shown:
            cause = errors.required("metadata.name", "name or generateName is required")
            raise errors.invalid_object(kind, "", [cause])
        for unset in ("resourceVersion", "uid", "generation", "deletionTimestamp"):
            metadata.pop(unset, None)
        return self._keep_new(kind, obj, caller)

    def replace(
        self, kind: Kind, namespace: str, name: str, body: Any, caller: Caller
    ) -> JsonObject:
        """What PUT does."""
        wanted = bodies.accepted(kind, body, caller)
        bodies.place(kind, wanted, namespace)
        if wanted["metadata"].get("name") != name:
            raise bodies.other_name(wanted["metadata"].get("name", ""), name)
        return self._update(kind, self.get(kind, namespace, name), wanted, caller)

    def patch(
        self, kind: Kind, namespace: str, name: str, media_type: str, body: Any, caller: Caller
    ) -> tuple[JsonObject, bool]:
        """What PATCH does; True where that made the object."""
        if media_type == patches.APPLY:
            return self._apply(kind, namespace, name, body, caller)
        old = self.get(kind, namespace, name)
        wanted = bodies.patched(kind, old, media_type, body, caller)
        return self._update(kind, old, wanted, caller), False

    def delete(
        self, kind: Kind, namespace: str, name: str, options: JsonObject, caller: Caller
    ) -> JsonObject:
        """What DELETE does; gives its answer, the object or a Status."""
        found = self.get(kind, namespace, name)
        return deletion.delete(self.store, kind, found, options, dry_run=caller.dry_run)

    def write_status(
        self,
        kind: str,
        namespace: str,
        name: str,
        change: deletion.Change,
        manager: str,
    ) -> JsonObject | None:
        """Change the status of an object that may be gone by now; None if it is."""
        known = self.kind(kind)
        caller = Caller(manager=manager, subresource="status" if known.status else "")
        return self._edit(known, namespace, name, lambda new: change(new["status"]), caller)

    def change(
        self,
        kind: str,
        namespace: str,
        name: str,
        change: deletion.Change,
        manager: str,
    ) -> JsonObject | None:
        """Change an object that may be gone by now; None if it is."""
        return self._edit(self.kind(kind), namespace, name, change, Caller(manager=manager))

    def _edit(
        self, kind: Kind, namespace: str, name: str, change: deletion.Change, caller: Caller
    ) -> JsonObject | None:
        old = self.store.get(kind, namespace, name)
        if old is None:
            return None
        new = copy.deepcopy(old)
        new.setdefault("status", {})
        change(new)
        return self._update(kind, old, new, caller)

    def _apply(
        self, kind: Kind, namespace: str, name: str, body: Any, caller: Caller
    ) -> tuple[JsonObject, bool]:
        if not caller.named:
            cause = errors.required("fieldManager", "is required for apply patch")
            group = "meta.k8s.io"
            raise errors.invalid(f"PatchOptions.{group}", "", group, "PatchOptions", [cause])
        wanted = bodies.applied(kind, namespace, name, body)
        shape = schema.of_kind(kind.name)
        manager = ownership.Manager(caller.manager, "Apply", kind.api_version, caller.subresource)
        live = self.store.get(kind, namespace, name)
        base = live if live is not None else {"metadata": {}}
        now = times.now()
        made = ownership.apply(shape, base, wanted, manager, force=caller.force, now=now)
        if live is None:
            bodies.place(kind, made, namespace)
            self._admission.namespace(kind, made["metadata"].get("namespace", ""), name)
            return self._keep_new(kind, made, caller, owned=True), True
        return self._update(kind, live, made, caller, owned=True), False

    def _keep_new(
        self, kind: Kind, obj: JsonObject, caller: Caller, *, owned: bool = False
    ) -> JsonObject:
        shape, metadata = schema.of_kind(kind.name), obj["metadata"]
        defaults.fill(kind, obj)
        if kind.status and kind.name != "Node":
            obj.pop("status", None)
        if kind.name == "DaemonSet":
            updates.count_template(obj, 1)
        if not owned:
            manager = ownership.Manager(caller.manager, "Update", kind.api_version)
            ownership.updated(shape, {}, obj, manager, times.now())
        self._admission.create(kind, obj)
        # Only now, so that a refusal shows the name without its random end (recorded e36).
        if not metadata.get("name"):
            metadata["name"] = metadata["generateName"] + times.suffix()
        if causes := validation.check(kind, obj, None):
            raise errors.invalid_object(kind, metadata["name"], causes)
        if not caller.dry_run and self.store.get(
            kind, metadata.get("namespace", ""), metadata["name"]
        ):
            raise errors.already_exists(kind, metadata["name"])
        defaults.first_status(kind, obj)
        metadata |= {"uid": times.new_uid(), "creationTimestamp": times.now()}
        if kind.generation:
            metadata["generation"] = 1
        if caller.dry_run:
            return obj
        if kind.name == "CustomResourceDefinition":
            self.catalogue.define(obj)
            updates.establish(obj)
        return self.store.put(kind, obj)

    def _update(
        self,
        kind: Kind,
        old: JsonObject,
        wanted: JsonObject,
        caller: Caller,
        *,
        owned: bool = False,
    ) -> JsonObject:
        name = old["metadata"]["name"]
        if wanted["metadata"].get("resourceVersion", "") not in (
            "",
            old["metadata"]["resourceVersion"],
        ):
            raise errors.modified(kind, name)
        new = updates.merged(kind, old, wanted, caller.subresource)
        if not caller.subresource:
            defaults.fill(kind, new)
        updates.unify(kind, old, new)
        if updates.content(old) == updates.content(new) and (
            not owned or updates.owners(old) == updates.owners(new)
        ):
            return old
        self._admission.update(kind, old, new, caller.user.name)
        if not caller.subresource and (causes := validation.check(kind, new, old)):
            raise errors.invalid_object(kind, name, causes)
        if not owned:
            manager = ownership.Manager(
                caller.manager, "Update", kind.api_version, caller.subresource
            )
            ownership.updated(schema.of_kind(kind.name), old, new, manager, times.now())
        if caller.dry_run:
            return new
        deletion.finish(self.store, kind, self.store.put(kind, new))
        return new
