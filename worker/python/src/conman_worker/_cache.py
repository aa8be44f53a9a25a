"""
The last good configuration on disk, to start from when the source is away.

One file: a line with a mark, the format's number and the SHA-256 of all that follows, then JSON. It is replaced as a
whole, and believed only if all of it holds together and is of the environment that is followed.
"""

import base64
import binascii
import contextlib
import hashlib
import json
import os
import stat
from pathlib import Path

from ._errors import Unusable
from ._options import Options, PostgresSource, Source
from ._view import Snapshot, View, data_of, digest_of, loads, snapshot_of

_MARK = "conman-worker-cache 1 "
_LARGEST = 512 * 1024 * 1024


class NotBelieved(Exception):
    """The file is there, and something is wrong with it."""


class Cache:
    """A cache file and whom it is for."""

    def __init__(self, path: str | os.PathLike[str], source: Source) -> None:
        self._path = Path(path)
        if isinstance(source, PostgresSource):
            self._scope = f"postgres {source.app_id} {source.environment_id}"
        else:
            # The token decides on the environment; it is too long to be guessed from its hash.
            secret = f"conman-worker-cache\0{source.server_url}\0{source.token}"
            self._scope = f"http {hashlib.sha256(secret.encode()).hexdigest()}"

    def load(self, options: Options) -> View | None:
        """Read the file; None if there is none."""
        try:
            found = os.lstat(self._path)
            # Opening something else could wait for ever.
            if not stat.S_ISREG(found.st_mode):
                raise NotBelieved("it is not a regular file")
            if found.st_size > _LARGEST:
                raise NotBelieved("it is too large")
            content = self._path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise NotBelieved(f"it cannot be read: {error.strerror}") from error
        except ValueError as error:
            raise NotBelieved("it has a name that no file has") from error
        return self._parse(content, options)

    def _parse(self, content: bytes, options: Options) -> View:
        head, _, body = content.partition(b"\n")
        if not head.startswith(_MARK.encode()):
            raise NotBelieved("it is no cache of this library")
        if head != f"{_MARK}{digest_of(body)}".encode():
            raise NotBelieved("it is torn, or somebody changed it")
        try:
            data = loads(body)
            if data["scope"] != self._scope:
                raise NotBelieved("it is of another environment")
            snapshot = snapshot_of(data["snapshot"])
            encoded = dict(data["contents"])
        except (Unusable, KeyError, TypeError, ValueError) as error:
            raise NotBelieved("it is no cache of this library") from error
        contents = {}
        for path, digest in snapshot.view.files.items():
            if options.selects(path):
                try:
                    kept = base64.b64decode(encoded[digest], validate=True)
                except (KeyError, TypeError, binascii.Error) as error:
                    raise NotBelieved(f"it lacks the content of `{path}`") from error
                if digest_of(kept) != digest:
                    raise NotBelieved(f"it lacks the content of `{path}`")
                contents[digest] = kept
        return snapshot.view.with_contents(contents, stale=True)

    def write(self, snapshot: Snapshot) -> None:
        """Replace the file: whoever reads it finds the old or the new one, also after a power cut."""
        contents = {digest: base64.b64encode(content).decode() for digest, content in snapshot.view.contents().items()}
        data = {"scope": self._scope, "snapshot": data_of(snapshot), "contents": contents}
        body = json.dumps(data, allow_nan=False).encode()
        folder = self._path.parent
        folder.mkdir(parents=True, exist_ok=True)
        beside = folder / f".{self._path.name}.{os.getpid()}.tmp"
        beside.unlink(missing_ok=True)
        try:
            # Nobody else may read it: a configuration may hold what is not for everybody.
            with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(f"{_MARK}{digest_of(body)}\n".encode() + body)
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, self._path)
        except BaseException:
            with contextlib.suppress(OSError):
                beside.unlink(missing_ok=True)
            raise
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
