"""The page of a diff in a browser: wide and narrow, by day and by night."""

import pytest

from frostproof.properties.checkpoints.judging import Plan, judge
from frostproof.properties.checkpoints.verdicts import verdicts
from frostproof.properties.meta.properties.checkpoints.faults import FAULTS, trained, weights
from frostproof.properties.meta.reports.formats.test_report_in_browser import CHROMIUM, FLAGS, PALE
from frostproof.reference.checkpoints.stored_leaf import of_array
from frostproof.reports.diff.page import tree_page

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium on the PATH")


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    before = weights() | {("params", "long" * 40, "kernel"): weights()["params", "head", "kernel"]}
    after = FAULTS["decay"].apply(trained(before))
    sides = [
        {path: of_array(path, array) for path, array in each.items()} for each in (before, after)
    ]
    found = judge(Plan.of(*sides, ["params/encoder"]))
    assert dict(verdicts(found, (), {}))
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(tree_page("before.npz", "after/" * 40, found, None))
    return path.as_uri()


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_tree_is_read_on_any_screen(width, scheme, address):
    """Nothing is wider than the window, no text is pale, nothing is fetched, nothing fails."""
    faults = []
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        page.on("console", lambda message: faults.append(message.text))
        page.on("request", lambda request: request.url == address or faults.append(request.url))
        page.goto(address)
        wide = page.evaluate("document.documentElement.scrollWidth")
        shown, pale = page.evaluate(
            PALE, ".tree code, .tree .told, .tree .cause, .tree small, .sign"
        )
        browser.close()

    assert faults == []
    assert wide <= width
    assert shown > 10
    assert pale == []
