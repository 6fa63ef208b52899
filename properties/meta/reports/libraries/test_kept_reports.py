"""Reports on recipes of libraries are kept, whatever they say, and told again without judging."""

import numpy as np
import pytest

from frostproof.properties.meta.prepared import no_file_larger_than
from frostproof.reference.corpus.libraries import Validation
from frostproof.reference.corpus.libraries.environments import Environment
from frostproof.reports.libraries import kept
from frostproof.reports.libraries.environments import EnvironmentNotMade, interpreter
from frostproof.reports.libraries.left_in_files import report_of

RECIPE = Validation("optax_freezing:recipe", "a recipe", "optax")


def left_in_files(folder, moved):
    """A report on two leaves, of which the frozen one moves by so much."""
    before = {"body": np.ones(2, np.float32), "head": np.ones(2, np.float32)}
    after = {"body": before["body"] + np.float32(moved), "head": before["head"] * 2}
    np.savez(folder / "adam.before.npz", **before)
    np.savez(folder / "adam.after.npz", **after)
    return report_of("library/code/recipe", folder, ("body",), seed=0)


@pytest.fixture
def judged(tmp_path, monkeypatch):
    """Recipes are judged by this list: each is taken from it and told."""
    reports = []
    monkeypatch.setattr(kept, "cache", lambda: tmp_path / "cache")
    monkeypatch.setattr(kept, "judge", lambda validation: reports.pop(0))
    return reports


@pytest.mark.parametrize(("moved", "verdict"), [(0.5, "refuted"), (0.0, "held")])
def test_what_files_tell_is_kept_and_read_again(moved, verdict, tmp_path, judged):
    """A refuted law has what was seen for a counterexample, since no problem was drawn."""
    judged.append(left_in_files(tmp_path, moved))

    first, again = kept.kept_or_judged(RECIPE), kept.kept_or_judged(RECIPE)

    assert [row.verdict for row in first.rows] == [verdict, "held"]
    assert again.rows == first.rows


def test_a_report_that_cannot_be_read_is_judged_anew(tmp_path, judged):
    """One of a run that was killed while it wrote."""
    judged += [left_in_files(tmp_path, 0.5), left_in_files(tmp_path, 0.0)]
    kept.kept_or_judged(RECIPE)
    (file,) = (tmp_path / "cache").rglob("report.json")
    file.write_text("{")

    assert [row.verdict for row in kept.kept_or_judged(RECIPE).rows] == ["held", "held"]


def test_a_report_that_cannot_be_kept_is_told_all_the_same(tmp_path, judged, capsys):
    """A full disk costs the next run its time, and this one nothing."""
    judged.append(left_in_files(tmp_path, 0.0))

    with no_file_larger_than(100):
        report = kept.kept_or_judged(RECIPE)

    assert [row.verdict for row in report.rows] == ["held", "held"]
    printed = capsys.readouterr().err
    assert printed.startswith(f"not kept: {tmp_path / 'cache'}")
    assert printed.endswith("report.json: File too large\n")


def test_an_environment_that_cannot_be_made_is_named(tmp_path, monkeypatch):
    """As one is for which pip finds no package: the other recipes are judged."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    (tmp_path / "file").touch()

    with pytest.raises(EnvironmentNotMade, match=r"^cannot make .*: Not a directory"):
        interpreter(Environment("none", (), shares=False))
