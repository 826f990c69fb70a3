"""Of several findings of one log the nearest cause stands first: general ones and symptoms follow it."""

from __future__ import annotations

import pytest

from gpu_wizard.facts.objects import NODE, NodeObject
from gpu_wizard.facts.systemd import UNITS, K3sUnits, UnitState
from gpu_wizard.knowledge.diagnose import diagnose
from gpu_wizard.knowledge.diagnosis.catalogue import catalogue
from gpu_wizard.model.fact import Fact, Known

ORDERED = {
    "a policy before the rights of the user": (
        "admission-webhook",
        "Error from server (Forbidden): error when creating 'pod.yml': admission webhook"
        ' "rules.example.org" denied the request: container main has no cpu limit',
    ),
    "what set the taint before the taint": (
        "verify-node-pressure",
        "0/1 nodes are available: 1 node(s) had taint {node.kubernetes.io/disk-pressure: },"
        " that the pod didn't tolerate.\nfailed to garbage collect required amount of images",
    ),
    "the pull limit before the login that lifts it": (
        "verify-registry-rate-limit",
        "HEAD https://registry-1.docker.io/v2/lib/test/manifests/1: 401 Unauthorized\n"
        "toomanyrequests: You have reached your pull rate limit.",
    ),
    "the refused key before a prompt that was answered": (
        "ssh-publickey-denied",
        "The authenticity of host '10.1.2.3 (10.1.2.3)' can't be established.\n"
        "Are you sure you want to continue connecting (yes/no)? yes\n"
        "admin@10.1.2.3: Permission denied (publickey).",
    ),
    "the driver before who asked it": (
        "driver-not-loaded",
        'msg="failed to generate CDI spec: failed to initialize NVML: Driver Not Loaded"',
    ),
    "a card that the module can't drive before a note on signatures": (
        "driver-open-unsupported-gpu",
        "PKCS#7 signature not signed with a trusted key\n"
        "NVRM: The NVIDIA GPU 0000:41:00.0 (PCI ID: 10de:15f8)\n"
        "NVRM: installed in this system is not supported by open\n"
        "NVRM: nvidia.ko because it does not include the required GPU",
    ),
    "a directory for temporary files before the signatures": (
        "tmp-not-writable",
        "GPG error: http://deb.example.org stable InRelease:"
        " Couldn't create temporary file /tmp/apt.conf.Zz1 for passing config to apt-key\n"
        "W: An error occurred during the signature verification. The repository is not updated",
    ),
    "the driver's root before an answer that failed": (
        "toolkit-driver-root-wrong",
        "nvidia-container-cli: initialization error: driver error: failed to process request\n"
        "nvc.c:255] using root /run/nvidia/driver\n"
        "nvc.c:180] failed to change root directory: No such file or directory",
    ),
    "a command that is done before a pod that ends again and again": (
        "container-command-ends",
        "    State:  Waiting\n      Reason:  CrashLoopBackOff\n    Last State:  Terminated\n"
        "      Reason:  Completed\n      Exit Code:  0",
    ),
    "two lines of daemon.json without a comma between": (
        "docker-config-broken",
        '{\n  "dns": ["192.0.2.53"]\n  "log-driver": "journald"\n}',
    ),
    "the program's fault before what the card did after it": (
        "gpu-xid-program",
        "NVRM: Xid (PCI:0000:41:00): 31, pid=99, name=sim, MMU Fault: ENGINE CE2\n"
        "NVRM: Xid (PCI:0000:41:00): 62, pid='<unknown>'",
    ),
    "what the driver says before the age of the program that asked it": (
        "driver-no-devices-found",
        "No devices were found\nnvidia-docker-plugin | Loading NVIDIA management library",
    ),
    "the snapshotter before the part of containerd that needs it": (
        "containerd-snapshotter-missing",
        "Waiting for containerd startup: rpc error: code = Unimplemented desc = unknown service"
        " runtime.v1alpha2.RuntimeService\n"
        'failed to load plugin io.containerd.grpc.v1.cri" error="failed to create CRI service:'
        ' failed to find snapshotter \\"overlayfs\\""',
    ),
    "a package that excludes another before the script that was not run": (
        "packages-exclude",
        "dpkg: dependency problems prevent configuration of tool-a:\n"
        " tool-b (2.0-1) breaks tool-a and is installed.\n\n"
        "dpkg: error processing package tool-a (--install):\n"
        " dependency problems - leaving unconfigured",
    ),
    "no card before a start of CUDA that failed": (
        "verify-cuda-no-driver",
        "cudaGetDeviceCount returned 38\n-> no CUDA-capable device is detected",
    ),
    "the secret that is missing before the login that it lacks": (
        "image-pull-secret-missing",
        "authorization failed: no basic auth credentials\n"
        "FailedToRetrieveImagePullSecret: Unable to retrieve some image pull secrets (own-registry)",
    ),
    "what the runtime was told, of a later layer, before the runtime": (
        "cni-leftover-bridge",
        "failed to create shim task: OCI runtime create failed: error running hook #0: plugin bridge"
        ' failed: failed to set bridge addr: \\"cni0\\" already has an IP address different from 10.4.0.1/24',
    ),
    "what is wrong with the driver before what a program says that has none": (
        "driver-no-gpu",
        "Cannot load libcuda.so.1\nlspci found no NVIDIA device on this machine",
    ),
    "why nothing could be fetched before what was not installed for it": (
        "apt-no-pubkey-toolkit",
        'could not select device driver "" with capabilities: [[gpu]]\n'
        "https://nvidia.github.io/libnvidia-container/stable/deb InRelease: NO_PUBKEY DDCAE044F796ECB0",
    ),
}


@pytest.mark.parametrize("name", ORDERED)
def test_the_nearest_cause_stands_first(name: str) -> None:
    cause, text = ORDERED[name]
    assert diagnose(text.splitlines()).findings[0].id == cause


def test_a_stopped_agent_stands_before_what_its_node_still_says() -> None:
    """The Node object stays Ready for the grace period, and lists no card."""
    facts: dict[str, Fact[object]] = {
        UNITS.id: Known(K3sUnits(UnitState("k3s-agent", loaded=True), UnitState("k3s"))),
        NODE.id: Known(NodeObject("gpu", "u", "True", "b", {}, {}, {}, "", "", ())),
    }
    assert [each.id for each in diagnose([], facts).findings] == [
        "k3s-not-running",
        "gpu-not-advertised",
    ]


SAID = {
    "runc's own words, the wrapping left out": (
        "Error: failed to create containerd task: failed to create shim task: OCI runtime create failed:"
        " runc create failed: unable to start container process: exotic step: device or resource busy: unknown",
        "exotic step: device or resource busy. It is still in use",
    ),
    "the event that gives the reason, not the one that waits": (
        'Back-off pulling image "registry.example/tool:9"\n'
        'Failed to pull image "registry.example/tool:9": rpc error: code = Unknown desc = odd thing: device or resource busy',
        "odd thing: device or resource busy. It is still in use",
    ),
    "a field of a record ends the message": (
        'level=error msg="x" error="failed to create containerd task: OCI runtime create failed: odd thing: no such device"'
        ' pod="a/b"',
        "odd thing: no such device. The kernel has no driver",
    ),
}


@pytest.mark.parametrize("name", SAID)
def test_a_general_finding_quotes_the_innermost_error(name: str) -> None:
    text, told = SAID[name]
    assert told in diagnose(text.splitlines()).findings[0].cause()


def test_no_two_findings_wait_for_each_other() -> None:
    waits = {each.id: each.yields_to for each in catalogue().signatures}
    ended: set[str] = set()

    def follow(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " <- ".join([*path, name])
        for each in waits[name]:
            if each not in ended:
                follow(each, (*path, name))
        ended.add(name)

    for name in waits:
        follow(name, ())


def test_of_findings_that_explain_each_other_in_a_circle_one_explains_itself() -> None:
    text = (
        "failed to join: etcd cluster join failed\n"
        "failed to get CA certs: Get https://10.9.8.7:6443/cacerts: i/o timeout\n"
        "creating storage endpoint: building kine: dial tcp 10.9.8.6:5432: connection refused"
    )
    found = diagnose(text.splitlines()).findings
    assert not found[0].explained_by


def test_what_cuda_says_claims_no_driver_where_the_text_says_that_there_is_none() -> None:
    text = (
        "failed call to cuInit: CUDA_ERROR_NO_DEVICE: no CUDA-capable device is detected\n"
        "kernel driver does not appear to be running on this host (n7):"
        " /proc/driver/nvidia/version does not exist"
    )
    (finding,) = diagnose(text.splitlines()).findings
    assert "no NVIDIA driver is loaded" in finding.cause("en")
