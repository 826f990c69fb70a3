"""`python -m tests.screenshots [NAME …]`: pictures of every screen, from the running program on the practice lab.

SVG by Textual, PNG by rsvg-convert (librsvg2-bin) with the font Fira Code (fonts-firacode), made smaller by pngquant
where that is installed; all go to `screenshots/`.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from textual.pilot import Pilot

from gpu_wizard.cli import tui
from gpu_wizard.faces.tui.app import WizardApp
from gpu_wizard.faces.tui.look import Look
from gpu_wizard.journal.recording import read_setup
from gpu_wizard.knowledge.texts import Language
from gpu_wizard.lab.serve import Lab
from tests.faces.tui.test_watch_on_the_lab import watching

FOLDER = Path(__file__).parents[1] / "screenshots"
SMALL, LARGE = (80, 24), (160, 45)
SPEED = 12.0
CELL = 12.2
"""Width of a character in Textual's SVG."""
_WAIT_SECONDS = 120.0


@dataclass
class Camera:
    """Takes pictures of one running program."""

    app: WizardApp
    pilot: Pilot[int]
    prefix: str

    async def take(self, name: str) -> None:
        """One picture, once what was asked for is drawn."""
        await self.pilot.pause(0.3)
        save(f"{self.prefix}{name}", self.app.export_screenshot(title="gpu-wizard"))

    async def press(self, *keys: str) -> None:
        """Keys, one after the other."""
        await self.pilot.press(*keys)
        await self.pilot.pause(0.2)

    async def until(self, done: Callable[[], bool]) -> None:
        """Wait for the program. Raises: TimeoutError."""
        async with asyncio.timeout(_WAIT_SECONDS):
            while not done():
                await self.pilot.pause(0.1)

    async def looked(self) -> None:
        """Wait until the node was looked at."""
        ui = self.app.ui
        await self.until(lambda: ui.control.progress.finished is not None and not ui.busy)


def save(name: str, svg: str) -> None:
    """An SVG, and the PNG of it."""
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{name}.svg"
    path.write_text(_stable(svg), encoding="utf-8")
    picture = path.with_suffix(".png")
    with tempfile.NamedTemporaryFile("w", suffix=".svg", encoding="utf-8") as file:
        file.write(_unindented(_stable(svg)))
        file.flush()
        subprocess.run(["rsvg-convert", "-o", str(picture), file.name], check=True)
    if shutil.which("pngquant"):
        # A picture of text needs few colours: a quarter of the bytes.
        shrink = ["pngquant", "--force", "--strip", "--output", str(picture), "64", str(picture)]
        subprocess.run(shrink, check=True)


def _stable(svg: str) -> str:
    """The same picture has the same text: Textual names its classes after a random number."""
    return re.sub(r"terminal-\d+", "terminal", svg)


def _unindented(svg: str) -> str:
    """librsvg drops no-break spaces at the start of a text; its place is moved instead."""

    def moved(match: re.Match[str]) -> str:
        attributes, text = match[1], match[2]
        spaces = 0
        while text.startswith("&#160;" * (spaces + 1)):
            spaces += 1
        text = text[6 * spaces :]
        x, length = _number(attributes, "x"), _number(attributes, "textLength")
        attributes = re.sub(r' x="[\d.]+"', f' x="{x + spaces * CELL:.1f}"', attributes)
        shorter = f'textLength="{length - spaces * CELL:.1f}"'
        return f"<text{re.sub(r'textLength=.[0-9.]+.', shorter, attributes)}>{text}</text>"

    return re.sub(r"<text( [^>]*textLength[^>]*)>((?:&#160;)+[^<]*)</text>", moved, svg)


def _number(attributes: str, name: str) -> float:
    found = re.search(rf' {name}="([\d.]+)"', attributes)
    return float(found[1]) if found else 0.0


@asynccontextmanager
async def running(
    scenario: str,
    size: tuple[int, int],
    prefix: str,
    *,
    language: Language = "en",
    named: bool = True,
    theme: str = "",
    ascii_only: bool = False,
) -> AsyncIterator[Camera]:
    """The wizard on a lab. `named`: the machines are known, so that it begins with the stages."""
    with tempfile.TemporaryDirectory(prefix="gpu-wizard-lab-") as name:
        async with Lab(scenario, Path(name) / "lab", speed=SPEED) as lab:
            setup = read_setup(lab.directory / "setup.toml") if named else None
            app = WizardApp(
                tui.services(), setup=setup, language=language, look=Look(ascii_only=ascii_only)
            )
            async with app.run_test(size=size) as pilot:
                if theme:
                    app.theme = theme
                yield Camera(app, pilot, prefix)


async def journey(size: tuple[int, int], prefix: str, language: Language) -> None:
    """A fresh machine from the first look to the evidence, every screen on the way."""
    async with running("fresh", size, prefix, language=language) as camera:
        await camera.looked()
        await camera.take("stages")
        await camera.press("3")
        await camera.take("stages-toolkit")
        await camera.press("e")
        await camera.take("explain")
        await camera.press("escape", "question_mark")
        await camera.take("help")
        await camera.press("escape", "a")
        await camera.take("plan")
        await camera.press("enter")
        control = camera.app.ui.control
        await camera.until(lambda: control.stage("gpu1", "toolkit").state == "running")
        await camera.take("running")
        await camera.press("ctrl+c")
        await camera.take("stop")
        await camera.press("escape")
        await camera.until(lambda: camera.app.screen.name == "finish")
        await camera.take("finish")
        await camera.press("right", "enter")
        await camera.take("manifests")
        await camera.press("escape", "o")
        await camera.take("output")
        await camera.press("e")
        await camera.take("explain-output")
        await camera.press("escape", "escape", "c")
        await camera.take("config")
        await camera.press("escape", "g")
        await camera.pilot.pause(3.0)
        await camera.take("gpu")


async def failure(size: tuple[int, int], prefix: str, language: Language) -> None:
    """A token that the server does not take."""
    async with running("wrong-token", size, prefix, language=language) as camera:
        await camera.looked()
        await camera.press("a")
        await camera.until(lambda: camera.app.screen.name == "plan")
        await camera.press("enter")
        control = camera.app.ui.control
        await camera.until(lambda: control.waiting is not None)
        await camera.take("failed")
        await camera.press("o")
        await camera.take("finding")
        await camera.press("escape", "d")
        await camera.take("trouble")
        await camera.press("b")
        await camera.until(lambda: bool(camera.app.screen.query("#bundle-buttons ActionButton")))
        await camera.take("bundle")
        await camera.press("escape", "escape")
        control.answer("stop")
        await camera.until(lambda: not camera.app.ui.busy)


async def start(size: tuple[int, int], prefix: str, language: Language) -> None:
    """The first screen."""
    async with running("fresh", size, prefix, language=language, named=False) as camera:
        await camera.take("start")


async def themes() -> None:
    """The stages in a light theme, in 16 colours and in ASCII."""
    async with running("fresh", SMALL, "light-", theme="textual-light") as camera:
        await camera.looked()
        await camera.take("stages")
    async with running("fresh", SMALL, "sixteen-", theme="ansi-dark") as camera:
        await camera.looked()
        await camera.take("stages")
    async with running("fresh", SMALL, "ascii-", ascii_only=True) as camera:
        await camera.looked()
        await camera.take("stages")


async def nodes() -> None:
    """Three nodes."""
    async with running("three-nodes", SMALL, "") as camera:
        await camera.looked()
        await camera.take("nodes")


async def watch() -> None:
    """`status --watch`: every machine of the lab, then the one with a card."""
    with tempfile.TemporaryDirectory(prefix="gpu-wizard-lab-") as name:
        async with watching("three-nodes", Path(name)) as watched:
            sight = watched.app.view.sight
            watched.app.view.chosen = "gpu1"
            await watched.until(lambda: sight.looked_at is not None, "a look")
            save("watch", watched.app.export_screenshot(title="gpu-wizard"))
            await watched.pilot.resize_terminal(*LARGE)
            await watched.pilot.press("g")
            await watched.shows("live")
            await watched.pilot.pause(5.0)
            save("wide-watch-node", watched.app.export_screenshot(title="gpu-wizard"))


SERIES: dict[str, Callable[[], Awaitable[None]]] = {
    "start": lambda: start(SMALL, "", "en"),
    "journey": lambda: journey(SMALL, "", "en"),
    "failure": lambda: failure(SMALL, "", "en"),
    "wide": lambda: journey(LARGE, "wide-", "en"),
    "wide-failure": lambda: failure(LARGE, "wide-", "en"),
    "russian": lambda: journey(SMALL, "ru-", "ru"),
    "russian-start": lambda: start(SMALL, "ru-", "ru"),
    "themes": themes,
    "nodes": nodes,
    "watch": watch,
}


def main() -> None:
    """All series, or those named."""
    # What ran on this machine before is no part of a picture.
    os.environ["XDG_STATE_HOME"] = tempfile.mkdtemp()
    for name in sys.argv[1:] or SERIES:
        print(name, flush=True)
        asyncio.run(SERIES[name]())  # type: ignore[arg-type]  # every one is a coroutine
    shutil.rmtree(os.environ["XDG_STATE_HOME"], ignore_errors=True)
    # As in gpu_wizard/lab/__main__.py: the lab's threads may not wake while Python is taken down.
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
