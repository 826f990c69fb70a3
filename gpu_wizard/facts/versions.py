"""Versions that matter: what is found, what is recommended, and what has known holes."""

from __future__ import annotations

TOOLKIT_FLOOR = "1.17.4"
"""First release that reads and writes containerd's configuration version 3. Source: domain.md stage 3."""
TOOLKIT_SECURITY_FLOOR = "1.17.8"
"""Closes CVE-2025-23266 and -23267, both ways out of a container. Source: NVIDIA bulletin 5659 (domain.md stage 3)."""
