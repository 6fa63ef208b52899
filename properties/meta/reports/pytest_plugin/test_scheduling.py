"""Workers on other hosts collect the same tests, wherever the package lies there."""

import pytest

from frostproof.reports.pytest_plugin.scheduling import BySubject

LAW = "test_law[code.py:right-frozen-norm]"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (f"frostproof/properties/test_laws.py::{LAW}", f"::{LAW}", True),
        (f"::{LAW}", f"::{LAW.replace('right', 'wrong')}", False),
        ("frostproof/test_head.py::test_head", "test_head.py::test_head", False),
    ],
)
def test_the_place_of_the_package_is_no_difference(pytester, one, other, same):
    """A replacement on this machine waited for ever: xdist gives nothing to one that differs."""
    scheduler = BySubject(pytester.parseconfig("--tx=2*popen"))
    nodes = ["first", "replacement"]

    for node, collected in zip(nodes, (one, other), strict=True):
        scheduler.add_node(node)
        scheduler.add_node_collection(node, [collected, "test_head.py::test_more"])

    first, replacement = (scheduler.registered_collections[node] for node in nodes)
    assert (replacement == first) is same
