"""Hold the share of branches that the tests take to its floor.

    coverage json -q -o - | python .ci/branches.py

Coverage's own total and `fail_under` count statements and branches together, and so say less than they seem to.
"""

import json
import sys

FLOOR = 90

totals = json.load(sys.stdin)["totals"]
taken, there = totals["covered_branches"], totals["num_branches"]
print(f"{taken:,} of {there:,} branches taken: {100 * taken / there:.1f} % (floor {FLOOR} %)")
sys.exit(100 * taken < FLOOR * there)
