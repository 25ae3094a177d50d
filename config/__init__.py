"""The roof (URLs, servers, jobs, settings) and the ground floor (`config.common`)."""

from config.celery import app as celery_app

__all__ = ["celery_app"]
