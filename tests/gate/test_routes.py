"""Which rule describes a call, and that no spelling of a path dodges one."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apikeys.gateway.limits import Rate
from apikeys.gateway.routes import (
    NO_API,
    AmbiguousPath,
    RouteTable,
    UnknownApi,
    parse_pattern,
    readings,
)
from apikeys.restrictions import Mode, Scopes


def _rule(number, pattern, *methods, **changes):
    return {
        "id": number, "methods": list(methods), "path_pattern": pattern, "required_scope": "",
        "cost": 1, "meter": "calls", "rate_limit": None, "rate_per_seconds": None,
        "rate_burst": None, "mode": "", **changes,
    }  # fmt: skip


def _api(*rules, **changes):
    return {
        "id": 1, "slug": "shop", "hosts": [], "base_path": "/", "unknown_route_policy": "allow",
        "default_scope": "", "default_cost": 1, "default_meter": "calls", "mode": "strict",
        "default_rate_limit": None, "default_rate_per_seconds": None, "default_rate_burst": None,
        "sends_assertion": False, "is_disabled": False, "rules": list(rules), **changes,
    }  # fmt: skip


def _found(table, uri, method="GET", *, slug="", host="api.test"):
    return table.match(slug=slug, host=host, method=method, uri=uri)


SHOP = RouteTable(
    [
        _api(
            _rule(1, "/orders", "GET"),
            _rule(2, "/orders/{id}", "GET"),
            _rule(3, "/orders/recent", "GET"),
            _rule(4, "/orders/*"),
            _rule(5, "/orders/{id}", "DELETE"),
            _rule(6, "/{any}/export", "GET"),
            _rule(7, "/admin/*"),
            _rule(8, "/files/{name}/raw"),
            _rule(9, "/café"),
        )
    ]
)


@pytest.mark.parametrize(
    ("method", "uri", "rule"),
    [
        ("GET", "/orders", 1),
        ("GET", "/orders/", 1),
        ("HEAD", "/orders", 1),
        ("POST", "/orders", 4),
        ("GET", "/orders/7", 2),
        ("get", "/orders/7", 2),
        ("DELETE", "/orders/7", 5),
        ("PUT", "/orders/7", 4),
        ("GET", "/orders/recent", 3),
        ("GET", "/orders/7/items", 4),
        ("GET", "/orders/export", 2),
        ("GET", "/bills/export", 6),
        ("GET", "/admin", 7),
        ("GET", "/admin/", 7),
        ("GET", "/admin/a/b/c", 7),
        ("GET", "/files/a.txt/raw", 8),
        ("GET", "/caf%C3%A9", 9),
        ("GET", "/orders/7?x=/admin/1", 2),
        ("GET", "http://other.test/orders/7", 2),
        ("GET", "/", 0),
        ("GET", "", 0),
        ("GET", "/unknown", 0),
    ],
)
def test_most_specific_rule(method, uri, rule):
    assert _found(SHOP, uri, method).rule_id == rule


@pytest.mark.parametrize(
    "uri",
    [
        "//admin/x", "///admin/x", "/admin//x", "/./admin/x", "/public/../admin/x", "/%61dmin/x", "/admin/%2e/x",
        "/public/%2e%2e/admin/x", "/public/./.././admin/x", "/../admin/x", "/a/b/../../admin/x",
    ],
)  # fmt: skip
def test_plain_tricks_still_meet_the_rule(uri):
    assert _found(SHOP, uri).rule_id == 7


@pytest.mark.parametrize(
    "uri",
    [
        "/ADMIN/x", "/Admin", "/admin;a=b/x", "/admin%2Fx", "/admin%2fx", "/%2561dmin/x",
        "/public/..%2fadmin/x", "/public/%252e%252e/admin/x", "/admin%5Cx", "/admin\\x",
        "/x/..;/admin/x", "/%c0%ae%c0%ae/admin/x", "/admin/%00", "/admin/\x01", "/%zz", "/%u0061dmin/x",
        "/" + "a/" * 65, "admin/x", "*admin", "/%25252561dmin",
    ],
)  # fmt: skip
def test_what_servers_read_differently_is_refused(uri):
    with pytest.raises(AmbiguousPath):
        _found(SHOP, uri)


@pytest.mark.parametrize(
    "uri", ["/files/a%2Fb/c", "/orders/A%20B", "/orders/a;v=1", "/orders/7%25", "/Unknown%2Fpath"]
)
def test_odd_paths_pass_where_every_reading_agrees(uri):
    assert _found(SHOP, uri).api_id == 1


def test_encoded_slash_is_refused_where_it_matters():
    # One server sees a file called a/b, another a path of four segments, and the rules differ between them.
    with pytest.raises(AmbiguousPath):
        _found(SHOP, "/files/a%2Fb/raw")


@pytest.mark.parametrize(
    "uri",
    [
        # Servers that know no fragments take all of it for the path.
        "/public#/../admin/x", "/public/#/../../admin/x", "/orders/7#/admin/1", "/#/../admin", "#/../admin",
        # A request target read as a reference: `new URL("//host/admin/x", base).pathname` is `/admin/x`.
        "//host/admin/x", "///host/admin/x", "//host:80/admin", "//user@host/admin/x", "/\\host/admin/x",
        "//host//admin/x", "//host/%61dmin/x", "//host/public/../admin/x", "//host/ADMIN",
    ],
)  # fmt: skip
def test_what_lies_behind_a_fragment_or_a_host_is_not_hidden(uri):
    with pytest.raises(AmbiguousPath):
        _found(SHOP, uri)


def test_a_slash_too_many_costs_nobody_a_call():
    # What the other reading leads to is open to everybody at no higher price: the rule that is met stays.
    assert _found(SHOP, "//orders/7").rule_id == 2
    assert _found(SHOP, "//orders/7?x=#1").rule_id == 2
    assert _found(SHOP, "//unknown/7").rule_id == 0
    assert _found(SHOP, "/orders/7/items#top").rule_id == 4


@pytest.mark.parametrize(
    "terms",
    [
        {"unknown_route_policy": "deny"},
        {"default_scope": "a"},
        {"default_cost": 2},
        {"default_rate_limit": 5, "default_rate_per_seconds": 1, "default_rate_burst": 9},
        {"default_scope": "a b"},
    ],
)
def test_a_slash_too_many_is_refused_where_the_rest_of_the_api_asks_for_more(terms):
    table = RouteTable([_api(_rule(1, "/orders/{id}"), **terms)])

    assert _found(table, "/orders/7").rule_id == 1
    with pytest.raises(AmbiguousPath):
        _found(table, "//orders/7")


SPELLINGS = st.lists(
    st.sampled_from(
        [
            "admin",
            "%61dmin",
            "%2561dmin",
            "ADMIN",
            "admin;x",
            "..",
            "%2e%2e",
            ".",
            "",
            "x",
            "%2f",
            "\\",
            "..;",
        ]
    ),
    max_size=6,
)


@given(SPELLINGS)
def test_no_spelling_of_a_path_dodges_a_rule(parts):
    """Whatever a lenient server would serve from /admin is either described by its rule or refused."""
    uri = "/" + "/".join(parts)
    try:
        route = _found(SHOP, uri)
    except AmbiguousPath:
        return
    _, lenient = readings(uri)

    is_admin = bool(lenient) and lenient[0].lower() == "admin"
    assert (route.rule_id == 7) == is_admin


@given(st.text(max_size=40))
def test_no_path_breaks_the_reader(text):
    for uri in (text, "/" + text, "/" + quote(text)):
        try:
            written, lenient = readings(uri)
        except AmbiguousPath:
            continue
        assert all(part not in {"", ".", ".."} for part in written + lenient)


def test_rules_that_differ_by_case_stay_apart():
    table = RouteTable([_api(_rule(1, "/a"), _rule(2, "/A"))])

    assert _found(table, "/a").rule_id == 1
    assert _found(table, "/A").rule_id == 2


def test_api_is_found_by_slug_host_and_base_path():
    table = RouteTable(
        [
            _api(_rule(1, "/x"), id=1, slug="any"),
            _api(_rule(2, "/x"), id=2, slug="v2", base_path="/v2"),
            _api(_rule(3, "/x"), id=3, slug="hosted", hosts=["API.test"], base_path="/v2"),
        ]
    )

    assert _found(table, "/x").rule_id == 1
    assert _found(table, "/v2/x", host="other.test").rule_id == 2
    assert _found(table, "/v2/x", host="api.test:8443").rule_id == 3
    assert _found(table, "/v2/x", host="api.test.").rule_id == 3
    assert _found(table, "/v2x", host="other.test").api_id == 1
    assert _found(table, "/v2/x", slug="any").rule_id == 0
    assert _found(table, "/v2/x", slug="v2").rule_id == 2


def test_unknown_slug_is_an_error():
    with pytest.raises(UnknownApi):
        _found(SHOP, "/orders", slug="nobody")


def test_without_any_api_every_call_is_plain():
    assert _found(RouteTable(), "/%2e%2e/..%2f") is NO_API


def test_host_of_no_api_is_plain():
    table = RouteTable([_api(hosts=["api.test"])])

    assert _found(table, "/x", host="elsewhere.test") is NO_API


def test_rule_brings_its_own_terms():
    rule = _rule(
        1, "/x", required_scope="a AND b", cost=7, mode="leased",
        rate_limit=5, rate_per_seconds=1, rate_burst=9,
    )  # fmt: skip
    route = _found(RouteTable([_api(rule, sends_assertion=True)]), "/x")

    assert (route.cost, route.mode, route.rate) == (7, Mode.LEASED, Rate(5, 1, 9))
    assert route.scope is not None
    assert route.scope.is_met_by(Scopes(["a", "b"]))
    assert route.sends_assertion


def test_api_lends_its_mode_and_default():
    table = RouteTable([_api(_rule(1, "/x"), mode="leased", default_cost=3, default_scope="s")])

    assert _found(table, "/x").mode is Mode.LEASED
    assert _found(table, "/x").scope is None
    assert _found(table, "/other").cost == 3
    assert _found(table, "/other").scope is not None


def test_default_rule_has_a_rate_of_its_own():
    rate = {"default_rate_limit": 5, "default_rate_per_seconds": 1, "default_rate_burst": 9}
    table = RouteTable([_api(_rule(1, "/x"), **rate)])

    assert _found(table, "/other").rate == Rate(5, 1, 9)
    assert _found(table, "/x").rate is None


def test_policy_for_unknown_routes():
    table = RouteTable([_api(_rule(1, "/x"), unknown_route_policy="deny")])

    assert not _found(table, "/x").is_denied
    assert _found(table, "/other").is_denied


def test_unreadable_scope_lets_nobody_pass():
    assert not _found(
        RouteTable([_api(_rule(1, "/x", required_scope="a b"))]), "/x"
    ).is_scope_readable


@pytest.mark.parametrize(
    "pattern", ["", "x", "/a*", "/*/b", "/{}", "/{a", "/a b", "/../x", "/a?b", "/a;b"]
)
def test_patterns_that_cannot_be_read(pattern):
    with pytest.raises(ValueError, match=r"path pattern|neither"):
        parse_pattern(pattern)


def test_patterns_that_can_be_read():
    assert parse_pattern("/") == ()
    assert parse_pattern("/a/{id}/%20/*") == ("a", "{id}", " ", "*")
