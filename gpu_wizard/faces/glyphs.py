"""A glyph for each state: a state is never told by its colour alone."""

from __future__ import annotations

GLYPHS = {
    "done": "✓",
    "needed": "●",
    "waiting": "○",
    "blocked": "■",
    "unknown": "?",
    "running": "►",
    "failed": "×",
    "stopped": "□",
    "skipped": "–",
    "looking": "…",
    "undone": "–",
    "abandoned": "□",
}
