"""Styles, scripts and pictures, by names that say what is in them."""

import structlog
from whitenoise.storage import CompressedManifestStaticFilesStorage

logger = structlog.get_logger(__name__)


class StaticFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # untyped
    """
    Where they were not collected, pages are without them: plain, and no error of the server.

    So that an address that does not exist is answered as such, also by a server that was set up in part.
    """

    has_told = False

    def stored_name(self, name: str) -> str:
        try:
            return str(super().stored_name(name))
        except ValueError:
            if not self.has_told:
                self.has_told = True
                logger.error("static files are not collected", missing=name)
            return name
