"""The pages behind the `type` of problem documents: one for each error class, with what a client author needs."""

import ast
import html
import json
import re
from functools import cache

import pytest

from config import problem_pages
from config.common import errors, problems
from config.common.events import catalogue
from config.common.shared_descriptions import resolved
from tests.api.operations import described, document, operations
from tests.architecture.source import ROOT

USUAL = {"type", "title", "status", "detail", "instance", "code", "request_id", "errors"}
PACKAGES = ("config", "accounts", "organizations", "billing", "apikeys", "analytics", "webhooks")


@cache
def classes():
    """Return every error class by its code; the operations load whatever defines one."""
    assert operations()
    return {cls.code: cls for cls in errors.error_classes()}


def example_on(page):
    text = re.search(r'<code id="example"[^>]*>(.*?)</code>', page, re.DOTALL).group(1)
    return json.loads(html.unescape(text))


@pytest.mark.django_db
def test_every_error_has_its_page(client):
    for code, cls in classes().items():
        page = client.get(f"/problems/{code}").content.decode()
        plain = html.unescape(page).replace("<code>", "`").replace("</code>", "`")
        told = problem_pages.described(cls)

        assert f"<h1>{html.escape(cls.title, quote=True)}</h1>" in page, code
        for sentence in (told["summary"], told["fix"], told["retry"], told["type"]):
            assert sentence in plain, (code, sentence)
        example = example_on(page)
        assert set(example) == USUAL | set(cls.own_members()), code
        assert (example["code"], example["status"]) == (code, cls.status)
        assert example["type"] in {cls.registered_type, problems.type_url(code)}


@pytest.mark.django_db
def test_a_page_says_where_when_and_whether_again(client):
    page = client.get("/problems/api_key_limit_reached").content.decode()
    limited = client.get("/problems/rate_limited").content.decode()
    gate = client.get("/problems/route_denied").content.decode()

    assert "1 operation of the" in page
    assert "/api/v1/api-keys</code>" in page
    assert "<dt><code>limit</code></dt><dd>How many there may be.</dd>" in page
    assert "No: the same request gets the same answer" in page
    assert "Yes, unchanged, after as many seconds as <code>Retry-After</code> says." in limited
    assert "The gate answers with it" in gate
    assert client.get("/problems/nothing_like_it").status_code == 404


@pytest.mark.django_db
def test_the_list_is_grouped_and_searched(client):
    everything = client.get("/problems/")
    found = client.get("/problems/?q=SEAT+left")
    nothing = client.get("/problems/?q=no+such+thing")

    statuses = [group["status"] for group in everything.context["groups"]]
    assert statuses == sorted({cls.status for cls in classes().values()})
    assert everything.context["count"] == len(classes())
    codes = [row["code"] for group in found.context["groups"] for row in group["problems"]]
    assert codes == ["seat_limit_reached"]
    assert "No error type matches" in nothing.content.decode()


def test_what_classes_say_of_operations_is_true():
    """They name operations that there are, and the document has their examples there."""
    for code, cls in classes().items():
        assert [name for name in cls.answered_by if name not in operations()] == [], code
        for name in cls.answered_by:
            response = resolved(document(), described(name)["responses"][str(cls.status)])
            assert code in response["content"][problems.CONTENT_TYPE]["examples"], (code, name)


def test_members_that_documents_carry_are_declared():
    """What the code passes along when it raises an error is what the class says of its members."""
    events = {event.__name__ for event in catalogue()}
    by_name = {cls.__name__: cls for cls in classes().values() if cls.__name__ not in events}
    undeclared, passed = [], set()
    for name, path, extras in _raised():
        cls = by_name.get(name)
        if cls is not None:
            undeclared += [(name, path, one) for one in extras - set(cls.own_members())]
            passed |= {(name, one) for one in extras}

    assert undeclared == []
    assert ("KeyLimitReached", "limit") in passed


def _raised():
    """Yield each construction of something: its name, the file, and the keywords that become members."""
    for path in sorted(file for package in PACKAGES for file in (ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                words = {word.arg for word in node.keywords if word.arg}
                yield name, path.name, words - {"errors", "headers", "detail"}
