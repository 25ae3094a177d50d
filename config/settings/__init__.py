"""Settings, chosen by DJANGO_SETTINGS_MODULE: `local` (the embedded run), `test` or `production`."""
