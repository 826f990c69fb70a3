"""What takes an apply back: the object gone, or each field that we named as it was."""

from __future__ import annotations

from gpu_wizard.engine.inverse import inverse_of
from gpu_wizard.facts.manifests import node_labels, plugin_patch, runtime_class_manifest
from gpu_wizard.model.action import ApplyObject, DeleteObject


def test_an_object_that_was_not_there_is_deleted() -> None:
    inverse = inverse_of(ApplyObject(runtime_class_manifest("nvidia")), None)
    assert inverse == DeleteObject("RuntimeClass", "nvidia")


def test_added_labels_are_left_out_and_overwritten_ones_get_their_old_value() -> None:
    apply = ApplyObject(node_labels("n", "u", {"a": "new", "b": "x"}), force=True)
    before = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": "n", "labels": {"a": "old", "c": "y"}},
    }
    inverse = inverse_of(apply, before)
    assert isinstance(inverse, ApplyObject)
    assert inverse.manifest["metadata"] == {"name": "n", "labels": {"a": "old"}}
    assert (inverse.force, inverse.must_exist) == (True, True)


def test_fields_of_an_adopted_daemonset_go_again() -> None:
    apply = ApplyObject(
        plugin_patch("ns", "ds", {"runtimeClassName": "nvidia", "nodeSelector": {"a": "b"}})
    )
    before = {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": "ds", "namespace": "ns"},
        "spec": {"template": {"spec": {"nodeSelector": {"rack": "7"}, "containers": []}}},
    }
    inverse = inverse_of(apply, before)
    assert isinstance(inverse, ApplyObject)
    assert inverse.manifest == {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": "ds", "namespace": "ns"},
    }
