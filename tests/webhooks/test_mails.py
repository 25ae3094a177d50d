"""Mails about webhooks name the organization as it is called, in the subject, too."""

import pytest
from django.template.loader import render_to_string

from organizations.models import Organization


@pytest.mark.parametrize(
    ("kind", "end"),
    [("disabled", "is switched off"), ("failing", "keeps failing"), ("recovered", "works again")],
)
def test_a_subject_is_plain_text(kind, end):
    values = {"organization": Organization(name="Olivia's R&D"), "product": "Tollgate"}

    subject = render_to_string(f"emails/webhooks/{kind}.subject.txt", values).strip()

    assert subject == f"A webhook of Olivia's R&D {end}"
