"""POST and DELETE /api/v1/users/me/avatar: whatever is sent, what is served is a small square WebP of pixels alone."""

import errno
import io
import struct
import zlib
from datetime import timedelta

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from PIL import Image

from accounts import avatars as pictures
from accounts.models import User
from accounts.services import avatars
from audit.models import AuditLog

URL = "/api/v1/users/me/avatar"
SVG = (
    b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
)


def drawn(kind="PNG", size=(300, 200), color="red", mode="RGB", **options):
    file = io.BytesIO()
    Image.new(mode, size, color).save(file, kind, **options)
    return file.getvalue()


def animated(kind):
    file = io.BytesIO()
    frames = [Image.new("RGB", (20, 20), color) for color in ("red", "blue")]
    frames[0].save(file, kind, save_all=True, append_images=frames[1:])
    return file.getvalue()


def png_of(width, height, pixels=b""):
    """Return a PNG whose header claims a size; its pixels are whatever is given."""

    def chunk(name, data):
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


def send(client, content, name="me.png"):
    return client.post(URL, {"file": SimpleUploadedFile(name, content)}, format="multipart")


@pytest.fixture
def client(api_as, olivia, places):
    return api_as(olivia)


def shade(image, channel, x, y):
    """Return how much of a color there is at one place."""
    return image.convert("RGB").getchannel(channel).tobytes()[y * image.width + x]


def files(places):
    return sorted(path.name for path in (places / "media").rglob("*") if path.is_file())


def test_shows_a_picture(client, api, olivia, places):
    response = send(client, drawn())

    assert response.status_code == 200
    olivia.refresh_from_db()
    assert response.json()["avatar_url"] == f"http://testserver/media/avatars/{olivia.avatar}"
    assert files(places) == [olivia.avatar]
    served = api.get(f"/media/avatars/{olivia.avatar}")
    with Image.open(io.BytesIO(served.content)) as image:
        assert (image.format, image.size) == ("WEBP", (256, 256))
        assert shade(image, "R", 128, 128) > 200
    assert AuditLog.objects.get(event="user.updated").new_values == {"has_avatar": True}


def test_is_served_so_that_it_is_only_drawn(client, api, olivia):
    send(client, drawn())
    olivia.refresh_from_db()

    served = api.get(f"/media/avatars/{olivia.avatar}")

    assert {name: served[name] for name in (
        "Content-Type", "X-Content-Type-Options", "Content-Security-Policy", "Cache-Control",
        "Content-Disposition",
    )} == {
        "Content-Type": "image/webp",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cache-Control": "public, max-age=31536000, immutable",
        "Content-Disposition": "inline",
    }  # fmt: skip
    assert "Set-Cookie" not in served


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "MPO"])
def test_takes_what_cameras_and_screens_make(client, kind):
    assert send(client, drawn(kind), name="whatever.exe").status_code == 200


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16"])
def test_takes_every_kind_of_pixel(client, mode):
    assert (
        send(client, drawn("PNG", mode=mode, color=1 if mode != "LA" else (1, 1))).status_code
        == 200
    )


def test_nothing_but_pixels_is_kept(client, api, olivia):
    exif = Image.Exif()
    exif[0x010E] = "shot at home, 48.8584 N 2.2945 E"
    exif[0x0112] = 6
    content = drawn("JPEG", exif=exif, icc_profile=b"profile" * 50, comment=b"a comment")
    polyglot = content + b"<script>alert(1)</script>PK\x03\x04"

    assert send(client, polyglot).status_code == 200

    olivia.refresh_from_db()
    served = api.get(f"/media/avatars/{olivia.avatar}").content
    for trace in (
        b"shot at home",
        b"profile",
        b"a comment",
        b"script",
        b"PK\x03\x04",
        b"EXIF",
        b"ICCP",
    ):
        assert trace not in served


def test_a_turned_photograph_stands_upright(client, api, olivia):
    sideways = Image.new("RGB", (200, 200), "red")
    sideways.paste("blue", (0, 0, 100, 200))
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter: its left is the top
    file = io.BytesIO()
    sideways.save(file, "JPEG", exif=exif)

    send(client, file.getvalue())

    olivia.refresh_from_db()
    served = api.get(f"/media/avatars/{olivia.avatar}").content
    with Image.open(io.BytesIO(served)) as image:
        red, blue = (shade(image, name, 128, 20) for name in "RB")
    assert red < 60
    assert blue > 200


REFUSED = {
    "nothing": b"",
    "text": b"hello",
    "svg": SVG,
    "html": b"<!doctype html><html><script>alert(1)</script>",
    "pdf": b"%PDF-1.7\n",
    "gif": drawn("GIF"),
    "gif that is also a script": b"GIF89a/*" + b"*/=1;alert(1)",
    "bmp": drawn("BMP"),
    "tiff": drawn("TIFF"),
    "ico": drawn("ICO", size=(16, 16)),
    "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 1 1\n",
    "moving png": animated("PNG"),
    "moving webp": animated("WEBP"),
    "half a png": drawn()[:-200],
    "half a jpeg": drawn("JPEG", size=(900, 900))[:2000],
    "half a webp": drawn("WEBP", size=(900, 900))[:-20],
    "header alone": drawn()[:33],
    "sixteen million and more": png_of(4001, 4000, zlib.compress(b"\0" * 100)),
    "a bomb": png_of(50_000, 50_000, zlib.compress(b"\0" * 1_000_000)),
    "no pixels": png_of(0, 0),
    "pixels missing": png_of(1000, 1000, zlib.compress(b"\0" * 100)),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refuses(client, olivia, places, name):
    response = send(client, REFUSED[name])

    assert response.status_code == 400
    assert response.json()["code"] == ("invalid_input" if name == "nothing" else "unusable_image")
    olivia.refresh_from_db()
    assert olivia.avatar == ""
    assert files(places) == []
    assert not AuditLog.objects.filter(event="user.updated").exists()


def test_the_header_is_read_before_anything_is_unfolded(monkeypatch):
    monkeypatch.setattr(Image.Image, "load", lambda *_: pytest.fail("unfolded"))

    with pytest.raises(pictures.UnusableImage, match="more than 16 million"):
        pictures.redrawn(png_of(4001, 4000))


def test_sixteen_million_pixels_are_not_too_many():
    assert pictures.redrawn(drawn("JPEG", size=(4000, 4000)))


def test_refuses_more_than_five_megabytes(client, olivia):
    response = send(client, drawn() + bytes(5 * 1024 * 1024))

    assert response.status_code == 400
    assert response.json()["detail"] == "The picture has more than 5 MB."


def test_refuses_more_than_the_path_takes(client):
    assert send(client, bytes(7 * 1024 * 1024)).status_code == 413


@pytest.mark.parametrize(
    ("body", "pointer"),
    [({}, "#/file"), ({"file": "text"}, "#/file"), ({"file": None, "name": "x"}, "#/name")],
    ids=["nothing", "text", "unknown member"],
)
def test_refuses_what_is_no_file(client, body, pointer):
    content = {name: value for name, value in body.items() if value is not None}

    response = client.post(URL, content, format="multipart")

    assert response.status_code == 400
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]


def test_refuses_json(client):
    assert client.post(URL, {"file": "x"}, format="json").status_code == 415


@pytest.mark.django_db(transaction=True)
def test_a_new_picture_replaces_the_file(client, olivia, places):
    send(client, drawn(color="red"))
    (first,) = files(places)

    send(client, drawn(color="blue"))

    olivia.refresh_from_db()
    assert files(places) == [olivia.avatar]
    assert olivia.avatar != first


@pytest.mark.django_db(transaction=True)
def test_removes_the_picture(client, olivia, places):
    send(client, drawn())

    response = client.delete(URL)

    assert (response.status_code, response.content) == (204, b"")
    olivia.refresh_from_db()
    assert olivia.avatar == ""
    assert files(places) == []
    assert client.delete(URL).status_code == 204


def test_leaves_no_file_when_the_change_fails(client, olivia, places, monkeypatch):
    monkeypatch.setattr("accounts.services.avatars.publish", lambda _event: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        avatars.set_avatar(user=olivia, content=drawn())

    assert files(places) == []


def test_a_full_disk_is_said_and_changes_nothing(client, olivia, portal_as, monkeypatch):
    send(client, drawn())
    before = User.objects.get(pk=olivia.pk).avatar

    def fill(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(default_storage, "save", fill)
    refused = send(client, drawn())
    told = portal_as(olivia).post("/profile/avatar/", {"file": io.BytesIO(drawn())}, follow=True)

    assert (refused.status_code, refused.json()["code"]) == (503, "service_unavailable")
    assert refused["Retry-After"] == "5"
    assert "cannot be kept at the moment" in told.content.decode()
    assert User.objects.get(pk=olivia.pk).avatar == before


def test_forgets_files_that_nobody_shows(client, olivia, places):
    send(client, drawn())
    olivia.refresh_from_db()
    pictures.store(b"left behind")

    early = avatars.forget_strays(at=timezone.now())
    late = avatars.forget_strays(at=timezone.now() + timedelta(hours=2))

    assert (early, late) == (0, 1)
    assert files(places) == [olivia.avatar]


def test_a_file_that_goes_meanwhile_stops_nobody(client, olivia, places):
    send(client, drawn())
    pictures.store(b"left behind")
    # Named when the folder is read, and not there when it is looked at.
    (places / "media" / "avatars" / "gone.webp").symlink_to(places / "nowhere")

    assert avatars.forget_strays(at=timezone.now() + timedelta(hours=2)) == 1


@pytest.mark.parametrize(
    "name",
    [
        "../secret.webp",
        "..%2fsecret.webp",
        "x.webp",
        "a" * 43,
        f"{'a' * 43}.svg",
        f"{'a' * 43}.webp",
    ],
)
def test_serves_nothing_else(api, db, places, name):
    (places / "secret.webp").write_bytes(b"secret")

    assert api.get(f"/media/avatars/{name}").status_code == 404


def test_the_page_takes_and_removes_it(portal_as, olivia, places):
    browser = portal_as(olivia)

    taken = browser.post("/profile/avatar/", {"file": io.BytesIO(drawn())}, follow=True)
    olivia.refresh_from_db()
    name = olivia.avatar
    removed = browser.post("/profile/avatar/remove/", follow=True)

    assert f'src="/media/avatars/{name}"' in taken.content.decode()
    assert "avatars/" not in removed.content.decode().replace('href="/profile/avatar', "")
    assert User.objects.get(pk=olivia.pk).avatar == ""


@pytest.mark.parametrize("content", [None, SVG], ids=["nothing", "svg"])
def test_the_page_says_what_is_wrong(portal_as, olivia, places, content):
    body = {} if content is None else {"file": io.BytesIO(content)}

    page = portal_as(olivia).post("/profile/avatar/", body, follow=True).content.decode()

    assert ("Choose a picture first" if content is None else "not a PNG, JPEG or WebP") in page
    assert files(places) == []
