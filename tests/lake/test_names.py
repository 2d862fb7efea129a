"""Any text can be a workspace's id: it has folders of its own on any disk, and is known from them again."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instantly_pipeline.errors import UnreadableFile
from instantly_pipeline.lake.change_log import ChangeLog, RunFiles, WriterClock
from instantly_pipeline.lake.checkpoints import Checkpoints
from instantly_pipeline.lake.format import open_lake
from instantly_pipeline.lake.index.last_versions import Index
from instantly_pipeline.lake.layout import Layout
from instantly_pipeline.lake.logs import append_log
from instantly_pipeline.lake.names import NO_WORKSPACE, folder_name
from instantly_pipeline.lake.run_ids import new_run_id
from tests.lake.helpers import THINGS, ticking

UUID = "0199aaaa-0000-7000-8000-0000000000ff"
ODD = [
    "_all", "", ".", "..", "a/b", "a\\b", "C:", "con", "nul.txt", "Acme", "acme", "ACME", "a.", "a ", " a", "a%2Fb",
    "a~b", "ws=a", "*", "[a]", "a\nb", "a\x00b",
    "'; drop table x; --", "\u202eevil", "é", "e\u0301", "x" * 300, "x" * 301,
    "X" * 300, "é" * 3000, UUID,
]  # fmt: skip


def written(layout: Layout, *workspaces: str) -> None:
    """One record, one row of a log and a checkpoint of each workspace."""
    now = ticking()
    for number, workspace_id in enumerate(workspaces):
        files = RunFiles(layout, workspace_id, new_run_id(layout, now()))
        log = ChangeLog(files, THINGS, WriterClock(now, after=None))
        log.append(log.normalize([{"id": f"of {number}"}]))
        log.close()
        row = {"workspace_id": workspace_id, "stream": "things", "key": f"of {number}"}
        append_log(layout, files.run_id, "held_deletes", [row], now=now)
        Checkpoints(layout, workspace_id).write("things", {"of": number})


def test_a_uuid_is_its_folders_name() -> None:
    assert folder_name(UUID) == f"ws={UUID}"


def test_what_concerns_the_whole_data_directory_has_a_folder_no_id_can_have() -> None:
    assert folder_name(NO_WORKSPACE) == "ws=_all"
    assert folder_name("_all") != "ws=_all"


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), unique=True, max_size=4))
def test_no_two_ids_share_a_folder_on_any_disk(ids: list[str]) -> None:
    names = [folder_name(one) for one in ids]
    assert len({name.lower() for name in names}) == len(ids)
    assert all(name.isascii() and len(name) <= 143 and name[-1] not in ". " for name in names)
    assert not [name for name in names if set(name) & set('/\\:*?"<>|\x00')]


def test_each_id_is_known_again_and_has_what_is_its_own(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    ids = [one for one in ODD if one != NO_WORKSPACE]
    written(layout, *ids)
    assert layout.workspaces() == sorted(ids)
    assert sorted(f.workspace_id for f in layout.files(layout.changes, "things")) == sorted(ids)
    for number, one in enumerate(ids):
        assert [f.workspace_id for f in layout.files(layout.meta, "held_deletes", one)] == [one]
        index = Index(layout, THINGS, one).open()
        assert list(index.lookup([f'["of {n}"]' for n in range(len(ids))])) == [f'["of {number}"]']
        assert Checkpoints(layout, one).read("things") == {"of": number}


def test_where_the_note_of_a_long_id_is_lost_it_is_named_and_the_next_sync_writes_it(tmp_path: Path) -> None:
    layout, long = Layout(tmp_path), "x" * 300
    written(layout, long)
    [note] = layout.names.iterdir()
    note.unlink()
    with pytest.raises(UnreadableFile, match="instantly-pipeline sync"):
        layout.workspaces()
    assert len(layout.files(layout.changes, "things", long)) == 1
    written(layout, long)
    assert layout.workspaces() == [long]


def test_folders_that_an_earlier_version_named_otherwise_are_kept_in_use(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    written(layout, "Acme_1.~x", UUID)
    for folder in tmp_path.rglob(folder_name("Acme_1.~x")):
        folder.rename(folder.with_name("ws=Acme_1.~x"))
    open_lake(layout)
    assert layout.workspaces() == [UUID, "Acme_1.~x"]
    assert [f.workspace_id for f in layout.files(layout.changes, "things", "Acme_1.~x")] == ["Acme_1.~x"]
    assert Checkpoints(layout, "Acme_1.~x").read("things") == {"of": 0}
    assert not list(tmp_path.rglob("ws=Acme*"))
