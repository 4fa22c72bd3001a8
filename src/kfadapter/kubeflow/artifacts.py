"""Contents of artifacts, from the UI's server in front of the API."""

from collections.abc import AsyncGenerator
from urllib.parse import urlsplit

from kfadapter.errors import KubeflowInvalid
from kfadapter.kubeflow.connection import Connection

SOURCES = {"minio": "minio", "s3": "s3", "gs": "gcs", "gcs": "gcs", "http": "http", "https": "https"}


class Artifacts:
    """The front door's artifacts."""

    def __init__(self, connection: Connection, *, namespace: str | None = None) -> None:
        self._connection = connection
        self._namespace = namespace

    def get(self, uri: str, *, peek_bytes: int = 0) -> AsyncGenerator[bytes, None]:
        """The content behind an artifact's address, in blocks as they come.

        Args:
            uri: As KFP gives it: `minio://bucket/key`, `s3://…`, `gs://…`, `http(s)://…`.
            peek_bytes: Only so many from the start; 0: everything.

        Raises:
            KubeflowInvalid: The address is of no kind that can be fetched.
            KubeflowNotFound: There is no such thing, or no front door.
        """
        parts = urlsplit(uri)
        source = SOURCES.get(parts.scheme)
        key = parts.path.lstrip("/") + (f"?{parts.query}" if parts.query else "")
        if source is None or not parts.netloc or not key:
            raise KubeflowInvalid(f"{uri} is not the address of an artifact that can be fetched")
        return self.get_object(source, parts.netloc, key, peek_bytes=peek_bytes)

    def get_object(self, source: str, bucket: str, key: str, *, peek_bytes: int = 0) -> AsyncGenerator[bytes, None]:
        """The same by its parts; see `get`."""
        query = {
            "source": source,
            "namespace": self._namespace or "",
            "bucket": bucket,
            "key": key,
            "peek": str(peek_bytes) if peek_bytes else "",
        }
        return self._connection.front_door("/artifacts/get", query, allow_html=key.endswith((".html", ".htm")))
