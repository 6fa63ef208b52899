"""Whether anything can be lost unnoticed: each law is removed, each specimen mended, in turn.

    python properties/meta/measurements/removals.py

Every time a test has to fail, as it would under `pytest -n auto`: those of the law book for a law
that is gone, that of the specimen for one whose fault is mended. A mended specimen is a reference
of its kind that promises what the law is about, under the specimen's name. Ends with status 1 if
something was lost and no test noticed.
"""

import copy
import functools
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any
from unittest import mock

from frostproof.properties.laws.book import BOOK
from frostproof.properties.laws.law import Law
from frostproof.properties.meta.reference.corpus import test_law_book, test_specimens
from frostproof.properties.plan.checks import Check, plan_checks
from frostproof.reference.corpus.register import specimens
from frostproof.reference.subjects.loading import load
from frostproof.reference.subjects.targets import REFERENCES
from frostproof.reports.run.verify import object_subject

#: A law has nothing to find in a correct program, however long it looks: the soundness run is
#: about that.
EXAMPLES = 10


def main() -> int:
    """Remove every law and mend every specimen, and say what no test noticed."""
    missed = test_law_book.test_each_law_refutes_a_specimen
    laws = [law for law in BOOK if notices(missed, without(law))]
    print(f"{len(laws)} of {len(BOOK)} laws are missed when they are removed", flush=True)
    mended, noticed = 0, 0
    effort = replace(test_specimens.EFFORT, max_examples=EXAMPLES)
    for faulty in specimens():
        dies = functools.partial(
            test_specimens.test_a_specimen_dies_by_its_law, correct_for(faulty)
        )
        found = notices(dies, mock.patch.object(test_specimens, "EFFORT", effort))
        mended, noticed = mended + 1, noticed + found
        if not found:
            print(f"NOT NOTICED: {faulty.specimen.target}", flush=True)
    print(f"{noticed} of {mended} specimens fail their test when they are mended")
    return 0 if (len(laws), noticed) == (len(BOOK), mended) else 1


def without(law: Law) -> AbstractContextManager[Any]:
    """Take a law out of the book, as the tests of it see it."""
    return mock.patch.object(test_law_book, "BOOK", tuple(each for each in BOOK if each is not law))


def notices(test: Callable[[], None], change: AbstractContextManager[Any]) -> bool:
    """Tell whether a test fails by its assertion; another exception says nothing of the change."""
    with change:
        try:
            test()
        except AssertionError:
            return True
    return False


def correct_for(faulty: Any) -> Any:
    """Return a correct subject with everything that the specimen says of itself."""
    known = faulty.specimen
    correct = reference(known.kind, known.law)
    if correct.kind in ("linen", "nnx"):
        subject = functools.wraps(correct.fn)(lambda *args, **kwargs: correct.fn(*args, **kwargs))
    else:
        subject = copy.copy(correct)
    object.__setattr__(subject, "specimen", replace(known, kind=correct.kind))
    return subject


@functools.cache
def reference(kind: str, law: str) -> Any:
    """Return a reference that promises a law, of the same kind if there is one.

    No wrapper promises bits: what it freezes gets an update, be it zero. And laws beyond every
    promise are kept by those that hold under all optimizers.
    """

    def suits(item: Check) -> tuple[bool, bool, bool]:
        subject = item.subject.value
        everywhere = getattr(subject, "optimizers", "all") == "all"
        return item.promised, everywhere and subject.kind == kind, subject.kind == kind

    items, _ = plan_checks([object_subject(load(name)) for name in REFERENCES], [law])
    return max((item for item in items if item.unable is None), key=suits).subject.value


if __name__ == "__main__":
    sys.exit(main())
