"""
Measurements: the product and the database's own limit, on one server, in one run.

Brings up servers and the whole product, then leaves it to `tests.bench` to compare the two. That finds the
product at ``BASE_URL`` and the server, for `tests.limit.yardstick`, at ``DATABASE_URL``.
"""

import os
import sys

from loyalty.local import product, servers
from loyalty.local.bootstrap import ROOT
from loyalty.local.ports import free_port
from loyalty.local.postgres import NoServer
from loyalty.local.processes import PartFailed, Parts, end_on_signals

HOME = ROOT / "var" / "bench"
PREFERRED_PORT = 8010


def main(arguments: list[str]) -> None:
    end_on_signals()
    with servers.claim(HOME), Parts(HOME) as parts:
        port = free_port(PREFERRED_PORT)
        addresses = servers.start(parts, postgres_settings())
        env = {**servers.django_environment(HOME, port, addresses), "LOG_LEVEL": "WARNING"}
        product.migrate(env)
        product.collect_static(env, HOME)
        product.start(parts, env, port)
        product.run(env, "-m", "tests.bench", *arguments)


def postgres_settings() -> dict[str, str]:
    """Durable as ever, with memory for a million members, and no checkpoint between what is compared."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    return {
        "shared_buffers": f"{min(memory // 4, 6144)}MB",
        "work_mem": "64MB",
        "maintenance_work_mem": "512MB",
        "max_wal_size": "16GB",
        "checkpoint_timeout": "30min",
    }


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (NoServer, PartFailed, product.CommandFailed, servers.AlreadyRunning) as problem:
        sys.exit(str(problem))
    except KeyboardInterrupt:
        sys.exit(130)
