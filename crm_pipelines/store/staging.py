"""Where chunks lie between phases: Arrow files below ``CRM_STAGING_URI``, disk or object store."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from crm_pipelines.model.errors import ConfigurationError, SystemTrouble
from crm_pipelines.model.manifest import Chunk

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow._fs import FileSystem

_PART = ".part"


MANIFESTS = "manifests"
"""The folder of what phases hand on, beside the folders of runs."""


class Staging:
    """Chunks by run: ``{run}/{stream}/{phase}/{number}.arrow``. A chunk is there whole or not."""

    def __init__(self, uri: str) -> None:
        try:
            self._files, self._root = _open(uri)
            # Packing takes a tenth of the time of a sync, and would save a local disk nothing but
            # room that is free again a minute later.
            self._near = self._files.type_name == "local"
        except (ValueError, OSError) as error:
            raise ConfigurationError(
                f"CRM_STAGING_URI: {uri!r} cannot be used ({error}); set file:///folder, "
                "s3://bucket/folder or gs://bucket/folder"
            ) from None

    @property
    def files(self) -> FileSystem:
        """The file system the chunks are on."""
        return self._files

    def prepare(self, key: str) -> None:
        """Make a run's folder, so that a store that cannot be used is noticed before any call."""
        with roomy(self._root):
            self._files.create_dir(f"{self._root}/{quote(key)}", recursive=True)

    def write(self, key: str, phase: str, number: int, table: pa.Table) -> Chunk:
        """Store one chunk; a chunk of that number that was there before is replaced."""
        return self.settle(self.land(key, phase, f"{number:06d}", table), number)

    def land(self, key: str, phase: str, name: str, table: pa.Table) -> Chunk:
        """Store what may become a chunk, for ``settle``, under a name of its own."""
        import pyarrow as pa

        path = f"{quote(key)}/{phase}/{name}.arrow{_PART}"
        target = f"{self._root}/{path}"
        compression = None if self._near else "lz4"
        options = pa.ipc.IpcWriteOptions(compression=compression, use_threads=False)
        with roomy(self._root):
            self._files.create_dir(target.rpartition("/")[0], recursive=True)
            with (
                self._files.open_output_stream(target) as stream,
                pa.ipc.new_file(stream, table.schema, options=options) as writer,
            ):
                writer.write_table(table)
        return Chunk(path, table.num_rows)

    def settle(self, landed: Chunk, number: int) -> Chunk:
        """Make what was landed the chunk of that number, in place of one that was there before."""
        path = f"{landed.path.rpartition('/')[0]}/{number:06d}.arrow"
        with roomy(self._root):
            self._files.move(f"{self._root}/{landed.path}", f"{self._root}/{path}")
        return Chunk(path, landed.rows)

    def read(self, chunk: Chunk) -> pa.Table:
        """A chunk's records. Raises ``SystemTrouble`` when it is gone or damaged."""
        import pyarrow as pa

        try:
            with self._files.open_input_file(f"{self._root}/{chunk.path}") as source:
                return pa.ipc.open_file(source).read_all()
        except (OSError, pa.ArrowInvalid) as error:
            raise SystemTrouble(
                f"the chunk {chunk.path} cannot be read from the staging store {self._root} "
                f"({_first_line(error)}): another run may have used it up. Launch the sync anew "
                "instead of repeating a part of it."
            ) from error

    def has(self, chunk: Chunk) -> bool:
        """Whether the chunk is there, to its end: a machine that loses power may leave a stump."""
        import pyarrow as pa

        try:
            with self._files.open_input_file(f"{self._root}/{chunk.path}") as source:
                return bool(pa.ipc.open_file(source).num_record_batches >= 0)
        except (OSError, pa.ArrowInvalid):
            return False

    def drop(self, key: str) -> None:
        """Remove a run's chunks; nothing happens when they are gone already."""
        folder = f"{self._root}/{quote(key)}"
        try:
            self._files.delete_dir(folder)
        except FileNotFoundError:
            return

    def sweep(self, before: datetime, keep: Collection[str]) -> int:
        """Remove folders of runs, and their manifests, that nothing was put into since then.

        ``keep`` names runs that stay all the same. Returns how many folders went. Object stores
        know no times of folders; rules of the bucket are the means there.
        """
        from pyarrow._fs import FileSelector, FileType

        gone, stay = 0, {quote(name) for name in keep}
        with roomy(self._root):
            for place in (self._root, f"{self._root}/{MANIFESTS}"):
                for found in self._files.get_file_info(FileSelector(place, allow_not_found=True)):
                    old = found.mtime is not None and found.mtime < before
                    if old and found.type == FileType.Directory and found.base_name not in stay:
                        self._files.delete_dir(found.path)
                        gone += 1
        return gone

    def write_text(self, path: str, text: str) -> None:
        """Store a small text file."""
        target = f"{self._root}/{path}"
        with roomy(self._root):
            self._files.create_dir(target.rpartition("/")[0], recursive=True)
            with self._files.open_output_stream(target) as stream:
                stream.write(text.encode())

    def read_text(self, path: str) -> str:
        """A small text file. Raises ``FileNotFoundError``."""
        with self._files.open_input_stream(f"{self._root}/{path}") as stream:
            return bytes(stream.read()).decode()


def _open(uri: str) -> tuple[FileSystem, str]:
    """The store and the folder in it. What speaks to object stores is loaded only for one."""
    if urlsplit(uri).scheme in ("", "file"):
        from pyarrow._fs import FileSystem
    else:
        from pyarrow.fs import FileSystem  # the same class, with all it knows
    found: tuple[FileSystem, str] = FileSystem.from_uri(uri)
    return found


@contextmanager
def roomy(root: str) -> Iterator[None]:
    """Turns a staging store that is full, read-only or out of reach into one clear line."""
    try:
        yield
    except OSError as error:
        raise SystemTrouble(
            f"the staging store {root} cannot be written to ({_first_line(error)}). Make room or "
            "set CRM_STAGING_URI, then run the same command again; it goes on where it stopped."
        ) from error


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
