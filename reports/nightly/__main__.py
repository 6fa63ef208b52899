"""Runs `python -m frostproof.reports.nightly`."""

import sys

from .command import main

sys.exit(main())
