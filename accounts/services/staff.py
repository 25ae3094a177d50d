"""Who belongs to the platform's staff."""

from django.db import transaction

from accounts.models import PlatformRole, User
from accounts.services import registration
from accounts.signals import PlatformRoleChanged
from config.common.events import publish


@transaction.atomic
def create_admin(*, email: str, password: str, full_name: str = "") -> User:
    """Open the account of a SUPER_ADMIN. Raises InvalidInput and AddressTaken."""
    user = registration.open_account(email=email, password=password, full_name=full_name)
    change_role(user=user, role=PlatformRole.SUPER_ADMIN)
    user.role = PlatformRole.SUPER_ADMIN
    return user


@transaction.atomic
def change_role(*, user: User, role: PlatformRole) -> bool:
    """Give a person another place on the platform's staff; return whether it is another one."""
    locked = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    before = locked.role
    if before == role:
        return False
    locked.role = role
    locked.save(update_fields=["role", "updated_at"])
    publish(
        PlatformRoleChanged(user_id=user.pk, before={"role": before}, after={"role": role.value})
    )
    return True
