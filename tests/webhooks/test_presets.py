"""What chat services are told: readable, within their limits, and without the markup of whoever wrote a text."""

import pytest

from webhooks import presets

EVIL = "[Sign in](https://evil.example) <!channel> <https://evil.example|here> @everyone **now** #general"


def told(kind, **data):
    payload = {"type": "member.added", "timestamp": "2026-03-01T12:00:00Z", "data": data}
    return presets.transformed(kind, payload)


def values(kind, **data):
    body = told(kind, **data)
    if kind == "slack":
        fields = [one["text"] for block in body["blocks"] for one in block.get("fields", [])]
        return [text.partition("\n")[2] for text in fields]
    if kind == "discord":
        return [field["value"] for field in body["embeds"][0]["fields"]]
    (facts,) = [row["facts"] for row in body["attachments"][0]["content"]["body"] if "facts" in row]
    return [fact["value"] for fact in facts]


@pytest.mark.parametrize("kind", ["discord", "teams"])
def test_no_text_becomes_a_link_or_a_mention(kind):
    (shown,) = values(kind, name=EVIL)

    assert shown == (
        r"\[Sign in\]\(https://evil.example\) \<!channel\> \<https://evil.example\|here\> @everyone \*\*now\*\* \#general"
    )


def test_slack_neither_reads_nor_completes_markup():
    body = told("slack", name=EVIL)

    (shown,) = values("slack", name=EVIL)
    assert "<" not in shown
    assert "&lt;!channel&gt;" in shown
    texts = [block.get("text") for block in body["blocks"]] + [
        one
        for block in body["blocks"]
        for one in [*block.get("fields", ()), *block.get("elements", ())]
    ]
    assert all(text["verbatim"] is True for text in texts if text)


def test_nobody_is_called_in_discord():
    assert told("discord", name="@everyone")["allowed_mentions"] == {"parse": []}


@pytest.mark.parametrize("kind", ["slack", "discord", "teams"])
def test_values_are_told_in_words_on_one_line(kind):
    shown = values(
        kind,
        scopes=["read", "write"],
        after={"name": "Acme", "is_open": True, "plan": None},
        is_new=False,
        note="one\ntwo",
        blank=" \n ",
        none=None,
    )

    flag = "is_open" if kind == "slack" else r"is\_open"
    after = f"name: Acme, {flag}: yes, plan: \N{EN DASH}"
    assert shown == ["read, write", after, "no", "one two", "\N{EN DASH}"]


@pytest.mark.parametrize(("kind", "most"), [("slack", 2_000), ("discord", 1_024), ("teams", 2_000)])
@pytest.mark.parametrize("text", ["x" * 200_000, "&" * 5_000, "*" * 5_000])
def test_long_texts_stay_within_what_a_service_takes(kind, most, text):
    shown = values(kind, **{f"n{number}": text for number in range(40)})

    assert len(shown) == 10
    assert all(len(one) <= most for one in shown)
    assert all(one.endswith("…") for one in shown)
    assert sum(map(len, shown)) < 5_500 or kind != "discord"
