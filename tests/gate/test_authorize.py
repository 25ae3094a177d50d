"""Forward authorization as a proxy sees it."""

from tests.gate.asking import authorize


def test_smoke(house, gate):
    key = house.key()
    for s in ["", key.secret, key.secret, "tg_live_bad"]:
        for q in ("?api=demo", "?api=demo&mode=nginx"):
            a = authorize(gate, s, "/orders/1", query=q)
            print(a.status, a.headers, a.body)
    print(gate.log.read_text()[-3000:])
