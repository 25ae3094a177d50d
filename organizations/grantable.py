"""What a person can be given a permission on, one object at a time: a registry that higher apps fill."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from django.contrib.auth.models import Permission as DjangoPermission
from django.db.models import Model

from organizations.roles import Permission

_kinds: dict[str, "Kind"] = {}


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of object: its name for clients, its model, and how Django calls each permission that can be given."""

    name: str
    model: type[Model]
    codenames: Mapping[Permission, str]

    @property
    def label(self) -> str:
        """What people call such an object."""
        return str(self.model._meta.verbose_name)  # noqa: SLF001  public in all but name


def register(name: str, model: type[Model], codenames: Mapping[Permission, str]) -> None:
    """Let permissions be given on the rows of a model, which has an organization."""
    _kinds[name] = Kind(name=name, model=model, codenames=dict(codenames))


def kinds() -> Iterator[Kind]:
    """Every kind of object, by name."""
    return iter([_kinds[name] for name in sorted(_kinds)])


def kind_called(name: str) -> Kind | None:
    """Return the kind with this name."""
    return _kinds.get(name)


def kind_of(model: type[Model]) -> Kind | None:
    """Return the kind that a model is."""
    return next((kind for kind in _kinds.values() if kind.model is model), None)


def codename(model: type[Model], permission: Permission) -> str | None:
    """Return how Django calls a permission on a model; None when it cannot be given there."""
    kind = kind_of(model)
    return None if kind is None else kind.codenames.get(permission)


def of(permission: DjangoPermission) -> Kind | None:
    """Return the kind of object that one of Django's permissions is about; its content type is loaded along."""
    about = permission.content_type
    for kind in _kinds.values():
        meta = kind.model._meta  # noqa: SLF001  public in all but name
        if (meta.app_label, meta.model_name) == (about.app_label, about.model):
            return kind
    return None


def permission_called(kind: Kind, codename: str) -> Permission:
    """Return which permission of the catalogue Django's codename stands for."""
    return next(one for one, name in kind.codenames.items() if name == codename)
