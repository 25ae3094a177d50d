"""The public pages, which belong to no app."""

from django.urls import path

from config import pages

app_name = "site"

urlpatterns = [path("", pages.home, name="home")]
