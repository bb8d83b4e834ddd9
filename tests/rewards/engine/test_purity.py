import subprocess
import sys

IMPORT_ALL = """
import importlib, pkgutil, sys

for name in ("django", "celery", "psycopg", "redis", "rest_framework"):
    sys.modules[name] = None
import rewards.engine

for module in pkgutil.iter_modules(rewards.engine.__path__):
    importlib.import_module(f"rewards.engine.{module.name}")
strangers = [name for name in sys.modules if name.split(".")[0] in ("loyalty", "members", "integrations")]
assert not strangers, strangers
print("pure")
"""


class TestTheEngine:
    def test_imports_without_django_and_the_other_apps(self):
        ran = subprocess.run([sys.executable, "-c", IMPORT_ALL], capture_output=True, text=True, check=False)

        assert (ran.stdout, ran.stderr) == ("pure\n", "")
