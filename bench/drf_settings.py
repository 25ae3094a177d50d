"""The product's settings, with the two views of the benchmark in place of its URLs."""

from config.settings.test import *  # noqa: F403

ROOT_URLCONF = "bench.drf_views"
