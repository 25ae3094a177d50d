"""Routes below /api/v1/auth/ and /api/v1/users/; `config.api` mounts them."""

from django.urls import path

from accounts.api import (
    auth,
    exports,
    notices,
    own_account,
    passkeys,
    passwords,
    reauthentication,
    staff,
    two_factor,
    users,
)

auth_urlpatterns = [
    path(
        "password-reset/request",
        passwords.ResetRequestView.as_view(),
        name="auth-password-reset-request",
    ),
    path(
        "password-reset/confirm",
        passwords.ResetConfirmView.as_view(),
        name="auth-password-reset-confirm",
    ),
    path(
        "email-change/confirm",
        own_account.ConfirmEmailChangeView.as_view(),
        name="auth-email-change-confirm",
    ),
    path(
        "email-change/cancel",
        own_account.CancelEmailChangeView.as_view(),
        name="auth-email-change-cancel",
    ),
    path("register", auth.RegisterView.as_view(), name="auth-register"),
    path("verify-email", auth.VerifyEmailView.as_view(), name="auth-verify-email"),
    path(
        "verify-email/resend",
        auth.ResendVerificationView.as_view(),
        name="auth-verify-email-resend",
    ),
    path("login", auth.LoginView.as_view(), name="auth-login"),
    path("refresh", auth.RefreshView.as_view(), name="auth-refresh"),
    path("logout", auth.LogoutView.as_view(), name="auth-logout"),
    path("logout-all", users.LogoutAllView.as_view(), name="auth-logout-all"),
    path("2fa", two_factor.TwoFactorView.as_view(), name="auth-2fa"),
    path("2fa/enable", two_factor.EnableView.as_view(), name="auth-2fa-enable"),
    path("2fa/verify", two_factor.VerifyView.as_view(), name="auth-2fa-verify"),
    path("2fa/disable", two_factor.DisableView.as_view(), name="auth-2fa-disable"),
    path(
        "2fa/recovery-codes",
        two_factor.RecoveryCodesView.as_view(),
        name="auth-2fa-recovery-codes",
    ),
    path(
        "reauthenticate", reauthentication.ReauthenticateView.as_view(), name="auth-reauthenticate"
    ),
    path(
        "reauthenticate/options",
        reauthentication.ReauthenticateOptionsView.as_view(),
        name="auth-reauthenticate-options",
    ),
    path("passkeys", passkeys.PasskeyListView.as_view(), name="auth-passkeys"),
    path("passkeys/options", passkeys.PasskeyOptionsView.as_view(), name="auth-passkeys-options"),
    path("passkeys/<int:passkey_id>", passkeys.PasskeyView.as_view(), name="auth-passkey"),
    path("passkeys/sign-in", passkeys.SignInView.as_view(), name="auth-passkeys-sign-in"),
    path(
        "passkeys/sign-in/options",
        passkeys.SignInOptionsView.as_view(),
        name="auth-passkeys-sign-in-options",
    ),
    path(
        "passkeys/second-factor",
        passkeys.SecondFactorView.as_view(),
        name="auth-passkeys-second-factor",
    ),
    path(
        "passkeys/second-factor/options",
        passkeys.SecondFactorOptionsView.as_view(),
        name="auth-passkeys-second-factor-options",
    ),
]

users_urlpatterns = [
    path("me/password", passwords.ChangePasswordView.as_view(), name="users-me-password"),
    path("me/avatar", own_account.AvatarView.as_view(), name="users-me-avatar"),
    path("me/email", own_account.AddressView.as_view(), name="users-me-email"),
    path("me/deletion", own_account.DeletionView.as_view(), name="users-me-deletion"),
    path("me/exports", exports.ExportListView.as_view(), name="users-me-exports"),
    path("me/exports/<int:export_id>", exports.ExportView.as_view(), name="users-me-export"),
    path(
        "me/exports/<int:export_id>/download",
        exports.ExportDownloadView.as_view(),
        name="users-me-export-download",
    ),
    path("me/notices", notices.NoticeListView.as_view(), name="users-me-notices"),
    path("me/notices/unread", notices.UnreadView.as_view(), name="users-me-notices-unread"),
    path("me/notices/read", notices.ReadNoticesView.as_view(), name="users-me-notices-read"),
    path(
        "me/notices/<int:notice_id>/read",
        notices.ReadNoticeView.as_view(),
        name="users-me-notice-read",
    ),
    path("me", users.MeView.as_view(), name="users-me"),
    path("me/sessions", users.SessionListView.as_view(), name="users-me-sessions"),
    path("me/sessions/<int:session_id>", users.SessionView.as_view(), name="users-me-session"),
    path("me/devices", two_factor.DeviceListView.as_view(), name="users-me-devices"),
    path("me/devices/<int:device_id>", two_factor.DeviceView.as_view(), name="users-me-device"),
]

staff_urlpatterns = [
    path("users", staff.UserListView.as_view(), name="admin-users"),
    path("users/<int:user_id>", staff.UserView.as_view(), name="admin-user"),
    path("users/<int:user_id>/suspend", staff.SuspendView.as_view(), name="admin-user-suspend"),
    path(
        "users/<int:user_id>/reinstate", staff.ReinstateView.as_view(), name="admin-user-reinstate"
    ),
]
