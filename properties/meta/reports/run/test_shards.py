"""A run in shards: merged it is the run, to the row; what is missing is named."""

import itertools
import json

import pytest

from frostproof.reports.cli.main import main
from frostproof.reports.comparison.compare import compare
from frostproof.reports.results.merging import merge, missing_shards
from frostproof.reports.results.reading import read_report

CODE = """
import jax, optax

def right(optimizer, mask):
    return optax.chain(optimizer, optax.masked(optax.set_to_zero(), mask))

def wrong(optimizer, mask):
    return optax.masked(optimizer, jax.tree.map(lambda frozen: not frozen, mask))
"""
LAWS = "freeze-*,frozen-bits,frozen-copies,frozen-value"
RUN = ("code.py:right", "code.py:wrong", "--laws", LAWS, "--max-examples", "4", "--seed", "3")
OF = 3


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A whole run, and the same in shards, in a folder with the code."""
    folder = tmp_path_factory.mktemp("shards")
    (folder / "code.py").write_text(CODE)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        main(["verify", *RUN, "--report", "whole"])
        for index in range(1, OF + 1):
            main(["verify", *RUN, "--report", str(index), "--shard", f"{index}/{OF}"])
        yield folder


def rows(report):
    """All of the rows, but for what differs from run to run."""
    return {row.id: vars(row) | {"seconds": 0} for row in report.rows}


def parts(folder, *indices):
    return [read_report(folder / str(index)) for index in indices]


def test_merged_shards_are_the_run(runs):
    """Verdicts, examples, labels, counterexamples, scripts; and `compare` sees nothing changed."""
    whole, merged = read_report(runs / "whole"), merge(parts(runs, 1, 2, 3))

    assert rows(merged) == rows(whole)
    assert {row.verdict for row in merged.rows} > {"held", "proved", "refuted"}
    assert merged.summary["ran"] == whole.summary["ran"]
    assert merged.summary["of"] == whole.summary["of"]
    assert compare(whole, merged).alarms == []
    assert {change.kind for change in compare(whole, merged).changes} <= {"failing"}  # as before
    assert merged.exit_status == whole.exit_status == 1
    assert missing_shards(merged) == []


def test_a_shard_says_what_it_is(runs):
    """And how many laws are in the others; one with nothing to judge is not a failure."""
    for index, report in enumerate(parts(runs, 1, 2, 3), 1):
        others = report.summary["not_run"]["in other shards"]
        assert report.shard == f"{index}/{OF}"
        assert len(report.rows) + others == len(read_report(runs / "whole").rows)
    lonely = ["verify", "code.py:right", "--laws", "frozen-value", "--max-examples", "1"]
    assert [main([*lonely, "--shard", f"{index}/2"]) for index in (1, 2)] == [0, 0]


@pytest.mark.parametrize("there", list(itertools.combinations((1, 2, 3), 2)))
def test_a_missing_shard_is_named(runs, there, capsys):
    """With its laws as not judged; the rest is written all the same."""
    (lost,) = {1, 2, 3} - set(there)

    status = main(["merge", *(str(runs / str(index)) for index in there), "-o", str(runs / "few")])

    assert status == 2
    assert capsys.readouterr().err == (
        f"frostproof: shard {lost}/3 is missing: its laws have no verdict\n"
    )
    few = read_report(runs / "few")
    number = len(parts(runs, lost)[0].rows)
    assert few.summary["not_run"][f"in shard {lost}/3, which is missing"] == number
    assert missing_shards(merge([few, *parts(runs, lost)])) == []
    assert rows(merge([few, *parts(runs, lost)])) == rows(read_report(runs / "whole"))


def test_shards_in_several_processes_are_the_same(runs):
    """`-n` divides the laws of a shard among its own processes."""
    main(["verify", *RUN, "--report", "parallel", "--shard", f"2/{OF}", "-n", "2"])

    assert rows(read_report(runs / "parallel")) == rows(parts(runs, 2)[0])


def test_an_earlier_report_balances_them(runs, capsys):
    """The longest alone; and without a shard to balance it is an error."""
    earlier = json.loads((runs / "whole" / "report.json").read_text())
    for number, row in enumerate(earlier["verdicts"]):
        row["seconds"] = 0.01 if number else 1000.0
    (runs / "earlier.json").write_text(json.dumps(earlier))
    balance = ["--balance", str(runs / "earlier.json")]

    for index in (1, 2):
        main(["verify", *RUN, "--report", f"b{index}", "--shard", f"{index}/2", *balance])

    first, second = parts(runs, "b1", "b2")
    assert [row.id for row in first.rows] == [earlier["verdicts"][0]["id"]]
    assert rows(merge([first, second])) == rows(read_report(runs / "whole"))
    capsys.readouterr()
    assert main(["verify", *RUN, *balance]) == 2
    assert "--balance needs --shard I/N" in capsys.readouterr().err


def test_a_bad_shard_is_one_line(capsys):
    assert main(["verify", "code.py:right", "--shard", "5/4"]) == 2
    assert capsys.readouterr().err == (
        "frostproof: --shard must be I/N with I from 1 to N, got '5/4'\n"
    )


def test_shards_in_pytest(pytester):
    """The same shards, of subjects that are named and of `@frostproof.laws`, by workers or not."""
    pytester.makepyfile(
        code=CODE,
        test_code="""
        import frostproof
        from code_ import right

        @frostproof.laws(right, kind="optax", max_examples=2)
        def test_right(law):
            law()

        def test_another():
            pass
        """,
    )
    (pytester.path / "code.py").rename(pytester.path / "code_.py")
    ours = [
        pytester.runpytest_subprocess(
            "test_code.py", "--frostproof-shard", f"{index}/2", "--report", str(index), "-k",
            "frozen or another", *workers,
        )
        for index, workers in ((1, ("-n", "2")), (2, ()))
    ]  # fmt: skip

    assert [run.ret for run in ours] == [0, 0]
    reports = [read_report(pytester.path / str(index)) for index in (1, 2)]
    ids = [{row.id for row in report.rows} for report in reports]
    assert all(ids)
    assert not ids[0] & ids[1]
    assert missing_shards(merge(reports)) == []
    assert [report.shard for report in reports] == ["1/2", "2/2"]
    assert all(id.startswith("code_:right::frozen-") for id in ids[0] | ids[1])
    bad = pytester.runpytest_subprocess("--frostproof-shard", "3/2")
    assert "--shard must be I/N" in bad.stderr.str() + bad.stdout.str()
    assert bad.ret == 4
