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
