"""Charts and other live parts: told in the time zone of the profile, read by keyboard, and no part of another page's title."""

import re

import pytest

pytestmark = pytest.mark.browser


@pytest.fixture
def page(browser, site, sign_in):
    """Open the portal in a browser that stands somewhere else than the profile says."""
    context = browser.new_context(base_url=site.url, timezone_id="Asia/Kolkata")
    page = context.new_page()
    sign_in(page, "owner@demo.test")
    yield page
    context.close()


def test_a_chart_is_read_column_by_column_in_the_profiles_time_zone(page):
    chart = page.get_by_role("slider", name=re.compile("Calls of this organization"))
    chart.focus()
    newest = chart.get_attribute("aria-valuetext")

    page.keyboard.press("ArrowLeft")

    before = chart.get_attribute("aria-valuetext")
    assert re.fullmatch(r"\d+ \w+, \d\d:00 UTC: Calls [\d,]+, Errors [\d,]+", before)
    assert before != newest
    assert before.split(": ")[0] in page.locator(".chart-legend").inner_text()


def test_new_data_keep_the_place_of_whoever_reads_a_chart(page):
    chart = page.get_by_role("slider", name=re.compile("Calls of this organization"))
    chart.focus()
    for _ in range(5):
        page.keyboard.press("ArrowLeft")
    place, told = chart.get_attribute("aria-valuenow"), chart.get_attribute("aria-valuetext")

    with page.expect_response("**/usage/data/"):
        page.evaluate("document.dispatchEvent(new Event('tollgate:calls'))")
    page.wait_for_function(
        "at => document.querySelector('.chart-legend').innerText.includes(at)",
        arg=told.split(": ")[0],
    )

    assert chart.get_attribute("aria-valuenow") == place
    assert chart.evaluate("plot => plot === document.activeElement")
    page.keyboard.press("ArrowLeft")
    assert int(chart.get_attribute("aria-valuenow")) == int(place) - 1


# The darkest color of a chart on white paper, as red, green and blue together; and that of the words left of its columns.
DARKEST = """() => {
  const { canvas } = document.querySelector("[data-plot] canvas").getContext("2d");
  const darkestOf = (width) => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, width, canvas.height);
    let darkest = 765;
    for (let at = 0; at < data.length; at += 4) {
      const ink = 765 - data[at] - data[at + 1] - data[at + 2];
      darkest = Math.min(darkest, 765 - (ink * data[at + 3]) / 255);
    }
    return darkest;
  };
  return [darkestOf(canvas.width), darkestOf(40 * devicePixelRatio)];
}"""


def test_a_chart_from_a_dark_screen_is_printed_in_the_colors_of_paper(page):
    page.emulate_media(color_scheme="dark")
    page.goto("/usage/")
    page.wait_for_selector("[data-state=ready]")

    page.emulate_media(color_scheme="dark", media="print")
    # Gray words can be read on white from #767676 on.
    page.wait_for_function(f"() => ({DARKEST})()[1] < 3 * 0x76")
    darkest, _ = page.evaluate(DARKEST)
    page.emulate_media(color_scheme="dark", media="screen")

    # The words and the bars are what is darkest, and no lines of a dark screen.
    assert darkest > 3 * 90
    page.wait_for_function(f"() => ({DARKEST})()[1] > 3 * 0x76")


def test_times_and_titles_stay_as_the_server_wrote_them(page):
    page.goto("/keys/")
    page.get_by_role("link", name="First call").click()
    page.wait_for_selector(".results .table")

    assert page.title() == "First call · Tollgate"
    assert page.locator("time").first.get_attribute("title").endswith(" UTC")


def test_a_hidden_page_does_not_ask_again(page):
    asks = """isHidden => {
        Object.defineProperty(document, "hidden", { value: isHidden, configurable: true });
        const piece = document.createElement("div");
        piece.setAttribute("hx-trigger", "every 2s");
        document.body.append(piece);
        return piece.dispatchEvent(new Event("htmx:beforeRequest", { bubbles: true, cancelable: true }));
    }"""

    assert page.evaluate(asks, False)
    assert not page.evaluate(asks, True)
