"""How the back office calls the fields of our models: Django makes `Ip allowlist` of `ip_allowlist`, and people read words."""

import re

from django.db.models import Field, Model

_SPELLED = {"api": "API", "ip": "IP", "last4": "last four characters", "url": "URL"}
_WORDS = re.compile(rf"\b({'|'.join(_SPELLED)})\b")


def spell(model: type[Model]) -> None:
    """Spell abbreviations in the names of a model's fields as people do.

    Only what is shown changes: what a migration compares is the name that was given in the model.
    """
    for field in model._meta.get_fields():  # noqa: SLF001  public in all but name
        if isinstance(field, Field) and isinstance(field.verbose_name, str):
            field.verbose_name = _WORDS.sub(lambda word: _SPELLED[word[0]], field.verbose_name)
