"""Page routes of accounts. The mailed link has no trailing slash; with one it works, too."""

from django.urls import path, re_path

from accounts.views import profile, sign_in

app_name = "accounts"

urlpatterns = [
    path("register/", sign_in.register, name="register"),
    path("login/", sign_in.login, name="login"),
    path("logout/", sign_in.logout, name="logout"),
    re_path(
        r"^verify-email/(?P<token>[0-9A-Za-z_-]{20,100})/?$",
        sign_in.verify_email,
        name="verify-email",
    ),
    path("verify-email-resend/", sign_in.verify_email_resend, name="verify-email-resend"),
    path("profile/", profile.profile, name="profile"),
    path("profile/sessions/<int:session_id>/end/", profile.session_end, name="session-end"),
]
