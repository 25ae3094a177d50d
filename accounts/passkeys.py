"""WebAuthn, behind `webauthn`: what a browser is asked for, and what an authenticator's answer proves.

Which site we are, and at which origin, comes from PUBLIC_URL alone: nothing in a request decides it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

import webauthn
from django.conf import settings
from webauthn.helpers import (
    options_to_json_dict,
    parse_authentication_credential_json,
    parse_client_data_json,
    parse_registration_credential_json,
)
from webauthn.helpers.cose import COSEAlgorithmIdentifier
from webauthn.helpers.structs import (
    AttestationConveyancePreference,
    AuthenticationCredential,
    AuthenticatorSelectionCriteria,
    AuthenticatorTransport,
    PublicKeyCredentialDescriptor,
    RegistrationCredential,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from config.common import crypto

Options = dict[str, Any]
Credential = dict[str, Any]

TIMEOUT_MILLISECONDS: Final = 300_000
# What the specification allows a credential's id, and what our column holds of a public key.
_MAX_BYTES: Final = 1023
_ALGORITHMS: Final = [
    COSEAlgorithmIdentifier.ECDSA_SHA_256,
    COSEAlgorithmIdentifier.EDDSA,
    COSEAlgorithmIdentifier.RSASSA_PKCS1_v1_5_SHA_256,
]


class CredentialRefused(Exception):
    """The answer is malformed, was made for another site or challenge, or its signature is wrong."""


@dataclass(frozen=True, slots=True)
class KnownCredential:
    """What a browser needs to find an authenticator again."""

    credential_id: bytes
    transports: list[str]


@dataclass(frozen=True, slots=True)
class NewCredential:
    """What an authenticator made for us."""

    credential_id: bytes
    public_key: bytes
    sign_count: int
    aaguid: UUID
    transports: list[str]
    is_synced: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """An authenticator's answer, read but not believed yet."""

    raw: RegistrationCredential | AuthenticationCredential
    credential_id: bytes
    challenge: bytes
    user_handle: bytes | None = None


@dataclass(frozen=True, slots=True)
class Proof:
    """What a signature proved: that the device was there, and how often it has signed."""

    sign_count: int
    is_synced: bool


def site_id() -> str:
    """Return the name by which authenticators know this site."""
    return urlsplit(settings.PUBLIC_URL).hostname or ""


def handle_of(user_id: int) -> bytes:
    """Return the name under which authenticators keep a person's passkeys: the same each time, and telling nothing."""
    return crypto.digest(f"passkeys of user {user_id}")


def creation_options(
    *,
    challenge: bytes,
    user_id: int,
    email: str,
    full_name: str,
    known: Iterable[KnownCredential],
) -> Options:
    """Return what a browser needs to make a passkey on a device that has none of the known ones."""
    options = webauthn.generate_registration_options(
        rp_id=site_id(),
        rp_name=settings.PRODUCT_NAME,
        user_id=handle_of(user_id),
        user_name=email,
        user_display_name=full_name or email,
        challenge=challenge,
        timeout=TIMEOUT_MILLISECONDS,
        attestation=AttestationConveyancePreference.NONE,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.PREFERRED,
            user_verification=UserVerificationRequirement.PREFERRED,
        ),
        exclude_credentials=[_descriptor(one) for one in known],
        supported_pub_key_algs=_ALGORITHMS,
    )
    return options_to_json_dict(options)


def request_options(
    *, challenge: bytes, known: Iterable[KnownCredential] = (), must_verify: bool
) -> Options:
    """Return what a browser needs to have the challenge signed: by one of the known passkeys, or by whichever it finds.

    With `must_verify` the device has to make sure who holds it, by a fingerprint, a face or a PIN.
    """
    options = webauthn.generate_authentication_options(
        rp_id=site_id(),
        challenge=challenge,
        timeout=TIMEOUT_MILLISECONDS,
        allow_credentials=[_descriptor(one) for one in known],
        user_verification=(
            UserVerificationRequirement.REQUIRED
            if must_verify
            else UserVerificationRequirement.PREFERRED
        ),
    )
    return options_to_json_dict(options)


def read_creation(credential: Credential) -> Answer:
    """Read what a browser says an authenticator made. Raises CredentialRefused."""
    try:
        raw = parse_registration_credential_json(credential)
        challenge = _challenge_in(raw.response.client_data_json)
    except Exception as error:  # whatever a hostile answer provokes in a parser
        raise CredentialRefused from error
    return Answer(raw=raw, credential_id=raw.raw_id, challenge=challenge)


def read_assertion(credential: Credential) -> Answer:
    """Read what a browser says an authenticator signed. Raises CredentialRefused."""
    try:
        raw = parse_authentication_credential_json(credential)
        challenge = _challenge_in(raw.response.client_data_json)
    except Exception as error:  # whatever a hostile answer provokes in a parser
        raise CredentialRefused from error
    return Answer(
        raw=raw,
        credential_id=raw.raw_id,
        challenge=challenge,
        user_handle=raw.response.user_handle,
    )


def check_creation(answer: Answer) -> NewCredential:
    """Check that the new passkey was made for this site, and return it. Raises CredentialRefused."""
    assert isinstance(answer.raw, RegistrationCredential)
    try:
        made = webauthn.verify_registration_response(
            credential=answer.raw,
            expected_challenge=answer.challenge,
            expected_rp_id=site_id(),
            expected_origin=settings.PUBLIC_URL,
            supported_pub_key_algs=_ALGORITHMS,
        )
    except Exception as error:  # whatever a hostile answer provokes in a parser
        raise CredentialRefused from error
    # The id in the signed part is the one that counts; the other is what the browser says.
    if made.credential_id != answer.credential_id or not _fits(made.credential_id):
        raise CredentialRefused
    if not _fits(made.credential_public_key):
        raise CredentialRefused
    return NewCredential(
        credential_id=made.credential_id,
        public_key=made.credential_public_key,
        sign_count=made.sign_count,
        aaguid=UUID(made.aaguid),
        transports=[one.value for one in answer.raw.response.transports or ()],
        is_synced=made.credential_backed_up,
    )


def check_assertion(answer: Answer, *, public_key: bytes, must_verify: bool) -> Proof:
    """Check a signature over the answer's challenge, for this site. Raises CredentialRefused.

    The caller compares the count of signatures: the library would do so before it looks at the signature, and
    anybody could make an owner's device look cloned.
    """
    assert isinstance(answer.raw, AuthenticationCredential)
    try:
        proved = webauthn.verify_authentication_response(
            credential=answer.raw,
            expected_challenge=answer.challenge,
            expected_rp_id=site_id(),
            expected_origin=settings.PUBLIC_URL,
            credential_public_key=public_key,
            credential_current_sign_count=0,
            require_user_verification=must_verify,
        )
    except Exception as error:  # whatever a hostile answer provokes in a parser
        raise CredentialRefused from error
    return Proof(sign_count=proved.new_sign_count, is_synced=proved.credential_backed_up)


def _challenge_in(client_data_json: bytes) -> bytes:
    client_data = parse_client_data_json(client_data_json)
    if client_data.cross_origin:
        raise CredentialRefused("asked from within a page of another site")
    return client_data.challenge


def _fits(value: bytes) -> bool:
    return 0 < len(value) <= _MAX_BYTES


def _descriptor(known: KnownCredential) -> PublicKeyCredentialDescriptor:
    transports = [AuthenticatorTransport(name) for name in known.transports]
    return PublicKeyCredentialDescriptor(id=known.credential_id, transports=transports or None)
