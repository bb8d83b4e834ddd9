"""What an ASGI server serves. Views are synchronous, so that WSGI (`loyalty.wsgi`) is the faster choice."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "loyalty.settings")
# Whoever holds a row must not hold up all threads of the server: after so long the answer is 503.
os.environ.setdefault("DATABASE_LOCK_TIMEOUT", "10s")

application = get_asgi_application()
