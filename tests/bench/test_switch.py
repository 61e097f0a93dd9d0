"""Real files: changed, kept beside, put back, and nothing else touched."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from presence_progress import switch
from presence_progress.process_lines import Server
from presence_progress.switch import BACKUP_SUFFIX, SwitchError
from tests.bench.conftest import NODE, Bench, procfile, supervisor, systemd

OURS = "env/bin/presence-progress serve"


def switch_over(bench: Bench) -> list[Path | None]:
    """Switch as the command does, and return the backups."""
    changes = switch.plan_switch(switch.process_files(bench.root), bench.root)
    switch.require_writable(changes)
    backups = [switch.save_backup(change) for change in changes]
    for change in changes:
        switch.write(change)
    return backups


def switch_back(bench: Bench) -> None:
    for change in switch.plan_back(switch.process_files(bench.root)):
        switch.write(change)


def test_every_file_is_switched_and_comes_back_as_it_was(bench: Bench) -> None:
    bench.procfile()
    bench.supervisor()
    bench.systemd()
    names = ("Procfile", "config/supervisor.conf", "config/systemd/bench-node-socketio.service")
    before = [bench.read(name) for name in names]
    switch_over(bench)
    absolute = f"{bench.root}/{OURS}"
    assert bench.read(names[0]) == procfile(OURS)
    assert bench.read(names[1]) == supervisor(bench.root, absolute)
    assert bench.read(names[2]) == systemd(bench.root, absolute)
    assert [bench.read(name + BACKUP_SUFFIX) for name in names] == before
    assert switch.starts(switch.process_files(bench.root)) == {Server.OURS}
    switch_back(bench)
    assert [bench.read(name) for name in names] == before


def test_a_second_switch_changes_nothing(bench: Bench) -> None:
    bench.procfile()
    switch_over(bench)
    kept = bench.read(f"Procfile{BACKUP_SUFFIX}")
    assert not switch.plan_switch(switch.process_files(bench.root), bench.root)
    assert switch_over(bench) == []
    assert bench.read(f"Procfile{BACKUP_SUFFIX}") == kept


def test_back_leaves_what_was_changed_since(bench: Bench) -> None:
    bench.procfile()
    switch_over(bench)
    changed = bench.read("Procfile").replace(OURS, f"A=1 {OURS} --port 9001 2>> logs/x.log")
    bench.write("Procfile", changed + "worker_2: bench worker\n")
    switch_back(bench)
    after = procfile(f"A=1 {NODE} apps/frappe/socketio.js 2>> logs/x.log")
    assert bench.read("Procfile") == after + "worker_2: bench worker\n"


def test_back_does_nothing_where_bench_has_written_its_file_anew(bench: Bench) -> None:
    bench.procfile()
    switch_over(bench)
    bench.procfile("bench socketio")
    assert not switch.plan_back(switch.process_files(bench.root))


def test_a_file_that_was_written_anew_gets_a_second_backup(bench: Bench) -> None:
    bench.procfile()
    [first] = switch_over(bench)
    bench.procfile("bench socketio")
    [second] = switch_over(bench)
    assert first and second and first.name + ".2" == second.name
    assert first.read_text() == procfile(f"{NODE} apps/frappe/socketio.js")
    switch_back(bench)
    assert bench.read("Procfile") == procfile("bench socketio")
    # What is known already is not kept again.
    assert switch_over(bench) == [None]


def test_back_without_a_backup_names_the_way_out(bench: Bench) -> None:
    bench.procfile(OURS)
    with pytest.raises(SwitchError, match="bench setup procfile"):
        switch.plan_back(switch.process_files(bench.root))


def test_a_link_in_etc_is_the_same_file(bench: Bench, etc: Path) -> None:
    bench.supervisor()
    bench.systemd()
    unit = "bench-node-socketio.service"
    (etc / "supervisor/conf.d/bench.conf").symlink_to(bench.root / "config/supervisor.conf")
    (etc / "systemd/system" / unit).symlink_to(bench.root / "config/systemd" / unit)
    assert len(switch.process_files(bench.root)) == 2
    switch_over(bench)
    assert (etc / "systemd/system" / unit).is_symlink()


def test_a_copy_in_etc_is_switched_too_and_other_benches_are_not(bench: Bench, etc: Path) -> None:
    other = Path(f"{bench.root}-2")
    both = supervisor(other, "bench socketio") + supervisor(bench.root, "bench socketio")
    copy = etc / "supervisor/conf.d/all.conf"
    copy.write_text(both)
    (etc / "systemd/system/x-node-socketio.service").write_text(systemd(other, "bench socketio"))
    switch_over(bench)
    ours = f"{bench.root}/{OURS}"
    assert copy.read_text() == supervisor(other, "bench socketio") + supervisor(bench.root, ours)
    assert copy.with_name(f"all.conf{BACKUP_SUFFIX}").exists()
    assert not list((etc / "systemd/system").glob(f"*{BACKUP_SUFFIX}"))


def test_a_drop_in_of_systemd_is_switched(bench: Bench, etc: Path) -> None:
    drop_in = etc / "systemd/system/bench-node-socketio.service.d/override.conf"
    drop_in.parent.mkdir()
    drop_in.write_text(
        f"[Service]\nExecStart=\nExecStart={NODE} {bench.root}/apps/frappe/socketio.js\n"
    )
    switch_over(bench)
    assert drop_in.read_text() == f"[Service]\nExecStart=\nExecStart={bench.root}/{OURS}\n"


def test_rights_links_and_strange_bytes_stay(bench: Bench) -> None:
    bench.write("elsewhere/Procfile", "# caf\udce9\r\n" + procfile("bench socketio"))
    target = bench.root / "elsewhere/Procfile"
    target.chmod(0o640)
    (bench.root / "Procfile").symlink_to(target)
    switch_over(bench)
    assert bench.read("elsewhere/Procfile") == "# caf\udce9\r\n" + procfile(OURS)
    assert (bench.root / "Procfile").is_symlink() and target.stat().st_mode & 0o777 == 0o640
    assert (bench.root / f"Procfile{BACKUP_SUFFIX}").stat().st_mode & 0o777 == 0o640
    assert not [path for path in target.parent.iterdir() if path.name.startswith(".")]


def test_what_is_neither_is_left_to_the_person(bench: Bench) -> None:
    bench.procfile("./start.sh")
    with pytest.raises(SwitchError, match=r"Line 2 of .*Procfile.*\./start\.sh"):
        switch.plan_switch(switch.process_files(bench.root), bench.root)


def test_signs_with_a_meaning_of_their_own_are_quoted(tmp_path: Path, etc: Path) -> None:
    bench = Bench(tmp_path / "a bench 100%")
    bench.supervisor("bench socketio")
    switch_over(bench)
    command = f"'{bench.root}/env/bin/presence-progress' serve".replace("%", "%%")
    assert f"command={command}\n" in bench.read("config/supervisor.conf")
    switch_back(bench)
    assert "command=bench socketio\n" in bench.read("config/supervisor.conf")


def test_python_starts_it_where_the_environment_has_no_such_command(bench: Bench) -> None:
    (bench.root / "env/bin/presence-progress").unlink()
    python = bench.root / "env/bin/python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    assert switch.serve_command(bench.root) == "env/bin/python -m presence_progress.cli serve"


def test_an_environment_without_this_package_is_named(bench: Bench) -> None:
    (bench.root / "env/bin/presence-progress").unlink()
    bench.procfile()
    with pytest.raises(SwitchError, match=r"is not installed in .*frappe-bench/env"):
        switch.plan_switch(switch.process_files(bench.root), bench.root)


def test_a_file_that_is_changed_while_it_is_looked_at_is_not_overwritten(bench: Bench) -> None:
    bench.procfile()
    [change] = switch.plan_switch(switch.process_files(bench.root), bench.root)
    bench.procfile("bench socketio")
    with pytest.raises(SwitchError, match="once more"):
        switch.write(change)
    assert bench.read("Procfile") == procfile("bench socketio")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
def test_a_write_protected_file_is_named_before_anything_is_changed(bench: Bench) -> None:
    bench.procfile()
    bench.root.chmod(0o555)
    try:
        changes = switch.plan_switch(switch.process_files(bench.root), bench.root)
        with pytest.raises(SwitchError, match=r"frappe-bench cannot be written.*sudo"):
            switch.require_writable(changes)
    finally:
        bench.root.chmod(0o755)
