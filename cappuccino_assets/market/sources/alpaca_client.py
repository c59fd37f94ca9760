"""Alpaca's own client, made to wait no longer than it should and to ask again when it should."""

from typing import Any, Final

import requests
from alpaca.common.exceptions import APIError
from alpaca.data.historical.crypto import CryptoHistoricalDataClient
from tenacity import (
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    wait_exponential,
    wait_random,
)

from cappuccino_assets.errors import IncompleteHistoryError, SourceError

TOO_MANY_REQUESTS: Final = 429
SERVER_ERRORS: Final = 500
MAX_WAIT_S: Final = 30.0


class PatientCryptoClient(CryptoHistoricalDataClient):
    """The crypto client, asking for each page until it has it whole.

    The base class sets no timeout, retries only 429 and 504, takes a page without a
    `next_page_token` for the last one, and passes a page that was cut short on as it is.

    Args:
        api_key: Optional; raises the rate limit.
        secret_key: Its secret.
        url_override: Another address, for tests and proxies.
        timeouts_s: To connect, and to wait for an answer.
        n_attempts: Per page, before giving up.
        first_wait_s: Before the second attempt; it doubles from one to the next, up to 30 s.
    """

    def __init__(
        self,
        *,
        api_key: str | None,
        secret_key: str | None,
        url_override: str | None,
        timeouts_s: tuple[float, float],
        n_attempts: int,
        first_wait_s: float,
    ):
        super().__init__(api_key, secret_key, raw_data=True, url_override=url_override)
        self._timeouts_s = timeouts_s
        self._retrying = Retrying(
            retry=retry_if_exception(_is_passing),
            wait=wait_exponential(multiplier=first_wait_s, max=MAX_WAIT_S)
            + wait_random(0, first_wait_s),
            stop=stop_after_attempt(n_attempts),
            reraise=True,
        )

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _one_request(self, method: str, url: str, opts: dict[str, Any], retry: int) -> Any:
        try:
            return self._retrying(self._page, method, url, opts)
        except APIError as error:
            status = error.status_code
            raise SourceError(f"Alpaca refused with status {status}: {str(error)[:200]}") from error
        except requests.RequestException as error:
            raise SourceError(f"Alpaca could not be reached: {error}") from error

    def _page(self, method: str, url: str, opts: dict[str, Any]) -> Any:
        timed = {**opts, "timeout": self._timeouts_s}
        try:
            page = super()._one_request(method, url, timed, retry=0)
        except (requests.exceptions.ChunkedEncodingError, requests.JSONDecodeError) as error:
            raise IncompleteHistoryError(f"Alpaca's answer was cut short: {error}") from error
        _check_page(page, sent_token=opts["params"].get("page_token"))
        return page


def _check_page(page: Any, *, sent_token: str | None) -> None:
    if not isinstance(page, dict) or not isinstance(page.get("bars"), dict):
        raise IncompleteHistoryError("Alpaca's answer holds no bars.")
    if "next_page_token" not in page:
        raise IncompleteHistoryError("Alpaca's answer does not say whether it is the last page.")
    if page["next_page_token"] is not None and page["next_page_token"] == sent_token:
        raise SourceError("Alpaca's answer names itself as the next page.")


def _is_passing(error: BaseException) -> bool:
    if isinstance(error, APIError):
        status = error.status_code
        return status is not None and (status == TOO_MANY_REQUESTS or status >= SERVER_ERRORS)
    return isinstance(error, IncompleteHistoryError | requests.ConnectionError | requests.Timeout)
