"""The conformance kit as one file that Python runs: partners have no copy of this repository."""

from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Final
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from loyalty.core.api import docs_frame

FOLDER: Final = Path(settings.BASE_DIR) / "integrations" / "conformance"
_PACKAGE: Final = "integrations/conformance"
_START: Final = """\
import sys

from integrations.conformance.__main__ import main

sys.exit(main())
"""


@docs_frame.only_read
def download(request: HttpRequest) -> HttpResponse:
    named = {"Content-Disposition": 'attachment; filename="conformance.pyz"'}
    return HttpResponse(archive(), content_type="application/zip", headers=named)


@cache
def archive() -> bytes:
    """The same bytes for the same version of the kit: nothing in it says when it was packed."""
    packed = BytesIO()
    with ZipFile(packed, "w", ZIP_DEFLATED) as file:
        file.writestr(ZipInfo("__main__.py"), _START)
        file.writestr(ZipInfo("integrations/__init__.py"), "")
        for path in sorted(FOLDER.glob("*.py")):
            file.writestr(ZipInfo(f"{_PACKAGE}/{path.name}"), path.read_bytes())
    return packed.getvalue()
