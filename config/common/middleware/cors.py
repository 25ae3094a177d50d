"""Cross-origin requests: only origins on the list may read the API's answers, and never with cookies."""

from urllib.parse import SplitResult

from corsheaders.conf import conf
from corsheaders.middleware import CorsMiddleware


class ExactCorsMiddleware(CorsMiddleware):
    """Compares the header itself with the list: an origin has one spelling, and browsers use it."""

    def origin_found_in_white_lists(self, origin: str, _url: SplitResult) -> bool:
        """Whether the origin is listed, letter by letter; `null` and every other disguise is not."""
        return origin in conf.CORS_ALLOWED_ORIGINS
