"""What the commands talk to: a running adapter, over its public HTTP routes."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urlsplit

import httpx

from kfadapter.errors import KFAdapterError
from kfadapter.settings import adapter_url

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 60.0
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class AdapterFailed(KFAdapterError):
    """A running adapter refused a request, or there is none.

    Attributes:
        status: The HTTP status it answered with; None when it did not answer.
        size: How many bytes there are, when more than these were asked for (416).
    """

    def __init__(self, message: str, *, status: int | None = None, size: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.size = size


class Adapter:
    """A thin client: paths in, JSON or text out, every failure as one sentence.

    Args:
        url: Base URL of the adapter.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._client = httpx.Client(
            base_url=url,
            timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
            trust_env=urlsplit(url).hostname not in LOOPBACK,  # no proxy leads to this machine's own loopback
            headers={"accept": "application/json"},
        )

    def close(self) -> None:
        self._client.close()

    def send(self, method: str, path: str, **parts: Any) -> httpx.Response:
        """One request; `parts` are httpx's `params`, `json`, `files`, `data`, `headers`.

        Raises:
            AdapterFailed: No answer, or one that is not a success.
        """
        with self._failures():
            response = self._client.request(method, path, **parts)
        if not response.is_success:
            end = response.headers.get("content-range", "").removeprefix("bytes */")
            size = int(end) if end.isdecimal() else None
            raise AdapterFailed(_refusal(response), status=response.status_code, size=size)
        return response

    @contextmanager
    def stream(self, path: str, **parts: Any) -> Iterator[httpx.Response]:
        """A GET whose answer is read as it comes; it may stay silent for as long as heartbeats need.

        Raises:
            AdapterFailed: No answer, one that is not a success, or one that ends with an error.
        """
        with self._failures(), self._client.stream("GET", path, **parts) as response:
            if not response.is_success:
                response.read()
                raise AdapterFailed(_refusal(response), status=response.status_code)
            yield response

    @contextmanager
    def _failures(self) -> Iterator[None]:
        """Failures of the way there and back, as sentences."""
        try:
            yield
        except httpx.ConnectError as exc:
            raise AdapterFailed(
                f"nothing answers at {self.url} ({_first_line(exc)}). Start an adapter with 'kfadapter serve', "
                "or name a running one with --url or KFADAPTER_URL"
            ) from exc
        except httpx.TimeoutException as exc:
            raise AdapterFailed(f"{self.url} gave no answer in time ({type(exc).__name__})") from exc
        except (httpx.HTTPError, httpx.InvalidURL) as exc:
            raise AdapterFailed(f"the request to {self.url} failed: {_first_line(exc)}") from exc

    def fetch(self, method: str, path: str, **parts: Any) -> tuple[Any, str]:
        """One request whose answer is JSON: the value, and the text as it came.

        Raises:
            AdapterFailed: As `send`, or the answer is not JSON: then it is no adapter's.
        """
        response = self.send(method, path, **parts)
        try:
            return response.json(), response.text
        except ValueError as exc:
            kind = response.headers.get("content-type", "something else")
            raise AdapterFailed(f"{self.url} is no adapter: {method} {path} answered {kind} in place of JSON") from exc


@contextmanager
def open_adapter(given_url: str | None) -> Iterator[Adapter]:
    """The adapter that `--url`, the environment or the default name.

    Raises:
        SettingsError: That is no address.
    """
    adapter = Adapter(adapter_url(given_url))
    try:
        yield adapter
    finally:
        adapter.close()


def segment(name: str) -> str:
    """A name as one segment of a path, whatever it holds."""
    return quote(name, safe="")


def _refusal(response: httpx.Response) -> str:
    """The adapter's own sentence, in one line; the more exact one where the Training Manager's shape has two."""
    try:
        body = response.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        return f"{response.request.url} answered {response.status_code} {response.reason_phrase}, and not as JSON"
    payload = body.get("payload")
    exact = payload.get("error") if isinstance(payload, dict) else None
    for sentence in (exact, body.get("detail"), body.get("message")):
        if isinstance(sentence, str) and sentence.strip():
            return " ".join(sentence.split())
    return f"{response.request.url} answered {response.status_code}: {json.dumps(body)}"


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
