"""How xdist spreads the suite: the laws of one subject on one worker, other tests by their file."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from xdist.scheduler import LoadScopeScheduling

from ...properties.laws.book import BY_ID
from ...properties.laws.law import Law
from ...properties.plan.grouping import stream


class BySubject(LoadScopeScheduling):
    """Laws of a subject share its compiled programs, and the calls that are remembered.

    With fewer subjects than workers that would leave some idle: then those laws stay together that
    draw the same problems.
    """

    def _split_scope(self, nodeid: str) -> str:
        """Return the subject of `test_law[SUBJECT-law-id]`, and the file of another test: what its
        tests share is made once.
        """
        subject, law = _judged(nodeid)
        if law is None:
            return nodeid.partition("::")[0]
        return f"{subject} {stream(law).id}" if self._few_subjects else subject

    @cached_property  # not asked for before all are collected
    def _few_subjects(self) -> bool:
        judged = map(_judged, self.collection or ())
        return len({subject for subject, law in judged if law}) < self.numnodes

    def add_node_collection(self, node: Any, collection: Sequence[str]) -> None:
        """Take what a worker has collected for what the first has, where they differ only in the
        place of this package: a host has it beside the code, this machine where it is installed.

        xdist lets a worker that has collected anything else wait for ever.
        """
        first = next(iter(self.registered_collections.values()), collection)
        if list(map(_placeless, collection)) == list(map(_placeless, first)):
            collection = list(first)
        super().add_node_collection(node, collection)

    def remove_node(self, node: Any) -> str | None:
        """Return the item that a worker died of, which xdist would give to the next worker."""
        for unit in self.assigned_work[node].values():
            for nodeid, done in unit.items():
                if not done:
                    unit[nodeid] = True
                    super().remove_node(node)
                    return nodeid
        return super().remove_node(node)

    def _reschedule(self, node: Any) -> None:
        """Give a worker two items at least, also one that replaces another: it begins an item only
        when it knows the next.
        """
        if node not in self.registered_collections:
            return
        while self.workqueue and not node.shutting_down and self._too_few(node):
            self._assign_work_unit(node)
        super()._reschedule(node)

    def _too_few(self, node: Any) -> bool:
        return self._pending_of(self.assigned_work[node]) < 2


def _placeless(nodeid: str) -> str:
    """Return the id of a test, without the file if it is that of the laws."""
    _, _, test = nodeid.partition("::")
    return test if test.startswith("test_law[") else nodeid


def _judged(nodeid: str) -> tuple[str, Law | None]:
    """Return the subject and the law of a test of this suite."""
    _, _, parameters = nodeid.partition("::test_law[")
    laws = (law for law in BY_ID if parameters.endswith(f"-{law}]"))
    longest = max(laws, key=len, default=None)
    return parameters.removesuffix(f"-{longest}]"), BY_ID.get(longest or "")
