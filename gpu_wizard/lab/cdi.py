"""The CDI specification that NVIDIA's toolkit writes for a machine's cards."""

from __future__ import annotations

from collections.abc import Sequence

from gpu_wizard.lab.ports import Gpu

_HEAD = "---\ncdiVersion: 0.5.0\nkind: nvidia.com/gpu\ndevices:\n"


def cdi_spec(cards: Sequence[Gpu]) -> str:
    """Devices by number, by UUID and `all`. Source: recording `k3s-h100/nvidia-ctk.txt`."""
    names = [(str(at), [card]) for at, card in enumerate(cards)]
    names += [(card.uuid, [card]) for card in cards]
    names.append(("all", list(cards)))
    return _HEAD + "".join(
        f'    - name: "{name}"\n      containerEdits:\n        deviceNodes:\n'
        + "".join(f"            - path: /dev/nvidia{card.minor}\n" for card in held)
        for name, held in names
    )
