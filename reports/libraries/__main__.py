"""`python -m frostproof.reports.libraries`: judges the recipes, and prints their table."""

import sys

from .command import main

sys.exit(main(sys.argv[1:]))
