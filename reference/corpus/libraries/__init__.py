"""Real libraries under test, each by a recipe from its own documentation, and what was found.

They are not among the suite's subjects: `pip install 'frostproof[libraries]'` brings what most
of them import, `environments` says what the others need, and
`python -m frostproof.reports.libraries` judges them all.
"""

from .recipe import Cause as Cause
from .recipe import Validation as Validation
from .recipes import HERE
from .recipes_apart import APART

VALIDATIONS = (*HERE, *APART)
