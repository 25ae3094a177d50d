"""OpenAPI: what many operations read or answer alike is described once, under `components`, and named by each."""

from collections import Counter
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import orjson

from config.common import errors, problems

Described = dict[str, Any]


def share(result: Described) -> None:
    """Move the examples of problems, and every parameter and problem response that is not unique, to the components."""
    described = [*result["paths"].values(), *result.get("webhooks", {}).values()]
    operations = [one for methods in described for one in methods.values()]
    components = result["components"]
    components["examples"] = _share_examples(operations)
    components["responses"] = _shared(list(_problem_responses(operations)), _name_of_response)
    components["parameters"] = _shared(list(_parameters(operations)), _name_of_parameter)


def resolved(result: Described, described: Described) -> Described:
    """Return what a reference within the document stands for; what is no reference is returned as it is."""
    while "$ref" in described:
        place: Any = result
        for part in described["$ref"].removeprefix("#/").split("/"):
            place = place[part]
        described = place
    return described


def _share_examples(operations: list[Described]) -> Described:
    found: Described = {}
    for _, _, response in _problem_responses(operations):
        media = response["content"][problems.CONTENT_TYPE]
        named = {}
        for example in _examples_of(media):
            code = example["code"]
            found.setdefault(code, {"summary": example["title"], "value": example})
            named[code] = {"$ref": f"#/components/examples/{code}"}
        response["content"] = {
            problems.CONTENT_TYPE: {
                "schema": media["schema"],
                "examples": dict(sorted(named.items())),
            }
        }
    return dict(sorted(found.items()))


def _examples_of(media: Described) -> list[Described]:
    shown = [one["value"] for one in media.get("examples", {}).values()]
    return [*shown, media["example"]] if "example" in media else shown


def _problem_responses(operations: list[Described]) -> Iterator[tuple[Any, Any, Described]]:
    """Yield where each problem response stands, and what it is."""
    for operation in operations:
        for status, response in operation["responses"].items():
            if problems.CONTENT_TYPE in response.get("content", {}):
                yield operation["responses"], status, response


def _parameters(operations: list[Described]) -> Iterator[tuple[Any, Any, Described]]:
    for operation in operations:
        for place, parameter in enumerate(operation.get("parameters", ())):
            yield operation["parameters"], place, parameter


def _shared(found: list[tuple[Any, Any, Described]], name_of: Any) -> Described:
    """Replace what occurs more than once by references and return it under its names."""
    texts = [_text(described) for _, _, described in found]
    counts, names, shared = Counter(texts), dict[bytes, str](), dict[str, Any]()
    for text, (container, place, described) in zip(texts, found, strict=True):
        if counts[text] == 1:
            continue
        if text not in names:
            names[text] = _free(name_of(described), shared)
            shared[names[text]] = described
        kind = "parameters" if "in" in described else "responses"
        container[place] = {"$ref": f"#/components/{kind}/{names[text]}"}
    return dict(sorted(shared.items()))


def _text(described: Described) -> bytes:
    return orjson.dumps(described, option=orjson.OPT_SORT_KEYS, default=str)


def _free(name: str, taken: Described) -> str:
    count, free = 1, name
    while free in taken:
        count += 1
        free = f"{name}{count}"
    return free


def _name_of_response(response: Described) -> str:
    """Call a response by its error or, of several, by its status, and by which of the usual headers it has more or less than most."""
    media = response["content"][problems.CONTENT_TYPE]
    known = [error for code in media["examples"] if (error := errors.error_class(code))]
    phrase = HTTPStatus(known[0].status).phrase.title().replace(" ", "")
    name = known[0].__name__ if len(known) == 1 else phrase
    headers = response.get("headers", {})
    replayed = "Replayed" if "Idempotency-Replayed" in headers else ""
    return f"{name}{replayed}{'' if 'RateLimit' in headers else 'Unlimited'}"


def _name_of_parameter(parameter: Described) -> str:
    words = parameter["name"].replace("-", "_").split("_")
    name = "".join(word[:1].upper() + word[1:] for word in words)
    return f"{name}{parameter['in'].capitalize()}"
