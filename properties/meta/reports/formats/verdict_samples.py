"""Verdicts of one subject made by hand, and what they amount to."""

from frostproof.properties.laws.book import BY_ID
from frostproof.reports.results.guarantees import standings
from frostproof.reports.results.row import Row


def row(law, guarantee, verdict, **fields):
    return Row(f"s::{law}", "s", law, guarantee, True, verdict, 9, **fields)


def standing(*rows):
    return standings(rows)["s"]


def refuted(law, leaf="body", cause=None, equation=None, fault=None, message="", **facts):
    facts |= {"leaf": leaf} | ({"equation": equation} if equation else {})
    found = {"law": BY_ID[law].statement, "message": message, "problems": [], "facts": facts}
    found["cause"] = cause
    if fault is not None:  # a report of an earlier release has none
        found["fault"] = {"kind": fault[0], "leaves": list(fault[1])}
    return row(law, "value", "refuted", reason="it moved", counterexample=found)
