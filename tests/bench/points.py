"""
Paying with points: spends and holds a second, over what the database itself can do for a redemption.

    python -m tests.bench.points [--members 20000] [--pairs 5] [--seconds 8] [--clients 8]

It is the part of `python -m tests.bench` that is about points, for one connection and for many, and
needs what that needs: `make bench ARGS="--only points"` brings it up.
"""

import sys

from tests.bench.__main__ import main

if __name__ == "__main__":
    sys.argv += ["--only", "points"]
    main()
