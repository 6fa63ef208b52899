"""Merges the parts of one run into one report: in any order, and however often each is given.

A part may be some subjects, some laws, one Python or one release of Optax. The report keeps the
versions, the seed and the verdicts of every part.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from functools import reduce
from operator import or_

from ...properties.plan.sharding import Shard, missing
from .guarantees import Asked
from .report import ELSEWHERE, Part, Report, as_json
from .row import WORST, Row

LEFT_OUT = "left out in every part"


def merge(reports: Sequence[Report]) -> Report:
    """Merge reports into one.

    Of several rows on one law and subject a promised failure stands before others, then the worst
    verdict, then the one on the fewest examples.

    Args:
        reports: one or more reports, in any order.

    Returns:
        A report whose `parts` tell the profile, seed and versions of each. Its own versions name
        all that occur; its own profile, seed and time are those of the first part.
    """
    parts = {as_json(part.to_json()): part for each in reports for part in parts_of(each)}
    ordered = [parts[text] for text in sorted(parts)]
    rows: dict[str, Row] = {}
    for row in sorted((row for each in reports for row in each.rows), key=_order):
        rows.setdefault(row.id, row)
    left_out = Counter({LEFT_OUT: _left_out(ordered)})
    for (_, laws), run in _sharded(ordered).items():
        left_out += _left_out_of_shards(run, laws)
    return Report(
        ordered[0].profile,
        ordered[0].seed,
        [rows[id] for id in sorted(rows)],
        +left_out,
        _versions(ordered),
        min((each.started for each in reports if each.started), default=None),
        all(each.finished for each in reports),
        parts=ordered,
        asked=_asked(reports, rows.values()),
        unusable=reduce(or_, (each.unusable for each in reports)),
    )


def _asked(reports: Sequence[Report], rows: Iterable[Row]) -> dict[str, Asked]:
    """Join what the parts were asked; a law that one of them judged is not left out."""
    judged = {(row.subject, row.law) for row in rows}
    names = sorted({name for each in reports for name in each.asked})
    joined = {}
    for name in names:
        parts = [each.asked[name] for each in reports if name in each.asked]
        omitted = {law for part in parts for law in part.omitted if (name, law) not in judged}
        by_name = {guarantee for part in parts for guarantee in part.by_name}
        joined[name] = Asked(tuple(sorted(by_name)), tuple(sorted(omitted)))
    return joined


def parts_of(report: Report) -> list[Part]:
    """Return the parts of a merged report; any other report is one part."""
    verdicts = {row.id: row.verdict for row in report.rows}
    elsewhere = report.left_out[ELSEWHERE]
    left_out = report.left_out.total() - elsewhere
    return report.parts or [
        Part(
            report.profile,
            report.seed,
            report.versions,
            left_out,
            verdicts,
            report.shard,
            elsewhere,
        )
    ]


def missing_shards(report: Report) -> list[Shard]:
    """Return the shards that a merged report lacks, of whatever it has others of."""
    return [
        shard
        for parts in _sharded(report.parts).values()
        for shard in missing(Shard.parse(part.shard) for part in parts if part.shard)
    ]


def _order(row: Row) -> tuple[bool, int, bool, int, int, str]:
    """Return a row's place; its last two entries settle what else the parts' order would."""
    text = as_json(vars(row))
    worst = WORST.index(row.verdict)
    return not row.fails, worst, not row.promised, row.examples, len(text), text


def _versions(parts: Sequence[Part]) -> dict[str, str]:
    """Return all versions of each package; a merged report may name several already."""
    found: dict[str, set[str]] = defaultdict(set)
    for part in parts:
        for name, version in part.versions.items():
            found[name].add(version)
    return {name: ", ".join(sorted(found[name])) for name in sorted(found)}


def _left_out(parts: Sequence[Part]) -> int:
    """Count the laws that no part has a row of, among parts on the same subjects.

    Each part knows how many it left out, not which: two parts on one subject that left out the same
    number are taken to have chosen from the same laws.
    """
    left_out = 0
    together: dict[frozenset[str], list[Part]] = defaultdict(list)
    for part in (part for part in parts if part.shard is None):
        together[frozenset(id.rpartition("::")[0] for id in part.verdicts)].append(part)
    for group in together.values():
        judged = {id for part in group for id in part.verdicts}
        most = max(len(part.verdicts) + part.left_out for part in group)
        left_out += max(0, most - len(judged))
    return left_out


def _sharded(parts: Sequence[Part]) -> dict[tuple[int, int], list[Part]]:
    """Return the shards among some parts, by their number and by that of the laws in all of them.

    Shards of two runs that agree in both are taken for one run's.
    """
    runs: dict[tuple[int, int], list[Part]] = defaultdict(list)
    for part in parts:
        if part.shard is not None:
            laws = len(part.verdicts) + part.left_out + part.elsewhere
            runs[Shard.parse(part.shard).of, laws].append(part)
    return runs


def _left_out_of_shards(run: Sequence[Part], laws: int) -> Counter[str]:
    """Count the laws of a run that none of its shards judged: left out, or in shards not here."""
    unjudged = laws - len({id for part in run for id in part.verdicts})
    absent = missing(Shard.parse(part.shard) for part in run if part.shard)
    if not absent:
        return Counter({LEFT_OUT: unjudged})
    left_out = max(part.left_out for part in run)
    reason = f"in shard {', '.join(map(str, absent))}, which is missing"
    return Counter({LEFT_OUT: left_out, reason: unjudged - left_out})
