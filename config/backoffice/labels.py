"""How the back office calls the fields of our models: Django makes `Ip allowlist` of `ip_allowlist`, and people read words."""

from django.db.models import Field, Model

from config.common.admin_filters import spelled


def spell(model: type[Model]) -> None:
    """Spell abbreviations in the names of a model's fields as people do.

    Only what is shown changes: what a migration compares is the name that was given in the model.
    """
    for field in model._meta.get_fields():  # noqa: SLF001  public in all but name
        if isinstance(field, Field) and isinstance(field.verbose_name, str):
            field.verbose_name = spelled(field.verbose_name)
