"""The first real frame against a bare Textual app with the same widgets, each in a process of its own.

The frame is the first that paints the first screen; CPU and wall time from the interpreter's start, medians of 15,
the two taken in turns. `CPU`, `wall` in milliseconds.

Seen on two cores at load 8 to 22: CPU 214/196, 230/206, 214/194, 207/183 ms: 1.09, 1.12, 1.10, 1.13; wall 1.05 to 1.24
at load 8, of no use above.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

FIRST = """
import os, sys, time
def painted(app):
    # The first time that the first screen's header is on the screen.
    return any("gpu-wizard" in strip.text for strip in app.screen._compositor.render_strips()[:1])
def watched(App):
    shown = App._display
    def display(self, screen, renderable):
        shown(self, screen, renderable)
        if renderable is not None and len(self.screen_stack) > START and self.screen.is_mounted and painted(self):
            print(time.process_time(), time.time(), flush=True)
            os._exit(0)
    App._display = display
"""
OURS = """
START = 1
from gpu_wizard.cli import tui
tui.quicken()
from gpu_wizard.faces.tui.app import WizardApp
app = WizardApp(tui.services())
"""
BARE = """
START = 1
from textual.app import App
from textual.screen import Screen
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Input, Static
class First(Screen):
    CSS = '''
    #head { dock: top; height: 1; background: $panel; padding: 0 1; }
    #foot { dock: bottom; height: 2; }
    #notice, #keys { height: 1; padding: 0 1; }
    #start { height: 1fr; padding: 1 3 0 3; max-width: 104; }
    Input { height: 1; border: none; background: $surface; padding: 0 1; }
    Input:focus { background: $surface-lighten-1; }
    .result { height: 2; padding: 0 1; }
    #list { height: auto; max-height: 8; }
    #buttons { height: 1; margin-top: 1; }
    '''
    def compose(self):
        yield Static("gpu-wizard", id="head")
        with Vertical(id="start"):
            yield Static("NVIDIA GPUs on a K3s cluster\\nName two machines.")
            for name in ("GPU machine", "Control plane"):
                yield Static(name)
                yield Input(compact=True)
                yield Static("", classes="result")
            yield Static("Choose\\n" + "a row of the list\\n" * 4, id="list")
            with Horizontal(id="buttons"):
                yield Button("Look at the node", compact=True)
        with Vertical(id="foot"):
            yield Static("", id="notice"); yield Static("keys", id="keys")
class Bare(App):
    def on_mount(self):
        self.push_screen(First())
app = Bare()
"""
RUN = """
from textual.app import App as _App
watched(_App)
import asyncio
async def main():
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause(5)
asyncio.run(main())
"""
PAIRS = 15


def frame(program: str) -> tuple[float, float]:
    began = time.time()
    done = subprocess.run(
        [sys.executable, "-c", FIRST + program + RUN], check=True, capture_output=True, text=True
    )
    cpu, at = map(float, done.stdout.split())
    return cpu * 1000, (at - began) * 1000


pairs = [(frame(OURS), frame(BARE)) for _ in range(PAIRS)]
for name, index in (("CPU", 0), ("wall", 1)):
    ours = statistics.median(one[index] for one, _ in pairs)
    bare = statistics.median(one[index] for _, one in pairs)
    print(f"{name}: ours {ours:.0f} ms, bare {bare:.0f} ms, ratio {ours / bare:.2f}")
