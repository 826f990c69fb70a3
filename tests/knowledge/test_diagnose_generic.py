"""A finding that knows only where it broke repeats what the text says of it, and claims nothing else."""

from __future__ import annotations

from gpu_wizard.knowledge.diagnose import Finding, diagnose

SCRIPT = (
    "Removing tool-x (1.0-1) ...\n"
    "tool-x: the store is still mounted\n"
    "dpkg: error processing package tool-x (--remove):\n"
    " installed tool-x package pre-removal script subprocess returned error exit status 3\n"
)


def _found(text: str, name: str) -> Finding:
    return next(each for each in diagnose(text.splitlines()).findings if each.id == name)


def test_a_failed_script_of_a_package_by_its_own_last_words() -> None:
    finding = _found(SCRIPT, "dpkg-postinst-failed")
    assert finding.cause("en") == (
        "The pre-removal script of tool-x ended with an error,"
        " just after the words: tool-x: the store is still mounted"
    )
    assert "dkms" not in " ".join(each.text("en") for each in finding.fixes())


def test_the_build_of_a_module_only_where_the_package_builds_one() -> None:
    finding = _found(
        "dpkg: error processing package nvidia-dkms-1 (--configure):", "dpkg-postinst-failed"
    )
    assert "dkms" in finding.cause("en")


def test_what_a_package_needs_by_name() -> None:
    text = " tool-x : Depends: lib-y (>= 2) but it is not installable"
    cause = _found(text, "apt-unmet-dependencies").cause("ru")
    assert "tool-x" in cause
    assert "lib-y (>= 2)" in cause


def test_minikube_by_its_own_code_and_words() -> None:
    text = "X Exiting due to PROVIDER_DOCKER_NOT_RUNNING: docker does not answer"
    assert "PROVIDER_DOCKER_NOT_RUNNING: docker does not answer" in (
        _found(text, "minikube-exit").cause("en")
    )


def test_packages_that_exclude_each_other_by_name() -> None:
    text = (
        "dpkg: dependency problems prevent configuration of tool-a:\n"
        " tool-b (2.0-1) breaks tool-a and is installed.\n"
    )
    cause = _found(text, "packages-exclude").cause("en")
    assert cause.startswith("tool-b and tool-a must not be installed side by side")


def test_a_package_to_be_removed_is_not_called_missing() -> None:
    text = (
        "dpkg: dependency problems prevent removal of tool-lib:\n"
        " tool-b depends on tool-lib (= 1.4); however:\n"
        "  Package tool-lib is to be removed.\n"
    )
    cause = _found(text, "dpkg-dependency-missing").cause("en")
    assert cause.startswith("tool-lib is to be removed, and tool-b needs it")


def test_a_unit_by_the_step_that_failed() -> None:
    text = "app.service: Failed at step USER spawning /opt/app/bin/app: No such process"
    assert "The user or group" in _found(text, "unit-exec-failed").cause("en")


def test_a_refused_port_by_its_machine() -> None:
    text = "curl: (7) Failed to connect to 10.9.8.7 port 5000: Connection refused"
    assert "10.9.8.7" in _found(text, "curl-connect").cause("en")


def test_a_cause_claims_no_more_than_its_line() -> None:
    for name, text, part in (
        ("ssh-publickey-denied", "attempted methods [none], no supported methods remain", "no key"),
        ("ssh-publickey-denied", "Permission denied (publickey).", "every key offered"),
        ("driver-module-other-kernel", "nvidia: Unknown symbol ipmi_create_user (err -2)", "IPMI"),
        ("driver-module-other-kernel", "nvidia: Unknown symbol drm_open (err -2)", "(drm_open)"),
        (
            "kernel-module-missing",
            "/proc/sys/net/bridge/bridge-nf-call-iptables contents are not set to 1",
            "br_netfilter is loaded",
        ),
        (
            "k3s-token-malformed",
            "failed to normalize server token; must be in format K10<CA-HASH>::<USERNAME>:<PASSWORD>",
            "serves agents only",
        ),
        (
            "containerd-socket-refused",
            "dial unix /var/run/dockershim.sock: connect: no such file or directory",
            "gone since",
        ),
        (
            "container-command-missing",
            'exec: "login-tool": executable file not found in $PATH',
            "itself",
        ),
        (
            "runc-cgroup-chown",
            "chown /sys/fs/cgroup/user.slice/x/cgroup.procs: permission denied",
            "without root",
        ),
        (
            "runc-cgroup-chown",
            "chown /sys/fs/cgroup/x/memory.oom.group: no such file or directory",
            "1.1.0",
        ),
        ("docker-already-running", "no sockets found via socket activation: make sure", "fd://"),
        (
            "bind-address-missing",
            "dial tcp 10.9.8.7:443: connect: cannot assign requested address",
            "Connecting to 10.9.8.7:443",
        ),
        ("plugin-xid-unhealthy", "XidCriticalError: Xid=48 on Device=GPU-7", "Xid 48"),
        (
            "plugin-xid-unhealthy",
            "Error waiting for event: ERROR; Marking all devices as unhealthy",
            "or",
        ),
        (
            "eks-role-denied",
            "An error occurred (ResourceNotFoundException) when calling the DescribeCluster operation",
            "no such cluster",
        ),
        (
            "dns-reply-source",
            ";; reply from unexpected source: 192.168.1.2#53, expected 192.168.1.1#53",
            "outside it a NAT",
        ),
        (
            "verify-cuda-driver-insufficient",
            "The NVIDIA driver on your system is too old (found version 11040).",
            "The driver is there",
        ),
    ):
        assert part in _found(text, name).cause("en"), (name, text)


def test_a_program_that_only_asks_after_another_is_no_package_server() -> None:
    found = diagnose(["Error: could not connect to the app, is it running?"]).findings
    assert "apt-unreachable" not in [each.id for each in found]


def test_words_of_other_programs_are_left_to_them() -> None:
    for name, text in (
        ("image-registry-http", "proxy: http: server gave HTTP response to HTTPS client"),
        ("kubelet-serving-cert", "git clone https://x.example: remote error: tls: internal error"),
        (
            "driver-none-offered",
            "UnboundLocalError: local variable 'version' referenced before assignment",
        ),
        ("toolkit-privileged-only", "permission denied: /usr/bin/nvidia-container-cli"),
        (
            "containerd-store-corrupt",
            "panic: runtime error: invalid memory address or nil pointer dereference",
        ),
    ):
        assert name not in [each.id for each in diagnose([text]).findings], text
