"""The first real frame against a bare Textual app with the same widgets: CPU of both, each in a process of its own."""

from __future__ import annotations

import statistics
import subprocess
import sys

OURS = """
import gc; gc.disable()
from gpu_wizard.faces.tui.app import WizardApp
from gpu_wizard.cli import tui
from dataclasses import replace
app = WizardApp(replace(tui.services(), prepare=None))  # what comes after the frame is not part of it
"""
BARE = """
import gc; gc.disable()
from textual.app import App
from textual.containers import Vertical
from textual.widgets import Button, Input, Static
class Bare(App):
    CSS = "Input { height: 1; border: none; }"
    def compose(self):
        yield Static("gpu-wizard")
        with Vertical():
            for n in range(5): yield Static("text " * 8)
            yield Input(compact=True); yield Input(compact=True)
            yield Static("row\\n" * 6); yield Button("Look at the node", compact=True)
        yield Static("notice"); yield Static("keys")
app = Bare()
"""
RUN = """
import asyncio, time
async def main():
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        print(time.process_time())
asyncio.run(main())
"""


def cpu(program: str) -> float:
    done = subprocess.run(
        [sys.executable, "-c", program + RUN], check=True, capture_output=True, text=True
    )
    return float(done.stdout.split()[0])


ours = [cpu(OURS) for _ in range(7)]
bare = [cpu(BARE) for _ in range(7)]
print(
    f"ours {min(ours) * 1000:.0f} ms, bare {min(bare) * 1000:.0f} ms, ratio {min(ours) / min(bare):.2f}; "
    f"medians {statistics.median(ours) / statistics.median(bare):.2f}"
)
