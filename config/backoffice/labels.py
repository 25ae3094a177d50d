"""How the back office calls our models and their fields: Django makes `Ip allowlist` of `ip_allowlist`, and people read words."""

from django.db.models import Field, Model

from config.common.admin_filters import spelled


def spell(model: type[Model]) -> None:
    """Spell the names of a model and of its fields as people do.

    Only what is shown changes: what a migration compares is the name that was given in the model.
    """
    meta = model._meta  # noqa: SLF001  public in all but name
    meta.verbose_name = spelled(str(meta.verbose_name))
    meta.verbose_name_plural = spelled(str(meta.verbose_name_plural))
    for field in meta.get_fields():
        if isinstance(field, Field) and isinstance(field.verbose_name, str):
            field.verbose_name = spelled(field.verbose_name)
