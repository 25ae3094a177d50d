"""Page routes of accounts. The mailed link has no trailing slash; with one it works, too."""

from django.urls import path, re_path

from accounts.views import (
    avatars,
    confirm,
    email_changes,
    notices,
    passkey_sign_in,
    passkeys,
    passwords,
    privacy,
    profile,
    security,
    sign_in,
    two_factor,
)

app_name = "accounts"

urlpatterns = [
    path("register/", sign_in.register, name="register"),
    path("login/", sign_in.login, name="login"),
    path("login/code/", sign_in.login_code, name="login-code"),
    path("logout/", sign_in.logout, name="logout"),
    re_path(
        r"^verify-email/(?P<token>[0-9A-Za-z_-]{20,100})/?$",
        sign_in.verify_email,
        name="verify-email",
    ),
    path("verify-email-resend/", sign_in.verify_email_resend, name="verify-email-resend"),
    path("password-reset/", passwords.reset_request, name="password-reset"),
    re_path(
        r"^reset-password/(?P<token>[0-9A-Za-z_-]{20,100})/?$",
        passwords.reset,
        name="password-new",
    ),
    re_path(
        r"^email-change/(?P<token>[0-9A-Za-z_-]{20,100})/?$",
        email_changes.answer,
        name="email-change-answer",
    ),
    path("profile/", profile.profile, name="profile"),
    path("profile/avatar/", avatars.replace, name="avatar"),
    path("profile/avatar/remove/", avatars.remove, name="avatar-remove"),
    path("profile/password/", passwords.change, name="password-change"),
    path("profile/email/", email_changes.change, name="email-change"),
    path("profile/email/cancel/", email_changes.cancel, name="email-change-cancel"),
    path("privacy/", privacy.privacy, name="privacy"),
    path("privacy/exports/", privacy.export_request, name="export-request"),
    path(
        "privacy/exports/<int:export_id>/download/",
        privacy.export_download,
        name="export-download",
    ),
    path("privacy/deletion/", privacy.deletion, name="deletion"),
    path("privacy/deletion/cancel/", privacy.deletion_cancel, name="deletion-cancel"),
    path("media/avatars/<str:name>", avatars.show, name="avatar-file"),
    path("notices/", notices.notice_list, name="notice-list"),
    path("notices/bell/", notices.bell, name="bell"),
    path("notices/read/", notices.notices_read, name="notices-read"),
    path("notices/<int:notice_id>/read/", notices.notice_read, name="notice-read"),
    path("security/", security.security, name="security"),
    path("security/two-factor/", two_factor.set_up, name="two-factor"),
    path("security/two-factor/off/", two_factor.turn_off, name="two-factor-off"),
    path("security/two-factor/confirm/", two_factor.second_factor, name="second-factor"),
    path("security/recovery-codes/", two_factor.recovery_codes, name="recovery-codes"),
    path("security/sessions/<int:session_id>/end/", security.session_end, name="session-end"),
    path("security/sessions/end-others/", security.other_sessions_end, name="sessions-end-others"),
    path("security/sessions/end-all/", security.all_sessions_end, name="sessions-end-all"),
    path("security/devices/<int:device_id>/forget/", security.device_remove, name="device-remove"),
    path("confirm/", confirm.confirm, name="confirm"),
    path("login/passkey/", passkey_sign_in.sign_in, name="passkey-sign-in"),
    path("login/code/passkey/", passkey_sign_in.second_factor, name="passkey-second-factor"),
    path(
        "login/code/passkey/options/",
        passkey_sign_in.second_factor_options,
        name="passkey-second-factor-options",
    ),
    path("security/passkeys/add/", passkeys.passkey_add, name="passkey-add"),
    path(
        "security/passkeys/<int:passkey_id>/rename/",
        passkeys.passkey_rename,
        name="passkey-rename",
    ),
    path(
        "security/passkeys/<int:passkey_id>/remove/",
        passkeys.passkey_remove,
        name="passkey-remove",
    ),
]
