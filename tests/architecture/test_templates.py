"""Templates: every URL name resolves, nothing inline that the content security policy would refuse."""

import re

import pytest
from django.template.loader import get_template
from django.urls import get_resolver

from tests.architecture.source import ROOT

TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
URL_NAME = re.compile(r"{%\s*url\s+['\"]([\w:-]+)['\"]")
VARIABLE = re.compile(r"{{\s*([\w.]+)")
INLINE = re.compile(
    r"<script(?![^>]*\bsrc=)(?![^>]*application/json)[^>]*>|\sstyle=|\son\w+=", re.IGNORECASE
)


def _names(resolver, prefix=""):
    for pattern in resolver.url_patterns:
        if hasattr(pattern, "url_patterns"):
            namespace = f"{prefix}{pattern.namespace}:" if pattern.namespace else prefix
            yield from _names(pattern, namespace)
        elif pattern.name:
            yield f"{prefix}{pattern.name}"


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_template_compiles_and_its_urls_exist(path):
    source = path.read_text(encoding="utf-8")

    get_template(str(path.relative_to(ROOT / "templates")))

    assert set(URL_NAME.findall(source)) <= set(_names(get_resolver()))


def test_nothing_is_inline():
    # Mails and the PDF's source are not pages: mail programs know no stylesheets but inline ones.
    pages = [path for path in TEMPLATES if "emails" not in path.parts]

    inline = [str(path) for path in pages if INLINE.search(path.read_text(encoding="utf-8"))]

    assert inline == []


def test_subjects_with_words_of_other_people_are_plain_text():
    # Only the name of the product has nothing in it that HTML would escape.
    subjects = {path: path.read_text() for path in (ROOT / "templates").rglob("*.subject.txt")}
    theirs = {
        path.stem: source
        for path, source in subjects.items()
        if set(VARIABLE.findall(source)) - {"product"}
    }

    assert {stem for stem, source in theirs.items() if "autoescape off" not in source} == set()
    assert len(theirs) >= 7


def test_what_is_cut_off_tells_the_whole_of_it():
    tags = [
        tag
        for path in TEMPLATES
        for tag in re.findall(r"<\w[^>]*\btruncate\b[^>]*>", path.read_text(encoding="utf-8"))
    ]

    assert [tag for tag in tags if " title=" not in tag] == []
    assert len(tags) >= 10
