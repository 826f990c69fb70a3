"""What types containerd's settings have: a setting of another type keeps the daemon from starting.

One line a setting: its path and its type. `s` string, `i` integer, `b` boolean, `f` float, `d` a duration in Go's
form, `S` a list of strings, `any` whatever; `*` stands for any name in a map, `[]` for each table of a list.
Source: containerd v1.7.24 and v2.1.9, cmd/containerd/server/config and internal/cri/config, and their
`config default`. Settings that only one of the versions knows stand here for all.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any, TypeAlias

Schema: TypeAlias = dict[str, Any]

_TOP = """
version i; root s; state s; temp s; plugin_dir s; oom_score i; imports S; disabled_plugins S; required_plugins S
plugins.* any; timeouts.* s; cgroup.path s
grpc.address s; grpc.tcp_address s; grpc.tcp_tls_ca s; grpc.tcp_tls_cert s; grpc.tcp_tls_key s; grpc.uid i; grpc.gid i
grpc.tcp_tls_common_name s; grpc.max_recv_message_size i; grpc.max_send_message_size i
ttrpc.address s; ttrpc.uid i; ttrpc.gid i; metrics.address s; metrics.grpc_histogram b
debug.address s; debug.uid i; debug.gid i; debug.level s; debug.format s; debug.log_trace_id b
proxy_plugins.*.type s; proxy_plugins.*.address s; proxy_plugins.*.platform s; proxy_plugins.*.exports.* s
proxy_plugins.*.capabilities S
stream_processors.*.accepts S; stream_processors.*.returns s; stream_processors.*.path s
stream_processors.*.args S; stream_processors.*.env S
"""

_RUNTIME = """
@.runtime_type s; @.runtime_path s; @.pod_annotations S; @.container_annotations S; @.options.* any
@.privileged_without_host_devices b; @.privileged_without_host_devices_all_devices_allowed b
@.base_runtime_spec s; @.cni_conf_dir s; @.cni_max_conf_num i; @.snapshotter s
"""
_RUNTIME_1 = _RUNTIME + "@.runtime_engine s; @.runtime_root s; @.sandbox_mode s"
_RUNTIME_2 = _RUNTIME + "@.cgroup_writable b; @.sandboxer s; @.io_type s"

_REGISTRY = """
registry.config_path s; registry.mirrors.*.endpoint S; registry.headers.* S
registry.auths.*.username s; registry.auths.*.password s; registry.auths.*.auth s; registry.auths.*.identitytoken s
registry.configs.*.auth.username s; registry.configs.*.auth.password s; registry.configs.*.auth.auth s
registry.configs.*.auth.identitytoken s
"""
_TLS = """
registry.configs.*.tls.insecure_skip_verify b; registry.configs.*.tls.ca_file s; registry.configs.*.tls.cert_file s
registry.configs.*.tls.key_file s
"""
_IMAGES = """
snapshotter s; disable_snapshot_annotations b; discard_unpacked_layers b; pinned_images.* s
runtime_platforms.*.platform s; runtime_platforms.*.snapshotter s; image_decryption.key_model s
max_concurrent_downloads i; concurrent_layer_fetch_buffer i; image_pull_progress_timeout s; image_pull_with_sync_fs b
stats_collect_period i; stats_retention_period s; use_local_image_pull b
"""
_SERVER = """
disable_tcp_service b; stream_server_address s; stream_server_port s; stream_idle_timeout s; enable_tls_streaming b
x509_key_pair_streaming.tls_cert_file s; x509_key_pair_streaming.tls_key_file s
"""
_PODS = """
containerd.default_runtime_name s; containerd.ignore_blockio_not_enabled_errors b
containerd.ignore_rdt_not_enabled_errors b
cni.bin_dir s; cni.conf_dir s; cni.max_conf_num i; cni.setup_serially b; cni.conf_template s; cni.ip_pref s
enable_selinux b; selinux_category_range i; max_container_log_line_size i; disable_apparmor b
restrict_oom_score_adj b; disable_proc_mount b; unset_seccomp_profile s; tolerate_missing_hugetlb_controller b
disable_hugetlb_controller b; device_ownership_from_security_context b; ignore_image_defined_volumes b
netns_mounts_under_state_dir b; enable_unprivileged_ports b; enable_unprivileged_icmp b; enable_cdi b
cdi_spec_dirs S; drain_exec_sync_io_timeout s; ignore_deprecation_warnings S
"""
_CRI_1 = """
sandbox_image s; systemd_cgroup b; disable_cgroup b; stats_collect_period i; max_concurrent_downloads i
image_pull_progress_timeout s; image_pull_with_sync_fs b; image_decryption.key_model s
containerd.snapshotter s; containerd.no_pivot b; containerd.disable_snapshot_annotations b
containerd.discard_unpacked_layers b
"""

_OTHERS = {
    "io.containerd.gc.v1.scheduler": (
        "pause_threshold f; deletion_threshold i; mutation_threshold i; schedule_delay d; startup_delay d"
    ),
    "io.containerd.internal.v1.opt": "path s",
    "io.containerd.metadata.v1.bolt": "content_sharing_policy s; no_sync b",
    "io.containerd.nri.v1.nri": (
        "disable b; socket_path s; plugin_path s; plugin_config_path s; plugin_registration_timeout d"
        "; plugin_request_timeout d; disable_connections b"
    ),
    "io.containerd.service.v1.diff-service": "default S; sync_fs b",
    "io.containerd.service.v1.tasks-service": "blockio_config_file s; rdt_config_file s",
    "io.containerd.snapshotter.v1.blockfile": (
        "root_path s; scratch_file s; fs_type s; mount_options S; recreate_scratch b"
    ),
    "io.containerd.snapshotter.v1.native": "root_path s",
    "io.containerd.snapshotter.v1.overlayfs": (
        "root_path s; upperdir_label b; sync_remove b; slow_chown b; mount_options S"
    ),
    "io.containerd.transfer.v1.local": (
        "max_concurrent_downloads i; concurrent_layer_fetch_buffer i; max_concurrent_uploaded_layers i"
        "; check_platform_supported b; config_path s; unpack_config.[].platform s; unpack_config.[].snapshotter s"
        "; unpack_config.[].differ s"
    ),
}
_OTHERS_1 = {
    "io.containerd.internal.v1.restart": "interval d",
    "io.containerd.monitor.v1.cgroups": "no_prometheus b",
    "io.containerd.runtime.v1.linux": "no_shim b; runtime s; runtime_root s; shim s; shim_debug b",
    "io.containerd.runtime.v2.task": "platforms S; sched_core b",
    "io.containerd.snapshotter.v1.btrfs": "root_path s",
    "io.containerd.snapshotter.v1.aufs": "root_path s",
    "io.containerd.snapshotter.v1.zfs": "root_path s",
}
_OTHERS_2 = {
    "io.containerd.image-verifier.v1.bindir": "bin_dir s; max_verifiers i; per_verifier_timeout d",
    "io.containerd.monitor.container.v1.restart": "interval d",
    "io.containerd.monitor.task.v1.cgroups": "no_prometheus b",
    "io.containerd.runtime.v2.task": "platforms S",
    "io.containerd.shim.v1.manager": "env S",
    "io.containerd.snapshotter.v1.btrfs": "root_path s",
    "io.containerd.snapshotter.v1.erofs": (
        "root_path s; ovl_mount_options S; enable_fsverity b; set_immutable b; default_size s"
    ),
    "io.containerd.snapshotter.v1.zfs": "root_path s",
}

CRI = "io.containerd.grpc.v1.cri"
RUNTIME = "io.containerd.cri.v1.runtime"
IMAGES = "io.containerd.cri.v1.images"


@cache
def top() -> Schema:
    """Of the file itself."""
    return _schema(_TOP)


@cache
def plugins(legacy: bool) -> dict[str, Schema]:
    """Of each plugin's table, by the plugin's full name. `legacy`: of containerd 1."""
    if legacy:
        runtimes = (
            "containerd.runtimes.*",
            "containerd.default_runtime",
            "containerd.untrusted_workload_runtime",
        )
        cri = "".join(
            (
                _PODS,
                _SERVER,
                _REGISTRY,
                _TLS,
                _CRI_1,
                *(_RUNTIME_1.replace("@", at) for at in runtimes),
            )
        )
        texts = {CRI: cri, **_OTHERS, **_OTHERS_1}
    else:
        pods = f"{_PODS}{_RUNTIME_2.replace('@', 'containerd.runtimes.*')}; cni.bin_dirs S; cni.use_internal_loopback b"
        texts = {RUNTIME: pods, IMAGES: _IMAGES + _REGISTRY, CRI: _SERVER, **_OTHERS, **_OTHERS_2}
    return {name: _schema(text) for name, text in texts.items()}


def _schema(text: str) -> Schema:
    root: Schema = {}
    for entry in filter(None, (part.strip() for part in re.split(r"[;\n]", text))):
        path, kind = entry.split()
        *parents, name = path.split(".")
        node = root
        for parent in parents:
            node = node.setdefault(parent, {})
        node[name] = kind
    return root
