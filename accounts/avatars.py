"""Pictures of people: read with suspicion, drawn anew, kept under MEDIA_ROOT by a random name."""

import io
import re
import struct
import threading
import zlib
from datetime import datetime
from pathlib import Path

import structlog
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from PIL import Image, ImageOps, UnidentifiedImageError

from config.common import crypto, files
from config.common.errors import DomainError, ServiceUnavailable

logger = structlog.get_logger(__name__)
MAX_BYTES = 5 * 1024 * 1024
MAX_PIXELS = 16_000_000
CONTENT_TYPE = "image/webp"
_SIDE = 256
_FOLDER = "avatars"
_NAME = re.compile(r"[0-9A-Za-z_-]{43}\.webp")
# A JPEG of a telephone that carries a second picture is opened as MPO; its first picture is taken.
_FORMATS = ("JPEG", "PNG", "WEBP")
# Sixteen million pixels unfold to 128 MB: one picture at a time.
_one_at_a_time = threading.BoundedSemaphore(1)
# What a decoder raises on bytes that are not what they claim to be.
_BROKEN = (
    OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError, OverflowError, struct.error, zlib.error,
    Image.DecompressionBombError, Image.DecompressionBombWarning,
)  # fmt: skip


class UnusableImage(DomainError):
    """The file is not a picture that can be shown."""

    code = "unusable_image"
    title = "The picture cannot be used"
    fix = "Send a PNG, JPEG or WebP of at most 5 MB and 16 megapixels that does not move."
    answered_by = ("users_me_avatar_set",)


def redrawn(content: bytes) -> bytes:
    """Return a small square WebP of the picture, with nothing in it but its pixels. Raises UnusableImage.

    The type is what the bytes say, whatever the file is called. Size and number of frames are read from the header,
    before anything is unfolded.
    """
    if len(content) > MAX_BYTES:
        raise UnusableImage("The picture has more than 5 MB.")
    try:
        with _one_at_a_time, Image.open(io.BytesIO(content), formats=_FORMATS) as image:
            _require_harmless(image)
            return _drawn(image)
    except UnidentifiedImageError:
        raise UnusableImage("The file is not a PNG, JPEG or WebP.") from None
    except _BROKEN:
        raise UnusableImage("The picture is damaged or incomplete.") from None


def _require_harmless(image: Image.Image) -> None:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise UnusableImage(f"The picture has {width} × {height} pixels, more than 16 million.")
    if getattr(image, "is_animated", False) and image.format != "MPO":
        raise UnusableImage("The picture moves.")


def _drawn(image: Image.Image) -> bytes:
    # A JPEG can be unfolded at a fraction of its size.
    image.draft("RGB", (2 * _SIDE, 2 * _SIDE))
    image.load()
    upright = ImageOps.exif_transpose(image).convert("RGBA")
    square = ImageOps.fit(upright, (_SIDE, _SIDE), Image.Resampling.LANCZOS)
    # A new picture: what the old one carried beside its pixels stays behind.
    clean = Image.new("RGBA", square.size)
    clean.paste(square)
    drawn = io.BytesIO()
    clean.save(drawn, "WEBP", quality=85, method=4)
    return drawn.getvalue()


def store(content: bytes) -> str:
    """Keep a drawn picture under a name that nobody guesses and return the name. Raises ServiceUnavailable."""
    name = f"{crypto.new_token()}.webp"
    try:
        default_storage.save(f"{_FOLDER}/{name}", ContentFile(content))
    except OSError as error:
        # A full disk, say. What was written of the file is a stray, which the daily upkeep finds.
        logger.exception("picture_not_stored")
        raise ServiceUnavailable("Pictures cannot be kept at the moment.") from error
    return name


def read(name: str) -> bytes | None:
    """Return a stored picture; None when there is none of this name."""
    if not _NAME.fullmatch(name):
        return None
    try:
        with default_storage.open(f"{_FOLDER}/{name}") as file:
            return bytes(file.read())
    except FileNotFoundError:
        return None


def remove(name: str) -> None:
    """Forget a stored picture, if there is one."""
    if _NAME.fullmatch(name):
        default_storage.delete(f"{_FOLDER}/{name}")


def url_of(name: str) -> str | None:
    """Return the address of a picture; None without one."""
    return f"{settings.PUBLIC_URL}{settings.MEDIA_URL}{_FOLDER}/{name}" if name else None


def stored_before(moment: datetime) -> list[str]:
    """Return the names of pictures that were stored before then."""
    folder = Path(default_storage.path(_FOLDER))
    return [path.name for path in files.older_than(moment, folder, "*.webp")]
