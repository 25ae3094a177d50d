"""Forms show what the domain refused: at the field, above the form, and each thing once."""

from django import forms

from config.common.errors import FieldError, InvalidInput
from config.common.forms import RefusableForm


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
