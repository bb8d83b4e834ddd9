"""
Reaching addresses that partners gave us, without being turned against our own network.

Note [Outside addresses]
~~~~~~~~~~~~~~~~~~~~~~~~
Whoever names an address for webhooks could name our database, or a cloud's metadata service, or a
host name that leads there tomorrow. So the check is where the connection is made: the client's own
resolver looks a name up, refuses it if *any* of its addresses is not public, and hands exactly the
addresses that it has checked to the connector. TLS and the Host header still see the name. An
answer is kept for ten seconds, and a connection as long as it is in use: both lead to where the
check has been. Redirects are not followed, and proxies of the environment not used.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any, ClassVar, Final, Self

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from django.conf import settings
from django.utils.translation import gettext as _
from yarl import URL

from loyalty.core.errors import InvalidInput

TIMEOUT_SECONDS: Final = 15
PORTS: Final = frozenset({443, 8443})
ANSWER_LIMIT_BYTES: Final = 64 * 1024
ANSWER_TIMEOUT_SECONDS: Final = 1
LONGEST_RETRY_AFTER: Final = timedelta(hours=24)

# Beside what Python's `is_global` refuses: networks that are public by the registry and lead elsewhere.
NOT_PUBLIC: Final = tuple(
    ipaddress.ip_network(network)
    for network in (
        "100.64.0.0/10",  # shared by carriers (RFC 6598)
        "192.0.0.0/24",  # protocol assignments (RFC 6890)
        "192.88.99.0/24",  # 6to4 relays (RFC 7526)
        "198.18.0.0/15",  # benchmarks (RFC 2544)
        "2001::/23",  # protocol assignments, Teredo among them (RFC 4380)
        "2001:db8::/32",  # documentation (RFC 3849)
        "2002::/16",  # 6to4: an IPv4 address inside (RFC 3056)
        "3fff::/20",  # documentation (RFC 9637)
    )
)
# Every other IPv6 network is private, reserved, or wraps an IPv4 address (::ffff:0:0/96, 64:ff9b::/96).
GLOBAL_UNICAST: Final = ipaddress.ip_network("2000::/3")

LookUp = Callable[[str, int], list[str]]


class AddressRefused(InvalidInput):
    """We do not send to that address."""

    code: ClassVar[str] = "address_refused"
    title: ClassVar[str] = "The address cannot be used"


class DeliveryFailed(Exception):
    """
    The message did not get through; its text says why, for the endpoint's owner.

    `permanent` is True if the receiver said that it does not want any more messages.
    """

    def __init__(
        self,
        reason: str,
        *,
        permanent: bool = False,
        status_code: int | None = None,
        retry_after: timedelta | None = None,
    ) -> None:
        super().__init__(reason[:200])
        self.permanent = permanent
        self.status_code = status_code
        self.retry_after = retry_after


def look_up(host: str, port: int) -> list[str]:
    """All addresses of a host; no host is an error of the operating system (`socket.gaierror`)."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def check(url: str, *, look_up: LookUp = look_up) -> None:
    """
    What an attempt would check, at the moment when an address is saved.

    :raises AddressRefused: with a reason that a person can act on; `pointer` is `#/url`
    """
    parsed = parse(url)
    assert parsed.host is not None
    assert parsed.port is not None
    try:
        addresses = look_up(parsed.host, parsed.port)
    except (OSError, UnicodeError) as error:
        raise AddressRefused(_("The host name cannot be found."), pointer="#/url") from error
    judge(addresses, scheme=parsed.scheme, port=parsed.port)


@lru_cache(maxsize=4096)
def parse(url: str) -> URL:
    """
    The address as the client will understand it.

    :raises AddressRefused: if its form alone rules it out
    """
    try:
        parsed = URL(url)
        port = parsed.port
    except ValueError as error:
        raise AddressRefused(_("This is not a valid address."), pointer="#/url") from error
    if parsed.scheme not in ("http", "https") or not parsed.host or not port:
        raise AddressRefused(_("The address must begin with https:// and name a host."), pointer="#/url")
    if parsed.user is not None or parsed.password is not None:
        raise AddressRefused(_("The address must not hold a user name or password."), pointer="#/url")
    return parsed.with_fragment(None)


def judge(addresses: list[str], *, scheme: str, port: int) -> None:
    """
    Refuse unless each of a host's addresses may be reached in that way.

    :raises AddressRefused: see Note [Outside addresses]
    """
    found = [ipaddress.ip_address(address) for address in addresses]
    if not found:
        raise AddressRefused(_("The host name cannot be found."), pointer="#/url")
    if settings.WEBHOOKS_MAY_USE_LOOPBACK and all(address.is_loopback for address in found):
        return
    if scheme != "https":
        raise AddressRefused(_("The address must begin with https://."), pointer="#/url")
    if port not in PORTS:
        allowed = ", ".join(str(number) for number in sorted(PORTS))
        raise AddressRefused(_("The port must be one of %s.") % allowed, pointer="#/url")
    if not all(is_public(address) for address in found):
        raise AddressRefused(_("The host is not on the public internet."), pointer="#/url")


def is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if not address.is_global or address.is_multicast or address.is_reserved:
        return False
    if address.version == 6 and address not in GLOBAL_UNICAST:
        return False
    return not any(address in network for network in NOT_PUBLIC) and not _is_our_own(str(address))


def _is_our_own(address: str) -> bool:
    """Only the machine that has an address can bind to it."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True


class CheckedResolver(AbstractResolver):
    """Looks names up, and gives only addresses that passed. See Note [Outside addresses]."""

    def __init__(self, *, scheme: str, look_up: LookUp, threads: ThreadPoolExecutor) -> None:
        self._scheme = scheme
        self._look_up = look_up
        self._threads = threads

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        loop = asyncio.get_running_loop()
        addresses = await loop.run_in_executor(self._threads, self._look_up, host, port)
        judge(addresses, scheme=self._scheme, port=port)
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for address in addresses
        ]

    async def close(self) -> None:
        """Nothing to let go of: the threads are the client's."""


class Client:
    """Posts messages to partners' addresses; used as an asynchronous context."""

    def __init__(self, *, look_up: LookUp = look_up, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._look_up = look_up
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        # Many, as a look-up that hangs holds its thread, and others must not wait for one.
        self._threads = ThreadPoolExecutor(max_workers=128, thread_name_prefix="look-up")
        self._sessions: dict[str, aiohttp.ClientSession] = {}

    async def __aenter__(self) -> Self:
        self._sessions = {scheme: self._session(scheme) for scheme in ("http", "https")}
        return self

    async def __aexit__(self, *exception: Any) -> None:
        for session in self._sessions.values():
            await session.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _session(self, scheme: str) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            resolver=CheckedResolver(scheme=scheme, look_up=self._look_up, threads=self._threads),
            limit=0,
            ttl_dns_cache=10,
            # Less than any server's, so that we do not post into a connection that is being closed.
            keepalive_timeout=2,
        )
        return aiohttp.ClientSession(
            connector=connector,
            timeout=self._timeout,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            headers={"user-agent": "Regulars-Webhooks/1.0", "accept-encoding": "identity"},
        )

    async def post(self, url: str, *, body: bytes, headers: dict[str, str]) -> int:
        """
        Send a message once.

        :returns: the status of the answer, 200 to 299
        :raises DeliveryFailed: for every other answer, or none
        """
        try:
            target = parse(url)
            _judge_literal(target)
            async with self._sessions[target.scheme].post(
                target, data=body, headers=headers, allow_redirects=False
            ) as answer:
                await _read_out(answer)
                _accept(answer)
                return answer.status
        except AddressRefused as error:
            raise DeliveryFailed(error.detail) from error
        except TimeoutError as error:
            raise DeliveryFailed(_("No answer in time.")) from error
        except (aiohttp.ClientError, OSError, UnicodeError, ValueError) as error:
            raise DeliveryFailed(_explain(error)) from error


def _judge_literal(target: URL) -> None:
    """An address written in digits is not looked up, so the resolver does not see it."""
    assert target.host is not None
    assert target.port is not None
    if _is_literal(target.host):
        judge([target.host], scheme=target.scheme, port=target.port)


@lru_cache(maxsize=4096)
def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _accept(answer: aiohttp.ClientResponse) -> None:
    if 200 <= answer.status < 300:
        return
    retry_after = None
    if answer.status in (429, 503):
        retry_after = read_retry_after(answer.headers.get("retry-after", ""), at=datetime.now(UTC))
    raise DeliveryFailed(
        _("The answer was %s.") % answer.status,
        permanent=answer.status == 410,
        status_code=answer.status,
        retry_after=retry_after,
    )


async def _read_out(answer: aiohttp.ClientResponse) -> None:
    """
    Leave the connection fit for the next message, at a small price.

    The status says all there is to know; what follows it too slowly or at too great a length is
    not worth waiting for, and costs the sender its connection.
    """
    if answer.content.at_eof():
        return
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT_SECONDS):
            length = 0
            while length <= ANSWER_LIMIT_BYTES:
                chunk = await answer.content.read(ANSWER_LIMIT_BYTES)
                if not chunk:
                    return
                length += len(chunk)
    except (TimeoutError, aiohttp.ClientError):
        pass
    answer.close()


def read_retry_after(text: str, *, at: datetime) -> timedelta | None:
    """How long a receiver asks us to wait (RFC 9110, 10.2.3): seconds or a date; at most a day."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        wait = timedelta(seconds=min(int(text[:9]), 10**6))
    else:
        try:
            wait = parsedate_to_datetime(text).astimezone(UTC) - at
        except (TypeError, ValueError, OverflowError):
            return None
    return min(max(wait, timedelta()), LONGEST_RETRY_AFTER)


def _explain(error: Exception) -> str:
    match error:
        case aiohttp.ClientConnectorDNSError():
            return _("The host name cannot be found.")
        case aiohttp.ClientSSLError() | aiohttp.ClientConnectorCertificateError():
            return _("No trusted TLS connection: %s") % error
        case aiohttp.ClientConnectorError():
            return _("No connection: %s") % (error.os_error.strerror or type(error).__name__)
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientOSError():
            return _("The connection was closed before an answer came.")
        case _:
            return _("The answer could not be understood: %s") % type(error).__name__
