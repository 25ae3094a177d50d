"""Icons, pills and bars."""

import pytest

from config.templatetags import ui


def test_icon_is_decorative_without_a_label():
    assert 'aria-hidden="true"' in ui.icon("key")
    assert "aria-label" not in ui.icon("key")


def test_icon_with_a_label_is_an_image_and_escaped():
    assert 'role="img" aria-label="&lt;b&gt;"' in ui.icon("key", "<b>")


def test_unknown_icon_is_a_defect():
    with pytest.raises(KeyError):
        ui.icon("no-such-icon")


@pytest.mark.parametrize(
    ("state", "tone", "label"),
    [
        ("active", "ok", "Active"),
        ("VALID", "ok", "Allowed"),
        ("RATE_LIMITED", "warn", "Rate limited"),
        ("revoked", "bad", "Revoked"),
        ("OWNER", "info", "Owner"),
        ("something_new", "off", "Something new"),
    ],
)
def test_pill_has_tone_and_words(state, tone, label):
    assert ui.pill(state) == f'<span class="pill pill-{tone}">{label}</span>'


def test_pill_escapes_what_it_does_not_know():
    assert "<script" not in ui.pill("<script>")


@pytest.mark.parametrize("state", [None, ""])
def test_no_state_shows_nothing(state):
    assert ui.pill(state) == ""


@pytest.mark.parametrize(
    ("status", "tone"), [(204, "ok"), (304, "info"), (429, "warn"), (500, "bad")]
)
def test_status_has_the_color_of_its_class(status, tone):
    assert ui.http_status(status) == f'<span class="pill pill-{tone} num">{status}</span>'


_MOZILLA = "Mozilla/5.0 (X11; Linux x86_64)"


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        (
            f"{_MOZILLA} AppleWebKit/537.36 (KHTML, like Gecko) Chrome/149.0 Safari/537.36",
            "Chrome on Linux",
        ),
        (f"{_MOZILLA} AppleWebKit/537.36 Chrome/149.0 Safari/537.36 Edg/149.0", "Edge on Linux"),
        (
            "Mozilla/5.0 (Windows NT 10.0; rv:150.0) Gecko/20100101 Firefox/150.0",
            "Firefox on Windows",
        ),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_4) Version/19.0 Safari/605.1",
            "Safari on macOS",
        ),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Safari/604.1", "Safari on iPhone"),
        ("curl/8.5", "curl"),
        ("acme-batch 1.0 (Linux)", "acme-batch 1.0 (Linux)"),
        ("", "Unknown device"),
    ],
    ids=["chrome", "edge", "firefox", "safari", "iphone", "curl", "other", "none"],
)
def test_devices_have_names_that_people_know(user_agent, name):
    assert ui.device_name(user_agent) == name
