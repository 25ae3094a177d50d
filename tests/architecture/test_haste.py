"""A 429 is an error of the domain, never a bare number: so it always says when to come back."""

import ast

from tests.architecture import source


def _is_429(node):
    return isinstance(node, ast.Constant) and node.value == 429


def _answered(node):
    """Return what a statement or call answers as a status."""
    if isinstance(node, ast.Call):
        return [word.value for word in node.keywords if word.arg in {"status", "status_code"}]
    if isinstance(node, ast.Assign):
        names = [getattr(target, "attr", "") for target in node.targets]
        return [node.value] if "status_code" in names else []
    return []


def test_no_answer_is_made_429_by_hand():
    by_hand = [
        f"{source.name(path)}: {ast.unparse(node)}"
        for path in source.modules()
        for node in ast.walk(source.tree(path))
        if any(_is_429(part) for value in _answered(node) for part in ast.walk(value))
    ]

    assert by_hand == []
