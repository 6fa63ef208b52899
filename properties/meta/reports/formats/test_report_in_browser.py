"""The HTML report in a browser, as people use it: by mouse, by keyboard, on a phone, at night."""

import shutil
from itertools import pairwise

import pytest

from frostproof.properties.meta.reports.formats.report_samples import SCRIPT, many, sample
from frostproof.reports.formats.html.page import page

playwright = pytest.importorskip(
    "playwright.sync_api", reason="Playwright is not installed: pip install frostproof[browser]"
)
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium on the PATH")

#: No sandbox, since tests may run as root in a container; nothing of its own over the network.
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
CLIPBOARD = "navigator.clipboard.readText()"
#: Elements whose text, or the sign before it, has less contrast than WCAG 2 asks of small text.
PALE = """
selector => {
  const light = colour => {
    const [r, g, b] = colour.match(/[\\d.]+/g).slice(0, 3).map(part => {
      const value = part / 255;
      return value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const paint = element => getComputedStyle(element).backgroundColor;
  const pale = element => {
    let behind = element;
    while (paint(behind) === "rgba(0, 0, 0, 0)") behind = behind.parentElement;
    const pair = [getComputedStyle(element).color, paint(behind)].map(light);
    return (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05) < 4.5;
  };
  const shown = [...document.querySelectorAll(selector)].filter(each => each.checkVisibility());
  return [shown.length, shown.filter(pale).map(each => each.outerHTML.slice(0, 200))];
}
"""


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as running:
        launched = running.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    long = "/a/very/long" + "/folder" * 30 + "/train.py:step"
    path.write_text(page(sample(("train.py:step", "other.py:step", long), leaf="l" * 200)))
    return path.as_uri()


@pytest.fixture
def open_page(browser, address):
    """Open the report in its own window; whatever goes wrong in it fails the test."""
    contexts, faults = [], []

    def opened(**settings):
        contexts.append(browser.new_context(**settings))
        shown = contexts[-1].new_page()
        shown.on("pageerror", lambda error: faults.append(str(error)))
        shown.on("console", lambda message: faults.append(message.text))
        shown.on("request", lambda request: request.url == address or faults.append(request.url))
        shown.goto(address)
        return shown

    yield opened
    for context in contexts:
        context.close()
    assert faults == []


def test_from_a_red_cell_to_its_script(open_page):
    """A click on the cell shows the counterexample; another copies the script, to the letter."""
    shown = open_page(permissions=["clipboard-read", "clipboard-write"])

    shown.locator("td a.refuted:not(.beyond)").first.click()
    section = shown.locator("article:target")
    playwright.expect(section).to_be_in_viewport()
    playwright.expect(section).to_contain_text("frozen leaf changed at step 2: 0.5 → 0.25")
    section.get_by_role("button", name="Copy script").click()

    playwright.expect(shown.get_by_role("status")).to_have_text("The script is on the clipboard.")
    assert shown.evaluate(CLIPBOARD) == SCRIPT


def test_by_keyboard_alone(open_page):
    """The first key skips to what is broken; Tab reaches cells, and from a cell its script."""
    shown = open_page(permissions=["clipboard-read", "clipboard-write"])

    def tab_to(selector):
        for _ in range(60):
            shown.keyboard.press("Tab")
            focused = shown.locator(":focus")
            if focused.evaluate(f"element => element.matches({selector!r})"):
                assert focused.evaluate("e => getComputedStyle(e).outlineStyle") != "none"
                return
        pytest.fail(f"no {selector} within 60 keys")

    tab_to(".skip")
    shown.keyboard.press("Enter")
    playwright.expect(shown.locator("#broken")).to_be_in_viewport()

    shown.goto(shown.url.partition("#")[0])
    tab_to("td a.refuted")
    shown.keyboard.press("Enter")
    tab_to("article:target button")
    shown.keyboard.press("Enter")
    playwright.expect(shown.get_by_role("status")).to_have_text("The script is on the clipboard.")
    assert shown.evaluate(CLIPBOARD) == SCRIPT
    tab_to("article:target summary")
    shown.keyboard.press("Enter")
    playwright.expect(shown.locator("article:target pre")).to_be_visible()


def test_where_the_clipboard_is_closed_the_script_is_selected_or_copied(open_page):
    """An address that is not secure has no clipboard: the older way is tried."""
    shown = open_page()
    shown.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(Error('no')); }")
    shown.evaluate("() => { document.execCommand = () => false; }")

    shown.get_by_role("button", name="Copy script").first.click()

    playwright.expect(shown.get_by_role("status")).to_have_text("The script is selected.")
    assert shown.evaluate("getSelection().toString()").strip() == SCRIPT.strip()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_in_both_schemes_on_a_desk_and_on_a_phone(open_page, scheme, width):
    """Nothing scrolls sideways but wide tables within themselves; all text has its contrast."""
    shown = open_page(viewport={"width": width, "height": 844}, color_scheme=scheme)

    assert shown.evaluate("document.documentElement.scrollWidth") == width
    background = shown.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (background == "rgb(15, 20, 25)") == (scheme == "dark")
    seen = "h1, h2, h3, h4, p, li, dt, dd, td, th, a, b, small, button, summary, .mark"
    count, pale = shown.evaluate(PALE, seen)
    assert count > 100
    assert pale == []


def test_without_scripts_everything_is_there(open_page):
    """The button that copies is missing, and what it would copy is not."""
    shown = open_page(java_script_enabled=False)

    assert shown.get_by_role("button").count() == 0
    shown.locator("td a.refuted").first.click()
    shown.locator("article:target summary").click()
    assert SCRIPT.strip() in shown.locator("article:target pre").inner_text()


def test_twenty_thousand_verdicts(browser, tmp_path):
    """They open, and a red cell still leads to its counterexample; the rest can be folded away."""
    path = tmp_path / "report.html"
    path.write_text(page(many(400, 50)))
    shown = browser.new_page(viewport={"width": 1440, "height": 900})
    shown.goto(path.as_uri())

    assert path.stat().st_size < 10_000_000
    assert shown.locator(".matrix td").count() == 20_000
    assert shown.evaluate("document.querySelectorAll('*').length") < 150_000
    assert shown.evaluate("document.documentElement.scrollWidth") == 1440

    rows = shown.locator(".matrix tbody tr:visible")
    shown.get_by_label("Only rows with something broken").check()
    assert rows.count() == 40
    shown.locator("td a.refuted").last.click()
    playwright.expect(shown.locator("article:target")).to_be_in_viewport()
    playwright.expect(shown.locator("article:target .seen")).to_contain_text("changed at step 2")
    shown.close()


def test_what_a_screen_reader_is_told(open_page):
    """Cells are words, tables and plots have names, headings are in order."""
    shown = open_page()

    table = shown.get_by_role("region", name="Verdicts, a table")
    assert table.get_by_role("link", name="refuted", exact=True).count() == 3
    assert table.get_by_role("link", name="refuted, beyond the promise").count() == 3
    assert table.get_by_role("cell", name="held").count() == 3
    assert shown.get_by_role("img").count() == shown.locator("svg[role=img]").count() > 0
    levels = shown.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map(h => +h.tagName[1])")
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
