"""What sudo remembers of passwords that were given."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

_REMEMBERED_SECONDS = 15 * 60


@dataclass
class Tickets:
    """When each user last gave a password, by session: what `-n` and a second call live on."""

    granted: dict[tuple[str, int], float] = field(default_factory=dict)

    def valid(self, key: tuple[str, int]) -> bool:
        """Whether the password need not be asked again."""
        return time.monotonic() - self.granted.get(key, -1e9) < _REMEMBERED_SECONDS
