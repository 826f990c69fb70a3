"""Stage 2 as a table: what is found → the judgement, and what would be done."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gpu_wizard.facts.identity import OsRelease
from gpu_wizard.facts.kernel import (
    DriverFiles,
    DriverState,
    Kernel,
    KernelLog,
    ModuleOnDisk,
    Service,
)
from gpu_wizard.facts.nvidia_smi import Gpu, ListedGpu, SmiReport, SmiVersions
from gpu_wizard.facts.objects import PodObject
from gpu_wizard.facts.pci import PciCard
from gpu_wizard.model.action import Run
from gpu_wizard.model.fact import ABSENT, Fact, Known, Unknown
from gpu_wizard.model.spec import DriverOptions, Spec, StageOptions
from gpu_wizard.stages.driver import Driver, DriverFacts

STAGE = Driver()
SPEC = Spec("gpu-1")
AGREED = Spec("gpu-1", options=StageOptions(driver=DriverOptions(reboot=True)))
VERSION = "580.159.04"
GPU = Gpu(
    *(0, "NVIDIA H100", "GPU-1", VERSION, "0000:01:00.0", 80 << 30),
    *(True, True, False, False, "9.0", "Default"),
)
CARD = PciCard("0000:01:00.0", 0x2330, "nvidia")
NODES = dict.fromkeys(("/dev/nvidia0", "/dev/nvidiactl", "/dev/nvidia-uvm"), 0o666)
LOADED = DriverState(VERSION, True, uvm_loaded=True, nodes=NODES, secure_boot=False)
UNLOADED = DriverState(nodes={}, secure_boot=False)
DISK = ModuleOnDisk(VERSION, open_module=True, signer="DKMS")
BARE = replace(CARD, driver="")
NOUVEAU = replace(CARD, driver="nouveau")

GOOD = DriverFacts(
    system=Known(OsRelease("ubuntu", "24.04", ("debian",), "Ubuntu 24.04")),
    release=Known(Kernel("6.8.0-79-generic", "x86_64")),
    cards=Known((CARD,)),
    state=Known(LOADED),
    files=Known(DriverFiles((VERSION,), modprobe=True)),
    module=Known(DISK),
    query=Known(SmiReport("ok", gpus=(GPU,))),
    wsl_query=ABSENT,
    versions=Known(SmiVersions(VERSION, "580.159", VERSION, "13.0")),
    listed=Known((ListedGpu(0, "NVIDIA H100", "GPU-1"),)),
    log=Known(KernelLog({})),
    persistenced=Known(Service(active=True, enabled="enabled")),
    pods=Known(()),
)


def with_facts(**changes: object) -> DriverFacts:
    known: dict[str, Any] = {
        key: value if value in (ABSENT,) or isinstance(value, Known | Unknown) else Known(value)
        for key, value in changes.items()
    }
    return replace(GOOD, **known)


def failing(outcome: str, status: int = 1, **changes: object) -> DriverFacts:
    return with_facts(query=SmiReport(outcome, status, "its words"), **changes)


def nothing(**changes: object) -> DriverFacts:
    """No driver at all."""
    bare: dict[str, object] = {
        "query": ABSENT,
        "state": UNLOADED,
        "module": ABSENT,
        "files": ABSENT,
        "versions": ABSENT,
        "listed": ABSENT,
        "persistenced": ABSENT,
        "cards": (BARE,),
    }
    return with_facts(**{**bare, **changes})


def log(code: str) -> KernelLog:
    return KernelLog({code: "a line"})


MISMATCH = SmiReport("mismatch", 18, "mismatch", library="580.159")
OLD_LOADED = replace(LOADED, version="580.95.05")
TABLE: list[tuple[str, DriverFacts, str, str]] = [
    ("whole", GOOD, "done", "driver.ok"),
    ("ok-without-cards", failing("ok"), "blocked", "driver.smi-failed"),
    ("old-smi", failing("bad-query", 2), "done", "driver.ok"),
    ("old-smi-lists-none", failing("bad-query", 2, listed=()), "blocked", "driver.smi-failed"),
    ("no-uvm", with_facts(state=replace(LOADED, nodes={})), "needed", "driver.no-uvm"),
    ("nothing", nothing(), "blocked", "driver.missing"),
    ("nothing-no-card", nothing(cards=()), "blocked", "driver.no-card"),
    ("nothing-bus-unknown", nothing(cards=Unknown("no-pci")), "blocked", "driver.missing"),
    ("nothing-nouveau", nothing(cards=(NOUVEAU,)), "blocked", "driver.nouveau"),
    ("nothing-kepler", nothing(cards=(replace(BARE, device=0x102D),)), "blocked", "driver.card-too-old"),
    ("module-only", nothing(state=LOADED), "blocked", "driver.no-smi"),
    ("operator", nothing(state=LOADED, files=DriverFiles(operator=True)), "done", "driver.operator"),
    ("jetson", nothing(state=replace(UNLOADED, tegra=True)), "blocked", "driver.jetson"),
    ("wsl-none", nothing(state=replace(UNLOADED, wsl=True)), "blocked", "driver.wsl-no-driver"),
    (
        "wsl",
        nothing(state=replace(UNLOADED, wsl=True), wsl_query=SmiReport("ok", gpus=(GPU,))),
        "done",
        "driver.wsl",
    ),
    ("9-loadable", failing("no-driver", 9, state=UNLOADED), "needed", "driver.not-loaded"),
    (
        "9-modinfo-unknown",
        failing("no-driver", 9, state=UNLOADED, module=Unknown("unreadable")),
        "needed",
        "driver.not-loaded",
    ),
    ("9-no-module", failing("no-driver", 9, state=UNLOADED, module=ABSENT), "blocked", "driver.no-module"),
    (
        "9-unsigned-with-secure-boot",
        failing(
            "no-driver", 9, state=replace(UNLOADED, secure_boot=True), module=replace(DISK, signer="")
        ),
        "blocked",
        "driver.secure-boot",
    ),
    ("9-key-rejected", failing("no-driver", 9, state=UNLOADED, log=log("secure-boot")), "blocked", "driver.secure-boot"),
    ("9-nouveau", failing("no-driver", 9, state=UNLOADED, cards=(NOUVEAU,)), "blocked", "driver.nouveau"),
    (
        "9-vfio",
        failing("no-driver", 9, state=UNLOADED, cards=(replace(CARD, driver="vfio-pci"),)),
        "blocked",
        "driver.vfio",
    ),
    ("9-nodes-gone", failing("no-driver", 9, state=replace(LOADED, nodes={})), "needed", "driver.no-nodes"),
    ("9-loaded-silent", failing("no-driver", 9), "blocked", "driver.no-answer"),
    ("9-state-unknown", failing("no-driver", 9, state=Unknown("timed-out")), "unknown", "timed-out"),
    ("9-open-on-pascal", failing("no-driver", 9, state=UNLOADED, log=log("open-unsupported")), "blocked", "driver.open-unsupported"),
    (
        "9-proprietary-since",
        failing(
            "no-driver",
            9,
            state=UNLOADED,
            log=log("open-unsupported"),
            module=replace(DISK, open_module=False),
        ),
        "needed",
        "driver.not-loaded",
    ),
    (
        "9-open-required",
        failing(
            "no-driver", 9, state=UNLOADED, log=log("open-required"), module=replace(DISK, open_module=False)
        ),
        "blocked",
        "driver.open-required",
    ),
    ("9-legacy", failing("no-driver", 9, state=UNLOADED, log=log("legacy")), "blocked", "driver.legacy-card"),
    ("6", failing("no-devices", 6), "blocked", "driver.no-devices"),
    ("6-no-card", failing("no-devices", 6, cards=()), "blocked", "driver.no-card"),
    ("6-fell-off", failing("no-devices", 6, log=log("fallen-off")), "blocked", "driver.gpu-lost"),
    ("6-init", failing("no-devices", 6, log=log("init-failed")), "blocked", "driver.init-failed"),
    ("0-no-devices", failing("no-devices", 0), "blocked", "driver.no-devices"),
    ("4-open-nodes", failing("no-permission", 4), "blocked", "driver.no-permission"),
    (
        "4-closed-nodes",
        failing("no-permission", 4, state=replace(LOADED, nodes={"/dev/nvidiactl": 0o660})),
        "unknown",
        "driver.user-may-not-look",
    ),
    ("12", failing("no-library", 12), "blocked", "driver.no-library"),
    ("13", failing("function-missing", 13), "blocked", "driver.function-missing"),
    ("14", failing("inforom-corrupt", 14), "blocked", "driver.inforom-corrupt"),
    ("14-works", with_facts(query=SmiReport("inforom-corrupt", 14, "w", gpus=(GPU,))), "done", "driver.ok"),
    ("15", failing("gpu-lost", 15), "blocked", "driver.gpu-lost"),
    ("17", failing("access-blocked", 17), "blocked", "driver.access-blocked"),
    ("126", failing("broken", 126), "blocked", "driver.smi-broken"),
    ("255", failing("other", 255), "blocked", "driver.smi-failed"),
    ("lost-in-the-table", with_facts(query=SmiReport("ok", gpus=(replace(GPU, lost=True),))), "blocked", "driver.gpu-lost"),
    ("hangs", with_facts(query=Unknown("timed-out")), "blocked", "driver.smi-hangs"),
    ("hangs-fell-off", with_facts(query=Unknown("timed-out"), log=log("fallen-off")), "blocked", "driver.gpu-lost"),
    ("unreachable", with_facts(query=Unknown("unreachable")), "unknown", "unreachable"),
    ("18", with_facts(query=MISMATCH, state=OLD_LOADED), "blocked", "choice.driver.reboot"),
    ("versions-differ", with_facts(state=OLD_LOADED), "blocked", "choice.driver.reboot"),
    (
        "18-not-built",
        with_facts(query=MISMATCH, state=OLD_LOADED, module=replace(DISK, version="580.95.05")),
        "blocked",
        "driver.mismatch-no-module",
    ),
    ("18-no-module", with_facts(query=MISMATCH, state=OLD_LOADED, module=ABSENT), "blocked", "driver.mismatch-no-module"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("facts", "state", "code"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE]
)
def test_the_judgement(facts: DriverFacts, state: str, code: str) -> None:
    assessment = STAGE.assess(facts, SPEC)
    assert (assessment.state, assessment.code) == (state, code)
    assert bool(STAGE.plan(facts, SPEC)) == (state == "needed")
    assert all(isinstance(row.value, str) for row in STAGE.found(facts, SPEC))


def commands(facts: DriverFacts, spec: Spec = SPEC) -> list[tuple[str, ...]]:
    return [step.action.argv for step in STAGE.plan(facts, spec) if isinstance(step.action, Run)]


def test_loading_what_is_installed() -> None:
    facts = failing("no-driver", 9, state=UNLOADED)
    assert commands(facts) == [
        ("modprobe", "nvidia"),
        ("modprobe", "nvidia_uvm"),
        ("nvidia-modprobe", "-u", "-c=0"),
    ]


def test_only_what_is_missing_is_loaded_and_undone() -> None:
    nodes = {"/dev/nvidia0": 0o666, "/dev/nvidiactl": 0o666}
    (step,) = STAGE.plan(with_facts(state=replace(LOADED, nodes=nodes)), SPEC)
    assert step.action == Run(("nvidia-modprobe", "-u", "-c=0"))
    assert step.undo == (Run(("rm", "-f", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools")),)


def test_without_nvidia_modprobe_a_script_makes_the_nodes() -> None:
    facts = with_facts(state=replace(LOADED, nodes={}), files=DriverFiles((VERSION,)))
    ((program, flag, script),) = commands(facts)
    assert (program, flag) == ("sh", "-c")
    assert 'mknod -m 666 "$1" c' in script


def test_a_mismatch_offers_a_reboot_and_names_both_versions() -> None:
    facts = with_facts(query=MISMATCH, state=OLD_LOADED)
    question = STAGE.assess(facts, SPEC).question
    assert question is not None
    assert [option.id for option in question.options] == ["reboot", "skip"]
    assert question.params == {"loaded": "580.95.05", "library": "580.159"}


@pytest.mark.parametrize("spec", [AGREED, SPEC.with_choice("driver.reboot", "reboot")])
def test_an_agreed_reboot_is_the_plan(spec: Spec) -> None:
    facts = with_facts(query=MISMATCH, state=OLD_LOADED)
    assert STAGE.assess(facts, spec).state == "needed"
    (step,) = STAGE.plan(facts, spec)
    assert isinstance(step.action, Run)
    assert step.action.argv == ("systemctl", "reboot")
    assert step.action.expect_disconnect
    assert step.undo == ()


def test_a_refused_reboot_leaves_the_commands() -> None:
    facts = with_facts(query=MISMATCH, state=OLD_LOADED)
    for spec in (SPEC, AGREED):
        refused = STAGE.assess(facts, spec.with_choice("driver.reboot", "skip"))
        assert (refused.state, refused.code) == ("blocked", "driver.mismatch")


def pod(name: str, **gpus: int) -> PodObject:
    return PodObject("ml", name, name, "gpu-1", "Running", True, gpus, (), {}, "nvidia", "")


@pytest.mark.parametrize(
    ("pods", "code", "names"),
    [
        (Known((pod("train", **{"nvidia.com/gpu": 1}), pod("web"))), "driver.reboot-gpu-pods", "ml/train"),
        (Known((pod("web"),)), "driver.reboot", None),
        (Unknown("no-cluster"), "driver.reboot-pods-unknown", None),
    ],
)  # fmt: skip
def test_a_reboot_names_the_pods_that_it_ends(
    pods: Fact[tuple[PodObject, ...]], code: str, names: str | None
) -> None:
    (step,) = STAGE.plan(with_facts(query=MISMATCH, state=OLD_LOADED, pods=pods), AGREED)
    assert step.risk is not None
    assert (step.risk.code, step.risk.params.get("pods")) == (code, names)


@pytest.mark.parametrize(
    ("facts", "notes"),
    [
        (GOOD, []),
        (
            with_facts(query=SmiReport("ok", gpus=(replace(GPU, persistence=False),))),
            ["driver.persistence-off"],
        ),
        (
            with_facts(
                query=SmiReport("ok", gpus=(replace(GPU, persistence=False),)), persistenced=ABSENT
            ),
            ["driver.persistence-off-no-daemon"],
        ),
        (with_facts(query=SmiReport("ok", gpus=(replace(GPU, ecc=False),))), ["driver.ecc-off"]),
        (
            with_facts(query=SmiReport("ok", gpus=(replace(GPU, mig_pending=True),))),
            ["driver.mig-pending"],
        ),
        (
            with_facts(cards=(CARD, PciCard("0000:02:00.0", 0x2330, "nvidia"))),
            ["driver.cards-missing"],
        ),
        (
            with_facts(cards=(CARD, PciCard("0000:02:00.0", 0x2330, "vfio-pci"))),
            ["driver.card-held"],
        ),
        (
            with_facts(versions=SmiVersions("570.1", "580.159", VERSION, "13.0")),
            ["driver.smi-differs"],
        ),
        (with_facts(log=KernelLog({}, (31, 79))), ["driver.xid-79"]),
        (failing("bad-query", 2), ["driver.old-smi"]),
        (
            with_facts(query=SmiReport("inforom-corrupt", 14, "w", gpus=(GPU,))),
            ["driver.inforom"],
        ),
    ],
)
def test_what_is_worth_a_word(facts: DriverFacts, notes: list[str]) -> None:
    assessment = STAGE.assess(facts, SPEC)
    assert assessment.state == "done"
    assert [note.code for note in assessment.notes] == notes


def test_the_commands_fit_system_and_card() -> None:
    params = STAGE.assess(nothing(), SPEC).params
    assert params["system"] == "Ubuntu 24.04"
    assert "nvidia:580-server-open" in params["commands"]
    unknown_system = STAGE.assess(nothing(system=Unknown("timed-out")), SPEC).params
    assert unknown_system["commands"].startswith("https://docs.nvidia.com/")


def test_cuda_is_told_by_the_version_where_nvidia_smi_does_not() -> None:
    assessment = STAGE.assess(with_facts(versions=Unknown("unreadable")), SPEC)
    assert assessment.params["cuda"] == "13.0"


def test_the_rows_of_a_whole_driver() -> None:
    rows = {row.id: row.value for row in STAGE.found(GOOD, SPEC)}
    assert rows == {
        "driver.card": "0000:01:00.0 [10de:2330], nvidia",
        "driver.gpu": "0: NVIDIA H100, 81920 MiB",
        "driver.version": VERSION,
        "driver.cuda": "13.0",
        "driver.uvm": "/dev/nvidia-uvm",
        "driver.module": "open",
        "driver.secure-boot": "off",
        "driver.persistence": "on",
        "driver.ecc": "on",
        "driver.mig": "off",
    }
