"""`frostproof optimizers`: every row of the catalogue, in words."""

import re
from dataclasses import fields

import pytest

from frostproof import Optimizers
from frostproof.reference.optimizers.catalogue import CATALOGUE, COMMON, Facts
from frostproof.reports.cli.main import main
from frostproof.reports.cli.optimizer_list import FACTS


def test_every_fact_has_its_words():
    """A new fact is not left out of what a user reads."""
    assert list(FACTS) == [field.name for field in fields(Facts)]


def test_every_row_is_listed(capsys):
    """With what Optax says of it, what it calls, and how it treats leaves without a gradient."""
    assert main(["optimizers"]) == 0
    printed = capsys.readouterr().out

    assert re.findall(r"^(\w+)", printed, re.MULTILINE) == list(CATALOGUE)
    assert printed.count("(common") == len(COMMON)
    assert "optax.adamw(learning_rate=1.0 | 0.1 | 0.001, weight_decay=0.0001 | 0.1)" in printed
    assert "keeps a decay; moves on a zero gradient" in printed
    assert "never drawn: `update` needs value" in printed


@pytest.mark.parametrize(("glob", "names"), [("lion", ["lion"]), ("nadam*", ["nadam", "nadamw"])])
def test_a_glob_chooses(capsys, glob, names):
    """By the name, or by a glob."""
    assert main(["optimizers", glob]) == 0

    assert re.findall(r"^(\w+)", capsys.readouterr().out, re.MULTILINE) == names


def test_a_name_that_is_none(capsys):
    """One line, with the nearest names."""
    assert main(["optimizers", "adamx"]) == 2

    assert "'adamx'; did you mean adamax, adam, adamaxw?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: Optimizers("adamx"), "got 'adamx'; did you mean adamax, adam, adamaxw?"),
        (lambda: Optimizers("sgd", behind="clip_by_norm"), "did you mean clip_by_global_norm, "),
        (lambda: Optimizers("zzz"), "got 'zzz' (`"),
        (lambda: Optimizers(), "got no name (`"),
        (lambda: Optimizers(0.1), "got 0.1 (`"),
    ],
)
def test_a_trainer_that_names_none_is_told_where_they_are_listed(make, told):
    """With the nearest names, too."""
    with pytest.raises(ValueError, match="needs names of the catalogue") as refused:
        make()

    assert told in str(refused.value)
    assert str(refused.value).endswith("(`frostproof optimizers` lists them all)")
