"""Static files: budgets, unchanged vendored packages, nothing from elsewhere."""

import gzip
import hashlib
import re

import pytest

from tests.architecture.source import ROOT

STATIC = ROOT / "config" / "static"
VENDOR = STATIC / "vendor"
OWN = sorted(
    [
        *STATIC.glob("css/*.css"),
        *STATIC.glob("*.css"),
        *STATIC.glob("js/*.js"),
        *STATIC.glob("*.svg"),
    ]
)
SUMS = {
    name: digest
    for digest, name in (line.split() for line in (VENDOR / "SHA256SUMS").read_text().splitlines())
}


def zipped(*paths):
    return len(gzip.compress(b"".join(path.read_bytes() for path in paths), 9))


def test_vendored_files_are_the_published_ones():
    files = {
        str(path.relative_to(VENDOR)): path
        for folder in VENDOR.iterdir()
        if folder.is_dir()
        for path in folder.iterdir()
    }

    assert {
        name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()
    } == SUMS


@pytest.mark.parametrize("package", ["htmx", "uplot"])
def test_vendored_packages_carry_their_license(package):
    assert (VENDOR / package / "LICENSE").read_text().strip()


def test_stylesheet_stays_small():
    assert zipped(STATIC / "css" / "tollgate.css") <= 15_000


def test_own_scripts_stay_small():
    assert zipped(*sorted(STATIC.glob("js/*.js"))) <= 10_000


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.name)
def test_nothing_comes_from_another_origin(path):
    addresses = set(re.findall(r"https?://[^\"'\s)]+", path.read_text(encoding="utf-8")))

    assert addresses <= {"http://www.w3.org/2000/svg"}


@pytest.mark.parametrize("path", sorted(STATIC.glob("js/*.js")), ids=lambda path: path.name)
def test_modules_import_only_their_neighbours(path):
    names = re.findall(r"from \"\./([\w-]+\.js)\"", path.read_text(encoding="utf-8"))

    assert all((path.parent / name).is_file() for name in names)
