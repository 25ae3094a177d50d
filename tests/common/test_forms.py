"""Forms show what the domain refused: at the field, above the form, and each thing once."""

from django import forms

from config.common.errors import FieldError, InvalidInput
from config.common.forms import RefusableForm, move_focus


class Sample(RefusableForm):
    """One field."""

    networks = forms.CharField(required=False)


def refused(*faults):
    form = Sample({"networks": "not an address"})
    form.refuse(InvalidInput(errors=list(faults)))
    return {name: list(errors) for name, errors in form.errors.items()}


def test_the_same_fault_of_several_entries_is_said_once():
    faults = [
        FieldError(pointer=f"#/networks/{index}", message="No network.") for index in range(3)
    ]

    assert refused(*faults) == {"networks": ["No network."]}


def test_what_concerns_no_field_stands_above():
    faults = [
        FieldError(pointer="#/other", message="Not now."),
        FieldError(pointer="#/networks", message="No."),
    ]

    assert refused(*faults) == {"__all__": ["Not now."], "networks": ["No."]}


class SignIn(forms.Form):
    email = forms.EmailField(widget=forms.EmailInput(attrs={"autofocus": True}))
    note = forms.CharField(required=False)
    password = forms.CharField(widget=forms.PasswordInput)


def focused(values=None, *, refusal=""):
    form = SignIn(values)
    if refusal:
        form.add_error(None, refusal)
    return focused_in(form)


def focused_in(form):
    move_focus(form)
    return [name for name, field in form.fields.items() if "autofocus" in field.widget.attrs]


def test_a_refused_form_begins_where_something_is_to_be_done():
    right = {"email": "a@example.com", "password": "x"}

    assert focused() == ["email"]
    assert focused(right) == ["email"]
    assert focused({**right, "email": "a"}) == ["email"]
    assert focused({**right, "password": ""}) == ["password"]
    # What was typed is kept, but for the password.
    assert focused(right, refusal="They do not belong together.") == ["password"]


def test_a_form_that_knows_its_first_answer_begins_at_the_next():
    form = SignIn(initial={"email": "a@example.com"})
    complete = SignIn(initial={"email": "a@example.com"})
    complete.fields["password"].required = False

    assert focused_in(form) == ["password"]
    assert focused_in(complete) == ["email"]


class Note(forms.Form):
    title = forms.CharField()
    text = forms.CharField(max_length=3)


def test_a_form_that_begins_nowhere_begins_at_its_fault_once_it_is_refused():
    fresh, refused_one = Note(), Note({"title": "a", "text": "long"})
    for form in (fresh, refused_one):
        move_focus(form)

    assert "autofocus" not in str(fresh)
    assert 'name="text"' in str(refused_one["text"])
    assert "autofocus" in str(refused_one["text"])
    assert "autofocus" not in str(refused_one["title"])


def test_forms_of_one_kind_do_not_share_their_focus():
    focused({"email": "a@example.com"})

    assert focused() == ["email"]
