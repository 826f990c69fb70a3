"""`explain`: pages of the guide on standard output."""

from __future__ import annotations

import argparse
import os
import sys

from gpu_wizard.cli.exits import Exit
from gpu_wizard.faces.explain import as_json, as_text
from gpu_wizard.knowledge.lookup import find, nearest
from gpu_wizard.knowledge.texts import sentence


def explain(arguments: argparse.Namespace) -> Exit:
    """Print one page. Raises: InputError: nothing is told of this topic."""
    topic = ["guide"] if arguments.guide else arguments.topic
    page = find(topic, arguments.lang)
    if page is None:
        from gpu_wizard.model.errors import InputError

        word = " ".join(topic)
        close = ", ".join(nearest(word))
        params = {"word": word, "close": close}
        code = "no-topic-but-near" if close else "no-topic"
        raise InputError(code, sentence("reason", code, params), params=params)
    if arguments.json:
        print(as_json(page))
    else:
        styled = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        print(as_text(page, arguments.lang, styled=styled), end="")
    return Exit.DONE
