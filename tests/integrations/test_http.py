import asyncio
import socket
from datetime import UTC, datetime, timedelta

import pytest

from integrations import http
from integrations.http import AddressRefused, Client, DeliveryFailed

AT = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)


def leading_to(*addresses: str) -> http.LookUp:
    """A name server's answer: the network is all that is faked here."""
    return lambda host, port: list(addresses)


def not_found(host: str, port: int) -> list[str]:
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


def post(url: str, *, client: Client | None = None, body: bytes = b"{}") -> int:
    async def once() -> int:
        async with client or Client() as ready:
            return await ready.post(url, body=body, headers={"webhook-id": "m1"})

    return asyncio.run(once())


class TestCheck:
    @pytest.fixture(autouse=True)
    def in_production(self, settings):
        settings.WEBHOOKS_MAY_USE_LOOPBACK = False

    @pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"])
    def test_accepts_public_addresses(self, address):
        http.check("https://shop.example/hooks", look_up=leading_to(address))

    @pytest.mark.parametrize(
        "address",
        [
            "127.0.0.1",
            "127.8.8.8",
            "0.0.0.0",
            "10.0.0.5",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "100.127.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "198.18.0.1",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "239.255.255.250",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:93.184.215.14",
            "::127.0.0.1",
            "64:ff9b::a00:5",
            "64:ff9b::5db8:d70e",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:0:4136:e378:8000:63bf:3fff:fdd2",
            "2001:10::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2002:5db8:d70e::1",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd12:3456:789a::1",
            "fe80::1",
            "fe80::1%lo",
            "fec0::1",
            "ff02::1",
        ],
    )
    def test_refuses_everything_that_is_not_public(self, address):
        with pytest.raises(AddressRefused, match="not on the public internet") as refusal:
            http.check("https://shop.example/hooks", look_up=leading_to(address))

        assert refusal.value.pointer == "#/url"

    def test_refuses_a_public_name_with_one_address_that_is_not(self):
        with pytest.raises(AddressRefused):
            http.check("https://shop.example/", look_up=leading_to("93.184.215.14", "10.0.0.5"))
        with pytest.raises(AddressRefused):
            http.check("https://shop.example/", look_up=leading_to("93.184.215.14", "::1"))

    def test_refuses_the_machines_own_addresses(self):
        assert http._is_our_own("127.0.0.1")
        assert not http._is_our_own("93.184.215.14")

    @pytest.mark.parametrize(
        "host",
        [
            "127.0.0.1",
            "127.1",
            "0x7f.0.0.1",
            "2130706433",
            "0177.0.0.1",
            "[::1]",
            "[::ffff:7f00:1]",
            "localhost",
        ],
    )
    def test_refuses_every_way_to_write_loopback(self, host):
        with pytest.raises(AddressRefused):
            http.check(f"https://{host}/hooks")

    @pytest.mark.parametrize(
        ("url", "reason"),
        [
            ("http://shop.example/", "must begin with https://"),
            ("ftp://shop.example/", "must begin with https://"),
            ("file:///etc/passwd", "must begin with https://"),
            ("shop.example", "must begin with https://"),
            ("", "must begin with https://"),
            ("https://", "not a valid address|must begin with"),
            ("https://user@shop.example/", "user name or password"),
            ("https://user:secret@shop.example/", "user name or password"),
            ("https://:secret@shop.example/", "user name or password"),
            ("https://shop.example:22/", "one of 443, 8443"),
            ("https://shop.example:80/", "one of 443, 8443"),
            ("https://shop.example:99999/", "not a valid address"),
            ("https://[::1/", "not a valid address"),
        ],
    )
    def test_says_what_is_wrong_with_an_address(self, url, reason):
        with pytest.raises(AddressRefused, match=reason):
            http.check(url, look_up=leading_to("93.184.215.14"))

    def test_accepts_the_other_port_of_the_list(self):
        http.check("https://shop.example:8443/", look_up=leading_to("93.184.215.14"))

    def test_says_that_a_host_is_not_found(self):
        with pytest.raises(AddressRefused, match="cannot be found"):
            http.check("https://shop.example/", look_up=not_found)
        with pytest.raises(AddressRefused, match="cannot be found"):
            http.check("https://shop.example/", look_up=leading_to())

    def test_opens_loopback_and_nothing_else_for_development(self, settings):
        settings.WEBHOOKS_MAY_USE_LOOPBACK = True

        http.check("http://127.0.0.1:8090/")
        http.check("http://localhost:8090/", look_up=leading_to("127.0.0.1", "::1"))
        with pytest.raises(AddressRefused):
            http.check("http://shop.example/", look_up=leading_to("93.184.215.14"))
        with pytest.raises(AddressRefused):
            http.check("https://shop.example/", look_up=leading_to("10.0.0.5"))
        with pytest.raises(AddressRefused):
            http.check("https://shop.example/", look_up=leading_to("127.0.0.1", "10.0.0.5"))


class TestPost:
    def test_sends_the_body_and_the_headers(self, receiver):
        assert post(receiver.url(), body=b'{"a": 1}') == 204

        [(path, headers, body)] = receiver.messages
        assert (path, body, headers["webhook-id"]) == ("/ok", b'{"a": 1}', "m1")
        assert headers["host"] == f"127.0.0.1:{receiver.port}"

    def test_connects_to_the_checked_address_with_the_name_in_the_host_header(self, receiver):
        client = Client(look_up=leading_to("127.0.0.1"))

        assert post(f"http://shop.example:{receiver.port}/ok", client=client) == 204
        assert receiver.messages[0][1]["host"] == f"shop.example:{receiver.port}"

    @pytest.mark.parametrize("answers", [["10.0.0.5"], ["127.0.0.1", "10.0.0.5"], ["93.184.215.14", "::1"]])
    def test_does_not_connect_where_a_name_leads_now(self, receiver, answers, monkeypatch):
        monkeypatch.setattr(http, "PORTS", frozenset({receiver.port}))

        with pytest.raises(DeliveryFailed, match="not on the public internet"):
            post(f"https://shop.example:{receiver.port}/ok", client=Client(look_up=leading_to(*answers)))
        assert receiver.messages == []

    @pytest.mark.parametrize("host", ["127.0.0.1", "127.1", "localhost", "[::1]", "[::ffff:7f00:1]"])
    def test_does_not_connect_to_loopback_in_production(self, receiver, settings, host):
        settings.WEBHOOKS_MAY_USE_LOOPBACK = False

        with pytest.raises(DeliveryFailed):
            post(f"http://{host}:{receiver.port}/ok")
        assert receiver.messages == []

    @pytest.mark.parametrize("code", [300, 304, 400, 404, 500, 503])
    def test_takes_only_2xx_for_success(self, receiver, code):
        with pytest.raises(DeliveryFailed, match=f"The answer was {code}") as failure:
            post(receiver.url(f"status/{code}"))

        assert failure.value.status_code == code
        assert not failure.value.permanent

    def test_does_not_follow_redirects(self, receiver):
        with pytest.raises(DeliveryFailed, match="302"):
            post(receiver.url("redirect"))

        assert [path for path, _, _ in receiver.messages] == ["/redirect"]

    def test_takes_410_for_the_end(self, receiver):
        with pytest.raises(DeliveryFailed) as failure:
            post(receiver.url("status/410"))

        assert failure.value.permanent

    @pytest.mark.parametrize(("code", "wait"), [(429, 120), (503, 120), (500, None)])
    def test_hears_how_long_to_wait(self, receiver, code, wait):
        with pytest.raises(DeliveryFailed) as failure:
            post(receiver.url(f"busy/{code}/120"))

        assert failure.value.retry_after == (wait and timedelta(seconds=wait))

    def test_gives_up_when_no_answer_comes(self, receiver):
        with pytest.raises(DeliveryFailed, match="No answer in time"):
            post(receiver.url("hang"), client=Client(timeout_seconds=0.3))

    def test_reports_a_connection_that_is_closed(self, receiver):
        with pytest.raises(DeliveryFailed, match="closed before an answer"):
            post(receiver.url("closes"))

    def test_reports_that_nobody_listens(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            with pytest.raises(DeliveryFailed, match="No connection"):
                post(f"http://127.0.0.1:{probe.getsockname()[1]}/")

    def test_reports_a_host_that_is_not_found(self):
        with pytest.raises(DeliveryFailed, match="cannot be found"):
            post("https://shop.example/", client=Client(look_up=not_found))

    def test_reports_a_server_without_tls(self, receiver):
        with pytest.raises(DeliveryFailed, match="TLS"):
            post(f"https://127.0.0.1:{receiver.port}/ok")

    @pytest.mark.parametrize("path", ["slow-body", "endless-body"])
    def test_does_not_wait_for_the_rest_of_an_answer(self, receiver, path, monkeypatch):
        monkeypatch.setattr(http, "ANSWER_TIMEOUT_SECONDS", 0.2)

        assert post(receiver.url(path), client=Client(timeout_seconds=5)) == 200

    def test_uses_no_proxy_of_the_environment(self, receiver, monkeypatch):
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")

        assert post(receiver.url()) == 204


class TestReadRetryAfter:
    @pytest.mark.parametrize(
        ("text", "seconds"),
        [
            ("120", 120),
            ("0", 0),
            ("Mon, 01 Jun 2026 12:01:00 GMT", 60),
            ("Mon, 01 Jun 2026 11:00:00 GMT", 0),
            ("99999999999999999999", 24 * 3600),
            ("Mon, 01 Jun 2099 11:00:00 GMT", 24 * 3600),
        ],
    )
    def test_understands_seconds_and_dates_up_to_a_day(self, text, seconds):
        assert http.read_retry_after(text, at=AT) == timedelta(seconds=seconds)

    @pytest.mark.parametrize("text", ["", "soon", "-5", "1.5", "١٢"])
    def test_ignores_everything_else(self, text):
        assert http.read_retry_after(text, at=AT) is None
