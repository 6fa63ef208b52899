"""`python -m frostproof.reports.libraries [GLOB…]`: judges the recipes and prints their table."""

import sys

from .table import main

main(sys.argv[1:])
