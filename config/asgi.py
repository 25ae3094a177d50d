"""ASGI entry: the gate answers its own paths, Channels the WebSockets, Django everything else in its threads."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.production")
os.environ["PROCESS_ROLE"] = "web"  # whatever is set for all programs together

from config import wsgi  # isort: skip  (sets Django up before anything below is imported)

from channels.routing import URLRouter
from django.conf import settings
from django.urls import re_path

from analytics.routing import websocket_urlpatterns
from apikeys.gateway import app as gate
from config.bridge import DjangoBridge, protected
from config.common.asgi import Application, Receive, Scope, Send, refuse
from config.common.errors import NotFound
from config.common.middleware.size_limit import limit_of
from config.embedded import demo_api, demo_receiver

_django = DjangoBridge(wsgi.application, threads=settings.WEB_THREADS, body_limit=limit_of)


async def _no_such_socket(scope: Scope, _receive: Receive, send: Send) -> None:
    await refuse(scope, send, NotFound())


# Channels has no types, and its routes are ASGI applications where Django expects views.
_last_route = re_path("", _no_such_socket)  # type: ignore[arg-type]
_sockets: Application = URLRouter([*websocket_urlpatterns, _last_route])  # type: ignore[no-untyped-call]


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Hand a connection to whoever answers it."""
    match scope["type"]:
        case "lifespan":
            await _live(receive, send)
        case "websocket":
            await _sockets(scope, receive, send)
        case _ if settings.EMBEDDED and scope["path"].startswith(demo_receiver.PREFIX):
            # Somebody else's server, as far as webhooks are concerned: our headers have no place in its answers.
            await demo_receiver.application(scope, receive, send)
        case _:
            await _answerer(scope["path"])(scope, receive, protected(send))


def _answerer(path: str) -> Application:
    if path in gate.PATHS:
        return gate.application
    if settings.EMBEDDED and path.startswith(demo_api.PREFIX):
        return demo_api.application
    return _django


async def _live(receive: Receive, send: Send) -> None:
    """Start the gate with the server and stop it with it."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await gate.startup()
            await send({"type": "lifespan.startup.complete"})
        else:
            await gate.shutdown()
            await send({"type": "lifespan.shutdown.complete"})
            return
