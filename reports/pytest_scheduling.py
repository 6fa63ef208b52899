"""How xdist spreads the suite: the laws of one subject on one worker, everything else freely."""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling


class BySubject(LoadScopeScheduling):
    """Laws of a subject share its compiled programs, and the calls that are remembered."""

    def _split_scope(self, nodeid: str) -> str:
        """Return the subject of `test_law[SUBJECT-law-id]`; another test is its own scope."""
        _, separator, parameters = nodeid.partition("test_law[")
        if not separator:
            return nodeid
        from ..properties.book import BY_ID

        longest = max((law for law in BY_ID if parameters.endswith(f"-{law}]")), key=len)
        return parameters.removesuffix(f"-{longest}]")
