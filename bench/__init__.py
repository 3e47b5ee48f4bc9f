"""Benchmarks: ratios and distributions from one run, beside the peer or the floor.

Run one as `python -m bench.NAME`, or all by `make bench`. May import everything, tests too.
"""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))  # as pytest does
