"""What type checkers are run on (`.ci/public-types`) uses all that is public."""

import inspect
import re
from pathlib import Path

import pytest

import frostproof

THIRD_PARTY = Path(__file__).with_name("third_party.py").read_text(encoding="utf-8")


def test_a_third_party_uses_every_public_name():
    """Each name is imported, and used after that."""
    _, imports, uses = re.split(r"from frostproof import \(([^)]*)\)", THIRD_PARTY)

    assert set(re.findall(r"\w+", imports)) == set(frostproof.__all__)
    assert set(frostproof.__all__) <= set(re.findall(r"\w+", uses))


@pytest.mark.parametrize("name", sorted({*frostproof.__all__} - {"Report"}))
def test_a_docstring_tells_every_argument(name):
    """By its name, in the text that `help` shows; a report is made by a run alone."""
    public = getattr(frostproof, name)
    told = f"{public.__doc__}\n{public.__init__.__doc__ if isinstance(public, type) else ''}"

    arguments = inspect.signature(public).parameters
    assert [each for each in arguments if not re.search(rf"^ +{each}: ", told, re.M)] == []


def test_the_package_ships_its_types():
    """Without `py.typed` a user's checker ignores them all."""
    assert (Path(frostproof.__file__).parent / "py.typed").exists()
