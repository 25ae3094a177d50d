"""Opening an account and proving the address. Whether an address is known shows in no answer and by no time."""

from datetime import datetime, timedelta

from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts import selectors
from accounts.models import EmailToken, User
from accounts.services import links, locks
from accounts.signals import EmailVerified, UserRegistered
from config.common import changes, context, mail, mail_addresses
from config.common.errors import Conflict, DomainError, FieldError, Forbidden, InvalidInput
from config.common.events import publish

VERIFICATION_LIFETIME = timedelta(hours=24)


class VerificationFailed(DomainError):
    """The link was used before, is older than 24 hours, or is not one of ours."""

    code = "verification_failed"
    title = "The address could not be verified"
    fix = "Ask for a new link and open the newest one you received."
    answered_by = ("auth_verify_email",)


class AddressTaken(Conflict):
    """There is an account with this e-mail address already."""

    code = "address_taken"
    title = "The address is taken"
    fix = "Use another address, or the account that exists."
    answered_by = ("auth_email_change_confirm",)


class EmailNotVerified(Forbidden):
    """Keys and second factors are for people whose e-mail address is verified."""

    code = "email_not_verified"
    title = "The e-mail address is not verified"
    fix = "Open the link in the mail you received at registration, or ask for a new one."
    answered_by = ("api_keys_create", "auth_two_factor_enable", "auth_passkeys_options")


def require_verified(user: User) -> None:
    """Let only people go on who have proved that their address is theirs. Raises EmailNotVerified."""
    if not user.is_verified_email:
        raise EmailNotVerified


def register(*, email: str, password: str, full_name: str = "") -> None:
    """Open an account and mail a verification link.

    For an address that is known already nothing is created; its owner gets a mail saying so. The caller cannot
    tell the two apart: in either case a password is hashed, the account's rows are written, and one mail is owed.
    """
    require_readable_address(email)
    require_good_password(password, email=email, full_name=full_name)
    hashed = make_password(password)
    email = User.objects.normalize_email(email)
    try:
        _register(email=email, hashed=hashed, full_name=full_name)
    except IntegrityError:
        # Someone else registered the address between our look and our write; now it is known.
        _register(email=email, hashed=hashed, full_name=full_name)


@transaction.atomic
def _register(*, email: str, hashed: str, full_name: str) -> None:
    may_mail = links.may_mail("mail", email, at=timezone.now())
    owner = selectors.user_by_email(email)
    with links.kept_only_if(owner is None):
        user = _create(
            email=email if owner is None else links.nobody(), hashed=hashed, full_name=full_name
        )
        token = _new_link(user)
    with links.kept_only_if(owner is None or may_mail):
        if owner is None:
            mail.send("accounts/verify_email", to=email, values={"user": user, "token": token})
        else:
            mail.send("accounts/already_registered", to=owner.email, values={"user": owner})


@transaction.atomic
def open_account(*, email: str, password: str, full_name: str = "") -> User:
    """Open an account whose address an operator vouches for. Raises InvalidInput and AddressTaken."""
    email = User.objects.normalize_email(email)
    require_readable_address(email)
    require_good_password(password, email=email, full_name=full_name)
    if selectors.user_by_email(email) is not None:
        raise AddressTaken
    user = _create(email=email, hashed=make_password(password), full_name=full_name)
    _mark_verified(user, at=timezone.now())
    return user


def _create(*, email: str, hashed: str, full_name: str) -> User:
    user = User(email=email, password=hashed, full_name=full_name)
    user.save(force_insert=True)
    publish(
        UserRegistered(user_id=user.pk, email=user.email, full_name=user.full_name),
        after=changes.told(user, ("email", "full_name", "role", "status", "time_zone")),
    )
    return user


def require_good_password(
    password: str, *, email: str = "", full_name: str = "", pointer: str = "#/password"
) -> None:
    """Raise InvalidInput when a password is too short, too long, too common or too like the person's own data."""
    try:
        validate_password(password, User(email=email, full_name=full_name))
    except ValidationError as error:
        problems = [
            FieldError(
                pointer=pointer,
                code="weak_password",
                message=message,
                fix="Choose a longer password, such as four unrelated words.",
            )
            for message in error.messages
        ]
        raise InvalidInput("The password is not good enough.", errors=problems) from None


def require_readable_address(email: str) -> None:
    """Raise InvalidInput for an address to which no mail can go, or whose letters may be read in two ways."""
    try:
        mail_addresses.canonical(email)
    except mail_addresses.AddressRefused as error:
        raise InvalidInput.at(
            "#/email",
            code=error.code,
            message=str(error),
            fix="Write the address in the letters of one alphabet, or its domain as the DNS does: xn--….",
        ) from None


def _new_link(user: User) -> str:
    return links.issue(
        user=user,
        purpose=EmailToken.Purpose.VERIFY_EMAIL,
        expires_at=timezone.now() + VERIFICATION_LIFETIME,
    )


@transaction.atomic
def resend_verification(*, email: str) -> None:
    """Mail another link, good once and for 24 hours, if the address is known and not verified yet.

    The caller is not told, and cannot measure, whether it is.
    """
    email = User.objects.normalize_email(email)
    may_mail = links.may_mail("mail", email, at=timezone.now())
    user = selectors.user_by_email(email)
    is_waiting = user is not None and user.is_active and not user.is_verified_email
    # For nobody the rows are written as well, for an id that no person has, and undone before it is checked.
    recipient = user or User(pk=0, email=email)
    with links.kept_only_if(is_waiting and may_mail):
        values = {"user": recipient, "token": _new_link(recipient)}
        mail.send("accounts/verify_email", to=email, values=values)


@transaction.atomic
def verify_email(*, token: str, at: datetime) -> User:
    """Use a verification link and return its owner. One conditional UPDATE decides who of many is first.

    Raises VerificationFailed when the link is unknown, used, too old, or for an address that was changed since.
    """
    found = links.open_links(token, EmailToken.Purpose.VERIFY_EMAIL, at=at)
    link = found.first()
    if link is None:
        raise VerificationFailed
    # The person's row comes first, as for who voids the link because the address was proved in another way.
    user = locks.person(link.user_id)
    if link.email != user.email or not found.update(used_at=at):
        raise VerificationFailed
    with context.acting(user.as_actor()):
        if _mark_verified(user, at=at):
            mail.send("accounts/welcome", to=user.email, values={"user": user})
    return user


@transaction.atomic
def confirm_email(*, user: User, at: datetime) -> bool:
    """Take an address as proved because staff or an invitation's link says so; return whether it was not before."""
    return _mark_verified(user, at=at)


def _mark_verified(user: User, *, at: datetime) -> bool:
    if not User.objects.filter(pk=user.pk, email_verified_at=None).update(email_verified_at=at):
        return False
    user.email_verified_at = at
    user.email_tokens.filter(purpose=EmailToken.Purpose.VERIFY_EMAIL, used_at=None).update(
        used_at=at
    )
    publish(
        EmailVerified(user_id=user.pk, email=user.email),
        **changes.of(email_verified_at=(None, at)),
    )
    return True
