"""Navigation, filters, tables and fields as they reach the browser."""

import pytest
from django import forms
from django.template import Context, RequestContext, Template
from django.template.loader import render_to_string
from django.test import RequestFactory

from config.templatetags import ui


class SampleForm(forms.Form):
    """One field of each kind that the field component tells apart."""

    name = forms.CharField(help_text="As others see it.")
    note = forms.CharField(required=False)
    agreed = forms.BooleanField(label="I agree")
    color = forms.ChoiceField(choices=[("a", "A")], widget=forms.RadioSelect)


def render(source, **context):
    return Template("{% load ui %}" + source).render(Context(context))


@pytest.mark.parametrize(
    ("path", "state"),
    [("/keys/", ' aria-current="page"'), ("/keys/7/", ' aria-current="true"'), ("/profile/", "")],
)
def test_navigation_marks_the_section(path, state):
    request = RequestFactory().get(path)
    template = Template('{% load ui %}{% nav "API keys" "apikeys:key-list" "key" %}')

    html = template.render(RequestContext(request))

    assert html.startswith(f'<a class="nav-link" href="/keys/"{state}>')


def test_options_select_the_chosen_one():
    html = render('{% options chosen "|All;live|Live" %}', chosen="live")

    assert html == '<option value="">All</option><option value="live" selected>Live</option>'


def test_options_select_the_empty_one_by_default():
    assert '<option value="" selected>' in render(
        '{% options chosen "|All;live|Live" %}', chosen=None
    )


def test_columns_carry_their_classes():
    assert ui.columns("Name|Calls:end opt") == [
        {"label": "Name", "classes": ""},
        {"label": "Calls", "classes": "end opt"},
    ]


def test_field_is_described_by_its_hint_and_its_error():
    form = SampleForm({"name": ""})

    html = render_to_string("components/_field.html", {"field": form["name"]})

    assert 'aria-describedby="id_name_helptext id_name_error"' in html
    assert 'id="id_name_helptext"' in html
    assert 'id="id_name_error"' in html
    assert 'aria-invalid="true"' in html


def test_optional_field_says_so():
    form = SampleForm()

    assert "Optional" in render_to_string("components/_field.html", {"field": form["note"]})
    assert "Optional" not in render_to_string("components/_field.html", {"field": form["name"]})


def test_checkbox_stands_in_its_label():
    html = render_to_string("components/_field.html", {"field": SampleForm()["agreed"]})

    assert '<label class="check">' in html


def test_choices_have_a_legend():
    html = render_to_string("components/_field.html", {"field": SampleForm()["color"]})

    assert "<legend>Color</legend>" in html


def test_missing_field_renders_nothing():
    assert ui.field_named(SampleForm(), "no_such_field") is None
    assert render_to_string("components/_field.html", {"field": None}).strip() == ""


def test_errors_of_the_form_are_announced():
    form = SampleForm({})
    form.add_error(None, "The address or the password is not right.")

    html = render_to_string("components/_form.html", {"form": form})

    assert 'role="alert"' in html
    assert "The address or the password is not right." in html


def test_code_in_texts_is_escaped_first():
    assert ui.ticks("Send `X-Key` <now>") == "Send <code>X-Key</code> &lt;now&gt;"


@pytest.mark.parametrize(
    ("name", "letters"),
    [("Olivia Okafor", "OO"), ("adam@northwind.test", "AN"), ("", ""), ("Zoë", "Z")],
)
def test_initials(name, letters):
    assert ui.initials(name) == letters


@pytest.mark.django_db
def test_the_reference_knows_who_is_signed_in(portal, portal_as, olivia):
    assert "Create account" in portal.get("/docs/").content.decode()

    text = portal_as(olivia).get("/docs/").content.decode()

    assert "Open portal" in text
    assert "Create account" not in text
