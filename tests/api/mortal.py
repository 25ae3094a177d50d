"""A server of the product that dies when told to: within the handler, or after the effect and before the answer.

Run as a program with a port. The header `X-Die` of a request says when.
"""

import os
import signal
import sys
import warnings
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class _Silent(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Write nothing."""


def main() -> None:
    """Serve until killed."""
    warnings.simplefilter("ignore")
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings.test"
    from django.core.wsgi import get_wsgi_application  # noqa: PLC0415  (needs the settings' name)

    application = get_wsgi_application()

    from apikeys.services import keys  # noqa: PLC0415  (needs Django to be set up)

    create = keys.create_key
    dies_within: list[bool] = []

    def create_and_die(**arguments: Any) -> Any:
        made = create(**arguments)
        if dies_within:
            _die()
        return made

    keys.create_key = create_and_die

    def mortal(environ: dict[str, Any], start_response: Any) -> Any:
        when = environ.get("HTTP_X_DIE")
        dies_within[:] = [True] if when == "within" else []
        answer = application(environ, start_response)
        if when == "after":
            _die()
        return answer

    with make_server("127.0.0.1", int(sys.argv[1]), mortal, handler_class=_Silent) as server:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        server.serve_forever()


if __name__ == "__main__":
    main()
