"""Columns that hold secrets which we must be able to read again: encrypted, each for a purpose of its own."""

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.db import models


class EncryptedTextField(models.TextField[str, str]):
    """A text that `crypto.encrypt` made for this purpose; empty when the secret is forgotten.

    The field marks its column for `manage.py rotate_secrets`; encrypting and decrypting stay visible where they happen.
    """

    def __init__(self, *args: Any, purpose: str = "", **kwargs: Any) -> None:
        self.purpose = purpose
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        """Look like a plain text to migrations: the database sees nothing else, and purposes are no schema."""
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.TextField", args, kwargs


def encrypted_columns() -> Iterator[EncryptedTextField]:
    """Yield every encrypted column of the product."""
    for model in apps.get_models():
        for field in model._meta.local_fields:  # noqa: SLF001  (Django's documented API)
            if isinstance(field, EncryptedTextField):
                yield field


def secrets_in(column: EncryptedTextField) -> "models.QuerySet[Any]":
    """Return the rows of a column that hold a secret, those that other managers hide included."""
    return column.model._base_manager.exclude(**{column.name: ""})  # noqa: SLF001
