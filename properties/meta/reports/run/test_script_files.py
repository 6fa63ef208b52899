"""Scripts as files: each failure has one, for as long as the fault is there."""

from dataclasses import replace

import numpy as np
import pytest

from frostproof.properties.meta.reports.formats.report_samples import SCRIPT, row_of
from frostproof.reference.problems.batches import pack
from frostproof.reports.run.scripts import folder_of_scripts, without_large_arrays, write_scripts

FAILED = row_of("here/train.py:step", 21, "refuted", reproduce=SCRIPT)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "made" / "scripts"


def test_a_failure_has_a_script(folder):
    """It says in its first line what it is about; a failure that breaks no promise has none."""
    beyond = replace(
        FAILED, law="frozen-bits", id="here/train.py:step::frozen-bits", promised=False
    )

    ((id, path),) = write_scripts([FAILED, beyond], folder).items()

    assert id == FAILED.id
    heading, _, rest = path.read_text().partition("\n")
    assert heading.startswith(f"# Written by frostproof for '{FAILED.id}'")
    assert rest == SCRIPT
    assert list(folder.iterdir()) == [path]


def test_a_folder_that_nobody_named_is_ignored_by_git(tmp_path):
    """What its user writes there stays; a folder that was named is the user's own."""
    own = folder_of_scripts(None, tmp_path)
    write_scripts([FAILED], own)
    ignored = own.parent / ".gitignore"

    assert ignored.read_text().splitlines()[-1] == "*"
    ignored.write_text("!scripts\n")
    write_scripts([FAILED], own)
    assert ignored.read_text() == "!scripts\n"

    write_scripts([FAILED], folder_of_scripts(tmp_path / "report"))
    assert [*tmp_path.rglob(".gitignore")] == [ignored]


def test_arrays_of_a_failure_that_is_printed_are_ignored_as_well(tmp_path, monkeypatch):
    """Where no array is large, there is no folder."""
    monkeypatch.chdir(tmp_path)
    array = f'zlib.decompress(base64.b64decode("{pack(np.random.default_rng(0).bytes(2000))}"))'

    without_large_arrays(replace(FAILED, counterexample={"problems": []}))
    assert not (tmp_path / ".frostproof").exists()
    printed = replace(FAILED, counterexample={"problems": []}, reproduce=array)
    assert "pathlib" in without_large_arrays(printed).reproduce

    assert (tmp_path / ".frostproof" / ".gitignore").exists()


@pytest.mark.parametrize("verdict", ["held", "proved"])
def test_the_script_of_a_mended_fault_is_removed(folder, verdict):
    """Its own alone: others of its folder stay, and so does a file that we did not write."""
    other = row_of("here/train.py:step", 22, "refuted", reproduce=SCRIPT)
    known = write_scripts([FAILED, other], folder)
    own = folder / "notes.py"
    own.write_text(SCRIPT)

    assert write_scripts([replace(FAILED, verdict=verdict)], folder) == {}

    assert set(folder.iterdir()) == {known[other.id], own}


def test_a_script_stays_where_nothing_shows_that_the_fault_is_gone(folder):
    """The law was not judged, or not promised, or another program of this name is without fault."""
    (path,) = write_scripts([FAILED], folder).values()
    namesake = replace(FAILED, subject="there/train.py:step", id=f"there{FAILED.id[4:]}")

    rows = [replace(FAILED, verdict=verdict) for verdict in ("not-run", "vacuous", "error")]
    rows = [replace(row, reproduce=None) for row in rows]
    rows += [replace(FAILED, promised=False), replace(namesake, verdict="held")]
    assert write_scripts(rows, folder) == {}

    assert path.exists()
    path.write_text(SCRIPT)  # by the user, or by an earlier release
    write_scripts([replace(FAILED, verdict="held")], folder)
    assert path.exists()


def test_a_script_that_cannot_be_written_is_left_out(tmp_path):
    """The report has it."""
    (tmp_path / "scripts").write_text("no folder")

    assert write_scripts([FAILED], tmp_path / "scripts") == {}
