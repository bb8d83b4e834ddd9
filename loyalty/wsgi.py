"""What a WSGI server (granian) serves."""

import os

from django.core.wsgi import get_wsgi_application

from loyalty.core import garbage

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "loyalty.settings")
# Whoever holds a row must not hold up all threads of the server: after so long the answer is 503.
os.environ.setdefault("DATABASE_LOCK_TIMEOUT", "10s")

application = get_wsgi_application()
garbage.settle()
