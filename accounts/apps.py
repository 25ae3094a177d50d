"""AppConfig of accounts."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """People and how they sign in."""

    name = "accounts"
    verbose_name = "Accounts"

    def ready(self) -> None:
        """Connect the receivers, and take over from Django the noting of sign-ins."""
        from django.contrib.auth.signals import user_logged_in

        from accounts import receivers  # noqa: F401  connects on import
        from accounts.services import own_data

        user_logged_in.disconnect(dispatch_uid="update_last_login")
        own_data.register()
