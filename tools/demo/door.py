"""Who may speak to the search page, and how much they may leave there."""

import os
from collections.abc import Awaitable, Callable
from pathlib import Path

from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import PlainTextResponse

LOOPBACK = ('127.0.0.1', 'localhost', '::1')
#: Largest upload of one request, form and all, and of all that are kept.
MOST_UPLOAD, MOST_UPLOADS = 10 * 2**20, 200 * 2**20


class UploadLimit:
    """Refuses uploads that are too large, in one request or in sum.

    Args:
        app (Callable): the ASGI application behind it.
        folder (str | Path): where uploads are kept until they are deleted.
    """

    def __init__(self, app: Callable, folder: str):
        self.app = app
        self.folder = Path(folder)

    async def __call__(self, scope: dict, receive: Callable[[], Awaitable],
                       send: Callable[[dict], Awaitable]) -> None:
        """Answer a request."""
        refused = None
        if scope['type'] == 'http' and scope['method'] == 'POST' and (
                scope['path'].rstrip('/').endswith('/upload')):
            size = dict(scope['headers']).get(b'content-length', b'')
            if not size.isdigit():
                refused = 'how long is the upload?', 411
            elif int(size) > MOST_UPLOAD + 2**16:
                refused = 'an upload has a size of at most 10 MiB', 413
            elif int(size) + self._kept() > MOST_UPLOADS:
                refused = 'too many uploads are kept: try again later', 507
        if not refused:
            await self.app(scope, receive, send)
            return
        # A browser shows the answer to a request that it could send.
        while (await receive()).get('more_body'):
            pass
        await PlainTextResponse(*refused)(scope, receive, send)

    def _kept(self) -> int:
        return sum(path.stat().st_size for path in self.folder.rglob('*')
                   if path.is_file())


def door(host: str) -> list[Middleware]:
    """What stands before the page at an address.

    A page of this computer answers to its own names alone: another site can
    give its name the address 127.0.0.1, and would be let in by the browser.
    """
    # '[' is what older versions of the middleware see of '[::1]:7860'.
    hosts = [*LOOPBACK, '[::1]', '['] if host in LOOPBACK else ['*']
    return [Middleware(TrustedHostMiddleware, allowed_hosts=hosts,
                       www_redirect=False),
            Middleware(UploadLimit, folder=os.environ['GRADIO_TEMP_DIR'])]
