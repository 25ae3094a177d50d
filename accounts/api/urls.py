"""Routes below /api/v1/auth/ and /api/v1/users/; `config.api` mounts them."""

from django.urls import path

from accounts.api import auth, users

auth_urlpatterns = [
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
]

users_urlpatterns = [
    path("me", users.MeView.as_view(), name="users-me"),
    path("me/sessions", users.SessionListView.as_view(), name="users-me-sessions"),
    path("me/sessions/<int:session_id>", users.SessionView.as_view(), name="users-me-session"),
]
