"""The folder of a workspace: its id is text from outside, and may be anything of any length.

An id of lower-case letters, digits and hyphens, such as a UUID, is its folder's name. Every other byte of its UTF-8 is
percent-encoded, so that no two ids share a folder, be it on a disk that ignores case or drops a dot at the end, and
none is a name of our own. Where that is too long, the name ends in a hash after `~`, and the id is noted in a file.
"""

from __future__ import annotations

from hashlib import blake2b
from pathlib import Path
from urllib.parse import unquote

from instantly_pipeline.errors import UnreadableFile

NO_WORKSPACE = ""  # the owner of logs that concern the whole data directory
_OF_NONE = "_all"  # their folder
_KEPT = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789-")
_LONGEST = 143 - len("ws=")  # bytes of a name on eCryptfs (a NAS's encrypted folders); elsewhere 255 are allowed
_SHOWN = 60  # of a longer one


def folder_name(workspace_id: str) -> str:
    """The name of a workspace's folders, e.g. `ws=0192f3c8-...`."""
    if workspace_id == NO_WORKSPACE:
        return f"ws={_OF_NONE}"
    name = "".join(chr(byte) if byte in _KEPT else f"%{byte:02X}" for byte in workspace_id.encode())
    if len(name) > _LONGEST:
        name = f"{name[:_SHOWN]}~{blake2b(workspace_id.encode(), digest_size=16).hexdigest()}"
    return f"ws={name}"


def is_shortened(name: str) -> bool:
    """Whether a folder's name does not tell its workspace's id."""
    return "~" in name


def owner_of(name: str, noted: Path) -> str:
    """The workspace id of a folder called `name`; a shortened one's is read from the file of that name in `noted`."""
    if is_shortened(name):
        return _noted(noted / name)
    return id_in(name)


def id_in(name: str) -> str:
    """The workspace id that a folder's name tells."""
    name = name.removeprefix("ws=")
    return NO_WORKSPACE if name == _OF_NONE else unquote(name)


def _noted(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise UnreadableFile(
            f"{path} cannot be read; it says which workspace the folders of that name belong to. Put it back from a "
            "backup, or run `instantly-pipeline sync`, which writes it again where it reads that workspace."
        ) from error
