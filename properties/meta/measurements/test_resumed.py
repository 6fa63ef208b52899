"""A measurement that was killed goes on from the rows that it has left."""

import json

from frostproof.properties.meta.measurements.resumed import going_on, rows_of


def test_a_line_that_was_cut_off_takes_no_row_with_it(tmp_path):
    """The rows before it are there, and those that are written after it."""
    path = tmp_path / "not there yet" / "rows.jsonl"
    assert list(rows_of(path)) == []
    for row in range(3):
        with going_on(path) as file:
            print(json.dumps({"id": row}), file=file)
            if row == 1:
                file.write('{"id": 7, "law"')  # the process was killed here

    assert list(rows_of(path)) == [{"id": 0}, {"id": 1}, {"id": 2}]
