"""`python -m tests.real build | up | down | enter COMMAND…`: the bed at the desk."""

from __future__ import annotations

import sys

from .desk import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
